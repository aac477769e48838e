//! The manifest's files: reading on open, appending, writing anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_base::{Code, Error, File, FileKind, Result, Storage};

use super::record::{Contents, Edit};

const MAGIC: [u8; 8] = *b"MRmanif\0";
const VERSION: u32 = 1;
/// Magic, version, file number, CRC32C of these.
const HEADER_BYTES: usize = 24;
const RECORD_MAGIC: [u8; 4] = *b"MRed";
/// Magic, length of the record's bytes, their CRC32C, and the CRC32C of these three.
const RECORD_HEADER_BYTES: usize = 16;
/// A record that claims to be larger is damaged.
const RECORD_BYTES_MAX: usize = 1 << 30;
/// A file is written anew when it holds this much more than its first record.
const REWRITE_BYTES_MIN: u64 = 1 << 20;

/// What is live; readable without the manifest's own bookkeeping.
pub type Live = Contents;

pub struct Manifest {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    live: Contents,
    file: Option<OpenFile>,
    number: u64,
    /// Older files and ones that were never finished, until `settle`.
    leftover: Vec<PathBuf>,
}

struct OpenFile {
    path: PathBuf,
    file: Box<dyn File>,
    end: u64,
    /// Where the last record begins, which may not be durable; 0 when it is the first.
    unproven_at: u64,
    snapshot_bytes: u64,
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(Code::DataCorrupted, format!("manifest \"{}\" {why}", path.display()))
        .with_hint("Restore the database from a backup. Nothing was changed.")
}

impl Manifest {
    /// Reads the newest manifest; a database without one is empty up to its journal.
    pub fn open(storage: Arc<dyn Storage>, folder: &Path) -> Result<Self> {
        storage.create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
        Self::open_as(storage, folder, FileKind::ReadWrite)
    }

    /// As `open`, to be read only: `settle`, `append` and the like must not be called.
    pub fn open_read_only(storage: Arc<dyn Storage>, folder: &Path) -> Result<Self> {
        Self::open_as(storage, folder, FileKind::Read)
    }

    fn open_as(storage: Arc<dyn Storage>, folder: &Path, kind: FileKind) -> Result<Self> {
        let mut manifest = Self {
            storage,
            folder: folder.to_path_buf(),
            live: Contents::default(),
            file: None,
            number: 0,
            leftover: Vec::new(),
        };
        let mut numbers = Vec::new();
        let listed = match manifest.storage.list(folder) {
            // The first open was cut short: all there is lies in the journal.
            Err(error) if kind == FileKind::Read && error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|e| Error::io(folder, "list", &e))?,
        };
        for entry in listed {
            match entry.extension().and_then(|e| e.to_str()) {
                Some("mf") => numbers.extend(entry.file_stem().and_then(|s| s.to_str()?.parse::<u64>().ok())),
                Some("new") => manifest.leftover.push(entry),
                _ => {}
            }
        }
        numbers.sort_unstable();
        if let Some(newest) = numbers.pop() {
            manifest.read(newest, kind)?;
            let older: Vec<PathBuf> = numbers.into_iter().map(|number| manifest.path(number)).collect();
            manifest.leftover.extend(older);
        }
        Ok(manifest)
    }

    /// Makes durable what `open` has read, and removes what it rules out. Only when the rest of the database has been
    /// found whole: an open that fails leaves every file as it was.
    pub fn settle(&mut self) -> Result<()> {
        if let Some(open) = &self.file {
            // The process before may have ended without an fsync, or after one that failed: then the disk may not hold
            // what was read.
            let mut bytes = vec![0; (open.end - open.unproven_at) as usize];
            open.file
                .read_exact_at(&mut bytes, open.unproven_at)
                .and_then(|()| open.file.set_len(open.end))
                .and_then(|()| open.file.write_all_at(&bytes, open.unproven_at))
                .and_then(|()| open.file.sync())
                .and_then(|()| self.storage.sync_dir(&self.folder))
                .map_err(|e| Error::io(&open.path, "sync", &e))?;
        }
        for path in std::mem::take(&mut self.leftover) {
            self.storage.remove(&path).map_err(|e| Error::io(&path, "remove", &e))?;
        }
        Ok(())
    }

    /// Writes a manifest with these contents into a folder that has none.
    pub fn create(storage: Arc<dyn Storage>, folder: &Path, live: Live) -> Result<()> {
        let mut manifest = Self::open(storage, folder)?;
        manifest.live = live;
        manifest.rewrite()
    }

    /// Reads the file again and compares it with what is in memory.
    pub fn verify(&self) -> Result<()> {
        let Some(open) = &self.file else { return Ok(()) };
        let mut bytes = vec![0; open.end as usize];
        open.file.read_exact_at(&mut bytes, 0).map_err(|e| Error::io(&open.path, "read", &e))?;
        check_header(&open.path, &bytes, self.number)?;
        let mut found = Contents::default();
        let mut at = HEADER_BYTES;
        while let Some((edit, end)) = read_record(&bytes, at) {
            found.apply(&edit);
            at = end;
        }
        if at != bytes.len() || found.segments != self.live.segments || found.ledger.epoch != self.live.ledger.epoch {
            return Err(damaged(&open.path, format!("is damaged at offset {at}")));
        }
        Ok(())
    }

    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The file that rules.
    pub fn file(&self) -> PathBuf {
        self.path(self.number)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016}.mf"))
    }

    fn read(&mut self, number: u64, kind: FileKind) -> Result<()> {
        let path = self.path(number);
        let file = self.storage.open(&path, kind).map_err(|e| Error::io(&path, "open", &e))?;
        let len = file.len().map_err(|e| Error::io(&path, "read", &e))?;
        let size = usize::try_from(len).map_err(|_| damaged(&path, "is too large"))?;
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0).map_err(|e| Error::io(&path, "read", &e))?;
        check_header(&path, &bytes, number)?;
        let mut at = HEADER_BYTES;
        let (mut snapshot_bytes, mut unproven_at) = (0, 0);
        while let Some((edit, end)) = read_record(&bytes, at) {
            self.live.apply(&edit);
            if at == HEADER_BYTES {
                snapshot_bytes = end as u64;
            } else {
                unproven_at = at as u64;
            }
            at = end;
        }
        if snapshot_bytes == 0 {
            return Err(damaged(&path, format!("is damaged at offset {HEADER_BYTES}")));
        }
        // Behind a record that was being appended when the process ended nothing can follow.
        if (at + 1..bytes.len()).any(|start| read_record(&bytes, start).is_some()) {
            return Err(damaged(&path, format!("is damaged at offset {at}")));
        }
        self.number = number;
        self.file = Some(OpenFile { path, file, end: at as u64, unproven_at, snapshot_bytes });
        Ok(())
    }

    /// Makes an edit durable, then takes it over. After an error the edit may or may not be in the file: what it
    /// names must stay, and the next one goes to a new file that does not hold it.
    pub fn append(&mut self, edit: &Edit) -> Result<()> {
        let grown = self.file.as_ref().is_none_or(|f| f.end > f.snapshot_bytes * 4 + REWRITE_BYTES_MIN);
        if grown {
            self.rewrite()?;
        }
        let bytes = encode_record(edit)?;
        let open = self.file.take().expect("written just now, or open");
        let write = open
            .file
            .write_all_at(&bytes, open.end)
            .and_then(|()| if millrace_base::planted("manifest-not-synced") { Ok(()) } else { open.file.sync() });
        write.map_err(|e| Error::io(&open.path, "write", &e))?;
        self.file = Some(OpenFile { end: open.end + bytes.len() as u64, ..open });
        self.live.apply(edit);
        Ok(())
    }

    /// Writes the contents as one record to a new file and makes that the one that rules.
    fn rewrite(&mut self) -> Result<()> {
        let number = self.number + 1;
        let path = self.path(number);
        let new = path.with_extension("new");
        let file = self.storage.open(&new, FileKind::ReadWrite).map_err(|e| Error::io(&new, "create", &e))?;
        let mut bytes = header(number).to_vec();
        bytes.extend_from_slice(&encode_record(&self.live.snapshot())?);
        file.set_len(0)
            .and_then(|()| file.write_all_at(&bytes, 0))
            .and_then(|()| file.sync())
            .and_then(|()| self.storage.rename(&new, &path))
            .and_then(|()| self.storage.sync_dir(&self.folder))
            .map_err(|e| Error::io(&path, "write", &e))?;
        let before = self.path(self.number);
        self.number = number;
        let end = bytes.len() as u64;
        self.file = Some(OpenFile { path, file, end, unproven_at: 0, snapshot_bytes: end });
        if number > 1 {
            self.storage.remove(&before).map_err(|e| Error::io(&before, "remove", &e))?;
        }
        Ok(())
    }
}

fn header(number: u64) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[0..8].copy_from_slice(&MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..20].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&out[0..20]);
    out[20..24].copy_from_slice(&crc.to_le_bytes());
    out
}

fn check_header(path: &Path, bytes: &[u8], number: u64) -> Result<()> {
    if bytes.len() < HEADER_BYTES || bytes[0..8] != MAGIC {
        return Err(damaged(path, "is not a manifest of Millrace"));
    }
    let version = u32::from_le_bytes(bytes[8..12].try_into().expect("4 bytes"));
    if version != VERSION {
        return Err(damaged(path, format!("has format version {version}, which this release does not read")));
    }
    if bytes[0..HEADER_BYTES] != header(number) {
        return Err(damaged(path, "is damaged at offset 0"));
    }
    Ok(())
}

fn encode_record(edit: &Edit) -> Result<Vec<u8>> {
    let body = millrace_plan::encode(edit)?;
    if body.len() > RECORD_BYTES_MAX {
        return Err(Error::internal("a manifest record is too large"));
    }
    let mut out = Vec::with_capacity(RECORD_HEADER_BYTES + body.len());
    out.extend_from_slice(&RECORD_MAGIC);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&out[0..12]).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(out)
}

/// The record at `at` and the place behind it, if a whole one is there.
fn read_record(bytes: &[u8], at: usize) -> Option<(Edit, usize)> {
    let start = at.checked_add(RECORD_HEADER_BYTES)?;
    let head = bytes.get(at..start)?;
    let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("4 bytes"));
    if head[0..4] != RECORD_MAGIC || u32_at(12) != crc32c::crc32c(&head[0..12]) {
        return None;
    }
    let end = start.checked_add(u32_at(4) as usize)?;
    let body = bytes.get(start..end)?;
    if crc32c::crc32c(body) != u32_at(8) && !millrace_base::planted("checksum-ignored") {
        return None;
    }
    Some((rmp_serde::from_slice(body).ok()?, end))
}
