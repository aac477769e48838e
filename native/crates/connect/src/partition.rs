//! Where the reader stands in each partition. Ids are dense from 0, as Kafka's are.

/// A partition's next offset; unknown until the broker told where `earliest` or `latest` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    Unknown,
    Next(i64),
}

#[derive(Debug, Clone)]
pub struct Partition {
    pub position: Position,
    /// The position has changed since it was last handed out.
    pub moved: bool,
    /// At the end of what the broker had when it last answered.
    pub at_end: bool,
    /// New partitions of a topic begin at their beginning, or what was written before we saw them would be lost.
    pub from_beginning: bool,
    /// Where the partition stood when it was last looked at.
    seen: Option<i64>,
    /// The end that the broker told when it was last asked.
    pub asked_end: Option<i64>,
}

#[derive(Debug, Default)]
pub struct Partitions(Vec<Partition>);

impl Partitions {
    /// From the offsets of the last commit; gaps are partitions whose start is not known yet.
    pub fn resume(offsets: &[(i32, i64)]) -> Self {
        let mut partitions = Self::default();
        for &(id, next) in offsets {
            if let Ok(index) = usize::try_from(id) {
                partitions.grow(index + 1, true);
                partitions.0[index].position = Position::Next(next);
            }
        }
        partitions
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn grow(&mut self, count: usize, from_beginning: bool) {
        while self.0.len() < count {
            self.0.push(Partition {
                position: Position::Unknown,
                moved: false,
                at_end: false,
                from_beginning,
                seen: None,
                asked_end: None,
            });
        }
    }

    fn get_mut(&mut self, id: i32) -> Option<&mut Partition> {
        usize::try_from(id).ok().and_then(|index| self.0.get_mut(index))
    }

    pub fn iter(&self) -> impl Iterator<Item = (i32, &Partition)> {
        (0..).zip(&self.0)
    }

    pub fn first_unknown(&self) -> Option<(i32, bool)> {
        self.iter().find(|(_, p)| p.position == Position::Unknown).map(|(id, p)| (id, p.from_beginning))
    }

    pub fn set_next(&mut self, id: i32, next: i64) {
        if let Some(partition) = self.get_mut(id) {
            partition.position = Position::Next(next);
            partition.moved = true;
        }
    }

    /// Takes note of a message; false for one that was taken before.
    #[inline]
    pub fn advance(&mut self, id: i32, offset: i64) -> bool {
        let Some(partition) = self.get_mut(id) else { return false };
        match partition.position {
            Position::Next(next) if offset >= next => {
                partition.position = Position::Next(offset + 1);
                partition.moved = true;
                partition.at_end = false;
                true
            }
            _ => false,
        }
    }

    pub fn set_at_end(&mut self, id: i32) {
        if let Some(partition) = self.get_mut(id) {
            partition.at_end = true;
        }
    }

    /// The partitions that stand where they stood at the last look.
    pub fn look(&mut self) -> Vec<i32> {
        (0..)
            .zip(&mut self.0)
            .filter_map(|(id, partition)| {
                let Position::Next(next) = partition.position else { return None };
                (partition.seen.replace(next) == Some(next)).then_some(id)
            })
            .collect()
    }

    /// Whether a partition that does not move has messages before `end`. The marks of transactions take offsets too,
    /// and are no messages: a partition that was started again for the same end, and came to it, has none.
    pub fn is_behind(&mut self, id: i32, end: i64) -> bool {
        let Some(partition) = self.get_mut(id) else { return false };
        let Position::Next(next) = partition.position else { return false };
        let known = partition.at_end && partition.asked_end == Some(end);
        partition.asked_end = Some(end);
        let behind = end > next && !known;
        if behind {
            partition.at_end = false;
        }
        behind
    }

    /// The positions that moved since the last call.
    pub fn take_moved(&mut self) -> Vec<(i32, i64)> {
        (0..)
            .zip(&mut self.0)
            .filter_map(|(id, partition)| match partition.position {
                Position::Next(next) if std::mem::take(&mut partition.moved) => Some((id, next)),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_forward_only() {
        let mut partitions = Partitions::resume(&[(0, 5), (2, 7)]);
        assert_eq!(partitions.len(), 3);
        assert_eq!(partitions.first_unknown(), Some((1, true)));
        assert!(!partitions.advance(1, 0), "its start is not known");
        assert!(!partitions.advance(0, 4));
        assert!(partitions.advance(0, 9), "compaction leaves gaps");
        assert!(!partitions.advance(9, 0));
        partitions.set_next(1, 3);
        assert_eq!(partitions.take_moved(), [(0, 10), (1, 3)]);
        assert_eq!(partitions.take_moved(), []);
        assert_eq!(partitions.first_unknown(), None);
    }

    #[test]
    fn a_partition_that_stands_is_behind_until_its_end_was_reached() {
        let mut partitions = Partitions::resume(&[(0, 5), (1, 5)]);
        assert!(partitions.look().is_empty(), "the first look has nothing to compare with");
        assert!(partitions.advance(1, 5));
        assert_eq!(partitions.look(), [0]);
        partitions.set_at_end(0);
        assert!(!partitions.is_behind(0, 5));
        assert!(partitions.is_behind(0, 7), "the end that was reached was another");
        assert!(partitions.is_behind(0, 7), "started again, and still not there");
        partitions.set_at_end(0);
        assert!(!partitions.is_behind(0, 7), "only marks of transactions");
        assert!(partitions.is_behind(0, 8));
        assert!(!partitions.is_behind(9, 1), "a partition that is not known");
    }
}
