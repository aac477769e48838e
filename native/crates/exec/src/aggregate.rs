//! GROUP BY by hashing. Rows are folded in as they come; only groups are held. Without group columns there is exactly
//! one row, also over no rows.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_expr::Projection;
use millrace_expr::lower::{Aggregation, lower_aggregate};
use millrace_kernels::{Accumulator, DistinctSet, GroupTable};
use millrace_plan::{AggregateCall, DataType, Expr, Rel};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};
use crate::project::Project;

pub(crate) struct Aggregate<'a> {
    query: &'a Query<'a>,
    input: Option<Input<'a>>,
    /// The group columns, then the calls' arguments and masks.
    inputs: Projection,
    group_columns: usize,
    groups: GroupTable,
    calls: Vec<Call>,
    schema: SchemaRef,
    /// Groups already handed out.
    done: usize,
}

struct Call {
    accumulator: Accumulator,
    distinct: Option<DistinctSet>,
    argument: Option<usize>,
    mask: Option<usize>,
}

/// The operator, with a projection where its columns are not the node's.
pub(crate) fn aggregate<'a>(
    query: &'a Query<'a>,
    input: &'a Rel,
    group: &[Expr],
    calls: &[AggregateCall],
) -> Result<Input<'a>> {
    let types = query.types(input)?;
    let lowered = lower_aggregate(group, calls, &types, query.context.relations)?;
    let operator = Box::new(Aggregate::new(query, input, group, &types, &lowered)?);
    Ok(match &lowered.output {
        Some(output) => Box::new(Project::new(query, operator, output, &lowered.types())?),
        None => operator,
    })
}

impl<'a> Aggregate<'a> {
    fn new(
        query: &'a Query<'a>,
        input: &'a Rel,
        group: &[Expr],
        types: &[DataType],
        lowered: &Aggregation,
    ) -> Result<Self> {
        let mut exprs = group.to_vec();
        let mut add = |expr: &Option<Expr>| {
            expr.clone().map(|expr| {
                exprs.push(expr);
                exprs.len() - 1
            })
        };
        let mut calls = Vec::with_capacity(lowered.calls.len());
        for call in &lowered.calls {
            calls.push(Call {
                accumulator: call.accumulator(false)?,
                distinct: call.distinct_set()?,
                argument: add(&call.argument),
                mask: add(&call.mask),
            });
        }
        let group_types: Vec<_> = lowered.group_types.iter().map(|t| t.to_arrow()).collect();
        Ok(Self {
            query,
            input: Some(build(input, query)?),
            inputs: query.projection(&exprs, types)?,
            group_columns: group.len(),
            groups: GroupTable::new(&group_types)?,
            calls,
            schema: anonymous_schema(&lowered.types()),
            done: 0,
        })
    }

    fn fold(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = self.inputs.evaluate(batch, self.query.context.now_us)?;
        let before = self.groups.len();
        let ids = self.groups.intern(&columns[..self.group_columns], batch.num_rows())?;
        let added = self.groups.len() - before;
        // An estimate: a key, its slot and the states beside it.
        self.query.hold(added * (48 + 24 * (self.group_columns + self.calls.len())))?;
        for call in &mut self.calls {
            call.accumulator.resize(self.groups.capacity());
            let values = call.argument.map(|i| &columns[i]);
            let mask = call.mask.map(|i| columns[i].as_boolean());
            match (&mut call.distinct, values) {
                (Some(distinct), Some(values)) => {
                    let weights = distinct.update(&ids, values, mask, None)?;
                    call.accumulator.update(&ids, Some(values), None, Some(&weights))?;
                }
                (_, values) => call.accumulator.update(&ids, values, mask, None)?,
            }
        }
        Ok(())
    }
}

impl Operator for Aggregate<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(mut input) = self.input.take() {
            while let Some(batch) = self.query.pull(&mut input)? {
                if batch.num_rows() > 0 {
                    self.fold(&batch)?;
                }
            }
            self.calls.iter_mut().for_each(|c| c.accumulator.resize(self.groups.capacity().max(1)));
        }
        let groups = if self.group_columns == 0 { 1 } else { self.groups.len() };
        let rows = (groups - self.done).min(BATCH_ROWS);
        if rows == 0 {
            return Ok(None);
        }
        let ids: Vec<u32> = (self.done as u32..(self.done + rows) as u32).collect();
        self.done += rows;
        let mut columns: Vec<ArrayRef> = self.groups.keys(&ids)?;
        for call in &self.calls {
            columns.push(call.accumulator.finish(&ids)?);
        }
        batch_of(&self.schema, columns, rows).map(Some)
    }
}
