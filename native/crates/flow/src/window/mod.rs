//! Window functions. A change is spliced into its partition; only the rows that it reaches are computed again, and only
//! those whose results differ come out, old with -1 and new with +1. A row at the end of its partition touches nothing
//! else unless a frame or LEAD looks ahead.
//! State: all rows by slot, and for each partition the slots in order with the measures over them.

mod ties;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use millrace_base::{Error, Result, limits::BATCH_ROWS};
use millrace_kernels::{
    BatchStore, BytesKey, GroupTable, IntKey, NO_ROW, OrderKey, Partition, RawColumn, SortField, WindowOutput,
    WindowPlan, WindowValues, byte_keys, int_keys,
};

use crate::change::{ChangeBatch, batch_of, schema_of, take_columns};
use crate::computed::Computed;
use crate::node::Operator;
use crate::saved::{Kept, change_of, split_integers, weighted};
use ties::Ties;

/// How the order keys of a batch are read.
pub(crate) trait KeysOf: OrderKey + Send {
    fn keys(order: &[ArrayRef], fields: &[SortField], rows: usize) -> Result<Vec<Self>>;
}

impl KeysOf for IntKey {
    fn keys(order: &[ArrayRef], fields: &[SortField], rows: usize) -> Result<Vec<Self>> {
        int_keys(order, fields, rows)?.ok_or_else(|| Error::internal("order keys of another type"))
    }
}

impl KeysOf for BytesKey {
    fn keys(order: &[ArrayRef], fields: &[SortField], _rows: usize) -> Result<Vec<Self>> {
        byte_keys(order, fields)
    }
}

pub(crate) struct Setup {
    pub partition: Vec<Computed>,
    pub order: Vec<Computed>,
    pub fields: Vec<SortField>,
    /// The calls' arguments.
    pub inputs: Vec<Computed>,
    pub plan: WindowPlan,
    pub input_types: Vec<DataType>,
    pub schema: SchemaRef,
}

pub(crate) struct Window<K> {
    setup: Setup,
    /// By plan input: its column in the store.
    places: Vec<usize>,
    store: BatchStore,
    ties: Ties,
    table: GroupTable,
    partitions: Vec<Partition<K>>,
}

struct StoreValues<'a> {
    store: &'a BatchStore,
    places: &'a [usize],
}

impl WindowValues for StoreValues<'_> {
    #[inline]
    fn is_valid(&self, input: usize, row: u32) -> bool {
        self.store.is_valid(self.places[input], row)
    }

    #[inline]
    fn sortable(&self, input: usize, row: u32) -> i64 {
        self.store.sortable(self.places[input], row)
    }

    #[inline]
    fn wide(&self, input: usize, row: u32) -> i128 {
        self.store.wide(self.places[input], row)
    }

    #[inline]
    fn float(&self, input: usize, row: u32) -> f64 {
        self.store.float(self.places[input], row)
    }

    fn bytes(&self, input: usize, row: u32) -> &[u8] {
        self.store.bytes(self.places[input], row)
    }

    fn gather(&self, input: usize, rows: &[u32]) -> Result<ArrayRef> {
        self.store.gather(self.places[input], rows)
    }
}

/// The results that a step asks of partitions, before and after their change.
struct Results {
    /// Rows taken out: slots and old results.
    gone: (Vec<u32>, WindowOutput),
    /// Rows that stay and may differ: slots, old results, new results.
    reached: (Vec<u32>, WindowOutput, WindowOutput),
    /// Rows put in: batch rows and new results.
    come: (Vec<u32>, WindowOutput),
}

impl Results {
    fn new(plan: &WindowPlan) -> Self {
        let output = || WindowOutput::new(plan);
        Self { gone: (Vec::new(), output()), reached: (Vec::new(), output(), output()), come: (Vec::new(), output()) }
    }
}

impl<K: KeysOf> Window<K> {
    pub fn new(setup: Setup) -> Result<Self> {
        let mut types = setup.input_types.clone();
        let mut places = Vec::new();
        for input in &setup.inputs {
            places.push(input.column().unwrap_or_else(|| {
                types.push(input.data_type().to_arrow());
                types.len() - 1
            }));
        }
        Ok(Self {
            table: GroupTable::new(&Computed::arrow_types(&setup.partition))?,
            store: BatchStore::new(&types),
            ties: Ties::new(&setup.input_types)?,
            partitions: Vec::new(),
            places,
            setup,
        })
    }

    /// The input's columns, then those arguments that are not columns.
    fn stored_columns(&self, input: &ChangeBatch, now_us: i64) -> Result<Vec<ArrayRef>> {
        let width = self.setup.input_types.len();
        let mut columns = input.rows.columns().to_vec();
        for (argument, _) in self.setup.inputs.iter().zip(&self.places).filter(|(_, place)| **place >= width) {
            columns.push(argument.evaluate(&input.rows, now_us)?);
        }
        Ok(columns)
    }

    /// Takes the changes of one partition in. `rows` are its rows of the batch, by order key.
    fn splice(&mut self, id: u32, rows: &mut [u32], batch: &Batch<'_, K>, results: &mut Results) -> Result<()> {
        let plan = &self.setup.plan;
        let values = StoreValues { store: &self.store, places: &self.places };
        let partition = &mut self.partitions[id as usize];
        let sensitive = plan.tie_sensitive();
        let width = self.setup.input_types.len();

        let key = |row: &u32| &batch.keys[*row as usize];
        let after_all = partition.keys().last().is_none_or(|last| last < key(&rows[0]));
        let come = rows.iter().all(|&r| batch.slots[r as usize] != NO_ROW);
        let untied = || !sensitive || rows.is_sorted_by(|a, b| key(a) < key(b));
        if after_all && come && !plan.looks_ahead() && untied() {
            // What most streams bring most of the time: nothing that is there is touched.
            let first = partition.len();
            partition.append(plan, rows.iter().map(|r| (key(r).clone(), batch.slots[*r as usize])), &values);
            for (at, &row) in rows.iter().enumerate() {
                results.come.0.push(row);
                results.come.1.push(plan, partition, first + at, &values);
            }
            return Ok(());
        }

        // Rows that go: found by key, then by content.
        let mut removed: Vec<usize> = Vec::new();
        for &row in rows.iter().filter(|&&r| batch.slots[r as usize] == NO_ROW) {
            let found = partition.positions(&batch.keys[row as usize]).find(|at| {
                !removed.contains(at) && self.store.same(partition.rows()[*at], &batch.columns[..width], row as usize)
            });
            removed
                .push(found.ok_or_else(|| Error::internal("a window was told to forget a row that it does not have"))?);
        }
        removed.sort_unstable();

        // Rows that come, each with the position before which it goes.
        if sensitive {
            for peers in rows.chunk_by_mut(|a, b| key(a) == key(b)).filter(|peers| peers.len() > 1) {
                let slots: Vec<u32> = peers.iter().map(|&r| batch.slots[r as usize]).filter(|&s| s != NO_ROW).collect();
                self.ties.encode(&self.store, &slots)?;
                let bytes = |row: &u32| self.ties.bytes(batch.slots[*row as usize]);
                peers.sort_by(|a, b| bytes(a).cmp(bytes(b)));
            }
        }
        let mut inserted: Vec<(usize, K, u32)> = Vec::with_capacity(rows.len());
        let come_before = results.come.0.len();
        for &row in rows.iter().filter(|&&r| batch.slots[r as usize] != NO_ROW) {
            let (key, slot) = (&batch.keys[row as usize], batch.slots[row as usize]);
            let at_end = partition.keys().last().is_none_or(|last| last < key);
            let peers = if at_end { partition.len()..partition.len() } else { partition.positions(key) };
            let position = if sensitive && !peers.is_empty() {
                self.ties.encode(&self.store, &[slot])?;
                self.ties.place(&self.store, &partition.rows()[peers.clone()], slot)? + peers.start
            } else {
                peers.end
            };
            inserted.push((position, key.clone(), slot));
            results.come.0.push(row);
        }

        let mut reached: Vec<usize> = Vec::new();
        {
            let mut ranges: Vec<std::ops::Range<usize>> = inserted
                .iter()
                .map(|(at, key, _)| partition.reached_by_insert(plan, *at, key))
                .chain(removed.iter().map(|&at| partition.reached_by_remove(plan, at)))
                .filter(|r| !r.is_empty())
                .collect();
            ranges.sort_unstable_by_key(|r| r.start);
            let mut next = 0;
            for range in ranges {
                reached.extend(range.start.max(next)..range.end.max(next));
                next = next.max(range.end);
            }
            if !removed.is_empty() {
                reached.retain(|at| removed.binary_search(at).is_err());
            }
        }
        for &at in &removed {
            results.gone.0.push(partition.rows()[at]);
            results.gone.1.push(plan, partition, at, &values);
        }
        for &at in &reached {
            results.reached.0.push(partition.rows()[at]);
            results.reached.1.push(plan, partition, at, &values);
        }
        partition.splice(plan, &removed, &inserted, &values);

        // Where the rows are now.
        let (mut less, mut more) = (0, 0);
        for &at in &reached {
            while removed.get(less).is_some_and(|&r| r < at) {
                less += 1;
            }
            while inserted.get(more).is_some_and(|i| i.0 <= at) {
                more += 1;
            }
            results.reached.2.push(plan, partition, at + more - less, &values);
        }
        less = 0;
        for (more, (at, ..)) in inserted.iter().enumerate() {
            while removed.get(less).is_some_and(|&r| r < *at) {
                less += 1;
            }
            results.come.1.push(plan, partition, at + more - less, &values);
        }
        debug_assert_eq!(results.come.0.len() - come_before, inserted.len());
        Ok(())
    }

    fn emit(&self, batch: &Batch<'_, K>, results: Results) -> Result<Option<ChangeBatch>> {
        let plan = &self.setup.plan;
        let values = StoreValues { store: &self.store, places: &self.places };
        let mut out = Vec::new();
        let mut stored = |slots: &[u32], calls: Vec<ArrayRef>, weight: i64| -> Result<()> {
            let width = self.setup.input_types.len();
            let mut columns = self.store.gather_first(width, slots)?;
            columns.extend(calls);
            let weights = (weight != 1).then(|| std::iter::repeat_n(weight, slots.len()).collect());
            out.push(ChangeBatch { rows: batch_of(&self.setup.schema, columns, slots.len())?, weights });
            Ok(())
        };
        let (slots, gone) = results.gone;
        if !slots.is_empty() {
            stored(&slots, gone.finish(plan, &values)?, -1)?;
        }
        let (slots, old, new) = results.reached;
        if !slots.is_empty() {
            let (old, new) = (old.finish(plan, &values)?, new.finish(plan, &values)?);
            let (old_raw, new_raw) = (RawColumn::all(&old)?, RawColumn::all(&new)?);
            let differs = |r: &u32| !old_raw.iter().zip(&new_raw).all(|(o, n)| o.same(*r as usize, n, *r as usize));
            let rows: Vec<u32> = (0..slots.len() as u32).filter(differs).collect();
            if !rows.is_empty() {
                let slots: Vec<u32> = rows.iter().map(|&r| slots[r as usize]).collect();
                stored(&slots, take_columns(&old, &rows)?, -1)?;
                stored(&slots, take_columns(&new, &rows)?, 1)?;
            }
        }
        let (rows, come) = results.come;
        if !rows.is_empty() {
            let calls = come.finish(plan, &values)?;
            let input = &batch.input.rows;
            let (mut columns, calls) = if rows.len() == input.num_rows() {
                // All rows are new: the input's columns go on as they are, and the results are put in their order.
                let mut back = vec![0u32; rows.len()];
                rows.iter().enumerate().for_each(|(at, &row)| back[row as usize] = at as u32);
                (input.columns().to_vec(), take_columns(&calls, &back)?)
            } else {
                (take_columns(input.columns(), &rows)?, calls)
            };
            columns.extend(calls);
            out.push(ChangeBatch { rows: batch_of(&self.setup.schema, columns, rows.len())?, weights: None });
        }
        ChangeBatch::concat(out)
    }
}

/// A step's changes: each row once, put in (with a slot) or taken out.
struct Batch<'a, K> {
    input: &'a ChangeBatch,
    columns: Vec<RawColumn>,
    keys: Vec<K>,
    slots: Vec<u32>,
}

impl<K: KeysOf> Operator for Window<K> {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let Some(input) = inputs.pop().flatten() else { return Ok(None) };
        let input = one_by_one(input.consolidated()?)?;
        let rows = input.len();
        let columns = self.stored_columns(&input, now_us)?;
        let order = Computed::evaluate_all(&self.setup.order, &input.rows, now_us)?;
        let keys = K::keys(&order, &self.setup.fields, rows)?;
        let partition = Computed::evaluate_all(&self.setup.partition, &input.rows, now_us)?;
        let ids = self.table.intern(&partition, rows)?;
        self.partitions
            .resize_with(self.table.capacity().max(self.partitions.len()), || Partition::new(&self.setup.plan));

        let mut slots = vec![NO_ROW; rows];
        if input.weights.is_none() {
            slots = self.store.insert(&columns, rows, None)?;
        } else {
            let come: Vec<u32> = (0..rows as u32).filter(|&r| input.weight(r as usize) > 0).collect();
            let given = self.store.insert(&columns, rows, Some(&come))?;
            come.iter().zip(given).for_each(|(&row, slot)| slots[row as usize] = slot);
        }
        let columns = RawColumn::all(&columns)?;
        let batch = Batch { input: &input, columns, keys, slots };
        let mut sorted: Vec<u32> = (0..rows as u32).collect();
        let place = |row: &u32| (ids[*row as usize], &batch.keys[*row as usize], *row);
        sorted.sort_unstable_by(|a, b| place(a).cmp(&place(b)));

        let mut results = Results::new(&self.setup.plan);
        for chunk in sorted.chunk_by_mut(|&a, &b| ids[a as usize] == ids[b as usize]) {
            let id = ids[chunk[0] as usize];
            self.splice(id, chunk, &batch, &mut results)?;
        }
        let gone = results.gone.0.clone();
        let output = self.emit(&batch, results)?;
        if let Some(output) = output.as_ref().filter(|o| input.weights.is_none() && o.len() > rows) {
            // The new rows stand last and in their order; the output's arrays live on in the view.
            let width = self.setup.input_types.len();
            let last: Vec<ArrayRef> =
                output.rows.columns()[..width].iter().map(|c| c.slice(output.len() - rows, rows)).collect();
            self.store.share(&batch.slots, &last)?;
        }
        for slot in gone {
            self.ties.forget(slot);
            self.store.remove(slot)?;
        }
        if input.weights.is_some() {
            let mut empty: Vec<u32> =
                ids.iter().copied().filter(|&id| self.partitions[id as usize].is_empty()).collect();
            empty.sort_unstable();
            empty.dedup();
            empty.into_iter().for_each(|id| self.table.release(id));
        }
        Ok(output)
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        Some(self)
    }
}

/// The rows, partition by partition and in order. Taken in again they are the same state, as it depends on the rows alone.
impl<K: KeysOf> Kept for Window<K> {
    fn save(&self) -> Result<Vec<RecordBatch>> {
        let width = self.setup.input_types.len();
        let slots: Vec<u32> = self.partitions.iter().flat_map(|p| p.rows().iter().copied()).collect();
        let part = |slots: &[u32]| weighted(self.store.gather_first(width, slots)?, vec![1; slots.len()]);
        slots.chunks(BATCH_ROWS).map(part).collect()
    }

    fn load(&mut self, saved: Vec<RecordBatch>) -> Result<()> {
        let schema = schema_of(&self.setup.input_types);
        for batch in saved {
            let mut columns = batch.columns().to_vec();
            let weights = split_integers(&mut columns)?;
            self.step(vec![Some(change_of(columns, weights, &schema)?)], 0)?;
        }
        Ok(())
    }
}

/// Windows number rows, so a row of weight two is two rows.
fn one_by_one(input: ChangeBatch) -> Result<ChangeBatch> {
    let Some(weights) = input.weights.as_ref().filter(|w| w.iter().any(|&w| w.abs() != 1)) else {
        return Ok(input);
    };
    let copies: Vec<u32> =
        weights.iter().enumerate().flat_map(|(r, w)| (0..w.unsigned_abs()).map(move |_| r as u32)).collect();
    let taken = input.take(&copies)?;
    let weights = taken.weights.map(|w| w.iter().map(|w| w.signum()).collect());
    Ok(ChangeBatch { rows: taken.rows, weights })
}
