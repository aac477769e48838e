//! GROUP BY. Each thread folds the rows that it gets into groups of its own (`groups`); at the end those of all threads
//! come together (`merge`); where memory is short, rows wait in a file for that (`spilled`). Aggregates of a whole relation are taken from statistics and encoded blocks (`whole`) where
//! these tell them. Without group columns there is exactly one row, also over no rows.

mod codes;
mod groups;
mod merge;
mod output;
mod spilled;
mod states;
mod whole;

use std::sync::Arc;

use millrace_base::Result;
use millrace_expr::lower::{Aggregation, lower_aggregate};
use millrace_kernels::{Accumulator, AggregateKind, DistinctSet};
use millrace_plan::{AggregateCall, AggregateFunction, DataType, Expr, Rel};

use crate::inputs::Inputs;
use crate::lower::{KeyFilter, Query};
use crate::memory::Held;
use crate::need::Need;
use crate::pipeline::{Branch, run, then};
use crate::spill::LazyFile;
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

    /// Whether some result depends on the order of the rows.
    fn is_ordered(&self) -> bool {
        self.lowered.calls.iter().any(|call| call.kind() == AggregateKind::Collect)
    }

    /// Whether rows may come in any order and count at once.
    fn is_plain(&self) -> bool {
        !self.is_ordered() && !self.lowered.calls.iter().any(|call| call.is_distinct())
    }
}

/// Where all calls are of the distinct values of one expression: the groups of these values, and the calls over them.
fn distinct_values(group: &[Expr], calls: &[AggregateCall]) -> Option<(Vec<Expr>, Vec<AggregateCall>)> {
    let of = calls.first()?.arg.as_ref()?;
    let same = |call: &AggregateCall| call.distinct && call.filter.is_none() && call.arg.as_ref() == Some(of);
    let plain = |call: &AggregateCall| matches!(call.function, AggregateFunction::Count | AggregateFunction::Sum);
    if !calls.iter().all(|call| same(call) && plain(call)) || group.iter().chain([of]).any(millrace_expr::is_volatile) {
        return None;
    }
    let mut values = group.to_vec();
    values.push(of.clone());
    let over = Expr::Column { index: group.len() as u32 };
    let calls = calls.iter().map(|call| AggregateCall { distinct: false, arg: Some(over.clone()), ..call.clone() });
    Some((values, calls.collect()))
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
    let control = &query.control;
    // A group that is not wanted needs none of its rows.
    let filters = filters.iter().filter_map(|filter| match group.get(filter.column) {
        Some(Expr::Column { index }) => Some(KeyFilter { column: *index as usize, ..filter.clone() }),
        _ => None,
    });
    let filters: Vec<KeyFilter> = filters.collect();
    let rows = |exprs: &Grouping| query.lower(input, &Need::of(types.len(), exprs.inputs.columns()), &filters);
    let distinct = distinct_values(group, calls)
        .map(|(values, calls)| Result::Ok((Grouping::new(query, &values, &[], &types)?, values.len(), calls)))
        .transpose()?
        // Equal intervals that look different are more than one value to show.
        .filter(|(inner, ..)| inner.lowered.output.is_none());
    let fold = |grouping: &Arc<Grouping>, branches: Vec<Branch<'a>>, need: Need| {
        let file = Arc::new(LazyFile::new(control.memory));
        let sinks = run(control, &branches, || Groups::new(grouping, control, &file, 0))?;
        // What the operators below hold is not needed any more.
        drop(branches);
        merge::merge(control, grouping, sinks, need)
    };
    // What is shown of the groups before intervals and the like get their own look.
    let internal_need = |grouping: &Grouping| {
        let lowered = &grouping.lowered;
        let width = lowered.group_types.len() + lowered.calls.len();
        if lowered.output.is_none() { need.clone() } else { Need::all(width) }
    };
    let (grouping, branch) = match distinct {
        Some((inner, width, calls)) => {
            let inner = Arc::new(inner);
            let values = fold(&inner, rows(&inner)?, Need::all(width))?;
            let group: Vec<Expr> = (0..group.len() as u32).map(|index| Expr::Column { index }).collect();
            let grouping = Arc::new(Grouping::new(query, &group, &calls, &inner.lowered.types())?);
            let branch = fold(&grouping, vec![values], internal_need(&grouping))?;
            (grouping, branch)
        }
        None => {
            let grouping = Arc::new(Grouping::new(query, group, calls, &types)?);
            let states = if group.is_empty() { whole::states(query, input, &grouping)? } else { None };
            let need = internal_need(&grouping);
            let branch = match states {
                Some(states) => {
                    let held = Held::none(control.memory);
                    Branch::of(output::Output::new(vec![output::Part::of_one(states)], need, held))
                }
                None => fold(&grouping, rows(&grouping)?, need)?,
            };
            (grouping, branch)
        }
    };
    let lowered = &grouping.lowered;
    let internal_types = lowered.types();
    let branches = vec![branch];
    Ok(match &lowered.output {
        Some(output) => {
            let inputs = Inputs::wanted(query, output, &internal_types, |at| need.has(at))?;
            then(branches, Project { inputs, control: query.control.clone() })
        }
        None => branches,
    })
}
