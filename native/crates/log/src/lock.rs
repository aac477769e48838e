//! LOCK: one process at a time. The operating system's lock decides (it ends with the process); the file's text only
//! names the holder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use millrace_base::{Code, Error, Result};
use rustix::fs::{FlockOperation, flock};

/// Held until dropped.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("LOCK");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| Error::io(&path, "open", &e))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            let holder = holder.trim();
            let by = if holder.is_empty() { "another process".to_string() } else { format!("process {holder}") };
            return Err(Error::new(Code::ObjectInUse, format!("database \"{}\" is in use by {by}", folder.display()))
                .with_hint("Only one process at a time can open a database. Close the other one first."));
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        written.map_err(|e| Error::io(&path, "write", &e))?;
        Ok(Self { _file: file })
    }
}
