//! The simulated disk: it forgets in a crash whatever POSIX lets it forget, and fails where the schedule says so. Files
//! and directory entries are durable each for itself: a file that was fsynced is lost with its entry if nobody fsynced
//! the folder.

mod calls;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
