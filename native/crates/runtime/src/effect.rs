//! What a statement does: rows that come and go, streams that are truncated, places of consumer groups.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use millrace_base::{RelationId, Result};
use millrace_log::{Commit, Durability, GroupOffset, RelationRows};
use millrace_plan::RelationDurability;

use crate::catalog::Catalog;
use crate::engine::INTERVAL_DEFAULT;
use crate::groups::Claim;
use crate::options;
use crate::partition;
use crate::shared::Shared;
use crate::statement::concat;

/// Rows of a table that go and that come.
#[derive(Debug, Clone)]
pub struct TableChange {
    pub relation: RelationId,
    pub old: RecordBatch,
    pub new: RecordBatch,
}

#[derive(Debug, Clone, Default)]
pub struct Effect {
    /// What the statement counts.
    pub rows: u64,
    pub changes: Vec<TableChange>,
    pub appended: Vec<(RelationId, RecordBatch)>,
    pub truncated: Vec<RelationId>,
    pub groups: Vec<GroupOffset>,
    /// What must hold of those groups when it is committed.
    pub claims: Vec<Claim>,
    /// What RETURNING reads: the rows that came or went, with further columns of the statement's query.
    pub shown: Option<RecordBatch>,
    /// What it gives, as an Arrow IPC stream.
    pub returned: Option<Vec<u8>>,
}

fn none() -> RecordBatch {
    RecordBatch::new_empty(Arc::new(Schema::empty()))
}

impl TableChange {
    pub fn added(relation: RelationId, new: RecordBatch) -> Self {
        Self { relation, old: none(), new }
    }

    pub fn removed(relation: RelationId, old: RecordBatch) -> Self {
        Self { relation, old, new: none() }
    }

    /// The change as weighted rows; `None` when there are none.
    fn into_rows(self, catalog: &Catalog) -> Result<Option<RelationRows>> {
        let Self { relation, old, new } = self;
        let (gone, come) = (old.num_rows(), new.num_rows());
        let (batch, weights) = match (gone, come) {
            (0, 0) => return Ok(None),
            (0, _) => (new, None),
            (_, 0) => (old, Some(std::iter::repeat_n(-1, gone).collect())),
            _ => {
                let schema = catalog.require(relation)?.schema().expect("tables have columns");
                let weights = std::iter::repeat_n(-1, gone).chain(std::iter::repeat_n(1, come)).collect();
                (concat(&schema, &[old, new])?, Some(weights))
            }
        };
        Ok(Some(RelationRows { relation, partition: 0, batch, weights }))
    }
}

impl Effect {
    pub fn changed(rows: u64, change: TableChange) -> Self {
        let shown = if change.new.num_columns() > 0 { change.new.clone() } else { change.old.clone() };
        Self { rows, changes: vec![change], shown: Some(shown), ..Self::default() }
    }

    pub fn appended(relation: RelationId, batch: RecordBatch) -> Self {
        let (rows, shown) = (batch.num_rows() as u64, Some(batch.clone()));
        Self { rows, appended: vec![(relation, batch)], shown, ..Self::default() }
    }

    /// The one commit that does it.
    pub fn into_commit(self, shared: &Shared, catalog: &Catalog) -> Result<Commit> {
        let mut commit = Commit { truncated: self.truncated, groups: self.groups, ..Commit::default() };
        for change in self.changes {
            commit.rows.extend(change.into_rows(catalog)?);
        }
        for (relation, batch) in self.appended {
            let turn = shared.writes_without_key.fetch_add(1, Ordering::Relaxed);
            let options = options::of(&catalog.require(relation)?.definition.object);
            for (partition, batch) in partition::split(batch, &options, turn)? {
                if batch.num_rows() > 0 {
                    commit.rows.push(RelationRows { relation, partition, batch, weights: None });
                }
            }
        }
        commit.durability = durability(&commit, catalog, shared.log.durability());
        Ok(commit)
    }
}

/// The strictest that the commit's relations ask for, with `database` for those that ask for nothing; `None` when it has
/// no rows.
fn durability(commit: &Commit, catalog: &Catalog, database: Durability) -> Option<Durability> {
    let asked = commit.rows.iter().map(|part| {
        let option = catalog.get(part.relation).and_then(|one| options::of(&one.definition.object).durability);
        option.map_or(database, |asked| match asked {
            RelationDurability::Commit => Durability::Commit,
            RelationDurability::Interval => Durability::Interval(INTERVAL_DEFAULT),
            RelationDurability::None => Durability::None,
        })
    });
    asked.reduce(stricter)
}

fn stricter(a: Durability, b: Durability) -> Durability {
    match (a, b) {
        (Durability::Commit, _) | (_, Durability::Commit) => Durability::Commit,
        (Durability::Interval(a), Durability::Interval(b)) => Durability::Interval(a.min(b)),
        (interval @ Durability::Interval(_), Durability::None) | (Durability::None, interval) => interval,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_stricter_of_two_durabilities_holds_for_both() {
        let every = |ms| Durability::Interval(Duration::from_millis(ms));
        // From the strictest on.
        let order = [Durability::Commit, every(10), every(100), Durability::None];
        for (place, &a) in order.iter().enumerate() {
            for &b in &order[place..] {
                assert_eq!((stricter(a, b), stricter(b, a)), (a, a), "{a:?} and {b:?}");
            }
        }
    }
}
