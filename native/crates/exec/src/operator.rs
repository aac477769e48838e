//! The form of an operator, and the one place that turns a plan node into one.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use millrace_base::{Code, Error, Result};
use millrace_expr::{Evaluator, Projection};
use millrace_plan::{DataType, Expr, Field, Rel, arrow_schema, validate_rel};

use crate::{ExecContext, QUERY_BYTES_MAX, Snapshot};

/// Gives batches until there are no more. Batches may be empty; their length is at most a few times `BATCH_ROWS`
/// unless a scan's are longer.
pub(crate) trait Operator {
    fn next(&mut self) -> Result<Option<RecordBatch>>;
}

pub(crate) type Input<'a> = Box<dyn Operator + 'a>;

/// One run of one plan.
pub(crate) struct Query<'a> {
    pub snapshot: &'a dyn Snapshot,
    pub context: &'a ExecContext<'a>,
    held_bytes: Cell<usize>,
}

impl<'a> Query<'a> {
    pub fn new(snapshot: &'a dyn Snapshot, context: &'a ExecContext<'a>) -> Self {
        Self { snapshot, context, held_bytes: Cell::new(0) }
    }

    /// The next batch of an input, unless the query was cancelled.
    pub fn pull(&self, input: &mut Input<'_>) -> Result<Option<RecordBatch>> {
        self.check_cancel()?;
        input.next()
    }

    pub fn check_cancel(&self) -> Result<()> {
        if self.context.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(Code::QueryCanceled, "canceling statement due to user request"));
        }
        Ok(())
    }

    /// Counts bytes that an operator holds until the query ends.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        let held = self.held_bytes.get().saturating_add(bytes);
        if held > QUERY_BYTES_MAX {
            return Err(Error::new(Code::OutOfMemory, "the query needs too much memory")
                .with_detail(format!("Its operators may hold {QUERY_BYTES_MAX} bytes of rows together."))
                .with_hint("Select fewer rows or columns, or filter before the join, sort or grouping."));
        }
        self.held_bytes.set(held);
        Ok(())
    }

    pub fn release(&self, bytes: usize) {
        self.held_bytes.set(self.held_bytes.get().saturating_sub(bytes));
    }

    pub fn types(&self, rel: &Rel) -> Result<Vec<DataType>> {
        validate_rel(rel, self.context.relations)
    }

    pub fn evaluator(&self, expr: &Expr, input: &[DataType]) -> Result<Evaluator> {
        Evaluator::compile(expr, input, self.context.models)
    }

    pub fn projection(&self, exprs: &[Expr], input: &[DataType]) -> Result<Projection> {
        Projection::compile(exprs, input, self.context.models)
    }
}

/// Columns c0, c1, … of these types.
pub(crate) fn anonymous_schema(types: &[DataType]) -> SchemaRef {
    let fields: Vec<Field> = types
        .iter()
        .enumerate()
        .map(|(i, kind)| Field { name: format!("c{i}"), data_type: *kind, nullable: true })
        .collect();
    let schema: Schema = arrow_schema(&fields);
    Arc::new(schema)
}

/// A batch, also of no columns.
pub(crate) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(millrace_kernels::arrow_error)
}

pub(crate) fn build<'a>(rel: &'a Rel, query: &'a Query<'a>) -> Result<Input<'a>> {
    Ok(match rel {
        Rel::Scan { .. } => Box::new(crate::scan::Scan::new(query, rel)?),
        Rel::Values { types, rows } => Box::new(crate::values::Values::new(query, types, rows)),
        Rel::Filter { input, predicate } => {
            let types = query.types(input)?;
            Box::new(crate::filter::Filter::new(query, build(input, query)?, predicate, &types)?)
        }
        Rel::Project { input, exprs } => {
            let types = query.types(input)?;
            Box::new(crate::project::Project::new(query, build(input, query)?, exprs, &types)?)
        }
        Rel::Join { kind, left, right, keys, residual } => {
            Box::new(crate::join::Join::new(query, *kind, (left, right), keys, residual.as_ref())?)
        }
        Rel::Aggregate { input, group, aggregates } => crate::aggregate::aggregate(query, input, group, aggregates)?,
        Rel::Window { input, partition, order, calls } => {
            Box::new(crate::window::Window::new(query, input, partition, order, calls)?)
        }
        Rel::Sort { input, keys, limit, offset } => {
            Box::new(crate::sort::Sort::new(query, input, keys, *limit, *offset)?)
        }
        Rel::Limit { input, limit, offset } => {
            Box::new(crate::limit::Limit::new(query, build(input, query)?, *limit, *offset))
        }
        Rel::UnionAll { inputs } => {
            let inputs = inputs.iter().map(|input| build(input, query)).collect::<Result<_>>()?;
            Box::new(crate::union_all::UnionAll::new(query, inputs))
        }
        Rel::TimeWindow { input, time, size_us, slide_us, offset_us } => {
            Box::new(crate::time_window::TimeWindow::new(query, input, time, (*size_us, *slide_us, *offset_us))?)
        }
        Rel::Unnest { input, lists, ordinality, outer } => {
            Box::new(crate::unnest::Unnest::new(query, rel, input, lists, (*ordinality, *outer))?)
        }
        Rel::GenerateSeries { start, stop, step } => {
            Box::new(crate::generate_series::GenerateSeries::new(*start, *stop, *step))
        }
    })
}
