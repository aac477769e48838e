//! Many files need few descriptors, and a process without any gets those back that are only kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::{Epoch, File, FileKind, RelationId, Storage};

use super::*;
use crate::MemoryStorage;

/// So little that blocks are driven out.
const CACHE: usize = 100_000;

/// Counts open files, and has no more descriptors than `limit`.
struct Counting {
    files: MemoryStorage,
    open: Arc<AtomicUsize>,
    limit: usize,
}

struct Counted {
    file: Box<dyn File>,
    open: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl File for Counted {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.allocate(offset, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Storage for Counting {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        if self.open.load(Ordering::Relaxed) >= self.limit {
            return Err(io::Error::from_raw_os_error(24));
        }
        let file = self.files.open(path, kind)?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Counted { file, open: self.open.clone() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.files.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.files.list(path)
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.exists(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.files.sync_dir(path)
    }
}

/// Reads a file of each of `count` segments, twice; returns how many descriptors were open at most.
fn descriptors(count: u64, limit: usize) -> usize {
    let open = Arc::new(AtomicUsize::new(0));
    let storage: Arc<dyn Storage> = Arc::new(Counting { files: MemoryStorage::default(), open: open.clone(), limit });
    let folder = Path::new("segments");
    let key = SegmentKey { relation: RelationId(1), partition: 0, kind: SegmentKind::Rows };
    for number in 1..=count {
        let batch = RecordBatch::try_from_iter([("v", Arc::new(Int64Array::from(vec![number as i64])) as ArrayRef)]);
        let batch = batch.unwrap();
        let mut writer = FileWriter::create(storage.clone(), &segment_path(folder, number), number).unwrap();
        writer.begin(key.clone(), &batch.schema(), 0).unwrap();
        writer.append(&batch, &[CommitRun { epoch: Epoch(number), time_us: 0, rows: 1 }]).unwrap();
        writer.end().unwrap();
        writer.finish().unwrap();
    }
    let pool = Arc::new(FilePool::new(storage, folder, CACHE));
    // Held: as a table holds its segments.
    let segments: Vec<Segment> = (1..=count).map(|file| pool.segment(SegmentId { file, index: 0 }).unwrap()).collect();
    let mut most = 0;
    for (segment, number) in segments.iter().chain(&segments).zip((1..=count).chain(1..=count)) {
        let (_, batch) = segment.scan(&[0], &[], 0..1).next().unwrap().unwrap();
        let wanted: ArrayRef = Arc::new(Int64Array::from(vec![number as i64]));
        assert!(batch.column(0) == &wanted);
        most = most.max(open.load(Ordering::Relaxed));
    }
    most
}

#[test]
fn many_files_need_few_descriptors() {
    let most = descriptors(1000, usize::MAX);
    assert!(most <= 200, "{most} descriptors for 1000 files");
}

#[test]
fn without_descriptors_left_the_kept_ones_are_given_back() {
    assert!(descriptors(50, 8) <= 8);
}
