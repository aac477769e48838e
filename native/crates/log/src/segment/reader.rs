//! Reading a segment: only the columns that are asked for, only the blocks that may hold wanted rows.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{DataType, Schema, SchemaRef};
use millrace_base::{Epoch, Error, Result};
use millrace_kernels::encodings::{Encoded, EncodedColumn, Malformed, Reader, decode};

use super::block::unwrap;
use super::meta::{BlockMeta, ColumnBlock, SegmentMeta};
use super::pool::{FilePool, SegmentFile};
use super::{Bound, CommitRun, SegmentId, SegmentScan, damaged, read_error};

/// A segment; its file stays readable as long as this lives.
#[derive(Clone)]
pub struct Segment {
    pool: Arc<FilePool>,
    file: Arc<SegmentFile>,
    id: SegmentId,
    /// Whether blocks are taken from the cache and put there.
    cached: bool,
}

impl Segment {
    pub(super) fn new(pool: Arc<FilePool>, file: Arc<SegmentFile>, id: SegmentId) -> Self {
        Self { pool, file, id, cached: true }
    }

    /// The segment for one who reads it once, and should not drive out what others want.
    pub fn uncached(self) -> Self {
        Self { cached: false, ..self }
    }

    pub fn id(&self) -> SegmentId {
        self.id
    }

    pub fn meta(&self) -> &SegmentMeta {
        &self.file.meta.segments[self.id.index as usize]
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.file.meta.schemas[self.id.index as usize]
    }

    fn path(&self) -> &Path {
        &self.file.path
    }

    fn malformed(&self, place: &ColumnBlock) -> impl Fn(Malformed) -> Error {
        move |why| damaged(self.path(), place.offset, format!("a column block {}", why.0))
    }

    /// The columns of a projection.
    pub(super) fn projected(&self, projection: &[usize]) -> SchemaRef {
        let fields: Vec<_> = projection.iter().map(|&c| self.schema().field(c).clone()).collect();
        Arc::new(Schema::new(fields))
    }

    /// Reads column blocks of one block and hands out each one's bytes behind the general codec, with its place in
    /// `columns`. Neighbours are read at once. A checksum is compared at the first read since the file was opened;
    /// `first` is the number of the first of the block's columns among all column blocks of the segment. `buffer` is
    /// room that is used again.
    fn read(
        &self,
        block: &BlockMeta,
        first: usize,
        columns: &[usize],
        buffer: &mut Vec<u8>,
        mut each: impl FnMut(usize, &Plain<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut order: Vec<usize> = Vec::with_capacity(columns.len());
        for (at, &column) in columns.iter().enumerate() {
            let kept =
                if self.cached { self.pool.cache.get((self.id.file, block.columns[column].offset)) } else { None };
            match kept {
                Some(bytes) => each(at, &Plain::Kept(bytes))?,
                None => order.push(at),
            }
        }
        if order.is_empty() {
            return Ok(());
        }
        order.sort_by_key(|&at| block.columns[columns[at]].offset);
        let handle = self.pool.handle(self.id.file, self.path())?;
        let mut rest = order.as_slice();
        while let Some(&head) = rest.first() {
            let offset = block.columns[columns[head]].offset;
            let mut end = offset;
            let together = rest.iter().take_while(|&&at| {
                let place = &block.columns[columns[at]];
                let near = (offset..=end).contains(&place.offset);
                if near {
                    end = end.max(place.offset + u64::from(place.bytes));
                }
                near
            });
            let count = together.count();
            let stretch = room(buffer, (end - offset) as usize);
            handle.read_exact_at(stretch, offset).map_err(|e| read_error(self.path(), offset, &e))?;
            for &at in &rest[..count] {
                let place = &block.columns[columns[at]];
                let from = (place.offset - offset) as usize;
                let bytes = &stretch[from..from + place.bytes as usize];
                self.check(place, first + columns[at], bytes)?;
                let plain = unwrap(bytes).map_err(self.malformed(place))?;
                if self.cached {
                    let kept = Arc::new(plain.into_owned());
                    self.pool.cache.insert((self.id.file, place.offset), &kept);
                    each(at, &Plain::Kept(kept))?;
                } else {
                    each(at, &Plain::Passing(plain))?;
                }
            }
            rest = &rest[count..];
        }
        Ok(())
    }

    fn check(&self, place: &ColumnBlock, number: usize, bytes: &[u8]) -> Result<()> {
        if self.file.is_whole(self.id.index, number) || millrace_base::planted("checksum-ignored") {
            return Ok(());
        }
        if crc32c::crc32c(bytes) != place.crc {
            return Err(damaged(self.path(), place.offset, "a column block does not fit its checksum"));
        }
        self.file.set_whole(self.id.index, number);
        Ok(())
    }

    /// The number of a block's first column among all column blocks of the segment.
    fn first_of(&self, block: usize) -> usize {
        block * self.schema().fields().len()
    }

    fn decoded(&self, place: &ColumnBlock, bytes: &[u8], data_type: &DataType, rows: u32) -> Result<ArrayRef> {
        let decoded = || {
            let mut reader = Reader::new(bytes);
            let array = decode(&mut reader, data_type, rows as usize)?;
            reader.finish()?;
            Ok(array)
        };
        decoded().map_err(self.malformed(place))
    }

    /// The commits that the rows come from, in order.
    pub fn runs(&self) -> Result<Arc<[CommitRun]>> {
        let meta = self.meta();
        let types = [DataType::UInt64, DataType::Int64, DataType::UInt64];
        let mut columns: [Option<ArrayRef>; 3] = [None, None, None];
        self.read(&meta.runs, self.first_of(meta.blocks.len()), &[0, 1, 2], &mut Vec::new(), |at, bytes| {
            columns[at] = Some(self.decoded(&meta.runs.columns[at], bytes, &types[at], meta.runs.rows)?);
            Ok(())
        })?;
        let [epochs, times, counts] = columns.map(|column| column.expect("every column was read"));
        let wrong = || damaged(self.path(), meta.runs.columns[0].offset, "commits that cannot be");
        if [&epochs, &times, &counts].iter().any(|column| column.null_count() > 0) {
            return Err(wrong());
        }
        let epochs = epochs.as_primitive::<UInt64Type>().values();
        let times = times.as_primitive::<Int64Type>().values();
        let counts = counts.as_primitive::<UInt64Type>().values();
        let total = counts.iter().try_fold(0u64, |sum, &count| sum.checked_add(count));
        let ordered = epochs.is_sorted();
        let ends = epochs.first().zip(epochs.last()).map(|(&first, &last)| (Epoch(first), Epoch(last)));
        let told = ends.is_none_or(|ends| ends == meta.epochs);
        if total != Some(meta.rows) || !ordered || !told || counts.iter().any(|&count| count > u64::from(u32::MAX)) {
            return Err(wrong());
        }
        let runs = epochs.iter().zip(times).zip(counts);
        Ok(runs
            .map(|((&epoch, &time_us), &rows)| CommitRun { epoch: Epoch(epoch), time_us, rows: rows as u32 })
            .collect())
    }

    /// The chosen columns of a range of rows, a block at a time. Blocks that cannot hold a row which satisfies all of
    /// `prune` are left out.
    pub fn scan(&self, projection: &[usize], prune: &[Bound], rows: Range<u64>) -> SegmentScan {
        SegmentScan::new(self.clone(), projection, prune, rows)
    }

    /// The chosen columns of some rows, in the order given. Only those values are unpacked whose places are known.
    pub fn take(&self, rows: &[u64], projection: &[usize]) -> Result<RecordBatch> {
        let meta = self.meta();
        let mut starts = Vec::with_capacity(meta.blocks.len());
        let mut start = 0;
        for block in &meta.blocks {
            starts.push(start);
            start += u64::from(block.rows);
        }
        // For each block touched, in order: its rows that are wanted, and where they come in the answer.
        let mut touched: std::collections::BTreeMap<usize, (Vec<u32>, Vec<u32>)> = std::collections::BTreeMap::new();
        for (at, &row) in rows.iter().enumerate() {
            if row >= meta.rows {
                return Err(Error::internal(format!("row {row} is behind the segment's end")));
            }
            let block = starts.partition_point(|&start| start <= row) - 1;
            let (places, answers) = touched.entry(block).or_default();
            places.push((row - starts[block]) as u32);
            answers.push(at as u32);
        }
        let schema = self.projected(projection);
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); projection.len()];
        let mut buffer = Vec::new();
        for (&index, (places, _)) in &touched {
            let block = &meta.blocks[index];
            self.read(block, self.first_of(index), projection, &mut buffer, |at, bytes| {
                let place = &block.columns[projection[at]];
                let picked = || Encoded::new(bytes, schema.field(at).data_type(), block.rows as usize)?.take(places);
                parts[at].push(picked().map_err(self.malformed(place))?);
                Ok(())
            })?;
        }
        let mut back = vec![0; rows.len()];
        let answers = touched.values().flat_map(|(_, answers)| answers);
        answers.enumerate().for_each(|(at, &answer)| back[answer as usize] = at as u32);
        let back = (!back.is_sorted()).then(|| UInt32Array::from(back));
        let taken = |error| Error::internal(format!("could not take rows: {error}"));
        let mut columns = Vec::with_capacity(projection.len());
        for (at, parts) in parts.iter().enumerate() {
            let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
            let column = match parts.as_slice() {
                [] => arrow_array::new_empty_array(schema.field(at).data_type()),
                _ => arrow_select::concat::concat(&parts).map_err(taken)?,
            };
            columns.push(match &back {
                None => column,
                Some(back) => arrow_select::take::take(&column, back, None).map_err(taken)?,
            });
        }
        self.batch(schema, columns, rows.len())
    }

    fn batch(&self, schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(|e| damaged(self.path(), 0, format!("columns that do not fit: {e}")))
    }

    /// The chosen columns of one block.
    pub(super) fn block(
        &self,
        index: usize,
        projection: &[usize],
        schema: &SchemaRef,
        buffer: &mut Vec<u8>,
    ) -> Result<RecordBatch> {
        let block = &self.meta().blocks[index];
        let mut columns: Vec<Option<ArrayRef>> = vec![None; projection.len()];
        self.read(block, self.first_of(index), projection, buffer, |at, bytes| {
            let data_type = schema.field(at).data_type();
            columns[at] = Some(self.decoded(&block.columns[projection[at]], bytes, data_type, block.rows)?);
            Ok(())
        })?;
        let columns = columns.into_iter().map(|column| column.expect("every column was read")).collect();
        self.batch(schema.clone(), columns, block.rows as usize)
    }

    /// One column of a block as it is encoded, for kernels that compute without unpacking.
    pub fn encoded(&self, index: usize, column: usize) -> Result<EncodedColumn> {
        let block = &self.meta().blocks[index];
        let mut found = None;
        self.read(block, self.first_of(index), &[column], &mut Vec::new(), |_, bytes| {
            found = Some(bytes.share());
            Ok(())
        })?;
        let plain = found.expect("the column was read");
        Ok(EncodedColumn::new(plain, self.schema().field(column).data_type(), block.rows as usize))
    }

    /// Reads everything: checksums, encodings, and that statistics are true.
    pub fn verify(&self) -> Result<()> {
        let on_disk = self.clone().uncached();
        on_disk.verify_all()
    }

    fn verify_all(&self) -> Result<()> {
        // What was whole when it was read first may not be so any more.
        (0..self.meta().column_blocks()).for_each(|number| self.file.forget_whole(self.id.index, number));
        self.runs()?;
        let all: Vec<usize> = (0..self.schema().fields().len()).collect();
        let mut buffer = Vec::new();
        for (index, block) in self.meta().blocks.iter().enumerate() {
            let batch = self.block(index, &all, self.schema(), &mut buffer)?;
            for (column, place) in batch.columns().iter().zip(&block.columns) {
                let true_stats =
                    column.logical_null_count() as u32 == place.nulls && super::stats::min_max(column) == place.bounds;
                if !true_stats {
                    return Err(damaged(self.path(), place.offset, "a column block has other statistics"));
                }
            }
        }
        Ok(())
    }
}

/// A column block's bytes behind the general codec.
enum Plain<'a> {
    Kept(Arc<Vec<u8>>),
    Passing(Cow<'a, [u8]>),
}

impl Plain<'_> {
    fn share(&self) -> Arc<Vec<u8>> {
        match self {
            Self::Kept(bytes) => bytes.clone(),
            Self::Passing(bytes) => Arc::new(bytes.to_vec()),
        }
    }
}

impl Deref for Plain<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Kept(bytes) => bytes,
            Self::Passing(bytes) => bytes,
        }
    }
}

/// The front of a buffer, which grows if need be: what is in it will be written over.
fn room(buffer: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    &mut buffer[..len]
}
