//! Scans. The conditions above a scan are its own: each is checked where that costs least (from statistics, on encoded
//! values, on a dictionary's entries, at last on the values), and a column is read only for the rows that all
//! conditions so far have left. `bounds` is what a storage can leave out blocks by, `test` one condition, `reader` a
//! piece's columns and the rows selected of it.

mod bounds;
mod reader;
mod test;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_base::{Error, Result};
use millrace_plan::{Expr, Rel};

pub(crate) use reader::{Reader, Selection};

use crate::batch::{Batch, Column};
use crate::control::Control;
use crate::lower::{KeyFilter, Query};
use crate::need::Need;
use crate::pipeline::{Branch, Emit, Source, Task, then};
use crate::stages::Filter;
use crate::wanted::{TopBound, Wanted};
use crate::{Morsel, Rows, ScanRequest};

use test::{Test, Unwanted};

/// The parts of a condition that must all be true.
pub(crate) fn conjuncts<'e>(expr: &'e Expr, out: &mut Vec<&'e Expr>) {
    match expr {
        Expr::Binary { operator: millrace_plan::BinaryOp::And, left, right, .. } => {
            conjuncts(left, out);
            conjuncts(right, out);
        }
        other => out.push(other),
    }
}

/// What a scan gives.
pub(crate) enum Scanned<'a> {
    Morsels(MorselScan<'a>),
    Branch(Branch<'a>),
}

/// The rows of a scan for which all predicates are true.
pub(crate) fn lower<'a>(
    query: &Query<'a>,
    rel: &'a Rel,
    predicates: &[&'a Expr],
    need: &Need,
    filters: &[KeyFilter],
) -> Result<Vec<Branch<'a>>> {
    Ok(match open(query, rel, predicates, need, filters)? {
        Scanned::Morsels(scan) => vec![Branch::of(scan)],
        Scanned::Branch(branch) => vec![branch],
    })
}

pub(crate) fn open<'a>(
    query: &Query<'a>,
    rel: &'a Rel,
    predicates: &[&'a Expr],
    need: &Need,
    filters: &[KeyFilter],
) -> Result<Scanned<'a>> {
    let Rel::Scan { relation, columns, as_of } = rel else {
        return Err(Error::internal("a scan of what is none"));
    };
    let types = query.types(rel)?;
    let mut conditions = Vec::new();
    predicates.iter().for_each(|predicate| conjuncts(predicate, &mut conditions));
    let mut bounds = bounds::of(&conditions, &types);
    for filter in filters {
        if let Wanted::Member(member) = &filter.wanted {
            bounds.extend(bounds::of_member(filter.column, types[filter.column], member.ends()));
        }
    }
    let as_of = as_of.as_ref();
    let request = ScanRequest { relation: *relation, columns, as_of, conditions: &conditions, bounds: &bounds };
    match query.snapshot.read(&request)? {
        Rows::Morsels(morsels) => {
            let mut tests: Vec<Test> = conditions.iter().map(|c| Test::new(query, c, &types)).collect::<Result<_>>()?;
            // One that could fail must not see rows that those before it keep away; the others come cheapest first.
            if !tests.iter().any(Test::is_fallible) {
                tests.sort_by_key(Test::cost);
            }
            let wanted = filters.iter().map(|f| Unwanted::new(f.clone())).collect();
            let control = query.control.clone();
            let mut scan = MorselScan {
                control,
                order: (0..morsels.len()).map(|number| (number, None)).collect(),
                top: None,
                morsels,
                tests,
                wanted,
                need: need.clone(),
                next: AtomicUsize::new(0),
            };
            for filter in filters {
                if let Wanted::Top(top) = &filter.wanted {
                    scan.best_first(filter.column, top)?;
                }
            }
            Ok(Scanned::Morsels(scan))
        }
        Rows::Batches(rows) => {
            let mut branches = vec![query.iterated(rows, &types)];
            for predicate in predicates {
                let predicate = query.projection(std::slice::from_ref(*predicate), &types)?;
                branches = then(branches, Filter::new(query.control.clone(), predicate));
            }
            let branch = branches.pop().ok_or_else(|| Error::internal("a scan without rows"))?;
            Ok(Scanned::Branch(branch))
        }
    }
}

/// A scan of a relation in pieces, each of which is a task.
pub(crate) struct MorselScan<'a> {
    control: Arc<Control<'a>>,
    morsels: Vec<Box<dyn Morsel + 'a>>,
    tests: Vec<Test>,
    wanted: Vec<Unwanted>,
    need: Need,
    /// The pieces as they are given out, with the best that a row of each can be where that matters.
    order: Vec<(usize, Option<i64>)>,
    top: Option<Arc<TopBound>>,
    next: AtomicUsize,
}

impl<'a> MorselScan<'a> {
    /// The next piece that nobody has taken.
    pub fn claim(&self) -> Option<(usize, &dyn Morsel)> {
        loop {
            let &(number, best) = self.order.get(self.next.fetch_add(1, Ordering::Relaxed))?;
            let too_bad = self.top.as_ref().zip(best).is_some_and(|(top, best)| top.excludes(best));
            if !too_bad {
                return self.morsels.get(number).map(|morsel| (number, &**morsel));
            }
        }
    }

    /// Only the first rows in an order of this column are wanted: pieces that may hold them come first, and later ones may
    /// not be needed.
    fn best_first(&mut self, column: usize, top: &Arc<TopBound>) -> Result<()> {
        let known = self.morsels.iter().enumerate();
        self.order = known
            .map(|(number, morsel)| Ok((number, top.best(morsel.nulls(column), morsel.extremes(column))?)))
            .collect::<Result<_>>()?;
        // Those of which nothing is known come first, as they cannot be left out.
        self.order.sort_by_key(|(_, best)| *best);
        self.top = Some(top.clone());
        Ok(())
    }

    pub fn morsels(&self) -> usize {
        self.morsels.len()
    }

    /// The rows of a piece that are wanted.
    pub fn select<'m>(&self, morsel: &'m dyn Morsel) -> Result<(Reader<'m>, Selection)> {
        let mut reader = Reader::new(morsel, self.need.len());
        let mut selection = Selection::of(morsel);
        for test in &self.tests {
            if selection.is_empty() {
                break;
            }
            test.apply(&mut reader, &mut selection, self.control.now_us)?;
        }
        for unwanted in &self.wanted {
            if selection.is_empty() {
                break;
            }
            unwanted.apply(&mut reader, &mut selection)?;
        }
        Ok((reader, selection))
    }

    fn read(&self, morsel: &dyn Morsel, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let (mut reader, selection) = self.select(morsel)?;
        if selection.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut columns = Vec::with_capacity(self.need.len());
        for column in 0..self.need.len() {
            let wanted = self.need.has(column);
            columns.push(if wanted { reader.selected(column, &selection)? } else { Column::Absent });
        }
        for piece in (Batch { columns, rows: selection.count() }).pieces() {
            if emit(piece)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Source for MorselScan<'_> {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let Some((number, morsel)) = self.claim() else { return Ok(None) };
        Ok(Some(Task { number: number as u64, run: Box::new(move |emit| self.read(morsel, emit)) }))
    }

    fn width(&self) -> usize {
        self.morsels.len()
    }
}
