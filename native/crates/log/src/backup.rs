//! BACKUP TO: a copy of the database as of one durable epoch, made while it runs. Sealing and compaction wait for it;
//! writers and readers do not.

use std::path::Path;

use millrace_base::{Code, Epoch, Error, File, FileKind, Result, Storage};

use crate::journal::Journal;
use crate::manifest::Manifest;
use crate::recovery::{create_folders, sync_folders};
use crate::seal::Sealer;
use crate::segment::segment_path;

const COPY_BYTES: usize = 1 << 20;

/// Copies everything up to `durable` into `target`, a folder that must be empty or not exist.
pub fn backup(sealer: &Sealer, journal: &Journal, durable: Epoch, target: &Path) -> Result<()> {
    let storage = sealer.storage.as_ref();
    create_folders(storage, target)?;
    let listed = storage.list(target).map_err(|e| Error::io(target, "list", &e))?;
    // Some storage knows of folders only by their files.
    let manifests = storage.list(&target.join("manifest")).unwrap_or_default();
    if !listed.is_empty() || !manifests.is_empty() {
        return Err(Error::new(Code::InvalidParameterValue, format!("folder \"{}\" is not empty", target.display()))
            .with_hint("A backup needs a folder of its own."));
    }
    let segments = target.join("segments");
    storage.create_dir_all(&segments).map_err(|e| Error::io(&segments, "create", &e))?;
    let live = sealer.manifest.live();
    let mut files: Vec<u64> = live.segments.keys().map(|id| id.file).collect();
    files.dedup();
    for number in files {
        let from = segment_path(&sealer.folder, number);
        let len = open(storage, &from, FileKind::Read)?.len().map_err(|e| Error::io(&from, "read", &e))?;
        copy(storage, &from, &segment_path(&segments, number), len)?;
    }
    storage.sync_dir(&segments).map_err(|e| Error::io(&segments, "sync", &e))?;
    let wal = target.join("journal");
    storage.create_dir_all(&wal).map_err(|e| Error::io(&wal, "create", &e))?;
    for (from, len) in journal.files_upto(durable)? {
        let name = from.file_name().expect("a journal file has a name");
        copy(storage, &from, &wal.join(name), len)?;
    }
    storage.sync_dir(&wal).map_err(|e| Error::io(&wal, "sync", &e))?;
    // Last, so that a copy that was cut short has segments but nothing that names them.
    Manifest::create(sealer.storage.clone(), &target.join("manifest"), live.clone())?;
    sync_folders(storage, target)
}

fn open(storage: &dyn Storage, path: &Path, kind: FileKind) -> Result<Box<dyn File>> {
    storage.open(path, kind).map_err(|e| Error::io(path, "open", &e))
}

fn copy(storage: &dyn Storage, from: &Path, to: &Path, len: u64) -> Result<()> {
    let source = open(storage, from, FileKind::Read)?;
    let target = open(storage, to, FileKind::ReadWrite)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < len {
        let part = &mut buffer[..COPY_BYTES.min((len - at) as usize)];
        source.read_exact_at(part, at).map_err(|e| Error::io(from, "read", &e))?;
        target.write_all_at(part, at).map_err(|e| Error::io(to, "write", &e))?;
        at += part.len() as u64;
    }
    if millrace_base::planted("backup-not-synced") {
        return Ok(());
    }
    target.sync().map_err(|e| Error::io(to, "sync", &e))
}
