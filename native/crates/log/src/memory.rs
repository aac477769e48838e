//! Files in memory, for `:memory:` databases: the same code runs on them as on a disk.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_base::{File, FileKind, Storage};
use parking_lot::{Mutex, RwLock};

type Bytes = Arc<RwLock<Vec<u8>>>;

#[derive(Debug, Default)]
pub struct MemoryStorage {
    files: Mutex<HashMap<PathBuf, Bytes>>,
}

struct MemoryFile(Bytes);

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

fn to_usize(value: u64) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

impl File for MemoryFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.0.read();
        let start = to_usize(offset)?;
        let found = start.checked_add(buffer.len()).and_then(|end| bytes.get(start..end));
        buffer.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_all_at(&self, new: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = self.0.write();
        let start = to_usize(offset)?;
        let end = start + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(new);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.write().resize(to_usize(len)?, 0);
        Ok(())
    }

    fn allocate(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        let mut files = self.files.lock();
        let bytes = match kind {
            FileKind::Read => files.get(path).cloned().ok_or_else(not_found)?,
            FileKind::ReadWrite => files.entry(path.to_path_buf()).or_default().clone(),
        };
        Ok(Box::new(MemoryFile(bytes)))
    }

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.files.lock().keys().filter(|p| p.parent() == Some(path)).cloned().collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.lock().contains_key(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.lock().remove(path).map(|_| ()).ok_or_else(not_found)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files.lock();
        let bytes = files.remove(from).ok_or_else(not_found)?;
        files.insert(to.to_path_buf(), bytes);
        Ok(())
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}
