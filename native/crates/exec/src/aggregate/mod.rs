//! GROUP BY. Each thread folds the rows that it gets into groups of its own (`groups`); at the end those of all threads
//! come together (`merge`). Aggregates of a whole relation are taken from statistics and encoded blocks (`whole`) where
//! these tell them. Without group columns there is exactly one row, also over no rows.

mod codes;
mod groups;
mod merge;
mod output;
mod whole;

use millrace_base::Result;
use millrace_expr::lower::{Aggregation, lower_aggregate};
use millrace_kernels::{Accumulator, DistinctSet};
use millrace_plan::{AggregateCall, DataType, Expr, Rel};

use crate::control::Control;
use crate::inputs::Inputs;
use crate::lower::{KeyFilter, Query};
use crate::need::Need;
use crate::pipeline::{Branch, run, then};
use crate::stages::Project;

use groups::Groups;

/// What is computed of each group.
pub(crate) struct Grouping {
    lowered: Aggregation,
    /// The group columns, then the calls' arguments and masks.
    inputs: Inputs,
    /// Where among these each call's argument and mask are.
    places: Vec<(Option<usize>, Option<usize>)>,
    group_types: Vec<arrow_schema::DataType>,
}

/// The states of one call, by group.
pub(crate) struct CallState {
    accumulator: Accumulator,
    /// The distinct values; they are counted when all threads' have come together.
    distinct: Option<DistinctSet>,
}

impl Grouping {
    fn new(query: &Query<'_>, group: &[Expr], calls: &[AggregateCall], types: &[DataType]) -> Result<Self> {
        let lowered = lower_aggregate(group, calls, types, query.context.relations)?;
        let mut exprs = group.to_vec();
        let mut add = |expr: &Option<Expr>| {
            expr.clone().map(|expr| {
                // One that is there already is computed once.
                exprs.iter().position(|other| *other == expr && !millrace_expr::is_volatile(&expr)).unwrap_or_else(
                    || {
                        exprs.push(expr);
                        exprs.len() - 1
                    },
                )
            })
        };
        let places = lowered.calls.iter().map(|call| (add(&call.argument), add(&call.mask))).collect();
        let inputs = Inputs::new(query, &exprs, types)?;
        let group_types = lowered.group_types.iter().map(|t| t.to_arrow()).collect();
        Ok(Self { lowered, inputs, places, group_types })
    }

    fn states(&self) -> Result<Vec<CallState>> {
        let state = |call: &millrace_expr::lower::LoweredCall| {
            Ok(CallState { accumulator: call.accumulator(false)?, distinct: call.distinct_set()? })
        };
        self.lowered.calls.iter().map(state).collect()
    }

    fn group_columns(&self) -> usize {
        self.group_types.len()
    }
}

pub(crate) fn lower<'a>(
    query: &Query<'a>,
    input: &'a Rel,
    group: &'a [Expr],
    calls: &'a [AggregateCall],
    need: &Need,
    filters: &[KeyFilter],
) -> Result<Vec<Branch<'a>>> {
    let types = query.types(input)?;
    let grouping = Grouping::new(query, group, calls, &types)?;
    let control: &Control<'_> = &query.control;
    let states = if group.is_empty() { whole::states(query, input, &grouping)? } else { None };
    let parts = match states {
        Some(states) => vec![output::Part::of_one(states)],
        None => {
            let below = Need::of(types.len(), grouping.inputs.columns());
            // A group that is not wanted needs none of its rows.
            let filters = filters.iter().filter_map(|filter| match group.get(filter.column) {
                Some(Expr::Column { index }) => Some(KeyFilter { column: *index as usize, ..filter.clone() }),
                _ => None,
            });
            let branches = query.lower(input, &below, &filters.collect::<Vec<_>>())?;
            let sinks = run(control, &branches, || Groups::new(&grouping, control))?;
            drop(branches);
            merge::merge(control, &grouping, sinks)?
        }
    };
    let lowered = &grouping.lowered;
    let widths = (lowered.group_types.len(), lowered.calls.len());
    let internal_need = if lowered.output.is_none() { need.clone() } else { Need::all(widths.0 + widths.1) };
    let internal_types = lowered.types();
    let branches = vec![Branch::of(output::Output::new(parts, internal_need))];
    Ok(match &lowered.output {
        Some(output) => {
            let inputs = Inputs::wanted(query, output, &internal_types, |at| need.has(at))?;
            then(branches, Project { inputs, control: query.control.clone() })
        }
        None => branches,
    })
}
