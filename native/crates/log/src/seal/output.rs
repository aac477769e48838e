//! The segment files that one sealing or compaction writes: which rows go into which, in what order.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use millrace_base::{Epoch, Error, RelationId, Result};

use super::{COMMITS, Frames, LiveTable, Sealer, Unnamed, stored_schema};
use crate::journal::body::decode_rows;
use crate::ledger::Extent;
use crate::manifest::SegmentEntry;
use crate::segment::{CommitRun, FileMeta, FileWriter, SegmentId, SegmentKey, SegmentKind, segment_path};
use crate::table::Rewrite;

/// The segment files of one sealing: large partitions get one each, the others share one.
pub struct Output<'a> {
    sealer: &'a mut Sealer,
    shared: Option<FileWriter>,
    files: Vec<FileMeta>,
    unnamed: Unnamed,
    /// Segments that were begun: all must be in the end.
    begun: usize,
    /// Rows that died up to this epoch have been left out.
    pub(super) horizon: Epoch,
}

impl<'a> Output<'a> {
    pub fn new(sealer: &'a mut Sealer) -> Self {
        let unnamed = Unnamed::new(sealer.storage.clone(), &sealer.folder);
        Self { sealer, shared: None, files: Vec::new(), unnamed, begun: 0, horizon: Epoch::ZERO }
    }

    fn create(&mut self) -> Result<FileWriter> {
        let number = self.sealer.next_file;
        self.sealer.next_file += 1;
        FileWriter::create(self.sealer.storage.clone(), &segment_path(&self.sealer.folder, number), number)
    }

    /// Writes one segment; `fill` appends its rows.
    fn segment(
        &mut self,
        key: SegmentKey,
        schema: &SchemaRef,
        first_offset: u64,
        bytes: u64,
        fill: impl FnOnce(&mut FileWriter) -> Result<()>,
    ) -> Result<SegmentId> {
        let own = bytes >= self.sealer.own_file_bytes;
        self.begun += 1;
        // One with a file of its own leaves the shared file as it is.
        let shared = if own { None } else { self.shared.take() };
        let mut writer = match shared {
            Some(writer) => writer,
            None => self.create()?,
        };
        let id = (|| {
            writer.begin(key, schema, first_offset)?;
            fill(&mut writer)?;
            writer.end()
        })();
        let id = id?;
        if own {
            self.keep(writer)?;
        } else {
            self.shared = Some(writer);
        }
        Ok(id)
    }

    pub(super) fn streams(&mut self, frames: &Frames) -> Result<()> {
        for (&(relation, partition), rows) in &frames.streams {
            // Dropped by the end of the file: nobody can read these rows any more.
            let Some((schema, true)) = stored_schema(&frames.ledger, relation) else { continue };
            let Extent { start, end } = frames.ledger.extents.get(&(relation, partition)).copied().unwrap_or_default();
            if start == end {
                continue; // truncated behind the last of them
            }
            let count: u64 = rows.iter().map(|(_, at)| u64::from(at.rows)).sum();
            let key = SegmentKey { relation, partition, kind: SegmentKind::Rows };
            let bytes = rows.iter().map(|(_, at)| at.bytes()).sum();
            self.segment(key, &schema, end - count, bytes, |writer| {
                for (index, at) in rows {
                    let (frame, body) = &frames.list[*index];
                    let batch = decode_rows(body, at, schema.clone(), None)?;
                    writer
                        .append(&batch, &[CommitRun { epoch: frame.epoch, time_us: frame.time_us, rows: at.rows }])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    pub(super) fn tables(&mut self, frames: &Frames, tables: &[LiveTable]) -> Result<()> {
        for (relation, schema, table) in tables {
            let relation = *relation;
            let unsealed = table.unsealed(frames.upto)?;
            let mut deaths = table.deaths(frames.upto)?;
            if unsealed.rows > 0 {
                let of = self.table_rows(relation, schema, &unsealed, frames.time_us)?;
                deaths.push((of, unsealed.deaths.clone()));
            }
            self.horizon = self.horizon.max(unsealed.buried);
            if !millrace_base::planted("deaths-not-sealed") {
                self.deaths(relation, &deaths, frames.upto, frames.time_us)?;
            }
        }
        Ok(())
    }

    /// A segment with rows of a table.
    pub fn table_rows(
        &mut self,
        relation: RelationId,
        schema: &SchemaRef,
        rows: &Rewrite,
        time_us: i64,
    ) -> Result<SegmentId> {
        let key = SegmentKey { relation, partition: 0, kind: SegmentKind::Rows };
        self.segment(key, schema, 0, rows.bytes, |writer| {
            rows.batches(time_us).try_for_each(|found| {
                let (batch, runs) = found?;
                writer.append(&batch, &runs)
            })
        })
    }

    /// Which rows of segments have died.
    pub fn deaths(
        &mut self,
        relation: RelationId,
        deaths: &[(SegmentId, Vec<(u32, Epoch)>)],
        epoch: Epoch,
        time_us: i64,
    ) -> Result<()> {
        for (of, rows) in deaths.iter().filter(|(_, rows)| !rows.is_empty()) {
            let key = SegmentKey { relation, partition: 0, kind: SegmentKind::Deletes { of: *of } };
            let batch = deaths_batch(rows)?;
            let run = CommitRun { epoch, time_us, rows: rows.len() as u32 };
            let bytes = rows.len() as u64 * 12;
            self.segment(key, &batch.schema(), 0, bytes, |writer| writer.append(&batch, &[run]))?;
        }
        Ok(())
    }

    /// Epoch and time of each commit, for reads as of a time.
    pub(super) fn commits(&mut self, frames: &Frames) -> Result<()> {
        let epochs: UInt64Array = frames.list.iter().map(|(frame, _)| frame.epoch.0).collect();
        let times: Int64Array = frames.list.iter().map(|(frame, _)| frame.time_us).collect();
        let fields = [Field::new("epoch", DataType::UInt64, true), Field::new("time", DataType::Int64, true)];
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(epochs), Arc::new(times)])
            .map_err(|e| Error::internal(format!("commit index: {e}")))?;
        let key = SegmentKey { relation: COMMITS, partition: 0, kind: SegmentKind::Commits };
        // The first and the last commit give the segment's ranges; its rows say all of them.
        let first = &frames.list[0].0;
        let mut runs = vec![CommitRun { epoch: first.epoch, time_us: first.time_us, rows: 1 }];
        if batch.num_rows() > 1 {
            let rows = batch.num_rows() as u32 - 1;
            runs.push(CommitRun { epoch: frames.upto, time_us: frames.time_us, rows });
        }
        let bytes = batch.num_rows() as u64 * 16;
        self.segment(key, &schema, 0, bytes, |writer| writer.append(&batch, &runs))?;
        Ok(())
    }

    fn keep(&mut self, writer: FileWriter) -> Result<()> {
        let file = writer.finish()?;
        self.unnamed.push(file.number);
        self.files.push(file);
        Ok(())
    }

    /// Makes all files durable.
    pub fn finish(mut self) -> Result<(Vec<SegmentEntry>, Unnamed)> {
        if let Some(writer) = self.shared.take() {
            self.keep(writer)?;
        }
        self.sealer.sync_folder()?;
        let entries: Vec<SegmentEntry> = self.files.iter().flat_map(entries).collect();
        if entries.len() != self.begun {
            return Err(Error::internal(format!("{} of {} segments were written", entries.len(), self.begun)));
        }
        Ok((entries, self.unnamed))
    }
}

/// What the manifest keeps of a file's segments.
pub fn entries(file: &FileMeta) -> Vec<SegmentEntry> {
    let entry = |(index, meta): (usize, &crate::segment::SegmentMeta)| SegmentEntry {
        id: SegmentId { file: file.number, index: index as u32 },
        key: meta.key.clone(),
        first_offset: meta.first_offset,
        rows: meta.rows,
        bytes: meta.bytes,
        epochs: meta.epochs,
        times_us: meta.times_us,
    };
    file.segments.iter().enumerate().map(entry).collect()
}

/// Deaths of a segment's rows as columns.
pub fn deaths_batch(deaths: &[(u32, Epoch)]) -> Result<RecordBatch> {
    let rows: UInt64Array = deaths.iter().map(|(row, _)| u64::from(*row)).collect();
    let epochs: UInt64Array = deaths.iter().map(|(_, epoch)| epoch.0).collect();
    let fields = [Field::new("row", DataType::UInt64, true), Field::new("epoch", DataType::UInt64, true)];
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![Arc::new(rows), Arc::new(epochs)])
        .map_err(|e| Error::internal(format!("deaths: {e}")))
}
