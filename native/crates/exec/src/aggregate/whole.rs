//! Aggregates of a relation as a whole: what statistics tell is not read, and integers are added up as they are encoded.

use arrow_array::{Array, ArrayRef};
use millrace_base::Result;
use millrace_kernels::AggregateKind as Kind;
use millrace_kernels::encodings::Values;
use millrace_kernels::scan::sum;
use millrace_plan::{Expr, Rel};

use super::{CallState, Grouping};
use crate::lower::Query;
use crate::need::Need;
use crate::scan::{MorselScan, Reader, Scanned, Selection, open};
use crate::workers::parallel;

/// The states of the one group, if the input is a scan that can be read in pieces and the calls are of its columns.
pub(crate) fn states<'a>(query: &Query<'a>, input: &'a Rel, grouping: &Grouping) -> Result<Option<Vec<CallState>>> {
    let mut calls: Vec<(Kind, Option<usize>)> = Vec::new();
    for call in &grouping.lowered.calls {
        let column = match &call.argument {
            None => None,
            Some(Expr::Column { index }) => Some(*index as usize),
            Some(_) => return Ok(None),
        };
        if call.is_distinct() || call.mask.is_some() || call.kind() == Kind::Collect {
            return Ok(None);
        }
        calls.push((call.kind(), column));
    }
    // Projections that only pass columns on.
    let mut below = input;
    while let Rel::Project { input, exprs } = below {
        for (_, column) in &mut calls {
            *column = match column.map(|column| &exprs[column]) {
                None => None,
                Some(Expr::Column { index }) => Some(*index as usize),
                Some(_) => return Ok(None),
            };
        }
        below = input;
    }
    let mut predicates = Vec::new();
    while let Rel::Filter { input, predicate } = below {
        predicates.push(predicate);
        below = input;
    }
    predicates.reverse();
    if !matches!(below, Rel::Scan { as_of: None, .. }) {
        return Ok(None);
    }
    let width = query.types(below)?.len();
    let need = Need::of(width, calls.iter().filter_map(|(_, column)| *column));
    // Opened once more where it does not give pieces; what it has read until then is little.
    let Scanned::Morsels(scan) = open(query, below, &predicates, &need, &[])? else { return Ok(None) };
    fold(query, &scan, grouping, &calls).map(Some)
}

fn fold(
    query: &Query<'_>,
    scan: &MorselScan<'_>,
    grouping: &Grouping,
    calls: &[(Kind, Option<usize>)],
) -> Result<Vec<CallState>> {
    let control = &*query.control;
    let threads = parallel(control, scan.morsels().max(1), &|| {
        let mut states = grouping.states()?;
        states.iter_mut().for_each(|state| state.accumulator.resize(1));
        while let Some((_, morsel)) = scan.claim() {
            control.check()?;
            let (mut reader, selection) = scan.select(morsel)?;
            if selection.is_empty() {
                continue;
            }
            for (state, &(kind, column)) in states.iter_mut().zip(calls) {
                add(state, kind, column, &mut reader, &selection)?;
            }
        }
        Ok(states)
    })?;
    let mut threads = threads.into_iter();
    let mut states = match threads.next() {
        Some(states) => states,
        None => grouping.states()?,
    };
    for other in threads {
        for (state, other) in states.iter_mut().zip(&other) {
            state.accumulator.merge(&other.accumulator, &[0], &[0])?;
        }
    }
    Ok(states)
}

/// The rows of a piece join a state.
fn add(
    state: &mut CallState,
    kind: Kind,
    column: Option<usize>,
    reader: &mut Reader<'_>,
    selection: &Selection,
) -> Result<()> {
    let accumulator = &mut state.accumulator;
    let Some(column) = column else { return accumulator.add_count(0, selection.count() as i64) };
    let morsel = reader.morsel();
    if selection.is_all() {
        match kind {
            Kind::Count => {
                if let Some(nulls) = morsel.nulls(column) {
                    return accumulator.add_count(0, (selection.count() - nulls) as i64);
                }
            }
            Kind::Min | Kind::Max => {
                if morsel.nulls(column) == Some(selection.count()) {
                    return Ok(());
                }
                if let Some((least, most)) = morsel.extremes(column) {
                    let value: ArrayRef = if kind == Kind::Min { least } else { most };
                    return accumulator.update(&[0], Some(&value), None, None);
                }
            }
            Kind::Sum | Kind::Avg => {
                if let Some(encoded) = reader.encoded(column)? {
                    let view = encoded.view().map_err(|why| morsel.damaged(why.0))?;
                    match &view.values {
                        Values::Integers(values) => return accumulator.add_sum(0, sum(values), values.len() as i64),
                        Values::None => return Ok(()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let values = reader.values(column, selection)?;
    accumulator.update(&vec![0; values.len()], Some(&values), None, None)
}
