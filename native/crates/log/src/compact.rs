//! Compaction and retention: small segments of a partition become larger ones, rows that have had their time go. Both
//! write first, then say so in the manifest, then give up the old files; readers that hold one keep it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use millrace_base::{Epoch, RelationId, Result};

use crate::manifest::{Edit, SegmentEntry};
use crate::seal::{Output, Sealer, Unnamed, entries, open_all};
use crate::segment::{
    CommitRun, FilePool, FileWriter, Segment, SegmentFile, SegmentId, SegmentKey, SegmentKind, segment_path,
};
use crate::table::Rewrite;

/// So many neighbours of one size class become one segment.
const FAN_IN: usize = 8;
/// Segments with more rows than this are left as they are: 128 blocks.
const ROWS_MAX: u64 = 8 << 20;

/// How long a stream keeps its rows. `None` is for ever, and without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Age of a commit at which its rows may go, in microseconds.
    pub time_us: Option<i64>,
    /// Bytes of a partition's segments above which the oldest go.
    pub bytes: Option<u64>,
}

/// One segment in the place of several.
pub struct Compacted {
    pub key: SegmentKey,
    pub old: Vec<SegmentId>,
    pub new: SegmentEntry,
    /// Opened before the manifest names it: what follows must not fail for a file that cannot be read.
    pub _file: Arc<SegmentFile>,
}

/// Segments of a table and their deaths in a new place.
pub struct Rewritten {
    pub new: Option<SegmentId>,
    pub old: Vec<SegmentId>,
    /// As in `Compacted`.
    pub _files: Vec<Arc<SegmentFile>>,
}

/// Rows of a partition before an offset are gone.
pub struct Expired {
    pub relation: RelationId,
    pub partition: u32,
    pub start: u64,
    /// The newest commit of them.
    pub upto: Epoch,
    pub old: Vec<SegmentId>,
}

impl Sealer {
    /// Merges one run of small segments of a stream, or of what is kept beside rows.
    pub fn compact(&mut self, pool: &Arc<FilePool>) -> Result<Option<Compacted>> {
        let Some((key, old)) = self.choose() else { return Ok(None) };
        let number = self.next_file;
        self.next_file += 1;
        let path = segment_path(&self.folder, number);
        let mut writer = FileWriter::create(self.storage.clone(), &path, number)?;
        merge(&mut writer, pool, &key, &old)?;
        let new = entries(&writer.finish()?).remove(0);
        let mut unnamed = Unnamed::new(self.storage.clone(), &self.folder);
        unnamed.push(number);
        self.sync_folder()?;
        let file = pool.file(number)?;
        let ids: Vec<SegmentId> = old.iter().map(|s| s.id).collect();
        let edit = Edit { added: vec![new.clone()], removed: ids.clone(), file_max: number, ..Edit::default() };
        self.name(&edit, unnamed)?;
        Ok(Some(Compacted { key, old: ids, new, _file: file }))
    }

    /// The oldest run of neighbours that is worth merging.
    fn choose(&self) -> Option<(SegmentKey, Vec<SegmentEntry>)> {
        let live = self.manifest.live();
        // A table's rows are merged by `rewrite`, which knows the dead ones. The sealed catalog says what is a table, as
        // one whose drop is on its way to the journal, and may never come there, is not to be found in memory.
        let definitions = &live.ledger.definitions;
        let is_table = |key: &SegmentKey| {
            if millrace_base::planted("table-merged-as-stream") {
                return false;
            }
            definitions.get(&key.relation).is_some_and(|d| d.object.is_table())
        };
        let mut by_key: BTreeMap<&SegmentKey, Vec<&SegmentEntry>> = BTreeMap::new();
        for entry in live.segments.values().filter(|s| !s.key.is_rows() || !is_table(&s.key)) {
            by_key.entry(&entry.key).or_default().push(entry);
        }
        for (key, mut list) in by_key {
            list.sort_by_key(|s| (s.first_offset, s.epochs, s.id));
            let mut from = 0;
            while from < list.len() {
                let class = size_class(list[from].rows);
                let run = list[from..].iter().take_while(|s| size_class(s.rows) == class).count();
                if run >= FAN_IN && list[from].rows * (FAN_IN as u64) <= ROWS_MAX * 2 {
                    let run: Vec<_> = list[from..from + FAN_IN].iter().map(|s| (*s).clone()).collect();
                    return Some((key.clone(), run));
                }
                from += run;
            }
        }
        None
    }

    /// Writes what a table wants to have written anew; returns the new segment, if any row is left.
    pub fn rewrite(
        &mut self,
        pool: &FilePool,
        relation: RelationId,
        schema: &SchemaRef,
        plan: &Rewrite,
    ) -> Result<Rewritten> {
        let time_us = self.manifest.live().ledger.time_us;
        let sealed = self.sealed_epoch();
        let mut output = Output::new(self);
        let mut new = None;
        if plan.rows > 0 {
            let id = output.table_rows(relation, schema, plan, time_us)?;
            output.deaths(relation, &[(id, plan.deaths.clone())], sealed, time_us)?;
            new = Some(id);
        }
        let (added, unnamed) = output.finish()?;
        let files = open_all(pool, &added)?;
        let live = self.manifest.live();
        let deletes = live.segments.values().filter(|s| match s.key.kind {
            SegmentKind::Deletes { of } => plan.removed.contains(&of),
            _ => false,
        });
        let old: Vec<SegmentId> = plan.removed.iter().copied().chain(deletes.map(|s| s.id)).collect();
        let file_max = self.next_file - 1;
        let horizon = if millrace_base::planted("horizon-not-kept") { Epoch::ZERO } else { plan.buried };
        let edit = Edit { added, removed: old.clone(), horizon, file_max, ..Edit::default() };
        self.name(&edit, unnamed)?;
        Ok(Rewritten { new, old, _files: files })
    }

    /// Drops the segments of a stream that are past their time or above its size.
    pub fn expire(&mut self, relation: RelationId, retention: Retention, now_us: i64) -> Result<Vec<Expired>> {
        let mut by_partition: BTreeMap<u32, Vec<&SegmentEntry>> = BTreeMap::new();
        let live = self.manifest.live();
        for entry in live.segments.values().filter(|s| s.key.relation == relation && s.key.is_rows()) {
            by_partition.entry(entry.key.partition).or_default().push(entry);
        }
        let mut expired = Vec::new();
        for (partition, mut list) in by_partition {
            list.sort_by_key(|s| s.first_offset);
            let mut bytes: u64 = list.iter().map(|s| s.bytes).sum();
            let gone = list.iter().take_while(|s| {
                let newest =
                    if millrace_base::planted("retention-by-oldest-row") { s.times_us.0 } else { s.times_us.1 };
                let late = retention.time_us.is_some_and(|age| newest < now_us.saturating_sub(age));
                let large = retention.bytes.is_some_and(|limit| bytes > limit);
                bytes -= s.bytes;
                late || large
            });
            let old: Vec<&SegmentEntry> = gone.copied().collect();
            if let Some(last) = old.last() {
                let (start, upto) = (last.end(), last.epochs.1);
                expired.push(Expired { relation, partition, start, upto, old: old.iter().map(|s| s.id).collect() });
            }
        }
        if !expired.is_empty() {
            let edit = Edit {
                removed: expired.iter().flat_map(|e| e.old.iter().copied()).collect(),
                starts: expired.iter().map(|e| (e.relation, e.partition, e.start)).collect(),
                gone: if millrace_base::planted("past-not-gone") {
                    Vec::new()
                } else {
                    expired.iter().map(|e| (e.relation, e.upto)).collect()
                },
                ..Edit::default()
            };
            self.manifest.append(&edit)?;
        }
        Ok(expired)
    }

    /// Gives up the files in which nothing is live any more.
    pub fn retire(&self, pool: &FilePool, removed: &[SegmentId]) {
        let mut files: Vec<u64> = removed.iter().map(|id| id.file).collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            let first = SegmentId { file, index: 0 };
            let last = SegmentId { file, index: u32::MAX };
            if self.manifest.live().segments.range(first..=last).next().is_none() {
                pool.retire(file);
            }
        }
    }
}

/// Segments differ in class when one has about eight times the rows of the other.
fn size_class(rows: u64) -> u32 {
    rows.max(1).ilog2() / 3
}

fn merge(writer: &mut FileWriter, pool: &Arc<FilePool>, key: &SegmentKey, old: &[SegmentEntry]) -> Result<()> {
    let schema = pool.segment(old[0].id)?.schema().clone();
    writer.begin(key.clone(), &schema, old[0].first_offset)?;
    let columns: Vec<usize> = (0..schema.fields().len()).collect();
    for entry in old {
        let segment = pool.segment(entry.id)?.uncached();
        let mut runs = RunReader::new(&segment)?;
        for found in segment.scan(&columns, &[], 0..entry.rows) {
            let (_, batch) = found?;
            writer.append(&batch, &runs.take(batch.num_rows() as u32))?;
        }
    }
    writer.end().map(drop)
}

/// Hands out a segment's runs piece by piece.
pub struct RunReader {
    runs: Arc<[CommitRun]>,
    at: usize,
    used: u32,
}

impl RunReader {
    pub fn new(segment: &Segment) -> Result<Self> {
        Ok(Self { runs: segment.runs()?, at: 0, used: 0 })
    }

    /// Passes over rows.
    pub fn skip(&mut self, mut rows: u64) {
        while rows > 0 && self.at < self.runs.len() {
            let part = rows.min(u64::from(self.runs[self.at].rows - self.used)) as u32;
            rows -= u64::from(part);
            self.used += part;
            if self.used == self.runs[self.at].rows {
                (self.at, self.used) = (self.at + 1, 0);
            }
        }
    }

    /// The runs of the next `rows` rows.
    pub fn take(&mut self, mut rows: u32) -> Vec<CommitRun> {
        let mut out = Vec::new();
        while rows > 0 && self.at < self.runs.len() {
            let run = self.runs[self.at];
            let part = rows.min(run.rows - self.used);
            out.push(CommitRun { rows: part, ..run });
            rows -= part;
            self.used += part;
            if self.used == run.rows {
                (self.at, self.used) = (self.at + 1, 0);
            }
        }
        out
    }
}
