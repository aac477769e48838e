//! What an operator above knows of the rows that it wants: the keys that the other side of a join has, or how good a
//! row must be to be among the first. A scan leaves out what is not wanted, rows or whole pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use millrace_base::Result;
use millrace_kernels::{Member, SortField, sortable_i64};

/// Rows whose column is not wanted may be left out.
#[derive(Clone)]
pub(crate) struct KeyFilter {
    pub column: usize,
    pub wanted: Wanted,
}

#[derive(Clone)]
pub(crate) enum Wanted {
    Member(Arc<Member>),
    Top(Arc<TopBound>),
}

impl Wanted {
    /// One bit a row.
    pub fn select(&self, keys: &ArrayRef) -> Result<BooleanBuffer> {
        match self {
            Wanted::Member(member) => member.select(keys),
            Wanted::Top(top) => top.select(keys),
        }
    }
}

/// The first sort key of the worst row that can still be among the first: it gets better as rows are seen.
pub(crate) struct TopBound {
    field: SortField,
    /// Ranks that are greater are too bad.
    worst: AtomicI64,
}

impl TopBound {
    pub fn new(field: SortField) -> Self {
        Self { field, worst: AtomicI64::new(i64::MAX) }
    }

    /// A value's place in the order: less is better.
    fn rank(&self, value: i64) -> i64 {
        if self.field.descending { !value } else { value }
    }

    /// Enough rows are as good as one with this key, of which there is one row.
    pub fn improve(&self, key: &ArrayRef) -> Result<()> {
        if key.len() == 1
            && key.is_valid(0)
            && let Some(values) = sortable_i64(key.as_ref())?
        {
            self.worst.fetch_min(self.rank(values[0]), Ordering::Relaxed);
        }
        Ok(())
    }

    fn select(&self, keys: &ArrayRef) -> Result<BooleanBuffer> {
        let worst = self.worst.load(Ordering::Relaxed);
        let values = if worst == i64::MAX { None } else { sortable_i64(keys.as_ref())? };
        let Some(values) = values else { return Ok(BooleanBuffer::new_set(keys.len())) };
        let bits = BooleanBuffer::collect_bool(values.len(), |row| self.rank(values[row]) <= worst);
        Ok(match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => bits,
            Some(nulls) if self.field.nulls_first => &bits | &!nulls.inner(),
            Some(nulls) => &bits & nulls.inner(),
        })
    }

    /// The best rank that a piece may have; `None` if that is not known.
    pub fn best(&self, nulls: Option<usize>, extremes: Option<(ArrayRef, ArrayRef)>) -> Result<Option<i64>> {
        let (Some(nulls), Some((least, most))) = (nulls, extremes) else { return Ok(None) };
        if nulls > 0 && self.field.nulls_first {
            return Ok(None);
        }
        let best = if self.field.descending { most } else { least };
        Ok(sortable_i64(best.as_ref())?.map(|values| self.rank(values[0])))
    }

    /// Whether rows of this rank are too bad by now.
    pub fn excludes(&self, best: i64) -> bool {
        best > self.worst.load(Ordering::Relaxed)
    }
}
