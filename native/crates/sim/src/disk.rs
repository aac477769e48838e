//! The simulated disk: it forgets in a crash whatever POSIX lets it forget, and fails where the schedule says so. Files
//! and directory entries are durable each for itself: a file that was fsynced is lost with its entry if nobody fsynced
//! the folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_base::{File, FileKind, Storage};
use parking_lot::Mutex;

use crate::chance::Dice;
use crate::fault::{Fault, Faults, Op};
use crate::inode::Inode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    File(u64),
}

/// A change of a folder that was not fsynced.
#[derive(Debug, Clone)]
enum NameChange {
    Link(PathBuf, Entry),
    Unlink(PathBuf),
    /// One step: after a crash exactly one of the names is there.
    Rename(PathBuf, PathBuf, Entry),
}

impl NameChange {
    fn is_in(&self, folder: &Path) -> bool {
        let of = |path: &Path| path.parent() == Some(folder);
        match self {
            NameChange::Link(path, _) | NameChange::Unlink(path) => of(path),
            NameChange::Rename(from, to, _) => of(from) || of(to),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            NameChange::Link(path, entry) => {
                names.insert(path.clone(), *entry);
            }
            NameChange::Unlink(path) => {
                names.remove(path);
            }
            NameChange::Rename(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
        }
    }
}

#[derive(Clone)]
struct Inner {
    dice: Dice,
    inodes: BTreeMap<u64, Inode>,
    inode_next: u64,
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    pending_names: Vec<NameChange>,
    faults: Faults,
    /// Bytes of all files at which writes fail.
    quota: Option<usize>,
    /// Changing operations until the power goes.
    power_left: Option<u64>,
    /// The power goes in the next fsync of a file with this extension.
    power_until_sync: Option<&'static str>,
    /// Open files of an earlier run are dead.
    run: u64,
    operations: u64,
    trace: bool,
}

/// Cheap to clone: all clones are one disk. `copy` makes another one.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

fn raw(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

fn to_usize(value: u64) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

impl Inner {
    fn check_power(&self) -> io::Result<()> {
        if self.power_left == Some(0) { Err(raw(EIO)) } else { Ok(()) }
    }

    /// Counts a changing operation. `true`: it is the one in which the power goes, and may be done in part.
    fn spend_power(&mut self) -> io::Result<bool> {
        self.check_power()?;
        self.operations += 1;
        let Some(left) = &mut self.power_left else { return Ok(false) };
        *left -= 1;
        Ok(*left == 0)
    }

    fn meet(&mut self, op: Op) -> Option<Fault> {
        let met = self.faults.meet(op);
        if met.is_some() {
            self.say(|| format!("{op:?} fails"));
        }
        met
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            #[expect(clippy::print_stderr, reason = "asked for with --trace")]
            {
                eprintln!("      {}", what());
            }
        }
    }

    /// As the trace names an open file.
    fn name_of(&self, id: u64) -> String {
        let named = self.names.iter().find(|(_, entry)| **entry == Entry::File(id));
        named.map_or_else(|| format!("removed file {id}"), |(path, _)| path.display().to_string())
    }

    fn used(&self) -> usize {
        self.inodes.values().map(|inode| inode.cached.len()).sum()
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn reap(&mut self) {
        let (names, durable) = (&self.names, &self.durable_names);
        // A name that is gone again may come back when the power goes: its removal is pending too.
        let pending = self.pending_names.iter().filter_map(|change| match change {
            NameChange::Link(_, entry) | NameChange::Rename(_, _, entry) => Some(entry),
            NameChange::Unlink(_) => None,
        });
        let named: std::collections::BTreeSet<u64> = names
            .values()
            .chain(durable.values())
            .chain(pending)
            .filter_map(|entry| if let Entry::File(id) = entry { Some(*id) } else { None })
            .collect();
        self.inodes.retain(|id, inode| inode.handles > 0 || named.contains(id));
    }

    fn lose_power(&mut self) {
        let mut pending = std::mem::take(&mut self.pending_names);
        match self.dice.below(4) {
            0 => pending.clear(),
            1 => {}
            2 => pending.truncate(self.dice.below(pending.len() + 1)),
            _ => pending.retain(|_| self.dice.percent(50)),
        }
        for change in &pending {
            change.apply(&mut self.durable_names);
        }
        // What lies in a folder that is lost is lost with it.
        let all = self.durable_names.clone();
        self.durable_names.retain(|path, _| {
            path.ancestors().skip(1).all(|up| up.parent().is_none() || all.get(up) == Some(&Entry::Folder))
        });
        self.names.clone_from(&self.durable_names);
        for inode in self.inodes.values_mut() {
            inode.lose_power(&mut self.dice);
        }
    }
}

impl SimDisk {
    pub fn new(dice: Dice) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            dice,
            inodes: BTreeMap::new(),
            inode_next: 1,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            faults: Faults::default(),
            quota: None,
            power_left: None,
            power_until_sync: None,
            run: 0,
            operations: 0,
            trace: false,
        })))
    }

    /// Prints every changing operation from here on.
    pub fn trace(&self) {
        self.0.lock().trace = true;
    }

    /// Another disk with the same contents.
    pub fn copy(&self) -> Self {
        let mut inner = self.0.lock().clone();
        inner.run += 1;
        inner.inodes.values_mut().for_each(|inode| inode.handles = 0);
        inner.trace = false;
        Self(Arc::new(Mutex::new(inner)))
    }

    /// The next operations of these kinds fail.
    pub fn plan(&self, fault: Fault) {
        self.0.lock().faults.plan(fault);
    }

    /// All operations succeed again.
    pub fn heal(&self) {
        let mut inner = self.0.lock();
        inner.faults = Faults::default();
        inner.quota = None;
    }

    /// A full disk has room again.
    pub fn make_room(&self) {
        self.0.lock().quota = None;
    }

    /// Another disk, with only what lies below `folder`, moved to `to`.
    pub fn copy_of(&self, folder: &Path, to: &Path) -> Self {
        let copy = self.copy();
        {
            let mut inner = copy.0.lock();
            let Inner { names, durable_names, pending_names, .. } = &mut *inner;
            let moved = |path: &Path| path.strip_prefix(folder).ok().map(|rest| to.join(rest));
            for map in [names, durable_names] {
                let kept = std::mem::take(map).into_iter();
                *map = kept.filter_map(|(path, entry)| Some((moved(&path)?.components().collect(), entry))).collect();
            }
            let kept = std::mem::take(pending_names).into_iter().filter_map(|change| {
                Some(match change {
                    NameChange::Link(path, entry) => NameChange::Link(moved(&path)?, entry),
                    NameChange::Unlink(path) => NameChange::Unlink(moved(&path)?),
                    NameChange::Rename(from, to, entry) => NameChange::Rename(moved(&from)?, moved(&to)?, entry),
                })
            });
            *pending_names = kept.collect();
            inner.faults = Faults::default();
            inner.quota = None;
            inner.power_left = None;
            inner.power_until_sync = None;
        }
        copy
    }

    /// Removes a folder and all below it, for good.
    pub fn forget(&self, folder: &Path) {
        let mut inner = self.0.lock();
        inner.names.retain(|path, _| !path.starts_with(folder));
        inner.durable_names.retain(|path, _| !path.starts_with(folder));
        inner.pending_names.retain(|change| match change {
            NameChange::Link(path, _) | NameChange::Unlink(path) | NameChange::Rename(path, ..) => {
                !path.starts_with(folder)
            }
        });
        inner.reap();
    }

    /// As `heal`, but a full disk stays full, and the power may still go.
    pub fn heal_faults_only(&self) {
        self.0.lock().faults = Faults::default();
    }

    /// Whether a planned fault has happened since the last `heal`.
    pub fn has_failed(&self) -> bool {
        self.0.lock().faults.has_failed()
    }

    /// Lets all files together grow by `bytes`.
    pub fn limit_growth(&self, bytes: usize) {
        let mut inner = self.0.lock();
        inner.quota = Some(inner.used() + bytes);
    }

    /// Changing operations so far.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// The power goes in the `n`-th changing operation from now; 0 is now. Every operation fails until `crash` or `kill`.
    pub fn cut_power_after(&self, n: u64) {
        self.0.lock().power_left = Some(n);
    }

    /// The power goes in the next fsync of a file with this extension, before it has done anything.
    pub fn cut_power_in_sync_of(&self, extension: &'static str) {
        self.0.lock().power_until_sync = Some(extension);
    }

    pub fn is_without_power(&self) -> bool {
        self.0.lock().power_left == Some(0)
    }

    /// The machine lost power and is back: what was not durable is gone, in part or whole.
    pub fn crash(&self) {
        let mut inner = self.0.lock();
        inner.lose_power();
        inner.say(|| format!("after the crash there are {:?}", inner.names.keys().collect::<Vec<_>>()));
        inner.start();
    }

    /// Only the process ended: the page cache is as it was.
    pub fn kill(&self) {
        self.0.lock().start();
    }

    /// The files with durable bytes, and how many.
    pub fn files(&self) -> Vec<(PathBuf, usize)> {
        let inner = self.0.lock();
        let file = |(path, entry): (&PathBuf, &Entry)| match entry {
            Entry::Folder => None,
            Entry::File(id) => Some((path.clone(), inner.inodes[id].durable.len())),
        };
        inner.names.iter().filter_map(file).filter(|(_, len)| *len > 0).collect()
    }

    /// Damages bytes that were durable: `change` gets the file's contents.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut [u8])) {
        let mut inner = self.0.lock();
        let Some(Entry::File(id)) = inner.names.get(path).copied() else { return };
        let inode = inner.inodes.get_mut(&id).expect("an entry's file");
        change(inode.durable.all_mut());
        inode.cached.clone_from(&inode.durable);
    }

    /// Of all names and all bytes.
    pub fn fingerprint(&self) -> u64 {
        let inner = self.0.lock();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a
        let mut eat = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (path, entry) in &inner.names {
            eat(path.to_string_lossy().as_bytes());
            if let Entry::File(id) = entry {
                eat(inner.inodes[id].cached.written());
            }
        }
        hash
    }

    /// A file's bytes as reads see them, up to zeros at its end.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let inner = self.0.lock();
        match inner.names.get(path)? {
            Entry::Folder => None,
            Entry::File(id) => Some(inner.inodes[id].cached.written().to_vec()),
        }
    }
}

impl Inner {
    fn start(&mut self) {
        self.run += 1;
        self.power_left = None;
        self.power_until_sync = None;
        self.faults = Faults::default();
        self.quota = None;
        self.inodes.values_mut().for_each(|inode| inode.handles = 0);
        self.reap();
    }
}

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
