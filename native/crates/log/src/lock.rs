//! Who has a database open: one process that writes, or any number that only read. The operating system's locks decide
//! (they end with the process, however it ends), on the folder and on LOCK in it, whose text only names the holder.
//! Readers lock too but write nothing, so that a folder that cannot be written can be read.
//!
//! Not behind `Storage`: a lock is between processes, of which a simulation has one; a crash there ends it with all else.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use arrow::temporal_conversions::timestamp_us_to_datetime;
use millrace_base::{Code, Error, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Held until dropped.
#[derive(Debug)]
pub struct FolderLock {
    /// For readers, which cannot make LOCK where there is none.
    _folder: File,
    /// Also for the release before, which knows only this. A reader may have none.
    file: Option<File>,
    exclusive: bool,
}

impl FolderLock {
    /// For a process that writes: no other one.
    pub fn take(folder: &Path, now_us: i64) -> Result<Self> {
        let path = lock_path(folder);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| Error::io(&path, "open", &e))?;
        let of_folder = open(folder)?;
        let operation = FlockOperation::NonBlockingLockExclusive;
        if !(lock_file(&file, &path, operation)? && lock_folder(&of_folder, operation)) {
            return Err(in_use(folder, &mut file, false));
        }
        let text = holder(now_us);
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|e| Error::io(&path, "write", &e))?;
        Ok(Self { _folder: of_folder, file: Some(file), exclusive: true })
    }

    /// For a process that only reads: others that read, none that writes.
    pub fn share(folder: &Path) -> Result<Self> {
        let path = lock_path(folder);
        let of_folder = open(folder)?;
        let mut file = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io(&path, "open", &error)),
        };
        let operation = FlockOperation::NonBlockingLockShared;
        let free = match &file {
            Some(file) => lock_file(file, &path, operation)?,
            None => true,
        };
        if !(free && lock_folder(&of_folder, operation)) {
            let named = file.as_mut().map_or_else(|| File::open(&path), |file| file.try_clone());
            return Err(match named {
                Ok(mut file) => in_use(folder, &mut file, true),
                Err(error) => Error::io(&path, "open", &error),
            });
        }
        Ok(Self { _folder: of_folder, file, exclusive: false })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // While it is still locked, so that LOCK never names a process that has let go; after a kill it does until the next
        // one, which asks the operating system and not this text.
        if self.exclusive
            && let Some(file) = &self.file
        {
            let _ = file.set_len(0); // only a name
        }
    }
}

fn lock_path(folder: &Path) -> PathBuf {
    folder.join("LOCK")
}

fn open(folder: &Path) -> Result<File> {
    File::open(folder).map_err(|e| Error::io(folder, "open", &e))
}

/// False when another process has it.
fn lock_file(file: &File, path: &Path, operation: FlockOperation) -> Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(Error::io(path, "lock", &error.into())),
    }
}

/// False when another process has it. Network file systems may not lock folders: LOCK has to do there.
fn lock_folder(folder: &File, operation: FlockOperation) -> bool {
    flock(folder, operation) != Err(Errno::WOULDBLOCK)
}

/// This process, for others to read.
fn holder(now_us: i64) -> String {
    let program = std::env::args_os().next();
    let program = program.as_deref().and_then(|path| Path::new(path).file_name()?.to_str());
    let since = timestamp_us_to_datetime(now_us).map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string());
    let mut text = std::process::id().to_string();
    if let Some(program) = program {
        text.push_str(&format!(" ({program})"));
    }
    if let Some(since) = since {
        text.push_str(&format!(" since {since} UTC"));
    }
    text
}

fn in_use(folder: &Path, lock: &mut File, to_read: bool) -> Error {
    let mut holder = String::new();
    lock.read_to_string(&mut holder).ok(); // who it is matters less than that there is one
    let by = match holder.trim() {
        "" if to_read => "another process".to_string(),
        "" => "another process, which may only read it".to_string(),
        holder => format!("process {holder}"),
    };
    let hint = if to_read {
        "While a process writes a database, no other can open it, not even to read only. Close that one first."
    } else {
        "Only one process at a time can open a database. Close the other one first."
    };
    Error::new(Code::ObjectInUse, format!("database \"{}\" is in use by {by}", folder.display())).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_writes_or_several_that_read_and_the_error_names_who_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        // What a process that was killed has left names nobody that lives.
        std::fs::write(lock_path(path), "99999999 (gone)").unwrap();
        let writer = FolderLock::take(path, 1_700_000_000_000_000).unwrap();
        let name = std::env::args().next().unwrap();
        let name = Path::new(&name).file_name().unwrap().to_str().unwrap().to_string();
        let holder = format!("process {} ({name}) since 2023-11-14 22:13:20 UTC", std::process::id());
        for refused in [FolderLock::take(path, 0).unwrap_err(), FolderLock::share(path).unwrap_err()] {
            assert_eq!(refused.code, Code::ObjectInUse);
            assert_eq!(refused.message, format!("database \"{}\" is in use by {holder}", path.display()));
            assert!(refused.hint.is_some());
        }
        drop(writer);
        assert_eq!(std::fs::read_to_string(lock_path(path)).unwrap(), "");
        let (one, other) = (FolderLock::share(path).unwrap(), FolderLock::share(path).unwrap());
        let refused = FolderLock::take(path, 0).unwrap_err();
        assert!(refused.message.ends_with("is in use by another process, which may only read it"), "{refused}");
        drop((one, other));
        FolderLock::take(path, 0).unwrap();
    }

    #[test]
    fn readers_hold_a_folder_without_a_lock_file_and_make_none() {
        let folder = tempfile::tempdir().unwrap();
        let reader = FolderLock::share(folder.path()).unwrap();
        assert!(!lock_path(folder.path()).exists());
        assert_eq!(FolderLock::take(folder.path(), 0).unwrap_err().code, Code::ObjectInUse);
        drop(reader);
        FolderLock::take(folder.path(), 0).unwrap();
    }
}
