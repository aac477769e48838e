//! Writing a segment file: rows are gathered to blocks, blocks are written one after another, the footer last. A file
//! without a whole footer is no file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt64Array};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use millrace_base::{Epoch, Error, File, FileKind, Result, Storage};

use super::meta::{BlockMeta, ColumnBlock, FileMeta, SegmentMeta};
use super::{BLOCK_ROWS, CommitRun, SegmentId, SegmentKey, block, footer, schema, stats};

/// Bytes that wait for a write.
const BUFFER_BYTES: usize = 1 << 20;
/// A block with more bytes in memory than this is written before it has all its rows.
const BLOCK_BYTES_TARGET: usize = 32 << 20;

pub struct FileWriter {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Box<dyn File>,
    number: u64,
    /// Where the buffer's first byte goes.
    written: u64,
    buffer: Vec<u8>,
    segments: Vec<SegmentMeta>,
    schemas: Vec<SchemaRef>,
    open: Option<Open>,
    block_rows: usize,
    encoder: block::Encoder,
    /// All of it is written: the file is the caller's now.
    finished: bool,
}

/// The segment that is being written.
struct Open {
    key: SegmentKey,
    schema: SchemaRef,
    first_offset: u64,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    rows: u64,
    blocks: Vec<BlockMeta>,
    runs: Vec<CommitRun>,
}

impl FileWriter {
    pub fn create(storage: Arc<dyn Storage>, path: &Path, number: u64) -> Result<Self> {
        let file = storage.open(path, FileKind::ReadWrite).map_err(|e| Error::io(path, "create", &e))?;
        let buffer = footer::header(number).to_vec();
        let writer = Self {
            storage,
            path: path.to_path_buf(),
            file,
            number,
            written: 0,
            buffer,
            segments: Vec::new(),
            schemas: Vec::new(),
            open: None,
            block_rows: BLOCK_ROWS,
            encoder: block::Encoder::new()?,
            finished: false,
        };
        writer.file.set_len(0).map_err(|e| Error::io(path, "create", &e))?;
        Ok(writer)
    }

    /// Smaller blocks, so that tests have many of them.
    #[cfg(test)]
    pub fn with_block_rows(mut self, rows: usize) -> Self {
        self.block_rows = rows;
        self
    }

    /// Begins a segment; rows with these columns follow.
    pub fn begin(&mut self, key: SegmentKey, schema: &SchemaRef, first_offset: u64) -> Result<()> {
        assert!(self.open.is_none(), "one segment at a time");
        self.open = Some(Open {
            key,
            schema: schema.clone(),
            first_offset,
            waiting: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
            rows: 0,
            blocks: Vec::new(),
            runs: Vec::new(),
        });
        Ok(())
    }

    /// Adds rows; `runs` says which commits they come from, in order.
    pub fn append(&mut self, batch: &RecordBatch, runs: &[CommitRun]) -> Result<()> {
        let open = self.open.as_mut().expect("a segment has begun");
        let rows: u64 = runs.iter().map(|run| u64::from(run.rows)).sum();
        if rows != batch.num_rows() as u64 {
            return Err(Error::internal("commits of another number of rows"));
        }
        for run in runs.iter().filter(|run| run.rows > 0) {
            match open.runs.last_mut() {
                Some(last) if last.epoch == run.epoch && last.rows.checked_add(run.rows).is_some() => {
                    last.rows += run.rows;
                }
                Some(last) if last.epoch > run.epoch => return Err(Error::internal("rows out of commit order")),
                _ => open.runs.push(*run),
            }
        }
        let mut from = 0;
        while from < batch.num_rows() {
            let open = self.open.as_mut().expect("a segment has begun");
            let take = (self.block_rows - open.waiting_rows).min(batch.num_rows() - from);
            let part = batch.slice(from, take);
            open.waiting_bytes += part.columns().iter().map(slice_bytes).sum::<usize>();
            open.waiting.push(part);
            open.waiting_rows += take;
            from += take;
            if open.waiting_rows == self.block_rows || open.waiting_bytes >= BLOCK_BYTES_TARGET {
                self.write_block()?;
            }
        }
        Ok(())
    }

    fn write_block(&mut self) -> Result<()> {
        let open = self.open.as_mut().expect("a segment has begun");
        let waiting = std::mem::take(&mut open.waiting);
        let rows = std::mem::take(&mut open.waiting_rows);
        open.waiting_bytes = 0;
        if rows == 0 {
            return Ok(());
        }
        let batch = match waiting.as_slice() {
            [only] => only.clone(),
            _ => {
                let unnamed = waiting.iter().map(|b| b.columns().to_vec());
                let renamed: std::result::Result<Vec<RecordBatch>, _> =
                    unnamed.map(|columns| RecordBatch::try_new(open.schema.clone(), columns)).collect();
                renamed
                    .and_then(|batches| concat_batches(&open.schema, &batches))
                    .map_err(|e| Error::internal(format!("could not put a block together: {e}")))?
            }
        };
        let block = self.put_columns(batch.columns(), rows)?;
        let open = self.open.as_mut().expect("a segment has begun");
        open.rows += rows as u64;
        open.blocks.push(block);
        Ok(())
    }

    fn put_columns(&mut self, columns: &[ArrayRef], rows: usize) -> Result<BlockMeta> {
        let mut metas = Vec::with_capacity(columns.len());
        for column in columns {
            let start = self.buffer.len();
            self.encoder.encode(column, &mut self.buffer)?;
            let bytes = self.buffer.len() - start;
            metas.push(ColumnBlock {
                offset: self.written + start as u64,
                bytes: bytes as u32,
                crc: crc32c::crc32c(&self.buffer[start..]),
                nulls: column.logical_null_count() as u32,
                distinct: stats::distinct(column),
                bounds: stats::min_max(column),
            });
            if self.buffer.len() >= BUFFER_BYTES {
                self.flush()?;
            }
        }
        Ok(BlockMeta { rows: rows as u32, columns: metas })
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all_at(&self.buffer, self.written).map_err(|e| Error::io(&self.path, "write", &e))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the segment.
    pub fn end(&mut self) -> Result<SegmentId> {
        self.write_block()?;
        let open = self.open.take().expect("a segment has begun");
        let (first, last) = match (open.runs.first(), open.runs.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => {
                let none = CommitRun { epoch: Epoch::ZERO, time_us: 0, rows: 0 };
                (none, none)
            }
        };
        let epochs: UInt64Array = open.runs.iter().map(|run| run.epoch.0).collect();
        let times: Int64Array = open.runs.iter().map(|run| run.time_us).collect();
        let rows: UInt64Array = open.runs.iter().map(|run| u64::from(run.rows)).collect();
        let columns: [ArrayRef; 3] = [Arc::new(epochs), Arc::new(times), Arc::new(rows)];
        let runs = self.put_columns(&columns, open.runs.len())?;
        let columns = open.blocks.iter().flat_map(|block| &block.columns);
        let bytes = columns.chain(&runs.columns).map(|column| u64::from(column.bytes)).sum();
        self.segments.push(SegmentMeta {
            key: open.key,
            first_offset: open.first_offset,
            rows: open.rows,
            epochs: (first.epoch, last.epoch),
            times_us: (first.time_us, last.time_us),
            bytes,
            schema: schema::stored(&open.schema)?,
            blocks: open.blocks,
            runs,
        });
        self.schemas.push(open.schema);
        Ok(SegmentId { file: self.number, index: self.segments.len() as u32 - 1 })
    }

    /// Writes the footer and makes the file durable; its name is durable once the folder has been synced.
    pub fn finish(mut self) -> Result<FileMeta> {
        assert!(self.open.is_none(), "the last segment has ended");
        self.buffer.extend_from_slice(&footer::encode(&self.segments)?);
        self.flush()?;
        if !millrace_base::planted("segment-not-synced") {
            self.file.sync().map_err(|e| Error::io(&self.path, "sync", &e))?;
        }
        self.finished = true;
        let (segments, schemas) = (std::mem::take(&mut self.segments), std::mem::take(&mut self.schemas));
        Ok(FileMeta { number: self.number, segments, schemas })
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if !self.finished {
            // What stays is removed when the database is opened again.
            let _ = self.storage.remove(&self.path);
        }
    }
}

/// Bytes of a column's rows, not of the buffers that they may share with others.
fn slice_bytes(column: &ArrayRef) -> usize {
    column.to_data().get_slice_memory_size().unwrap_or(0)
}
