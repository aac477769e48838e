//! GROUP BY by hashing. Rows are folded in as they come; only groups are held. Without group columns there is exactly
//! one row, also over no rows.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_expr::Projection;
use millrace_kernels::{Accumulator, AggregateKind, DistinctSet, GroupTable};
use millrace_plan::{AggregateCall, AggregateFunction, CaseBranch, DataType, Expr, Rel};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};

pub(crate) struct Aggregate<'a> {
    query: &'a Query<'a>,
    input: Option<Input<'a>>,
    /// The group columns, then the calls' arguments and filters.
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
    /// Of COUNT(*): the filter. Other calls have it in their argument.
    mask: Option<usize>,
}

pub(crate) fn aggregate_kind(function: AggregateFunction) -> AggregateKind {
    match function {
        AggregateFunction::CountStar => AggregateKind::CountStar,
        AggregateFunction::Count => AggregateKind::Count,
        AggregateFunction::Sum => AggregateKind::Sum,
        AggregateFunction::Min => AggregateKind::Min,
        AggregateFunction::Max => AggregateKind::Max,
        AggregateFunction::Avg => AggregateKind::Avg,
        AggregateFunction::BoolAnd => AggregateKind::BoolAnd,
        AggregateFunction::BoolOr => AggregateKind::BoolOr,
    }
}

/// NULL, which no aggregate counts, where the filter is not true: the argument is not even computed there.
pub(crate) fn filtered(argument: &Expr, filter: Option<&Expr>, data_type: DataType) -> Expr {
    match filter {
        None => argument.clone(),
        Some(when) => {
            let branch = CaseBranch { when: when.clone(), then: argument.clone() };
            Expr::Case { branches: vec![branch], otherwise: None, data_type }
        }
    }
}

impl<'a> Aggregate<'a> {
    pub fn new(query: &'a Query<'a>, input: &'a Rel, group: &[Expr], calls: &[AggregateCall]) -> Result<Self> {
        let types = query.types(input)?;
        let mut exprs = group.to_vec();
        let mut built = Vec::with_capacity(calls.len());
        let mut output: Vec<DataType> = query.projection(group, &types)?.data_types().collect();
        let group_types: Vec<_> = output.iter().map(|t| t.to_arrow()).collect();
        for call in calls {
            let mut add = |expr: Expr| {
                exprs.push(expr);
                exprs.len() - 1
            };
            let (mut argument, mut mask, mut argument_type) = (None, None, None);
            match &call.arg {
                Some(arg) => {
                    let kind = query.evaluator(arg, &types)?.data_type();
                    argument = Some(add(filtered(arg, call.filter.as_ref(), kind)));
                    argument_type = Some(kind.to_arrow());
                }
                None => mask = call.filter.clone().map(add),
            }
            let kind = aggregate_kind(call.function);
            // MIN and MAX are the same over the distinct values, and need no set of them.
            let extreme = matches!(kind, AggregateKind::Min | AggregateKind::Max);
            let distinct = match &argument_type {
                Some(kind) if call.distinct && !extreme => Some(DistinctSet::new(kind)?),
                _ => None,
            };
            let result = call.data_type.to_arrow();
            let accumulator = Accumulator::new(kind, argument_type.as_ref(), &result, false)?;
            built.push(Call { accumulator, distinct, argument, mask });
            output.push(call.data_type);
        }
        Ok(Self {
            query,
            input: Some(build(input, query)?),
            inputs: query.projection(&exprs, &types)?,
            group_columns: group.len(),
            groups: GroupTable::new(&group_types)?,
            calls: built,
            schema: anonymous_schema(&output),
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
                    let weights = distinct.update(&ids, values, None, None)?;
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
