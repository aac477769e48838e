//! The rows of the newest commits, as they were given: readers that keep up with a writer find them in memory, however
//! many they are, and neither read nor decode the journal.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use millrace_base::limits::RECENT_BYTES_MAX;

#[derive(Default)]
pub struct Recent {
    rows: VecDeque<(Arc<RecordBatch>, usize)>,
    bytes: usize,
}

impl Recent {
    /// Keeps a commit's rows until newer ones need the room; those that need all of it are not kept.
    pub fn keep(&mut self, rows: &RecordBatch) -> Weak<RecordBatch> {
        // A slice keeps all of what it was cut from.
        let bytes = rows.get_array_memory_size();
        if bytes > RECENT_BYTES_MAX {
            return Weak::new();
        }
        while self.bytes + bytes > RECENT_BYTES_MAX {
            let Some((_, oldest)) = self.rows.pop_front() else { break };
            self.bytes -= oldest;
        }
        let kept = Arc::new(rows.clone());
        let found = Arc::downgrade(&kept);
        self.bytes += bytes;
        self.rows.push_back((kept, bytes));
        found
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    fn rows(count: usize) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![1; count]))]).unwrap()
    }

    #[test]
    fn old_rows_make_room_for_new_ones() {
        let mut recent = Recent::default();
        let third = RECENT_BYTES_MAX / 8 / 3;
        let found: Vec<_> = (0..4).map(|_| recent.keep(&rows(third))).collect();
        let alive: Vec<bool> = found.iter().map(|rows| rows.strong_count() > 0).collect();
        assert_eq!(alive, [false, false, true, true]);
        assert!(recent.bytes <= RECENT_BYTES_MAX);
    }

    #[test]
    fn rows_that_need_all_the_room_are_not_kept() {
        let mut recent = Recent::default();
        let small = recent.keep(&rows(10));
        let large = recent.keep(&rows(RECENT_BYTES_MAX / 8 + 1));
        assert_eq!((small.strong_count(), large.strong_count()), (1, 0));
    }
}
