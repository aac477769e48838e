//! All values of a group as one array, in the order of keys that come with them: what ARRAY_AGG and every aggregate that
//! needs all values at once is made of. The argument is a row of the value, then its keys; a NULL row does not count.
//! Values of equal keys are ordered by their bytes, so that a view and its query show the same array. Without keys the
//! values are in the order in which they came, which only a query has (the planner refuses such views).

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int32Array, ListArray, StructArray, UInt32Array, cast::AsArray, new_empty_array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_row::{RowConverter, SortField as ArrowSortField};
use arrow_schema::{DataType, Field};
use arrow_select::interleave::interleave;
use arrow_select::take::take;
use millrace_base::{Code, Error, Result};

use crate::accumulator::placed;
use crate::arrow_error;
use crate::group_bytes::{load_bytes, put_bytes, save_bytes, unfit};
use crate::group_state::{GroupState, Weight, counted, same};
use crate::order::{SortField, key_rows, row_order, tied_sort_order};

/// The bytes of the keys, then those of the value.
type Counted = (Box<[u8]>, Box<[u8]>);

/// What came, and where in it each group's rows are.
#[derive(Debug, Default)]
struct Arrived {
    chunks: Vec<ArrayRef>,
    /// By chunk: where its first row is among all rows. Those of several threads come together in any order.
    starts: Vec<u64>,
    /// By group: chunk and row.
    places: Vec<Vec<(u32, u32)>>,
    /// Where the next chunk starts, if that was said.
    next: Option<u64>,
    merged: bool,
}

impl Arrived {
    fn merge(&mut self, other: &Self, pairs: &[(usize, usize)]) -> Result<()> {
        // Groups come some at a time, and their chunks once.
        let mut known: HashMap<u64, u32> = self.starts.iter().zip(0..).map(|(&start, at)| (start, at)).collect();
        let mut own = Vec::with_capacity(other.chunks.len());
        for (chunk, &start) in other.chunks.iter().zip(&other.starts) {
            own.push(match known.entry(start) {
                Entry::Occupied(at) => *at.get(),
                Entry::Vacant(at) => {
                    let number = u32::try_from(self.chunks.len()).map_err(|_| crate::too_many_rows())?;
                    self.chunks.push(chunk.clone());
                    self.starts.push(start);
                    *at.insert(number)
                }
            });
        }
        for &(from, into) in pairs {
            self.places[into].extend(other.places[from].iter().map(|&(chunk, row)| (own[chunk as usize], row)));
        }
        self.merged = true;
        Ok(())
    }

    /// The group's rows in the order in which they came.
    fn in_order(&self, group: u32) -> Cow<'_, [(u32, u32)]> {
        let places = &self.places[group as usize];
        let key = |&(chunk, row): &(u32, u32)| (self.starts[chunk as usize], row);
        if !self.merged || places.is_sorted_by_key(key) {
            return Cow::Borrowed(places);
        }
        let mut places = places.clone();
        places.sort_by_key(key);
        Cow::Owned(places)
    }
}

#[derive(Debug)]
enum Kept {
    /// Rows only come.
    Arrived(Arrived),
    /// Rows can go: how often each is there.
    Counted(Vec<BTreeMap<Counted, i64>>),
}

#[derive(Debug)]
pub(crate) struct Collect {
    order: Vec<SortField>,
    argument: DataType,
    value: DataType,
    kept: Kept,
}

impl Collect {
    pub fn new(argument: &DataType, order: Vec<SortField>, retractable: bool) -> Result<Self> {
        let DataType::Struct(fields) = argument else {
            return Err(Error::internal(format!("a collection of {argument}, not of rows")));
        };
        if fields.len() != order.len() + 1 {
            return Err(Error::internal("a collection whose rows do not have its keys"));
        }
        let value = fields[0].data_type().clone();
        let kept = if retractable { Kept::Counted(Vec::new()) } else { Kept::Arrived(Arrived::default()) };
        Ok(Self { order, argument: argument.clone(), value, kept })
    }

    fn list(&self, values: ArrayRef, lengths: Vec<usize>) -> Result<ArrayRef> {
        if i32::try_from(values.len()).is_err() {
            return Err(Error::new(Code::InsufficientResources, "the arrays of a result have too many elements"));
        }
        let nulls: NullBuffer = lengths.iter().map(|&length| length != 0).collect();
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        let field = Arc::new(Field::new_list_field(self.value.clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls).map_err(arrow_error)?))
    }

    fn finish_arrived(&self, arrived: &Arrived, groups: &[u32]) -> Result<ArrayRef> {
        let lengths: Vec<usize> = groups.iter().map(|&g| arrived.places[g as usize].len()).collect();
        let mut listed: Vec<(usize, usize)> = Vec::with_capacity(lengths.iter().sum());
        for &group in groups {
            listed.extend(arrived.in_order(group).iter().map(|&(chunk, row)| (chunk as usize, row as usize)));
        }
        if listed.is_empty() {
            return self.list(new_empty_array(&self.value), lengths);
        }
        let chunks: Vec<&dyn Array> = arrived.chunks.iter().map(AsRef::as_ref).collect();
        let rows = interleave(&chunks, &listed).map_err(arrow_error)?;
        let columns = rows.as_struct().columns();
        let values = columns[0].clone();
        if self.order.is_empty() {
            return self.list(values, lengths);
        }
        let owners = lengths.iter().zip(0..).flat_map(|(&length, group)| std::iter::repeat_n(group, length));
        let owner: ArrayRef = Arc::new(Int32Array::from_iter_values(owners));
        let mut keys = vec![owner];
        keys.extend(columns[1..].iter().cloned());
        let mut fields = vec![SortField { descending: false, nulls_first: false }];
        fields.extend(&self.order);
        let order = tied_sort_order(&keys, &fields, std::slice::from_ref(&values), values.len())?;
        let order = arrow_array::UInt32Array::from(order);
        self.list(take(&values, &order, None).map_err(arrow_error)?, lengths)
    }

    /// Of every row that is kept: the group's place in the list, and the row.
    fn save_arrived(&self, arrived: &Arrived, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut listed: Vec<(usize, usize)> = Vec::new();
        let mut places = Vec::new();
        for (place, &group) in groups.iter().enumerate() {
            listed.extend(arrived.in_order(group).iter().map(|&(chunk, row)| (chunk as usize, row as usize)));
            places.resize(listed.len(), place as u32);
        }
        let chunks: Vec<&dyn Array> = arrived.chunks.iter().map(AsRef::as_ref).collect();
        let rows = if listed.is_empty() {
            new_empty_array(&self.argument)
        } else {
            interleave(&chunks, &listed).map_err(arrow_error)?
        };
        Ok(vec![Arc::new(UInt32Array::from(places)), rows])
    }

    fn finish_counted(&self, kept: &[BTreeMap<Counted, i64>], groups: &[u32]) -> Result<ArrayRef> {
        let converter = RowConverter::new(vec![ArrowSortField::new(self.value.clone())]).map_err(arrow_error)?;
        let parser = converter.parser();
        let (mut rows, mut lengths) = (Vec::new(), Vec::with_capacity(groups.len()));
        for &group in groups {
            let before = rows.len();
            for ((_, value), &count) in &kept[group as usize] {
                let count = usize::try_from(count).map_err(|_| Error::internal("a value was taken away too often"))?;
                rows.extend(std::iter::repeat_n(parser.parse(value), count));
            }
            lengths.push(rows.len() - before);
        }
        let values = converter.convert_rows(rows).map_err(arrow_error)?;
        self.list(values.into_iter().next().ok_or_else(|| Error::internal("rows without a column"))?, lengths)
    }
}

impl GroupState for Collect {
    fn resize(&mut self, groups: usize) {
        match &mut self.kept {
            Kept::Arrived(arrived) => arrived.places.resize_with(groups.max(arrived.places.len()), Vec::new),
            Kept::Counted(kept) => kept.resize_with(groups.max(kept.len()), BTreeMap::new),
        }
    }

    fn reset(&mut self, group: usize) {
        match &mut self.kept {
            Kept::Arrived(arrived) => arrived.places[group] = Vec::new(),
            Kept::Counted(kept) => kept[group] = BTreeMap::new(),
        }
    }

    fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: Weight<'_>) -> Result<()> {
        if values.data_type() != &self.argument {
            return Err(Error::internal("a collection of another type"));
        }
        match &mut self.kept {
            Kept::Arrived(Arrived { chunks, starts, places, next, .. }) => {
                let chunk = u32::try_from(chunks.len()).map_err(|_| crate::too_many_rows())?;
                for (row, group, weight) in counted(groups, values, weight) {
                    let times = usize::try_from(weight);
                    let times = times.map_err(|_| Error::internal("a retraction reached an append-only collection"))?;
                    places[group].extend(std::iter::repeat_n((chunk, row as u32), times));
                }
                chunks.push(values.clone());
                starts.push(next.take().unwrap_or(u64::from(chunk)));
            }
            Kept::Counted(kept) => {
                let rows: &StructArray = values.as_struct();
                let columns = rows.columns();
                let keys = (!self.order.is_empty()).then(|| key_rows(&columns[1..], &self.order)).transpose()?;
                let bytes = row_order(&columns[..1])?;
                for (row, group, weight) in counted(groups, values, weight) {
                    let key: Box<[u8]> = keys.as_ref().map_or_else(Box::default, |keys| keys.row(row).as_ref().into());
                    let entry = kept[group].entry((key, bytes.row(row).as_ref().into()));
                    let count = entry.or_default();
                    *count += weight;
                    if *count == 0 {
                        let key = keys.as_ref().map_or_else(Box::default, |keys| keys.row(row).as_ref().into());
                        kept[group].remove(&(key, bytes.row(row).as_ref().into()));
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        match &self.kept {
            Kept::Arrived(arrived) => self.finish_arrived(arrived, groups),
            Kept::Counted(kept) => self.finish_counted(kept, groups),
        }
    }

    fn merge(&mut self, other: &dyn GroupState, pairs: &[(usize, usize)]) -> Result<()> {
        let other: &Self = same(other)?;
        let (Kept::Arrived(own), Kept::Arrived(others)) = (&mut self.kept, &other.kept) else {
            return Err(Error::internal("collections that can shrink come together"));
        };
        own.merge(others, pairs)
    }

    fn arrive(&mut self, place: u64) {
        if let Kept::Arrived(arrived) = &mut self.kept {
            arrived.next = Some(place);
        }
    }

    fn keeps(&self, values: &ArrayRef) -> usize {
        let bytes = values.to_data().get_slice_memory_size().unwrap_or_else(|_| values.get_array_memory_size());
        bytes + values.len() * size_of::<(u32, u32)>()
    }

    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let kept = match &self.kept {
            Kept::Arrived(arrived) => return self.save_arrived(arrived, groups),
            Kept::Counted(kept) => kept,
        };
        Ok(save_bytes(groups, |group, into| {
            for ((key, value), count) in &kept[group] {
                put_bytes(key, into);
                put_bytes(value, into);
                into.extend_from_slice(&count.to_le_bytes());
            }
        }))
    }

    fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        match (&mut self.kept, columns) {
            (Kept::Arrived(_), [places, values]) => {
                let groups = placed(places, values.len(), groups)?;
                self.update(&groups, values, &|_| 1)
            }
            (Kept::Counted(kept), columns) => load_bytes(columns, groups, |group, from| {
                while !from.is_empty() {
                    let entry = (from.bytes()?.into(), from.bytes()?.into());
                    kept[group].insert(entry, from.i64()?);
                }
                Some(())
            }),
            _ => Err(unfit()),
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringArray};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    /// What came and went leaves the same arrays as what only came, in whatever order.
    #[test]
    fn a_view_collects_what_its_query_collects() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..100 {
            let rows = rng.random_range(1..60);
            let value: ArrayRef = Arc::new(StringArray::from_iter(
                (0..rows).map(|_| rng.random_bool(0.8).then(|| rng.random_range(0..9).to_string())),
            ));
            let key: ArrayRef = Arc::new(Int64Array::from_iter(
                (0..rows).map(|_| rng.random_bool(0.8).then(|| rng.random_range(0..5i64))),
            ));
            let field = |name: &str, column: &ArrayRef| Arc::new(Field::new(name, column.data_type().clone(), true));
            let fields = vec![(field("f1", &value), value.clone()), (field("f2", &key), key)];
            let values: ArrayRef = Arc::new(StructArray::from(fields));
            let order = vec![SortField { descending: rng.random(), nulls_first: rng.random() }];
            let groups: Vec<u32> = (0..rows).map(|_| rng.random_range(0..3)).collect();
            let gone: Vec<bool> = (0..rows).map(|_| rng.random_bool(0.5)).collect();
            let collect = |retractable| {
                let mut state = Collect::new(values.data_type(), order.clone(), retractable).unwrap();
                state.resize(3);
                state
            };
            let (mut churned, mut fresh) = (collect(true), collect(false));
            churned.update(&groups, &values, &|_| 1).unwrap();
            churned.update(&groups, &values, &|row| -i64::from(gone[row])).unwrap();
            fresh.update(&groups, &values, &|row| i64::from(!gone[row])).unwrap();
            assert_eq!(&churned.finish(&[2, 0, 1]).unwrap(), &fresh.finish(&[2, 0, 1]).unwrap());
            // Two threads had the rows in turns.
            let mut threads = [collect(false), collect(false)];
            for from in (0..rows).step_by(7) {
                let part = values.slice(from, 7.min(rows - from));
                let thread = &mut threads[usize::from(rng.random_bool(0.5))];
                thread.arrive(from as u64);
                thread.update(&groups[from..from + part.len()], &part, &|row| i64::from(!gone[from + row])).unwrap();
            }
            let mut whole = collect(false);
            whole.merge(&threads[1], &[(1, 1)]).unwrap();
            whole.merge(&threads[0], &[(0, 0), (1, 1), (2, 2)]).unwrap();
            whole.merge(&threads[1], &[(0, 0), (2, 2)]).unwrap();
            assert_eq!(&whole.finish(&[2, 0, 1]).unwrap(), &fresh.finish(&[2, 0, 1]).unwrap());
        }
    }
}
