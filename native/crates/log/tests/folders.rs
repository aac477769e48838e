//! Every folder that an open or a backup makes is durable, however far up it lies.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use millrace_base::{File, FileKind, RealStorage, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions};

/// The operating system's files; notes which folders were made durable.
#[derive(Default)]
struct Noting(Mutex<BTreeSet<PathBuf>>);

impl Storage for Noting {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        RealStorage.open(path, kind)
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
        self.0.lock().unwrap().insert(path.to_path_buf());
        RealStorage.sync_dir(path)
    }
}

#[test]
fn folders_above_the_database_and_a_backup_are_durable() {
    let top = tempfile::tempdir().unwrap();
    let (made, backup) = (top.path().join("a/b/c"), top.path().join("x/y/z"));
    let storage = Arc::new(Noting::default());
    let options = || LogOptions { storage: storage.clone(), ..LogOptions::real(Durability::Commit) };
    let log = Log::open(Some(&made), options(), Box::new(|_| {})).unwrap();
    log.commit(Commit::default()).unwrap().wait().unwrap();
    let synced = std::mem::take(&mut *storage.0.lock().unwrap());
    let expected = ["", "a", "a/b", "a/b/c", "a/b/c/journal"];
    for folder in expected.map(|folder| top.path().join(folder)) {
        assert!(synced.contains(&folder), "{} of {synced:?}", folder.display());
    }
    log.backup(&backup).unwrap();
    let synced = std::mem::take(&mut *storage.0.lock().unwrap());
    let expected = ["", "x", "x/y", "x/y/z", "x/y/z/journal", "x/y/z/manifest", "x/y/z/segments"];
    for folder in expected.map(|folder| top.path().join(folder)) {
        assert!(synced.contains(&folder), "{} of {synced:?}", folder.display());
    }
    log.close();
    // One that was made before and may not be durable yet.
    drop(Log::open(Some(&made), options(), Box::new(|_| {})).unwrap());
    let synced = std::mem::take(&mut *storage.0.lock().unwrap());
    assert!(synced.contains(&top.path().join("a/b")));
}
