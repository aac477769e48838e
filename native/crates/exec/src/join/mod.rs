//! Hash joins of every kind. One side is read whole and put into a table (`build`), the other streams past it (`probe`);
//! rows of the first that nothing matched, or that something did, come at the end (`rest`). Where the first does not fit
//! into memory, both are put apart by their keys, and one part after another is joined (`grace`). Which side is built is
//! decided by how many rows each may have. A residual condition is part of the match: it is checked on candidate pairs
//! before outer rows are padded with NULL.

mod build;
mod grace;
mod probe;
mod rest;

use std::sync::Arc;

use millrace_base::Result;
use millrace_expr::Projection;
use millrace_plan::{DataType, Expr, JoinKey, JoinKind, Rel};

use crate::batch::Batch;
use crate::control::Control;
use crate::gather::{Gather, Gathered};
use crate::inputs::Inputs;
use crate::lower::{KeyFilter, Query};
use crate::need::Need;
use crate::pipeline::{Branch, then};
use crate::wanted::Wanted;

use build::build;
use probe::{Probe, ProbeRows};
use rest::Rest;

/// A side must be so many times smaller than the right one for the left one to be built.
const SWAP_FACTOR: u64 = 2;

/// Which rows of the built side come at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remaining {
    None,
    Matched,
    Unmatched,
}

/// How a kind of join goes when one of its sides is built.
#[derive(Debug, Clone, Copy)]
struct Plan {
    build_left: bool,
    /// Whether pairs are output, or only looked for.
    pairs: bool,
    /// What a row of the probing side gives by itself.
    probe: ProbeRows,
    remaining: Remaining,
}

fn plan(kind: JoinKind, build_left: bool) -> Plan {
    use JoinKind as K;
    let left_only = matches!(kind, K::Semi | K::Anti);
    let pads = |left: bool| match kind {
        K::Full => true,
        K::Left => left,
        K::Right => !left,
        _ => false,
    };
    let (probe, remaining) = match (kind, build_left) {
        (K::Semi, false) => (ProbeRows::Matched, Remaining::None),
        (K::Anti, false) => (ProbeRows::Unmatched, Remaining::None),
        (K::Semi, true) => (ProbeRows::None, Remaining::Matched),
        (K::Anti, true) => (ProbeRows::None, Remaining::Unmatched),
        _ => (
            if pads(!build_left) { ProbeRows::Padded } else { ProbeRows::None },
            if pads(build_left) { Remaining::Unmatched } else { Remaining::None },
        ),
    };
    Plan { build_left, pairs: !left_only, probe, remaining }
}

/// What is known of a join before its rows.
pub(crate) struct Shape<'a> {
    control: Arc<Control<'a>>,
    plan: Plan,
    residual: Option<Projection>,
    residual_reads: Vec<usize>,
    /// It is enough to know whether a row of the probing side has a partner.
    keys_only: bool,
    /// Columns of pairs that are read at all, and those that are output.
    pair_need: Need,
    output: Need,
    left_width: usize,
    left_only: bool,
    nulls_equal: Vec<bool>,
    built_keys: Inputs,
    built_need: Need,
    built_types: Vec<DataType>,
    probe_keys: Inputs,
    probe_types: Vec<DataType>,
}

impl Shape<'_> {
    /// Whether a row of the probing side without a partner gives nothing.
    fn drops_unmatched(&self) -> bool {
        matches!(self.plan.probe, ProbeRows::None | ProbeRows::Matched)
    }
}

pub(crate) fn lower<'a>(
    query: &Query<'a>,
    kind: JoinKind,
    (left, right): (&'a Rel, &'a Rel),
    keys: &[JoinKey],
    residual: Option<&Expr>,
    need: &Need,
    filters: &[KeyFilter],
) -> Result<Vec<Branch<'a>>> {
    let (left_types, right_types) = (query.types(left)?, query.types(right)?);
    let both: Vec<DataType> = left_types.iter().chain(&right_types).copied().collect();
    let width = left_types.len();
    let left_only = matches!(kind, JoinKind::Semi | JoinKind::Anti);
    let residual = residual.map(|r| query.projection(std::slice::from_ref(r), &both)).transpose()?;
    let residual_reads: Vec<usize> = residual.as_ref().map_or(Vec::new(), |r| r.columns().into_iter().collect());
    let exprs = |of: fn(&JoinKey) -> &Expr| keys.iter().map(|key| of(key).clone()).collect::<Vec<_>>();
    let left_keys = Inputs::new(query, &exprs(|key| &key.left), &left_types)?;
    let right_keys = Inputs::new(query, &exprs(|key| &key.right), &right_types)?;
    // What is read of either side: for the output, the residual and the keys.
    let output = if left_only { Need::of(both.len(), need.columns()) } else { need.clone() };
    let pair_need = output.clone().and(residual_reads.iter().copied());
    let left_need = pair_need.slice(0..width).and(left_keys.columns());
    let right_need = pair_need.slice(width..both.len()).and(right_keys.columns());

    let build_left = {
        let (l, r) = (query.estimate(left), query.estimate(right));
        l.saturating_mul(SWAP_FACTOR) < r
    };
    let plan = plan(kind, build_left);
    // What excludes output rows excludes rows of the side that they come from, unless NULLs stand in for that side.
    let of_left = |f: &&KeyFilter| f.column < width && !matches!(kind, JoinKind::Right | JoinKind::Full);
    let of_right = |f: &&KeyFilter| f.column >= width && !matches!(kind, JoinKind::Left | JoinKind::Full);
    let left_filters: Vec<KeyFilter> = filters.iter().filter(of_left).cloned().collect();
    let right_filters: Vec<KeyFilter> =
        filters.iter().filter(of_right).map(|f| KeyFilter { column: f.column - width, ..f.clone() }).collect();

    struct Side<'a> {
        rel: &'a Rel,
        need: Need,
        filters: Vec<KeyFilter>,
        keys: Inputs,
        types: Vec<DataType>,
    }
    let left = Side { rel: left, need: left_need, filters: left_filters, keys: left_keys, types: left_types };
    let right = Side { rel: right, need: right_need, filters: right_filters, keys: right_keys, types: right_types };
    let (built_side, mut probe_side) = if build_left { (left, right) } else { (right, left) };

    let shape = Arc::new(Shape {
        control: query.control.clone(),
        plan,
        keys_only: !plan.pairs && residual.is_none() && plan.remaining == Remaining::None,
        residual,
        residual_reads,
        pair_need,
        output,
        left_width: width,
        left_only,
        nulls_equal: keys.iter().map(|key| key.nulls_equal).collect(),
        built_keys: built_side.keys,
        built_need: built_side.need,
        built_types: built_side.types,
        probe_keys: probe_side.keys,
        probe_types: probe_side.types,
    });
    let hashes = |batch: &Batch| grace::hashes(&shape, &shape.built_keys, batch);
    let gather = Gather { hashes: if keys.is_empty() { None } else { Some(&hashes) }, what: WITHOUT_KEYS };
    let built = match gather.rows(query, built_side.rel, &shape.built_need, &built_side.filters)? {
        Gathered::Together(rows, held) => Arc::new(build(&shape, rows, held)?),
        Gathered::Apart(built) => {
            let branches = query.lower(probe_side.rel, &probe_side.need, &probe_side.filters)?;
            return grace::lower(&shape, built, branches);
        }
    };
    if built.rows.rows == 0 && shape.drops_unmatched() {
        return Ok(Vec::new());
    }
    // Rows of the other side without a partner are not wanted: its scan may leave them out.
    if shape.drops_unmatched() {
        for (at, key) in keys.iter().enumerate() {
            let probing = if build_left { &key.right } else { &key.left };
            if let Expr::Column { index } = probing
                && let Some(member) = built.member(at)?
                && !key.nulls_equal
            {
                probe_side
                    .filters
                    .push(KeyFilter { column: *index as usize, wanted: Wanted::Member(Arc::new(member)) });
            }
        }
    }
    let branches = query.lower(probe_side.rel, &probe_side.need, &probe_side.filters)?;
    let mut branches = then(branches, Probe { shape: shape.clone(), built: built.clone() });
    if plan.remaining != Remaining::None {
        branches.push(Branch::of(Rest::new(shape, built)));
    }
    Ok(branches)
}

const WITHOUT_KEYS: &str = "a join without equal keys keeps one side in memory";
