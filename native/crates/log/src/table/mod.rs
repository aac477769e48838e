//! A table's rows: every version that someone may still read, in columnar chunks, and the index that finds the newest by
//! primary key. A row lives from the epoch that inserted it to the one that deleted it. Methods take the table's own
//! lock and hold it only to look things up or to apply a commit; rows are read without it.

mod chunk;
mod cold;
mod compact;
mod deaths;
mod fetch;
mod graves;
mod index;
mod layout;
mod load;
#[cfg(test)]
mod model_test;
mod rank;
mod replace;
mod rewrite;
mod runs;
mod scan;
mod seal;
mod versions;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use millrace_base::{Epoch, Result};
use parking_lot::{Mutex, RwLock};

pub use cold::ColdRows;
pub use rewrite::Rewrite;
pub use scan::TableScan;

use fetch::Fetch;
use index::Index;
use layout::Layout;
use versions::Versions;

use crate::piece::Piece;
use crate::segment::Bound;

/// Later than every commit.
const NEWEST: Epoch = Epoch(u64::MAX - 1);

/// Current and recent rows of one table.
pub struct TableState {
    layout: Layout,
    versions: RwLock<Versions>,
    /// Held while the index is built.
    loading: Mutex<()>,
    /// Held while rows move.
    moving: Mutex<()>,
}

impl TableState {
    /// An empty table; without a primary key equal rows may be there more than once.
    pub fn new(schema: SchemaRef, primary_key: &[u32]) -> Result<Self> {
        let versions = Versions { index: Some(Index::default()), ..Versions::default() };
        Self::with(schema, primary_key, versions)
    }

    /// A table as it was sealed at an epoch: its segments, each with the rows that have died and when. Reads no rows.
    pub fn restore<S: ColdRows + 'static>(
        schema: SchemaRef,
        primary_key: &[u32],
        segments: impl IntoIterator<Item = (S, Vec<(u32, Epoch)>)>,
        sealed: Epoch,
        horizon: Epoch,
    ) -> Result<Self> {
        let mut versions = Versions { sealed, horizon, ..Versions::default() };
        for (segment, deaths) in segments {
            versions.add_cold(Arc::new(segment), deaths)?;
        }
        if versions.chunks.is_empty() {
            versions.index = Some(Index::default());
        }
        Self::with(schema, primary_key, versions)
    }

    fn with(schema: SchemaRef, primary_key: &[u32], versions: Versions) -> Result<Self> {
        let layout = Layout::new(schema, primary_key)?;
        Ok(Self { layout, versions: RwLock::new(versions), loading: Mutex::new(()), moving: Mutex::new(()) })
    }

    /// All columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.layout.schema
    }

    pub fn has_primary_key(&self) -> bool {
        self.layout.has_primary_key
    }

    /// Columns of the key; all columns for a table without a primary key.
    pub fn key_columns(&self) -> &[usize] {
        &self.layout.key_columns
    }

    /// Rows of the newest version.
    pub fn len(&self) -> usize {
        self.versions.read().live
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory: rows that are not sealed yet, the index, and what has died.
    pub fn bytes(&self) -> usize {
        self.versions.read().bytes()
    }

    /// Builds the index if it is not there: look-ups and commits would wait for it, perhaps under other locks.
    pub fn prepare(&self) -> Result<()> {
        self.indexed().map(drop)
    }

    /// Applies one commit's changes: first all deletions, then all insertions. Nothing is applied on an error. Commits
    /// come in epoch order.
    pub fn apply(&self, epoch: Epoch, batch: &RecordBatch, weights: Option<&[i64]>) -> Result<()> {
        let change = self.layout.change(batch, weights)?;
        self.indexed_mut()?.apply(&self.layout, epoch, &change)
    }

    /// That `apply` takes these changes: for a commit that changes more than this table.
    pub fn check(&self, batch: &RecordBatch, weights: Option<&[i64]>) -> Result<()> {
        let change = self.layout.change(batch, weights)?;
        self.indexed_mut()?.check(&self.layout, &change)
    }

    /// For each row of `batch` (all columns of the table) whether the newest version holds its key.
    pub fn contains(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        let keys = self.layout.keys_of(batch)?;
        let versions = self.indexed()?;
        let index = versions.index.as_ref().expect("loaded");
        Ok(keys.iter().map(|key| index.find(key.as_ref()).is_some()).collect())
    }

    /// The keys of `batch`'s rows as comparable bytes, to find duplicates within one statement.
    pub fn keys_of(&self, batch: &RecordBatch) -> Result<Vec<Box<[u8]>>> {
        Ok(self.layout.keys_of(batch)?.iter().map(|key| key.as_ref().into()).collect())
    }

    /// The newest rows that have the keys of `batch`'s rows, in no particular order, each once.
    pub fn matching(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.with_keys(&self.layout.keys_of(batch)?)
    }

    /// Whether rows can be looked up without reading the table first.
    pub fn is_indexed(&self) -> bool {
        self.versions.read().index.is_some()
    }

    /// The newest rows that have these keys: one array a key column.
    pub fn find(&self, keys: &[ArrayRef]) -> Result<RecordBatch> {
        self.with_keys(&self.layout.encode(keys)?)
    }

    fn with_keys(&self, keys: &arrow_row::Rows) -> Result<RecordBatch> {
        let fetch = {
            let versions = self.indexed()?;
            let index = versions.index.as_ref().expect("loaded");
            let mut places = Vec::new();
            for key in keys.iter() {
                if let Some(held) = index.get(key.as_ref()) {
                    places.extend_from_slice(held.as_slice());
                }
            }
            Fetch::new(&versions, places)
        };
        fetch.read(&self.layout, &self.layout.all_columns())
    }

    /// The chosen columns of the rows that had these keys at `epoch`, which is not before the horizon; `None` if only a scan
    /// can tell, as one of them has changed since: the index knows the newest rows.
    pub fn find_at(&self, keys: &[ArrayRef], epoch: Epoch, columns: &[usize]) -> Result<Option<RecordBatch>> {
        let keys = self.layout.encode(keys)?;
        let fetch = {
            let versions = self.indexed()?;
            // Who died before the database was opened has no grave, and only what is sealed died then.
            if epoch < versions.sealed {
                return Ok(None);
            }
            let index = versions.index.as_ref().expect("loaded");
            let mut places = Vec::new();
            for key in keys.iter() {
                if versions.graves.died_after(key.as_ref(), epoch) {
                    return Ok(None);
                }
                let Some(held) = index.get(key.as_ref()) else { continue };
                for &place in held.as_slice() {
                    let (chunk, row) = versions.locate(place);
                    if versions.chunks[chunk].born_after(row, epoch)? {
                        return Ok(None);
                    }
                    places.push(place);
                }
            }
            Fetch::new(&versions, places)
        };
        fetch.read(&self.layout, columns).map(Some)
    }

    /// As `scan_pruned`, in pieces that are read apart.
    pub fn pieces(&self, epoch: Epoch, columns: &[usize], prune: &[Bound]) -> Result<Vec<Piece>> {
        let chunks = self.complete()?.chunks.clone();
        let mut pieces = Vec::new();
        chunks.iter().try_for_each(|chunk| chunk.pieces(epoch, columns, prune, &mut pieces))?;
        Ok(pieces)
    }

    /// The first row of `batch` whose key got or lost a row after `since`, which is not before the horizon.
    pub fn conflicts(&self, batch: &RecordBatch, since: Epoch) -> Result<Option<usize>> {
        let keys = self.layout.keys_of(batch)?;
        let versions = self.indexed()?;
        let index = versions.index.as_ref().expect("loaded");
        for (row, key) in keys.iter().enumerate() {
            if versions.graves.died_after(key.as_ref(), since) {
                return Ok(Some(row));
            }
            let Some(held) = index.get(key.as_ref()) else { continue };
            for &place in held.as_slice() {
                let (chunk, at) = versions.locate(place);
                if versions.chunks[chunk].born_after(at, since)? {
                    return Ok(Some(row));
                }
            }
        }
        Ok(None)
    }

    /// The rows that were live at `epoch`, which is not before the horizon, with the chosen columns.
    pub fn scan(&self, epoch: Epoch, columns: &[usize]) -> Result<TableScan> {
        self.scan_pruned(epoch, columns, &[])
    }

    /// As `scan`; rows of blocks for which statistics show that none satisfies all of `prune` may be left out.
    pub fn scan_pruned(&self, epoch: Epoch, columns: &[usize], prune: &[Bound]) -> Result<TableScan> {
        let versions = self.complete()?;
        TableScan::new(&self.layout.schema, columns, prune, epoch, &versions.chunks)
    }

    /// The newest version of all rows and columns, committed or on its way to the journal.
    pub fn latest(&self) -> Result<TableScan> {
        self.scan(NEWEST, &self.layout.all_columns())
    }

    /// Takes over what transactions that go on must know and what segments do not tell: this is the table as it was sealed at
    /// `sealed`, with what the journal adds.
    pub fn inherit(&self, before: &Self, sealed: Epoch) {
        let before = before.versions.read();
        self.versions.write().graves.inherit(&before.graves, sealed);
        self.set_horizon(before.horizon);
    }

    /// The oldest epoch that can be read.
    pub fn horizon(&self) -> Epoch {
        self.versions.read().horizon
    }

    /// No reader will ask for an epoch before this one.
    pub fn set_horizon(&self, horizon: Epoch) {
        let mut versions = self.versions.write();
        versions.horizon = versions.horizon.max(horizon);
        let horizon = versions.horizon;
        versions.graves.expire(horizon);
    }
}
