//! CHECK DATABASE: every checksum and every invariant of what lies on disk, with the place of what does not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millrace_base::Epoch;

use crate::journal::Journal;
use crate::manifest::SegmentEntry;
use crate::recovery::read_deaths;
use crate::seal::Sealer;
use crate::segment::{FilePool, SegmentId, SegmentKind, segment_path};

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's path, as it was opened.
    pub file: String,
    pub what: String,
}

/// What a check has read, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    pub segments: u64,
    pub rows: u64,
    pub commits: u64,
    pub findings: Vec<Finding>,
}

pub fn check(sealer: &Sealer, journal: &Journal, pool: &Arc<FilePool>, durable: Epoch) -> CheckReport {
    let mut report = CheckReport::default();
    let file_of = |id: SegmentId| segment_path(&sealer.folder, id.file).display().to_string();
    let live = sealer.manifest.live();
    if let Err(error) = sealer.manifest.verify() {
        report.findings.push(Finding { file: sealer.manifest.file().display().to_string(), what: error.message });
    }
    let files: BTreeSet<u64> = live.segments.keys().map(|id| id.file).collect();
    for number in files {
        if let Err(error) = pool.verify(number) {
            let file = segment_path(&sealer.folder, number).display().to_string();
            report.findings.push(Finding { file, what: error.message });
        }
    }
    let mut partitions: BTreeMap<_, Vec<&SegmentEntry>> = BTreeMap::new();
    for entry in live.segments.values() {
        report.segments += 1;
        report.rows += entry.rows;
        let mut wrong = |what: String| report.findings.push(Finding { file: file_of(entry.id), what });
        match pool.segment(entry.id).and_then(|segment| segment.verify().map(|()| segment)) {
            Err(error) => wrong(error.message),
            Ok(segment) => {
                let meta = segment.meta();
                let same = meta.key == entry.key
                    && meta.rows == entry.rows
                    && meta.first_offset == entry.first_offset
                    && meta.epochs == entry.epochs;
                if !same {
                    wrong(format!("segment {} is not the one that the manifest names", entry.id.index));
                }
            }
        }
        match entry.key.kind {
            SegmentKind::Rows => {
                partitions.entry((entry.key.relation, entry.key.partition)).or_default().push(entry);
            }
            SegmentKind::Deletes { of } => match live.segments.get(&of) {
                None => wrong(format!("deletes rows of segment {}/{}, which is not live", of.file, of.index)),
                Some(target) => match read_deaths(pool, &[entry.id]) {
                    Err(_) => {} // told above
                    Ok(deaths) if deaths.iter().any(|(row, _)| u64::from(*row) >= target.rows) => {
                        wrong(format!("deletes rows that segment {}/{} does not have", of.file, of.index));
                    }
                    Ok(_) => {}
                },
            },
            SegmentKind::Commits => {}
        }
    }
    for ((relation, partition), mut list) in partitions {
        list.sort_by_key(|s| s.first_offset);
        for pair in list.windows(2) {
            let ordered = pair[0].epochs.1 <= pair[1].epochs.0;
            let joined = pair[0].end() == pair[1].first_offset && ordered;
            let known = live.ledger.extents.contains_key(&(relation, partition)) && is_stream(live, relation);
            if known && !joined {
                let what = format!(
                    "rows {} to {} of relation {} partition {partition} are missing or out of order",
                    pair[0].end(),
                    pair[1].first_offset,
                    relation.0
                );
                report.findings.push(Finding { file: file_of(pair[1].id), what });
            }
        }
    }
    match journal.check(sealer.sealed_epoch(), durable) {
        Ok(commits) => report.commits = commits,
        Err((file, error)) => {
            report.findings.push(Finding { file: file.display().to_string(), what: error.message });
        }
    }
    report
}

fn is_stream(live: &crate::manifest::Live, relation: millrace_base::RelationId) -> bool {
    crate::seal::stored_schema(&live.ledger, relation).is_some_and(|(_, stream)| stream)
}
