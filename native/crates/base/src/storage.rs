//! Files, behind a trait so that a simulated disk can stand in. Positioned reads and appends only: a memory map
//! of a file that fails under it would end the host process.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Opened for reading only; must exist.
    Read,
    /// Opened for reading and writing; made when missing.
    ReadWrite,
}

#[expect(clippy::len_without_is_empty, reason = "a file is not a collection: nobody asks whether it is empty")]
pub trait File: Send + Sync {
    /// Reads exactly `buffer.len()` bytes at `offset`, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Gives the file space for `len` bytes from `offset` on, which read as zeros until they are written. Appends
    /// to space that a file has already need no change of its metadata, so their fsync is cheaper.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;
    /// Makes the data durable (`fdatasync`).
    fn sync(&self) -> io::Result<()>;
}

pub trait Storage: Send + Sync {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>>;
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The entries of a folder, in no particular order.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
    fn exists(&self, path: &Path) -> bool;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the folder's entries durable: POSIX asks for it after a create, a rename or a removal.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealStorage;

struct RealFile(std::fs::File);

impl File for RealFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::empty(), offset, len) {
            // A file system without the call gives space at each write.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            other => Ok(other?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Storage for RealStorage {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        let file = match kind {
            FileKind::Read => std::fs::File::open(path)?,
            FileKind::ReadWrite => {
                std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?
            }
        };
        Ok(Box::new(RealFile(file)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::File::open(path)?.sync_all()
    }
}
