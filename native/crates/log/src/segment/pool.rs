//! The open segment files. Descriptors are few however many files there are; a file that is no longer live stays on
//! disk until nobody reads it.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use millrace_base::{Code, Error, File, FileKind, Result, Storage};
use parking_lot::Mutex;

use super::cache::BlockCache;
use super::meta::FileMeta;
use super::{Segment, SegmentId, damaged, footer, segment_path};

/// Descriptors kept open.
const OPEN_MAX: usize = 128;
/// Names of files that are forgotten at once.
const FORGET_MIN: usize = 1024;

/// A file that someone knows of. The last to let go of one that was retired removes it.
pub struct SegmentFile {
    pub number: u64,
    pub path: PathBuf,
    pub meta: FileMeta,
    /// One bit a column block that has been found whole since the file was opened, by segment.
    whole: Vec<Vec<AtomicU64>>,
    storage: Arc<dyn Storage>,
    retired: AtomicBool,
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            // What stays is removed when the database is opened again.
            let _ = self.storage.remove(&self.path);
        }
    }
}

impl SegmentFile {
    /// Whether this column block's checksum has been compared.
    pub fn is_whole(&self, segment: u32, block: usize) -> bool {
        self.whole[segment as usize][block / 64].load(Ordering::Relaxed) >> (block % 64) & 1 == 1
    }

    /// Asks for the checksum to be compared once more.
    pub fn forget_whole(&self, segment: u32, block: usize) {
        self.whole[segment as usize][block / 64].fetch_and(!(1 << (block % 64)), Ordering::Relaxed);
    }

    pub fn set_whole(&self, segment: u32, block: usize) {
        self.whole[segment as usize][block / 64].fetch_or(1 << (block % 64), Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Files {
    known: HashMap<u64, Weak<SegmentFile>>,
    /// Keeps the last used files known.
    recent: VecDeque<Arc<SegmentFile>>,
    /// Descriptors, with the time of their last use.
    open: HashMap<u64, (Arc<dyn File>, u64)>,
    clock: u64,
}

impl Files {
    fn used(&mut self, number: u64) -> Option<Arc<dyn File>> {
        self.clock += 1;
        let (file, used) = self.open.get_mut(&number)?;
        *used = self.clock;
        Some(file.clone())
    }
}

pub struct FilePool {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    files: Mutex<Files>,
    pub(super) cache: BlockCache,
}

impl FilePool {
    /// `cache_bytes` of column blocks are kept in memory.
    pub fn new(storage: Arc<dyn Storage>, folder: &Path, cache_bytes: usize) -> Self {
        Self { storage, folder: folder.to_path_buf(), files: Mutex::default(), cache: BlockCache::new(cache_bytes) }
    }

    /// The segment with this name; reads and checks its file's footer at the first use.
    pub fn segment(self: &Arc<Self>, id: SegmentId) -> Result<Segment> {
        let file = self.file(id.file)?;
        if file.meta.segments.get(id.index as usize).is_none() {
            return Err(damaged(&file.path, 0, format!("there is no segment {}", id.index)));
        }
        Ok(Segment::new(self.clone(), file, id))
    }

    /// Keeps a file on disk as long as the result lives.
    pub fn file(&self, number: u64) -> Result<Arc<SegmentFile>> {
        if let Some(file) = self.files.lock().known.get(&number).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let path = segment_path(&self.folder, number);
        let handle = self.handle(number, &path)?;
        let meta = footer::read(&path, handle.as_ref(), number)?;
        let words = |blocks: usize| (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let whole = meta.segments.iter().map(|segment| words(segment.column_blocks())).collect();
        let retired = AtomicBool::new(false);
        let file = Arc::new(SegmentFile { number, path, meta, whole, storage: self.storage.clone(), retired });
        let mut files = self.files.lock();
        if let Some(file) = files.known.get(&number).and_then(Weak::upgrade) {
            return Ok(file); // somebody else was faster
        }
        if files.known.len() >= FORGET_MIN && files.known.len() == files.known.capacity() {
            files.known.retain(|_, file| file.strong_count() > 0);
        }
        files.known.insert(number, Arc::downgrade(&file));
        files.recent.push_back(file.clone());
        if files.recent.len() > OPEN_MAX {
            files.recent.pop_front();
        }
        Ok(file)
    }

    /// Whether a file is still in its folder, and begins and ends as it must: nothing that is known of it is believed.
    pub fn verify(&self, number: u64) -> Result<()> {
        let path = segment_path(&self.folder, number);
        footer::read(&path, self.open(&path)?.as_ref(), number).map(drop)
    }

    /// An open descriptor of the file.
    pub fn handle(&self, number: u64, path: &Path) -> Result<Arc<dyn File>> {
        if let Some(file) = self.files.lock().used(number) {
            return Ok(file);
        }
        let opened = self.open(path).or_else(|error| match error.code {
            // The process has no descriptor left: what is only kept for later is given back.
            Code::InsufficientResources => {
                self.files.lock().open.clear();
                self.open(path)
            }
            _ => Err(error),
        })?;
        let mut files = self.files.lock();
        if let Some(file) = files.used(number) {
            return Ok(file); // somebody else was faster
        }
        if files.open.len() >= OPEN_MAX
            && let Some(oldest) = files.open.iter().min_by_key(|(_, (_, used))| *used).map(|(&number, _)| number)
        {
            files.open.remove(&oldest);
        }
        let clock = files.clock;
        files.open.insert(number, (opened.clone(), clock));
        Ok(opened)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn File>> {
        let file = self.storage.open(path, FileKind::Read).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => damaged(path, 0, "the file is missing"),
            _ => Error::io(path, "open", &e),
        })?;
        Ok(Arc::from(file))
    }

    /// Nothing in the file is live: it is removed when nobody reads it any more.
    pub fn retire(&self, number: u64) {
        self.cache.forget(number);
        let mut files = self.files.lock();
        files.open.remove(&number);
        let recent = std::mem::take(&mut files.recent);
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = recent.into_iter().partition(|f| f.number == number);
        files.recent = kept;
        let known = files.known.remove(&number).and_then(|f| f.upgrade());
        drop(files);
        match known {
            Some(file) => file.retired.store(true, Ordering::Release),
            None => {
                let _ = self.storage.remove(&segment_path(&self.folder, number)); // as in `drop`
            }
        }
        // Dropped without the lock: it may be the last to know of the file.
        drop(gone);
    }
}
