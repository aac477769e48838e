//! The simulated disk as the log sees it: files and folders, each call of which may fail, tear or be the last before
//! the power goes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_base::{File, FileKind, Storage};
use parking_lot::Mutex;

use super::{EIO, ENOSPC, Entry, Inner, NameChange, SimDisk, raw, to_usize};
use crate::fault::{Fault, Op};
use crate::inode::Inode;

struct SimFile {
    disk: Arc<Mutex<Inner>>,
    inode: u64,
    run: u64,
    writable: bool,
}

impl SimFile {
    fn with<T>(&self, work: impl FnOnce(&mut Inner, u64) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.disk.lock();
        if inner.run != self.run {
            return Err(raw(EIO)); // the process that opened it has ended
        }
        work(&mut inner, self.inode)
    }

    fn changing<T>(&self, work: impl FnOnce(&mut Inner, u64) -> io::Result<T>) -> io::Result<T> {
        assert!(self.writable, "a file opened for reading is written");
        self.with(work)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut inner = self.disk.lock();
        if inner.run == self.run {
            let inode = inner.inodes.get_mut(&self.inode).expect("an open file");
            inode.handles -= 1;
            if inode.handles == 0 {
                inner.reap();
            }
        }
    }
}

fn file(inner: &mut Inner, id: u64) -> &mut Inode {
    inner.inodes.get_mut(&id).expect("an open file")
}

impl File for SimFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.with(|inner, id| {
            inner.check_power()?;
            if inner.meet(Op::Read).is_some() {
                return Err(raw(EIO));
            }
            let start = to_usize(offset)?;
            if !inner.inodes[&id].cached.read(start, buffer) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.changing(|inner, id| {
            let at = to_usize(offset)?;
            inner.say(|| format!("write {} bytes at {at} of {}", bytes.len(), inner.name_of(id)));
            let last = inner.spend_power()?;
            let grown = (at + bytes.len()).saturating_sub(inner.inodes[&id].cached.len());
            let full = grown > 0 && inner.quota.is_some_and(|quota| inner.used() + grown > quota);
            let fault = inner.meet(Op::Write);
            inner.faults.note(full);
            if !last && !full && fault.is_none() {
                file(inner, id).write(at, bytes);
                return Ok(());
            }
            // `write` had done a part when it failed.
            let part = inner.dice.below(bytes.len() + 1);
            if part > 0 && !matches!(fault, Some(Fault { whole: true, .. })) {
                file(inner, id).write(at, &bytes[..part]);
            }
            Err(raw(if full || fault.is_some_and(|f| f.no_space) { ENOSPC } else { EIO }))
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|inner, id| {
            inner.check_power()?;
            Ok(inner.inodes[&id].cached.len() as u64)
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.changing(|inner, id| {
            let len = to_usize(len)?;
            inner.say(|| format!("set length of {} to {len}", inner.name_of(id)));
            let last = inner.spend_power()?;
            if inner.meet(Op::SetLen).is_some() || (last && inner.dice.percent(50)) {
                return Err(raw(EIO));
            }
            file(inner, id).set_len(len);
            if last { Err(raw(EIO)) } else { Ok(()) }
        })
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.changing(|inner, id| {
            let end = to_usize(offset.saturating_add(len))?;
            let last = inner.spend_power()?;
            let now = inner.inodes[&id].cached.len();
            if inner.quota.is_some_and(|quota| inner.used() + end.saturating_sub(now) > quota) {
                inner.faults.note(true);
                return Err(raw(ENOSPC));
            }
            if let Some(fault) = inner.meet(Op::Allocate) {
                return Err(raw(if fault.no_space { ENOSPC } else { EIO }));
            }
            if end > now {
                file(inner, id).set_len(end);
            }
            if last { Err(raw(EIO)) } else { Ok(()) }
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.changing(|inner, id| {
            inner.say(|| format!("sync {}", inner.name_of(id)));
            if inner.power_until_sync.is_some_and(|extension| inner.name_of(id).ends_with(extension)) {
                inner.power_left = inner.power_left.map_or(Some(1), |left| Some(left.min(1)));
            }
            let last = inner.spend_power()?;
            let fault = inner.meet(Op::Sync);
            if last && fault.is_none() {
                return Err(raw(EIO)); // pending still: the crash decides
            }
            if fault.is_some() {
                let mut dice = inner.dice.fork();
                file(inner, id).fail_sync(&mut dice);
                return Err(raw(EIO));
            }
            file(inner, id).sync();
            Ok(())
        })
    }
}

impl Storage for SimDisk {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        let mut inner = self.0.lock();
        inner.check_power()?;
        if inner.meet(Op::Open).is_some() {
            return Err(raw(EIO));
        }
        let inode = match (inner.names.get(path).copied(), kind) {
            (Some(Entry::File(id)), _) => id,
            (Some(Entry::Folder), _) => return Err(raw(21)), // EISDIR
            (None, FileKind::Read) => return Err(io::Error::from(io::ErrorKind::NotFound)),
            (None, FileKind::ReadWrite) => {
                let parent = path.parent().expect("a file has a folder");
                if inner.names.get(parent) != Some(&Entry::Folder) {
                    return Err(io::Error::from(io::ErrorKind::NotFound));
                }
                if inner.meet(Op::Create).is_some() || inner.spend_power()? {
                    return Err(raw(EIO));
                }
                let id = inner.inode_next;
                inner.inode_next += 1;
                inner.inodes.insert(id, Inode::default());
                inner.change_names(NameChange::Link(path.to_path_buf(), Entry::File(id)));
                id
            }
        };
        file(&mut inner, inode).handles += 1;
        let run = inner.run;
        Ok(Box::new(SimFile { disk: self.0.clone(), inode, run, writable: kind == FileKind::ReadWrite }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.check_power()?;
        let mut missing: Vec<PathBuf> = Vec::new();
        for folder in path.ancestors().filter(|p| p.parent().is_some()) {
            match inner.names.get(folder) {
                Some(Entry::Folder) => break,
                Some(Entry::File(_)) => return Err(raw(20)), // ENOTDIR
                None => missing.push(folder.to_path_buf()),
            }
        }
        for folder in missing.into_iter().rev() {
            if inner.meet(Op::Create).is_some() || inner.spend_power()? {
                return Err(raw(EIO));
            }
            inner.change_names(NameChange::Link(folder, Entry::Folder));
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut inner = self.0.lock();
        inner.check_power()?;
        if inner.meet(Op::List).is_some() {
            return Err(raw(EIO));
        }
        if inner.names.get(path) != Some(&Entry::Folder) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut found: Vec<PathBuf> = inner.names.keys().filter(|p| p.parent() == Some(path)).cloned().collect();
        // A folder's order is nobody's promise.
        inner.dice.fork().shuffle(&mut found);
        Ok(found)
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.lock().names.contains_key(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        match inner.names.get(path) {
            Some(Entry::File(_)) => {}
            _ => return Err(io::Error::from(io::ErrorKind::NotFound)),
        }
        inner.say(|| format!("remove {}", path.display()));
        if inner.spend_power()? || inner.meet(Op::Remove).is_some() {
            return Err(raw(EIO));
        }
        inner.change_names(NameChange::Unlink(path.to_path_buf()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        let entry = match inner.names.get(from) {
            Some(entry @ Entry::File(_)) => *entry,
            _ => return Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        inner.say(|| format!("rename {} to {}", from.display(), to.display()));
        if inner.spend_power()? || inner.meet(Op::Rename).is_some() {
            return Err(raw(EIO));
        }
        inner.change_names(NameChange::Rename(from.to_path_buf(), to.to_path_buf(), entry));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.say(|| format!("sync folder {}", path.display()));
        let last = inner.spend_power()?;
        if last || inner.meet(Op::SyncFolder).is_some() {
            return Err(raw(EIO));
        }
        let (synced, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut inner.pending_names).into_iter().partition(|change| change.is_in(path));
        for change in &synced {
            change.apply(&mut inner.durable_names);
        }
        inner.pending_names = pending;
        Ok(())
    }
}
