//! The fuzz targets. Each takes any bytes, reads them as a file of the log, and panics where the promise of the README is
//! broken. The first byte of the input says whether checksums are repaired, the rest is the file.
//! Never here: crashes and lost writes, which are the simulator's.

mod database;
mod mutate;
mod repair;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use millrace_base::{Code, Epoch, Error, FileKind, RelationId, Storage};
use millrace_log::segment::{FilePool, SegmentId};
use millrace_log::{Commit, Log, MemoryStorage};

pub use mutate::mutate;

use database::{Database, STREAM, TABLE};

/// A target by name.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Inputs made from real files.
    pub corpus: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: [Target; 4] = [
    Target { name: "journal", run: journal, corpus: || database::inputs(&PLAIN.files, ".wal") },
    Target { name: "segment", run: segment, corpus: segment_corpus },
    Target { name: "manifest", run: manifest, corpus: || database::inputs(&SEALED.files, ".mf") },
    Target { name: "deletes", run: deletes, corpus: || vec![database::input(&SEALED.deletes().1)] },
];

/// A database whose commits all lie in one journal file.
static PLAIN: LazyLock<Database> = LazyLock::new(|| Database::make(false));
/// One with segments, deaths of their rows, a manifest of several edits, and a journal behind.
static SEALED: LazyLock<Database> = LazyLock::new(|| Database::make(true));
static SEGMENT: LazyLock<Vec<u8>> = LazyLock::new(database::segment_file);

fn segment_corpus() -> Vec<Vec<u8>> {
    let mut out = vec![database::input(&SEGMENT)];
    out.extend(database::inputs(&SEALED.files, ".seg"));
    out
}

/// Whether checksums are to be repaired, and the file.
fn split(data: &[u8]) -> Option<(bool, &[u8])> {
    data.split_first().map(|(first, rest)| (first & 1 == 1, rest))
}

/// Panics unless the error says that the bytes are damaged or of another version.
fn expected(error: &Error) {
    let fine = matches!(error.code, Code::DataCorrupted | Code::FeatureNotSupported);
    assert!(fine, "an error that is not about damage: {:?}: {}", error.code, error.message);
}

/// Opens the database, reads all of it, checks it, and writes to it.
fn exercise(storage: &Arc<MemoryStorage>) {
    let log = match database::open(storage, true) {
        Ok(log) => log,
        Err(error) => return expected(&error),
    };
    let newest = log.durable_epoch();
    for definition in log.definitions() {
        let Ok(schema) = log.schema(definition.id) else { continue };
        let columns: Vec<u32> = (0..schema.fields().len() as u32).collect();
        for epoch in [newest, Epoch(newest.0 / 2)] {
            read(&log, definition.id, &columns, epoch);
        }
        for (partition, extent) in log.extents(definition.id) {
            let middle = extent.start + (extent.end.saturating_sub(extent.start)) / 2;
            match log.read_from(definition.id, partition, &columns, middle, newest) {
                Err(error) => assert!(error.code == Code::WrongObjectType, "{error}"),
                Ok(rows) => rows.take(64).for_each(|batch| drop(batch.map_err(|error| expected(&error)))),
            }
        }
    }
    log.check();
    write(&log);
    log.close();
}

fn read(log: &Log, relation: RelationId, columns: &[u32], epoch: Epoch) -> Option<i64> {
    let scan = match log.scan(relation, columns, epoch) {
        Ok(scan) => scan,
        // Versions that old may be gone.
        Err(error) if error.code == Code::ObjectNotInPrerequisiteState => return None,
        Err(error) => {
            expected(&error);
            return None;
        }
    };
    let mut sum = 0i64;
    for batch in scan.batches() {
        match batch {
            Err(error) => {
                expected(&error);
                return None;
            }
            Ok(batch) => {
                // Touches values: a column that lies about its own buffers is found here.
                for column in batch.columns() {
                    column.to_data().validate_full().expect("arrays that are whole");
                }
                if let Some(ids) = batch.columns().first().and_then(|c| c.as_primitive_opt::<Int64Type>()) {
                    sum = ids.iter().flatten().fold(sum, i64::wrapping_add);
                }
            }
        }
    }
    Some(sum)
}

/// What is damaged may be found only when it is written to.
fn write(log: &Log) {
    for id in [STREAM, TABLE] {
        if log.schema(id).is_err() {
            continue;
        }
        let batch = database::rows(900_000..900_003);
        if log.schema(id).is_ok_and(|schema| schema.fields().len() != batch.num_columns()) {
            continue;
        }
        let commit = Commit { rows: vec![database::part(id, batch, None)], ..Commit::default() };
        match log.commit(commit) {
            Ok(ticket) => {
                log.run_pending();
                ticket.wait().expect("memory takes every write");
            }
            // A damaged catalog may name other columns.
            Err(error) if matches!(error.code, Code::InternalError | Code::UndefinedTable | Code::WrongObjectType) => {}
            Err(error) if error.code == Code::UniqueViolation => {}
            Err(error) => expected(&error),
        }
    }
    while match log.maintain() {
        Ok(more) => more,
        // Checksums that were made to fit can tell of rows that contradict each other.
        Err(error) if error.code == Code::InternalError => false,
        Err(error) => {
            expected(&error);
            false
        }
    } {}
}

/// The journal reader: bytes as the only file of a database.
pub fn journal(data: &[u8]) {
    let Some((repaired, file)) = split(data) else { return };
    let mut file = file.to_vec();
    if repaired {
        repair::journal(&mut file);
    }
    exercise(&database::storage(&[(PLAIN.journal_path(), file)]));
}

/// The segment reader: bytes as a segment file.
pub fn segment(data: &[u8]) {
    let Some((repaired, file)) = split(data) else { return };
    let mut file = file.to_vec();
    if repaired {
        repair::segment(&mut file);
    }
    let number = file.get(12..20).map_or(1, |b| u64::from_le_bytes(b.try_into().expect("8 bytes")));
    let folder = Path::new("/segments");
    let storage = MemoryStorage::default();
    let path = folder.join(format!("{number:016}.seg"));
    let handle = storage.open(&path, FileKind::ReadWrite).expect("memory");
    handle.write_all_at(&file, 0).expect("memory");
    let pool = Arc::new(FilePool::new(Arc::new(storage), folder, 1 << 20));
    for index in 0..8 {
        let segment = match pool.segment(SegmentId { file: number, index }) {
            Ok(segment) => segment,
            Err(error) => return expected(&error),
        };
        let all: Vec<usize> = (0..segment.schema().fields().len()).collect();
        let rows = segment.meta().rows;
        if let Err(error) = segment.runs() {
            expected(&error);
        }
        for found in segment.scan(&all, &[], 0..rows).take(8) {
            match found {
                Err(error) => expected(&error),
                Ok((_, batch)) => {
                    let whole = |column: &arrow_array::ArrayRef| column.to_data().validate_full();
                    batch.columns().iter().for_each(|column| whole(column).expect("arrays that are whole"));
                }
            }
        }
        let some: Vec<u64> = [0, rows / 2, rows.saturating_sub(1)].into_iter().filter(|&row| row < rows).collect();
        if let Err(error) = segment.take(&some, &all) {
            expected(&error);
        }
        for (block, column) in all.iter().map(|&column| (0, column)).filter(|_| !segment.meta().blocks.is_empty()) {
            match segment.encoded(block, column).map(|encoded| encoded.view().map(|_| ())) {
                Ok(_) => {}
                Err(error) => expected(&error),
            }
        }
        if let Err(error) = segment.verify() {
            expected(&error);
        }
    }
}

/// The manifest: bytes in the place of a database's manifest.
pub fn manifest(data: &[u8]) {
    let Some((repaired, file)) = split(data) else { return };
    let mut file = file.to_vec();
    if repaired {
        repair::manifest(&mut file);
    }
    exercise(&database::storage(&SEALED.with(&SEALED.manifest_path(), file)));
}

/// The deaths of a table's rows: bytes in the place of the segment file that tells them.
pub fn deletes(data: &[u8]) {
    let Some((repaired, file)) = split(data) else { return };
    let mut file = file.to_vec();
    if repaired {
        repair::segment(&mut file);
    }
    exercise(&database::storage(&SEALED.with(&SEALED.deletes().0, file)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_nobody_has_changed_are_read_whole() {
        for target in &TARGETS {
            let corpus = (target.corpus)();
            assert!(!corpus.is_empty(), "{}", target.name);
            for (at, mut input) in corpus.into_iter().enumerate() {
                (target.run)(&input);
                // What a repair does to an undamaged file changes nothing.
                input[0] = 1;
                let mut file = input[1..].to_vec();
                match target.name {
                    "journal" => repair::journal(&mut file),
                    "manifest" => repair::manifest(&mut file),
                    _ => repair::segment(&mut file),
                }
                assert_eq!(file, input[1..], "{} {at}", target.name);
                (target.run)(&input);
            }
        }
    }
}
