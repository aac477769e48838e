//! Window functions over the whole input; the kernel is the one that views keep up to date with.

use millrace_base::Result;
use millrace_expr::lower::lower_window;
use millrace_kernels::compute_window;
use millrace_plan::{Expr, Rel, SortKey, WindowCall};

use crate::batch::{Batch, Column};
use crate::inputs::Inputs;
use crate::lower::Query;
use crate::need::Need;
use crate::pipeline::Branch;

pub(crate) fn lower<'a>(
    query: &Query<'a>,
    input: &'a Rel,
    partition: &[Expr],
    order: &[SortKey],
    calls: &[WindowCall],
) -> Result<Vec<Branch<'a>>> {
    let types = query.types(input)?;
    let mut exprs: Vec<Expr> = partition.to_vec();
    exprs.extend(order.iter().map(|k| k.expr.clone()));
    let lowered = lower_window(order, calls, &types, query.context.relations)?;
    exprs.extend(lowered.inputs);
    let computed = Inputs::new(query, &exprs, &types)?;
    // Ties go by the whole row.
    let all = query.collect(input, &Need::all(types.len()), &[])?;
    if all.rows == 0 {
        return Ok(Vec::new());
    }
    let mut columns = all.columns.iter().map(Column::flat).collect::<Result<Vec<_>>>()?;
    let all = Batch::of_arrays(columns.clone(), all.rows);
    let values = computed.arrays(&all, query.context.now_us)?;
    let (partition, rest) = values.split_at(partition.len());
    let (order, inputs) = rest.split_at(lowered.fields.len());
    let results = compute_window(&lowered.plan, partition, order, &lowered.fields, &columns, inputs, all.rows)?;
    columns.extend(results);
    let pieces = Batch::of_arrays(columns, all.rows).pieces().collect();
    Ok(query.ready(pieces))
}
