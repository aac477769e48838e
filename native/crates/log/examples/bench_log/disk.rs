//! What the log asks of the disk, written down, and the same asked again of a plain file: the disk's own speed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_base::{File as LogFile, FileKind, RealStorage, Storage};
use parking_lot::Mutex;

/// A call that changes the disk.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    Write(usize),
    Sync,
}

/// The operating system's files, with the calls on journal files written down.
#[derive(Clone, Default)]
pub struct Traced {
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Traced {
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock())
    }
}

struct TracedFile {
    file: Box<dyn LogFile>,
    calls: Option<Arc<Mutex<Vec<Call>>>>,
}

impl TracedFile {
    fn note(&self, call: Call) {
        if let Some(calls) = &self.calls {
            calls.lock().push(call);
        }
    }
}

impl LogFile for TracedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.note(Call::Write(bytes.len()));
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
        self.note(Call::Sync);
        self.file.sync()
    }
}

impl Storage for Traced {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn LogFile>> {
        let journal = path.extension().is_some_and(|extension| extension == "wal");
        let file = RealStorage.open(path, kind)?;
        Ok(Box::new(TracedFile { file, calls: journal.then(|| self.calls.clone()) }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealStorage.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        RealStorage.list(path)
    }

    fn exists(&self, path: &Path) -> bool {
        RealStorage.exists(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealStorage.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealStorage.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealStorage.sync_dir(path)
    }
}

/// A file whose blocks were all written once, so that only overwriting is measured.
pub struct Probe {
    file: File,
    len: u64,
    at: u64,
    bytes: Vec<u8>,
}

const PROBE_BYTES: u64 = 256 << 20;

impl Probe {
    pub fn new(folder: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(true).read(true).write(true).open(folder.join("probe"))?;
        let bytes: Vec<u8> = (0..16u32 << 20).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for at in (0..PROBE_BYTES).step_by(bytes.len()) {
            file.write_all_at(&bytes, at)?;
        }
        file.sync_all()?;
        Ok(Self { file, len: PROBE_BYTES, at: 0, bytes })
    }

    pub fn write(&mut self, len: usize) -> io::Result<()> {
        let mut left = len;
        while left > 0 {
            let take = left.min(self.bytes.len());
            if self.at + take as u64 > self.len {
                self.at = 0;
            }
            self.file.write_all_at(&self.bytes[..take], self.at)?;
            self.at += take as u64;
            left -= take;
        }
        Ok(())
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Makes the calls again, one after another, and says how long they took.
    pub fn repeat(&mut self, calls: &[Call]) -> io::Result<Duration> {
        let start = Instant::now();
        for call in calls {
            match call {
                Call::Write(len) => self.write(*len)?,
                Call::Sync => self.sync()?,
            }
        }
        Ok(start.elapsed())
    }
}

pub fn bytes_of(calls: &[Call]) -> usize {
    let bytes = |call: &Call| if let Call::Write(len) = call { *len } else { 0 };
    calls.iter().map(bytes).sum()
}

pub fn syncs_of(calls: &[Call]) -> usize {
    calls.iter().filter(|call| matches!(call, Call::Sync)).count()
}
