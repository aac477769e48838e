//! The one place that turns plan nodes into pipelines. What must see all its rows first (groups, a sort, one side of a
//! join) runs here, while the pipelines above it are made: they know then how many rows there are, and a join can tell the
//! scan of its other side which keys it has.

use std::sync::Arc;

use millrace_base::Result;
use millrace_expr::Projection;
use millrace_plan::{DataType, Expr, Rel, validate_rel};

use crate::control::Control;
use crate::inputs::Inputs;
use crate::memory::Held;
use crate::need::Need;
use crate::pipeline::{Branch, then};
use crate::sources::{Batches, GenerateSeries, Iterated, Values};
use crate::stages::{Filter, Project, TimeWindow};
use crate::unnest::Unnest;
pub(crate) use crate::wanted::KeyFilter;
use crate::{ExecContext, Snapshot};

/// One run of one plan.
pub(crate) struct Query<'a> {
    pub snapshot: &'a dyn Snapshot,
    pub context: &'a ExecContext<'a>,
    pub control: Arc<Control<'a>>,
}

impl<'a> Query<'a> {
    pub fn new(snapshot: &'a dyn Snapshot, context: &'a ExecContext<'a>) -> Self {
        let control = Arc::new(Control::new(context));
        Self { snapshot, context, control }
    }

    pub fn types(&self, rel: &Rel) -> Result<Vec<DataType>> {
        validate_rel(rel, self.context.relations)
    }

    pub fn projection(&self, exprs: &[Expr], input: &[DataType]) -> Result<Projection> {
        Projection::compile(exprs, input, self.context.models)
    }

    /// The node's rows, of which only the needed columns are there. Of rows that `filters` exclude some may be left out.
    pub fn lower(&self, rel: &'a Rel, need: &Need, filters: &[KeyFilter]) -> Result<Vec<Branch<'a>>> {
        self.control.check()?;
        match rel {
            Rel::Scan { .. } => crate::scan::lower(self, rel, &[], need, filters),
            Rel::Filter { .. } => self.filter(rel, need, filters),
            Rel::Project { input, exprs } => {
                let types = self.types(input)?;
                let inputs = Inputs::wanted(self, exprs, &types, |at| need.has(at))?;
                let below = Need::of(types.len(), inputs.columns());
                let filters = filters.iter().filter_map(|filter| match &exprs[filter.column] {
                    Expr::Column { index } => Some(KeyFilter { column: *index as usize, ..filter.clone() }),
                    _ => None,
                });
                let branches = self.lower(input, &below, &filters.collect::<Vec<_>>())?;
                Ok(then(branches, Project { inputs, control: self.control.clone() }))
            }
            Rel::Join { kind, left, right, keys, residual } => {
                crate::join::lower(self, *kind, (left, right), keys, residual.as_ref(), need, filters)
            }
            Rel::Aggregate { input, group, aggregates } => {
                crate::aggregate::lower(self, input, group, aggregates, need, filters)
            }
            Rel::Window { input, partition, order, calls } => {
                crate::window::lower(self, input, partition, order, calls)
            }
            Rel::Sort { input, keys, limit, offset } => {
                crate::sort::lower(self, input, keys, (*limit, *offset), need, filters)
            }
            Rel::Limit { input, limit, offset } => crate::limit::lower(self, input, *limit, *offset, need),
            Rel::UnionAll { inputs } => {
                let mut branches = Vec::new();
                for input in inputs {
                    branches.extend(self.lower(input, need, filters)?);
                }
                Ok(branches)
            }
            Rel::TemporalFilter { .. } => {
                Err(millrace_base::Error::internal("a temporal filter in a query has no time"))
            }
            Rel::TimeWindow { input, time, size_us, slide_us, offset_us } => {
                let types = self.types(input)?;
                let time = Inputs::new(self, std::slice::from_ref(time), &types)?;
                let below = need.slice(0..types.len()).and(time.columns());
                let filters: Vec<KeyFilter> = filters.iter().filter(|f| f.column < types.len()).cloned().collect();
                let branches = self.lower(input, &below, &filters)?;
                let bounds = (*size_us, *slide_us, *offset_us);
                Ok(then(branches, TimeWindow { control: self.control.clone(), time, bounds }))
            }
            Rel::Unnest { input, lists, ordinality, outer } => {
                let types = self.types(input)?;
                let lists = Inputs::new(self, lists, &types)?;
                let below = need.slice(0..types.len()).and(lists.columns());
                let filters: Vec<KeyFilter> = filters.iter().filter(|f| f.column < types.len()).cloned().collect();
                let branches = self.lower(input, &below, &filters)?;
                let control = self.control.clone();
                Ok(then(branches, Unnest { control, lists, ordinality: *ordinality, outer: *outer }))
            }
            Rel::Values { types, rows } => Ok(vec![Branch::of(Values::new(self, types, rows)?)]),
            Rel::GenerateSeries { start, stop, step } => {
                Ok(vec![Branch::of(GenerateSeries::new(*start, *stop, *step))])
            }
        }
    }

    /// Filters, which a scan below them takes over.
    fn filter(&self, rel: &'a Rel, need: &Need, filters: &[KeyFilter]) -> Result<Vec<Branch<'a>>> {
        let mut predicates = Vec::new();
        let mut below = rel;
        while let Rel::Filter { input, predicate } = below {
            predicates.push(predicate);
            below = input;
        }
        // The innermost comes first: it may keep away rows that the others fail for.
        predicates.reverse();
        if let Rel::Scan { .. } = below {
            return crate::scan::lower(self, below, &predicates, need, filters);
        }
        let types = self.types(below)?;
        let predicates =
            predicates.iter().map(|p| self.projection(std::slice::from_ref(*p), &types)).collect::<Result<Vec<_>>>()?;
        let read = predicates.iter().flat_map(Projection::columns).collect::<Vec<_>>();
        let mut branches = self.lower(below, &need.clone().and(read), filters)?;
        for predicate in predicates {
            branches = then(branches, Filter::new(self.control.clone(), predicate));
        }
        Ok(branches)
    }

    /// A guess at how many rows a node has.
    pub fn estimate(&self, rel: &Rel) -> u64 {
        /// A filter is taken to keep a quarter.
        const FILTERED: u64 = 4;
        match rel {
            Rel::Scan { relation, .. } => self.snapshot.rows(*relation).unwrap_or(u64::from(u32::MAX)),
            Rel::Filter { input, .. } => self.estimate(input) / FILTERED,
            Rel::Project { input, .. }
            | Rel::Window { input, .. }
            | Rel::TimeWindow { input, .. }
            | Rel::TemporalFilter { input, .. }
            | Rel::Unnest { input, .. } => self.estimate(input),
            Rel::Aggregate { input, group, .. } => {
                if group.is_empty() {
                    1
                } else {
                    self.estimate(input) / FILTERED
                }
            }
            Rel::Sort { input, limit, .. } | Rel::Limit { input, limit, .. } => {
                self.estimate(input).min(limit.unwrap_or(u64::MAX))
            }
            Rel::Join { kind: millrace_plan::JoinKind::Semi | millrace_plan::JoinKind::Anti, left, .. } => {
                self.estimate(left) / 2
            }
            Rel::Join { left, right, keys, .. } => {
                let (left, right) = (self.estimate(left), self.estimate(right));
                if keys.is_empty() { left.saturating_mul(right) } else { left.max(right) }
            }
            Rel::UnionAll { inputs } => inputs.iter().fold(0, |sum, input| sum.saturating_add(self.estimate(input))),
            Rel::Values { rows, .. } => rows.len() as u64,
            Rel::GenerateSeries { start, stop, step } => (i128::from(*stop) - i128::from(*start))
                .checked_div(i128::from(*step))
                .map_or(0, |n| u64::try_from(n.max(-1) + 1).unwrap_or(u64::MAX)),
        }
    }

    /// Rows that were computed, and the memory that they take.
    pub fn ready(&self, batches: Vec<crate::batch::Batch>, held: Option<Held>) -> Vec<Branch<'a>> {
        vec![Branch::of(Batches::new(batches, held))]
    }

    /// Rows of a relation that come one batch after another.
    pub fn iterated(&self, rows: crate::RowIterator<'a>, types: &[DataType]) -> Branch<'a> {
        Branch::of(Iterated::new(rows, types))
    }
}
