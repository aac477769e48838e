//! DISTINCT inside an aggregate: which (group, value) pairs appear or vanish. The weights that come out go into the
//! accumulator in place of the rows' own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, Int64Array, UInt32Array};
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::accumulator::placed;
use crate::group_bytes::unfit;
use crate::group_table::GroupTable;

#[derive(Debug)]
pub struct DistinctSet {
    pairs: GroupTable,
    counts: Vec<i64>,
}

impl DistinctSet {
    pub fn new(argument: &DataType) -> Result<Self> {
        Ok(Self { pairs: GroupTable::new(&[DataType::Int32, argument.clone()])?, counts: Vec::new() })
    }

    /// Pairs of a group and a value.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Group and value of every pair, to be brought into another set.
    pub fn pairs(&self) -> Result<(Vec<u32>, ArrayRef)> {
        let (groups, values, _) = self.counted_pairs()?;
        Ok((groups, values))
    }

    /// As `pairs`, with how often each is there.
    pub fn counted_pairs(&self) -> Result<(Vec<u32>, ArrayRef, Vec<i64>)> {
        let held: Vec<u32> = (0..self.counts.len() as u32).filter(|&pair| self.counts[pair as usize] != 0).collect();
        let mut columns = self.pairs.keys(&held)?;
        let values = columns.pop();
        let groups = columns.pop().and_then(|ids| {
            let ids = ids.as_primitive_opt::<Int32Type>()?;
            Some(ids.values().iter().map(|&id| id as u32).collect())
        });
        let counts = held.iter().map(|&pair| self.counts[pair as usize]).collect();
        let (groups, values) = groups.zip(values).ok_or_else(|| Error::internal("pairs of other columns"))?;
        Ok((groups, values, counts))
    }

    /// The pairs of the listed groups as columns: the group's place in the list, the value, how often it is there.
    pub fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let (of_pairs, values, counts) = self.counted_pairs()?;
        let mut places = vec![u32::MAX; of_pairs.iter().chain(groups).max().map_or(0, |&most| most as usize + 1)];
        groups.iter().enumerate().for_each(|(place, &group)| places[group as usize] = place as u32);
        let places = UInt32Array::from_iter_values(of_pairs.iter().map(|&group| places[group as usize]));
        Ok(vec![Arc::new(places), values, Arc::new(Int64Array::from(counts))])
    }

    /// Brings what `save` gave into a set without pairs.
    pub fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [places, values, counts] = columns else { return Err(unfit()) };
        let counts = counts.as_primitive_opt::<Int64Type>().filter(|a| a.len() == values.len()).ok_or_else(unfit)?;
        let groups = placed(places, values.len(), groups)?;
        self.update(&groups, values, None, Some(counts.values()))?;
        Ok(())
    }

    /// For each row +1 if it brings its value into its group, -1 if it takes the last one away, else 0. NULLs count
    /// for nothing.
    pub fn update(
        &mut self,
        groups: &[u32],
        values: &ArrayRef,
        mask: Option<&BooleanArray>,
        weights: Option<&[i64]>,
    ) -> Result<Vec<i64>> {
        let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(groups.iter().map(|&g| g as i32)));
        let pairs = self.pairs.intern(&[ids, values.clone()], groups.len())?;
        self.counts.resize(self.pairs.capacity().max(self.counts.len()), 0);
        let mut changes = vec![0; groups.len()];
        for (row, &pair) in pairs.iter().enumerate() {
            let counts = values.is_valid(row) && mask.is_none_or(|m| m.is_valid(row) && m.value(row));
            let weight = if counts { weights.map_or(1, |w| w[row]) } else { 0 };
            let count = &mut self.counts[pair as usize];
            let before = *count != 0;
            *count += weight;
            changes[row] = i64::from(*count != 0) - i64::from(before);
        }
        for &pair in &pairs {
            // A pair may stand in several rows: it is released once, and found again only if it was.
            if self.counts[pair as usize] == 0 {
                self.counts[pair as usize] = i64::MIN;
                self.pairs.release(pair);
            }
        }
        for &pair in &pairs {
            if self.counts[pair as usize] == i64::MIN {
                self.counts[pair as usize] = 0;
            }
        }
        Ok(changes)
    }
}
