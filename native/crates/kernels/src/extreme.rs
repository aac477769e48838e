//! MIN and MAX. When rows only come, each group keeps its best value; when rows can go, each group keeps the multiset of
//! its values, since the next best must be known when the best one leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::interval::{interval_span, is_interval, unpack_interval};
use crate::raw::{RawColumn, Words, array_of_bytes, array_of_i128, array_of_sortable, is_sortable, sortable_i64};

/// What orders a value, and the value: decimals by themselves, intervals by their span. Among intervals of one span, the
/// raw value decides, so that the best one is a function of the values alone.
pub(crate) type WideKey = (i128, i128);

pub(crate) fn wide_key(data_type: &DataType, value: i128) -> WideKey {
    if is_interval(data_type) { (interval_span(unpack_interval(value)), value) } else { (value, value) }
}

#[derive(Debug)]
pub(crate) struct Extreme {
    data_type: DataType,
    groups: Groups,
}

#[derive(Debug)]
enum Groups {
    Word(Best<i64>),
    Wide(Best<WideKey>),
    Bytes(Best<Vec<u8>>),
}

#[derive(Debug)]
struct Best<K> {
    maximum: bool,
    kept: Kept<K>,
}

#[derive(Debug)]
enum Kept<K> {
    One(Vec<Option<K>>),
    All(Vec<BTreeMap<K, i64>>),
}

impl<K: Ord> Best<K> {
    fn new(maximum: bool, retractable: bool) -> Self {
        Self { maximum, kept: if retractable { Kept::All(Vec::new()) } else { Kept::One(Vec::new()) } }
    }

    fn resize(&mut self, groups: usize) {
        match &mut self.kept {
            Kept::One(v) => v.resize_with(groups.max(v.len()), || None),
            Kept::All(v) => v.resize_with(groups.max(v.len()), BTreeMap::new),
        }
    }

    fn reset(&mut self, group: usize) {
        match &mut self.kept {
            Kept::One(v) => v[group] = None,
            Kept::All(v) => v[group] = BTreeMap::new(),
        }
    }

    #[inline]
    fn offer<Q>(&mut self, group: u32, key: &Q, weight: i64) -> Result<()>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        match &mut self.kept {
            Kept::One(best) => {
                if weight < 0 {
                    return Err(Error::internal("a retraction reached an append-only MIN or MAX"));
                }
                let best = &mut best[group as usize];
                let better = match best {
                    None => true,
                    Some(b) if self.maximum => key > (*b).borrow(),
                    Some(b) => key < (*b).borrow(),
                };
                if better && weight > 0 {
                    *best = Some(key.to_owned());
                }
            }
            Kept::All(values) => {
                let values = &mut values[group as usize];
                match values.get_mut(key) {
                    Some(count) => {
                        *count += weight;
                        if *count == 0 {
                            values.remove(key);
                        }
                    }
                    None if weight != 0 => {
                        values.insert(key.to_owned(), weight);
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// The best value of one group is offered to another's; only where nothing is ever taken back.
    fn merge(&mut self, other: &Self, pairs: impl Iterator<Item = (u32, u32)>) -> Result<()>
    where
        K: Clone,
    {
        for (from, into) in pairs {
            if let Some(value) = other.best(from) {
                self.offer::<K>(into, value, 1)?;
            }
        }
        Ok(())
    }

    /// What is kept of the listed groups: place in the list, value, how often.
    fn entries<'a>(&'a self, groups: &'a [u32]) -> Vec<(u32, &'a K, i64)> {
        let mut entries = Vec::with_capacity(groups.len());
        for (place, &group) in groups.iter().enumerate() {
            match &self.kept {
                Kept::One(v) => entries.extend(v[group as usize].as_ref().map(|value| (place as u32, value, 1))),
                Kept::All(v) => entries.extend(v[group as usize].iter().map(|(value, &n)| (place as u32, value, n))),
            }
        }
        entries
    }

    fn best(&self, group: u32) -> Option<&K> {
        match &self.kept {
            Kept::One(v) => v[group as usize].as_ref(),
            Kept::All(v) if self.maximum => v[group as usize].last_key_value().map(|e| e.0),
            Kept::All(v) => v[group as usize].first_key_value().map(|e| e.0),
        }
    }
}

impl Extreme {
    pub fn new(data_type: &DataType, maximum: bool, retractable: bool) -> Self {
        let groups = match data_type {
            DataType::Decimal128(..) | DataType::Interval(_) => Groups::Wide(Best::new(maximum, retractable)),
            other if is_sortable(other) => Groups::Word(Best::new(maximum, retractable)),
            _ => Groups::Bytes(Best::new(maximum, retractable)),
        };
        Self { data_type: data_type.clone(), groups }
    }

    pub fn resize(&mut self, groups: usize) {
        match &mut self.groups {
            Groups::Word(b) => b.resize(groups),
            Groups::Wide(b) => b.resize(groups),
            Groups::Bytes(b) => b.resize(groups),
        }
    }

    pub fn reset(&mut self, group: u32) {
        match &mut self.groups {
            Groups::Word(b) => b.reset(group as usize),
            Groups::Wide(b) => b.reset(group as usize),
            Groups::Bytes(b) => b.reset(group as usize),
        }
    }

    /// `weight(row)` is 0 for rows that do not count.
    pub fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: impl Fn(usize) -> i64) -> Result<()> {
        let nulls = values.nulls().filter(|n| n.null_count() > 0);
        let rows = (0..groups.len())
            .filter(|&row| !nulls.is_some_and(|n| n.is_null(row)))
            .map(|row| (row, weight(row)))
            .filter(|&(_, weight)| weight != 0);
        match &mut self.groups {
            Groups::Word(best) => {
                let keys = sortable_i64(values.as_ref())?.ok_or_else(|| Error::internal("a value of another type"))?;
                for (row, weight) in rows {
                    best.offer(groups[row], &keys[row], weight)?;
                }
            }
            Groups::Wide(best) => {
                let raw = RawColumn::of(values.as_ref())?;
                let Words::W16(v) = &raw.words else { return Err(Error::internal("a value of another type")) };
                for (row, weight) in rows {
                    best.offer(groups[row], &wide_key(&self.data_type, v[row]), weight)?;
                }
            }
            Groups::Bytes(best) => {
                let raw = RawColumn::of(values.as_ref())?;
                for (row, weight) in rows {
                    best.offer(groups[row], raw.bytes(row), weight)?;
                }
            }
        }
        Ok(())
    }

    /// As `Accumulator::merge`.
    pub fn merge(&mut self, other: &Self, pairs: impl Iterator<Item = (u32, u32)>) -> Result<()> {
        match (&mut self.groups, &other.groups) {
            (Groups::Word(a), Groups::Word(b)) => a.merge(b, pairs),
            (Groups::Wide(a), Groups::Wide(b)) => a.merge(b, pairs),
            (Groups::Bytes(a), Groups::Bytes(b)) => a.merge(b, pairs),
            _ => Err(Error::internal("extremes of another type")),
        }
    }

    /// Every value that the listed groups keep: the group's place in the list, the value, how often it is there.
    pub fn entries(&self, groups: &[u32]) -> Result<(Vec<u32>, ArrayRef, Vec<i64>)> {
        fn apart<'a, K>(entries: &[(u32, &'a K, i64)]) -> (Vec<u32>, Vec<Option<&'a K>>, Vec<i64>) {
            let places = entries.iter().map(|e| e.0).collect();
            (places, entries.iter().map(|e| Some(e.1)).collect(), entries.iter().map(|e| e.2).collect())
        }
        Ok(match &self.groups {
            Groups::Word(b) => {
                let (places, values, counts) = apart(&b.entries(groups));
                (places, finish_words(&self.data_type, values.iter().map(|v| v.copied()))?, counts)
            }
            Groups::Wide(b) => {
                let (places, values, counts) = apart(&b.entries(groups));
                (places, finish_wide(&self.data_type, values.iter().map(|v| v.copied()))?, counts)
            }
            Groups::Bytes(b) => {
                let (places, values, counts) = apart(&b.entries(groups));
                let values = values.iter().map(|v| v.map(Vec::as_slice)).collect();
                (places, finish_bytes(&self.data_type, values)?, counts)
            }
        })
    }

    pub fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        match &self.groups {
            Groups::Word(b) => finish_words(&self.data_type, groups.iter().map(|&g| b.best(g).copied())),
            Groups::Wide(b) => finish_wide(&self.data_type, groups.iter().map(|&g| b.best(g).copied())),
            Groups::Bytes(b) => {
                finish_bytes(&self.data_type, groups.iter().map(|&g| b.best(g).map(Vec::as_slice)).collect())
            }
        }
    }
}

fn nulls_of(valid: impl Iterator<Item = bool>) -> Option<NullBuffer> {
    let nulls: NullBuffer = valid.collect::<Vec<bool>>().into();
    (nulls.null_count() > 0).then_some(nulls)
}

pub(crate) fn finish_words(data_type: &DataType, best: impl Iterator<Item = Option<i64>> + Clone) -> Result<ArrayRef> {
    let nulls = nulls_of(best.clone().map(|b| b.is_some()));
    array_of_sortable(data_type, best.map(Option::unwrap_or_default).collect(), nulls)
}

pub(crate) fn finish_wide(
    data_type: &DataType,
    best: impl Iterator<Item = Option<WideKey>> + Clone,
) -> Result<ArrayRef> {
    let nulls = nulls_of(best.clone().map(|b| b.is_some()));
    array_of_i128(data_type, best.map(|b| b.map_or(0, |key| key.1)).collect(), nulls)
}

pub(crate) fn finish_bytes(data_type: &DataType, best: Vec<Option<&[u8]>>) -> Result<ArrayRef> {
    let nulls = nulls_of(best.iter().map(Option::is_some));
    let bytes = best.iter().map(|b| b.unwrap_or_default());
    array_of_bytes(data_type, bytes.clone().map(<[u8]>::len), bytes.collect::<Vec<_>>().concat(), nulls)
}

/// Shared by a window's tree: texts are compared, never changed.
pub(crate) type SharedBytes = Arc<[u8]>;
