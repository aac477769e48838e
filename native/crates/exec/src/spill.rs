//! Temporary files of rows that do not fit into memory. A file has no name any more as soon as it is open, so that it
//! is gone with its operator, however the query or the process ends. Rows are written in chunks, column by column, in the
//! encodings of the log's segments, which are quick and small; a checksum tells a damaged chunk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::Array;
use arrow_schema::DataType;
use millrace_base::{Code, Error, File, FileKind, Result, Rng, Storage};
use millrace_kernels::encodings::{Reader, decode, encode};
use parking_lot::Mutex;

use crate::batch::{Batch, Column};
use crate::memory::Memory;

/// Where temporary files are made.
pub struct SpillFolder {
    storage: Arc<dyn Storage>,
    rng: Arc<dyn Rng>,
    path: PathBuf,
}

impl SpillFolder {
    /// The folder is made when the first file is; it may be shared with other processes.
    pub fn new(storage: Arc<dyn Storage>, rng: Arc<dyn Rng>, path: PathBuf) -> Self {
        Self { storage, rng, path }
    }

    /// Removes what a process that ended between two calls has left. Only for a folder of this process alone.
    pub fn empty(&self) -> Result<()> {
        if !self.storage.exists(&self.path) {
            return Ok(());
        }
        let left = self.storage.list(&self.path).map_err(|e| Error::io(&self.path, "read", &e))?;
        for path in left {
            self.storage.remove(&path).map_err(|e| Error::io(&path, "remove", &e))?;
        }
        Ok(())
    }

    fn open(&self) -> Result<(Box<dyn File>, PathBuf)> {
        self.storage.create_dir_all(&self.path).map_err(|e| failed(&self.path, "create", &e))?;
        // A name that nobody else in a shared folder has or can guess.
        let path = self.path.join(format!("millrace-{:016x}.tmp", self.rng.next_u64()));
        let file = self.storage.open(&path, FileKind::ReadWrite).map_err(|e| failed(&path, "create", &e))?;
        self.storage.remove(&path).map_err(|e| failed(&path, "remove", &e))?;
        Ok((file, path))
    }
}

fn failed(path: &std::path::Path, doing: &str, cause: &std::io::Error) -> Error {
    let error = Error::io(path, doing, cause);
    if error.code == Code::DiskFull {
        return error.with_hint("Free some space, or give queries more memory with SET memory_limit.");
    }
    error
}

/// Some rows in a file.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    offset: u64,
    bytes: usize,
    checksum: u32,
    /// Of the columns; `None` is one that is not there. Branches of a union may differ in what they leave out.
    types: Arc<[Option<DataType>]>,
    pub rows: usize,
    /// What they take in memory.
    pub held: usize,
}

/// The rows of one operator; any thread writes and reads.
pub(crate) struct SpillFile {
    memory: Arc<Memory>,
    file: Box<dyn File>,
    /// For messages.
    path: PathBuf,
    end: AtomicU64,
}

impl SpillFile {
    pub fn new(memory: &Arc<Memory>) -> Result<Self> {
        let (file, path) = memory.folder.open()?;
        Ok(Self { memory: memory.clone(), file, path, end: AtomicU64::new(0) })
    }

    pub fn write(&self, batch: &Batch) -> Result<Chunk> {
        let types = batch.columns.iter().map(type_of).collect();
        let mut bytes = Vec::new();
        for column in &batch.columns {
            if !matches!(column, Column::Absent) {
                encode(column.flat()?.as_ref(), &mut bytes)
                    .map_err(|why| Error::internal(format!("a column {}", why.0)))?;
            }
        }
        let offset = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(&bytes, offset).map_err(|e| failed(&self.path, "write", &e))?;
        self.memory.count_spilled(bytes.len() as u64);
        let checksum = crc32c::crc32c(&bytes);
        Ok(Chunk { offset, bytes: bytes.len(), checksum, types, rows: batch.rows, held: batch.bytes() })
    }

    pub fn read(&self, chunk: &Chunk) -> Result<Batch> {
        let damaged = |why: &str| {
            let place = format!("\"{}\" at offset {}", self.path.display(), chunk.offset);
            Error::new(Code::DataCorrupted, format!("a temporary file is damaged: {place}: {why}"))
        };
        let mut bytes = vec![0; chunk.bytes];
        self.file.read_exact_at(&mut bytes, chunk.offset).map_err(|e| failed(&self.path, "read", &e))?;
        if crc32c::crc32c(&bytes) != chunk.checksum {
            return Err(damaged("the checksum does not fit"));
        }
        let mut reader = Reader::new(&bytes);
        let mut columns = Vec::new();
        for kind in chunk.types.iter() {
            columns.push(match kind {
                None => Column::Absent,
                Some(kind) => Column::Flat(decode(&mut reader, kind, chunk.rows).map_err(|why| damaged(why.0))?),
            });
        }
        Ok(Batch { columns, rows: chunk.rows })
    }
}

fn type_of(column: &Column) -> Option<DataType> {
    match column {
        Column::Flat(array) => Some(array.data_type().clone()),
        Column::Coded(coded) => Some(coded.entries.data_type().clone()),
        Column::Absent => None,
    }
}

/// A file that is made when the first rows come.
pub(crate) struct LazyFile {
    memory: Arc<Memory>,
    file: Mutex<Option<Arc<SpillFile>>>,
}

impl LazyFile {
    pub fn new(memory: &Arc<Memory>) -> Self {
        Self { memory: memory.clone(), file: Mutex::new(None) }
    }

    pub fn get(&self) -> Result<Arc<SpillFile>> {
        let mut file = self.file.lock();
        if let Some(file) = &*file {
            return Ok(file.clone());
        }
        Ok(file.insert(Arc::new(SpillFile::new(&self.memory)?)).clone())
    }

    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }
}
