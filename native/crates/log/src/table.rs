//! A table's rows: every version that someone may still read, in columnar batches, and the index that finds the
//! newest by primary key. A row lives from the epoch that inserted it to the one that deleted it.

use std::collections::HashMap;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, Result};

const ALIVE: u64 = u64::MAX;
/// Dead rows are dropped once there are this many of them and they outnumber the live ones.
const COMPACT_ROWS_MIN: usize = 64 * 1024;

/// The newest rows that have a key; without a primary key equal rows share one.
#[derive(Debug)]
enum RowIds {
    One(u32),
    Many(Vec<u32>),
}

#[derive(Debug)]
struct Chunk {
    batch: RecordBatch,
    born: Vec<u64>,
    died: Vec<u64>,
}

/// Current and recent rows of one table.
pub struct TableState {
    schema: SchemaRef,
    /// Columns of the key; all columns for a table without a primary key.
    key_columns: Vec<usize>,
    has_primary_key: bool,
    keys: RowConverter,
    chunks: Vec<Chunk>,
    /// First row id of each chunk.
    starts: Vec<u32>,
    rows: u32,
    index: HashMap<Box<[u8]>, RowIds, ahash::RandomState>,
    live: usize,
    horizon: Epoch,
}

impl TableState {
    pub fn new(schema: SchemaRef, primary_key: &[u32]) -> Result<Self> {
        let has_primary_key = !primary_key.is_empty();
        let key_columns: Vec<usize> = if has_primary_key {
            primary_key.iter().map(|&c| c as usize).collect()
        } else {
            (0..schema.fields().len()).collect()
        };
        let fields = key_columns.iter().map(|&c| SortField::new(schema.field(c).data_type().clone())).collect();
        let keys = RowConverter::new(fields).map_err(|e| Error::internal(format!("key encoding: {e}")))?;
        Ok(Self {
            schema,
            key_columns,
            has_primary_key,
            keys,
            chunks: Vec::new(),
            starts: Vec::new(),
            rows: 0,
            index: HashMap::default(),
            live: 0,
            horizon: Epoch::ZERO,
        })
    }

    pub fn has_primary_key(&self) -> bool {
        self.has_primary_key
    }

    pub fn key_columns(&self) -> &[usize] {
        &self.key_columns
    }

    /// Rows of the newest version.
    pub fn len(&self) -> usize {
        self.live
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    fn encode_keys(&self, batch: &RecordBatch) -> Result<arrow_row::Rows> {
        let columns: Vec<ArrayRef> = self.key_columns.iter().map(|&c| batch.column(c).clone()).collect();
        self.keys.convert_columns(&columns).map_err(|e| Error::internal(format!("key encoding: {e}")))
    }

    /// For each row of `batch` (all columns of the table) whether the newest version holds its key.
    pub fn contains(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        let keys = self.encode_keys(batch)?;
        Ok(keys.iter().map(|key| self.index.contains_key(key.as_ref())).collect())
    }

    /// The keys of `batch`'s rows as comparable bytes, to find duplicates within one statement.
    pub fn keys_of(&self, batch: &RecordBatch) -> Result<Vec<Box<[u8]>>> {
        Ok(self.encode_keys(batch)?.iter().map(|key| key.as_ref().into()).collect())
    }

    /// The newest rows that have the keys of `batch`'s rows, in no particular order, each once.
    pub fn matching(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let keys = self.encode_keys(batch)?;
        let mut ids: Vec<u32> = Vec::new();
        for key in keys.iter() {
            match self.index.get(key.as_ref()) {
                None => {}
                Some(RowIds::One(id)) => ids.push(*id),
                Some(RowIds::Many(many)) => ids.extend(many),
            }
        }
        ids.sort_unstable();
        ids.dedup();
        self.take(&ids)
    }

    fn take(&self, ids: &[u32]) -> Result<RecordBatch> {
        let places: Vec<(usize, usize)> = ids.iter().map(|&id| self.place(id)).collect();
        let batches: Vec<&RecordBatch> = self.chunks.iter().map(|c| &c.batch).collect();
        if batches.is_empty() {
            return Ok(RecordBatch::new_empty(self.schema.clone()));
        }
        arrow_select::interleave::interleave_record_batch(&batches, &places)
            .map_err(|e| Error::internal(format!("could not take rows: {e}")))
    }

    fn place(&self, id: u32) -> (usize, usize) {
        let chunk = self.starts.partition_point(|&start| start <= id) - 1;
        (chunk, (id - self.starts[chunk]) as usize)
    }

    /// Applies one commit's changes: first all deletions, then all insertions. Nothing is applied on an error.
    pub fn apply(&mut self, epoch: Epoch, batch: &RecordBatch, weights: Option<&[i64]>) -> Result<()> {
        let keys = self.encode_keys(batch)?;
        let weight = |row: usize| weights.map_or(1, |w| w[row]);
        self.check(&keys, &weight)?;
        for (_, key) in keys.iter().enumerate().filter(|(row, _)| weight(*row) < 0) {
            let id = self.unlink(key.as_ref());
            let (chunk, at) = self.place(id);
            self.chunks[chunk].died[at] = epoch.0;
            self.live -= 1;
        }
        let inserted = match weights {
            None => batch.clone(),
            Some(w) => {
                let keep: BooleanArray = w.iter().map(|&w| Some(w > 0)).collect();
                arrow_select::filter::filter_record_batch(batch, &keep)
                    .map_err(|e| Error::internal(format!("could not filter rows: {e}")))?
            }
        };
        let added = keys.iter().enumerate().filter(|(row, _)| weight(*row) > 0);
        for (id, (_, key)) in (self.rows..).zip(added) {
            self.link(key.as_ref(), id);
        }
        let count = inserted.num_rows();
        if count > 0 {
            self.starts.push(self.rows);
            self.rows += count as u32;
            self.live += count;
            let chunk = Chunk { batch: inserted, born: vec![epoch.0; count], died: vec![ALIVE; count] };
            self.chunks.push(chunk);
        }
        self.merge_small_chunks()?;
        self.compact()
    }

    /// Every deletion finds a row, and no insertion takes a key that is taken.
    fn check(&self, keys: &arrow_row::Rows, weight: &impl Fn(usize) -> i64) -> Result<()> {
        let mut changed: HashMap<&[u8], i64> = HashMap::new();
        let bytes: Vec<_> = keys.iter().collect();
        for pass in [-1, 1] {
            for (row, key) in bytes.iter().enumerate() {
                if weight(row).signum() != pass {
                    continue;
                }
                let delta = changed.entry(key.as_ref()).or_insert(0);
                *delta += pass;
                let held = match self.index.get(key.as_ref()) {
                    None => 0,
                    Some(RowIds::One(_)) => 1,
                    Some(RowIds::Many(ids)) => ids.len() as i64,
                };
                if held + *delta < 0 {
                    return Err(Error::internal("a row that is deleted is not in the table"));
                }
                if self.has_primary_key && held + *delta > 1 {
                    return Err(Error::new(Code::UniqueViolation, "duplicate key value violates the primary key"));
                }
            }
        }
        if u64::from(self.rows) + keys.num_rows() as u64 > u64::from(u32::MAX) {
            return Err(Error::new(Code::InsufficientResources, "the table has too many row versions"));
        }
        Ok(())
    }

    fn link(&mut self, key: &[u8], id: u32) {
        match self.index.get_mut(key) {
            None => {
                self.index.insert(key.into(), RowIds::One(id));
            }
            Some(RowIds::Many(ids)) => ids.push(id),
            Some(one) => {
                if let RowIds::One(first) = *one {
                    *one = RowIds::Many(vec![first, id]);
                }
            }
        }
    }

    /// Takes one row with this key out of the index; `check` has seen that there is one.
    fn unlink(&mut self, key: &[u8]) -> u32 {
        if let Some(RowIds::Many(ids)) = self.index.get_mut(key)
            && ids.len() > 1
        {
            return ids.pop().expect("more than one");
        }
        match self.index.remove(key).expect("checked before") {
            RowIds::One(id) => id,
            RowIds::Many(ids) => ids[0],
        }
    }

    /// The rows that were live at `epoch`, with the chosen columns.
    pub fn scan(&self, epoch: Epoch, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::with_capacity(self.chunks.len());
        for chunk in &self.chunks {
            let projected = chunk.batch.project(columns).map_err(|e| Error::internal(format!("projection: {e}")))?;
            let seen = |row: usize| chunk.born[row] <= epoch.0 && epoch.0 < chunk.died[row];
            let count = (0..projected.num_rows()).filter(|&row| seen(row)).count();
            if count == projected.num_rows() {
                out.push(projected);
            } else if count > 0 {
                let keep: BooleanArray = (0..projected.num_rows()).map(|row| Some(seen(row))).collect();
                let kept = arrow_select::filter::filter_record_batch(&projected, &keep);
                out.push(kept.map_err(|e| Error::internal(format!("could not filter rows: {e}")))?);
            }
        }
        Ok(out)
    }

    /// The newest version of all rows and columns, committed or on its way to the journal.
    pub fn latest(&self) -> Result<Vec<RecordBatch>> {
        let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
        self.scan(Epoch(ALIVE - 1), &columns)
    }

    /// No reader will ask for an epoch before this one.
    pub fn set_horizon(&mut self, horizon: Epoch) {
        self.horizon = horizon;
    }

    /// Single-row inserts would make a chunk each: neighbours are merged while they are small, as in a log-structured
    /// merge, so that a row is copied a logarithmic number of times.
    fn merge_small_chunks(&mut self) -> Result<()> {
        while let [.., before, last] = self.chunks.as_slice() {
            let (a, b) = (before.batch.num_rows(), last.batch.num_rows());
            if a + b > 64 * 1024 || a > 2 * b {
                return Ok(());
            }
            let batch = arrow_select::concat::concat_batches(&self.schema, [&before.batch, &last.batch])
                .map_err(|e| Error::internal(format!("could not merge rows: {e}")))?;
            let last = self.chunks.pop().expect("two chunks");
            self.starts.pop();
            let merged = self.chunks.last_mut().expect("two chunks");
            merged.batch = batch;
            merged.born.extend(last.born);
            merged.died.extend(last.died);
        }
        Ok(())
    }

    /// Drops the versions that died before the horizon, when they are many.
    fn compact(&mut self) -> Result<()> {
        let dead = self.rows as usize - self.live;
        if dead < COMPACT_ROWS_MIN || dead < self.live {
            return Ok(());
        }
        let mut chunks = Vec::new();
        for chunk in &self.chunks {
            let keep: BooleanArray = chunk.died.iter().map(|&died| Some(died > self.horizon.0)).collect();
            let batch = arrow_select::filter::filter_record_batch(&chunk.batch, &keep)
                .map_err(|e| Error::internal(format!("could not filter rows: {e}")))?;
            let kept = |epochs: &[u64]| -> Vec<u64> {
                epochs.iter().enumerate().filter(|(row, _)| keep.value(*row)).map(|(_, &e)| e).collect()
            };
            chunks.push(Chunk { born: kept(&chunk.born), died: kept(&chunk.died), batch });
        }
        chunks.retain(|chunk| chunk.batch.num_rows() > 0);
        self.chunks = chunks;
        self.rebuild_index()
    }

    fn rebuild_index(&mut self) -> Result<()> {
        self.index.clear();
        self.starts.clear();
        self.rows = 0;
        for at in 0..self.chunks.len() {
            self.starts.push(self.rows);
            let keys = self.encode_keys(&self.chunks[at].batch)?;
            for row in 0..self.chunks[at].batch.num_rows() {
                if self.chunks[at].died[row] == ALIVE {
                    self.link(keys.row(row).as_ref(), self.rows + row as u32);
                }
            }
            self.rows += self.chunks[at].batch.num_rows() as u32;
        }
        Ok(())
    }

    /// Bytes of the rows in memory, without the index.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().flat_map(|c| c.batch.columns()).map(|c| c.get_buffer_memory_size()).sum()
    }
}
