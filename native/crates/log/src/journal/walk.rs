//! Opening the journal: the walk over the frames of all files, which cuts off a torn tail and reports damage anywhere else.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::buffer::Buffer;
use millrace_base::{Code, Epoch, Error, FileKind, Result, Rng, Storage};
use parking_lot::{Mutex, RwLock};

use super::file::{FrameRef, JournalFile, damaged, frame_end};
use super::files::{Journal, Member, Tail, header_fault};
use super::frame::{FILE_HEADER_BYTES, FileHeaderFault};

/// Where a walk over the frames stands.
struct Walk<'a> {
    last_epoch: Epoch,
    sealed: Epoch,
    visit: &'a mut dyn FnMut(FrameRef, &Buffer) -> Result<()>,
}

impl Journal {
    /// Opens or makes the journal in `folder`, and calls `visit` in order for each whole frame behind `sealed`, the
    /// epoch up to which everything is kept elsewhere. Files that hold nothing newer stay until `settle`.
    pub fn open(
        storage: Arc<dyn Storage>,
        rng: Arc<dyn Rng>,
        folder: &Path,
        sealed: Epoch,
        file_bytes_target: u64,
        mut visit: impl FnMut(FrameRef, &Buffer) -> Result<()>,
    ) -> Result<Self> {
        storage.create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
        Self::read(storage, rng, folder, sealed, file_bytes_target, FileKind::ReadWrite, &mut visit)
    }

    /// As `open`, but every file stays as it is, a torn tail too: no `settle` follows, and nothing can be appended.
    pub fn open_read_only(
        storage: Arc<dyn Storage>,
        rng: Arc<dyn Rng>,
        folder: &Path,
        sealed: Epoch,
        mut visit: impl FnMut(FrameRef, &Buffer) -> Result<()>,
    ) -> Result<Self> {
        Self::read(storage, rng, folder, sealed, 0, FileKind::Read, &mut visit)
    }

    fn read(
        storage: Arc<dyn Storage>,
        rng: Arc<dyn Rng>,
        folder: &Path,
        sealed: Epoch,
        file_bytes_target: u64,
        kind: FileKind,
        visit: &mut dyn FnMut(FrameRef, &Buffer) -> Result<()>,
    ) -> Result<Self> {
        let journal = Self {
            storage,
            rng,
            folder: folder.to_path_buf(),
            kind,
            file_bytes_target,
            members: RwLock::default(),
            spares: Mutex::default(),
            leftover: Mutex::default(),
            tail: Mutex::new(None),
            sync_failed: AtomicBool::new(false),
        };
        let found = journal.find_files()?;
        if found.is_empty() && sealed > Epoch::ZERO {
            let why = format!("the journal is missing: no file in \"{}\"", folder.display());
            return Err(Error::new(Code::DataCorrupted, why));
        }
        let mut walk = Walk { last_epoch: sealed, sealed, visit };
        let next = journal.walk_all(&found, &mut walk)?;
        if journal.tail.lock().is_none() {
            journal.leftover.lock().next = Some((next, walk.last_epoch.next()));
        }
        Ok(journal)
    }

    /// The journal's files in order.
    fn find_files(&self) -> Result<Vec<Arc<JournalFile>>> {
        let entries = match self.storage.list(&self.folder) {
            // The first open was cut short.
            Err(error) if !self.writes() && error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|e| Error::io(&self.folder, "list", &e))?,
        };
        let mut sequences: Vec<u64> = Vec::new();
        for entry in &entries {
            match entry.extension().and_then(|e| e.to_str()) {
                Some("wal") => sequences.extend(entry.file_stem().and_then(|s| s.to_str()?.parse::<u64>().ok())),
                Some("spare") => self.leftover.lock().spares.push(entry.clone()),
                _ => {}
            }
        }
        sequences.sort_unstable();
        let open = |&sequence: &u64| {
            let path = self.path(sequence);
            let file = self.storage.open(&path, self.kind).map_err(|e| Error::io(&path, "open", &e))?;
            Ok(Arc::new(JournalFile { sequence, path, file }))
        };
        sequences.iter().map(open).collect()
    }

    /// Visits the frames of all files; returns the number that a new file would get.
    fn walk_all(&self, found: &[Arc<JournalFile>], walk: &mut Walk<'_>) -> Result<u64> {
        let mut members: Vec<Member> = Vec::with_capacity(found.len());
        for (index, file) in found.iter().enumerate() {
            let is_last = index + 1 == found.len();
            match file.header()? {
                Ok(header) if header.sequence == file.sequence => members.push(Member {
                    file: file.clone(),
                    salt: header.salt,
                    frames_at: header.frames_at(),
                    first_epoch: header.first_epoch.unwrap_or(Epoch::ZERO),
                }),
                Err(FileHeaderFault::Version(version)) => {
                    let why = format!("has format version {version}, which this release does not read");
                    return Err(damaged(&file.path, why));
                }
                // The last file may have been in the making: without a durable header nothing can follow it.
                fault if is_last => {
                    // What a file held before it was made this one is all sealed.
                    if file.any_header(0, file.len()?, |frame| frame.epoch > walk.sealed)? {
                        return Err(damaged(&file.path, header_fault(fault)));
                    }
                    break;
                }
                fault => return Err(damaged(&file.path, header_fault(fault))),
            }
        }
        // Whole files at or below the sealed epoch are done with; their removal was under way.
        let cut_off = found.len() > members.len();
        let start = members.iter().rposition(|m| m.first_epoch <= walk.sealed.next()).unwrap_or(0);
        self.leftover.lock().sealed.extend(members.drain(..start));
        // Only now: of files that are done with some may be gone, in any order.
        let numbers = members.iter().map(|m| &m.file).chain(found.last().filter(|_| cut_off));
        for (before, after) in numbers.clone().zip(numbers.skip(1)) {
            if after.sequence != before.sequence + 1 {
                if cut_off && found.last().is_some_and(|last| last.sequence == after.sequence) {
                    // A file in the making follows the one before it; what lacks its header here was a whole file.
                    return Err(damaged(&after.path, "is damaged at offset 0"));
                }
                let missing = self.path(before.sequence + 1);
                let why = format!("journal file \"{}\" is missing", missing.display());
                return Err(Error::new(Code::DataCorrupted, why));
            }
        }
        if let Some(first) = members.first() {
            let begins = first.first_epoch.max(Epoch(1));
            if begins > walk.sealed.next() {
                let why = format!("begins at epoch {}, after the missing epoch {}", begins.0, walk.sealed.next().0);
                return Err(damaged(&first.file.path, why));
            }
            walk.last_epoch = Epoch(begins.0 - 1);
        }
        for (index, member) in members.iter().enumerate() {
            self.walk(member, members.get(index + 1), walk)?;
        }
        // A file of the version before is read but not written on.
        let writable = self.tail.lock().as_ref().is_some_and(|t| t.member.frames_at == FILE_HEADER_BYTES as u64);
        if !writable {
            self.tail.lock().take();
        }
        let whole = members.last().map(|m| m.file.sequence + 1);
        let cut_off = found.last().filter(|_| cut_off).map(|f| f.sequence);
        Ok(cut_off.or(whole).unwrap_or(1))
    }

    /// Visits one file's frames and checks that it ends where the next one begins.
    fn walk(&self, member: &Member, next: Option<&Member>, walk: &mut Walk<'_>) -> Result<()> {
        let (file, salt) = (&member.file, member.salt);
        let first_epoch = walk.last_epoch.next();
        let len = file.len()?;
        let mut offset = member.frames_at;
        let mut unproven: VecDeque<(Epoch, u64)> = VecDeque::new();
        while let Some((header, frame, body)) = file.frame_at(offset, len, salt, walk.last_epoch.next())? {
            while unproven.front().is_some_and(|(epoch, _)| *epoch <= header.durable_upto) {
                unproven.pop_front();
            }
            unproven.push_back((header.epoch, offset));
            if header.epoch > walk.sealed {
                (walk.visit)(frame, &body)?;
            }
            walk.last_epoch = header.epoch;
            offset = frame_end(offset, header.body_bytes);
        }
        let expected = walk.last_epoch.next();
        let complete = match next {
            Some(next) if next.first_epoch > Epoch::ZERO => next.first_epoch == expected,
            Some(_) => offset >= len,
            None => !file.any_header(offset, len, |h| h.salt == salt && h.durable_upto >= expected)?,
        };
        if !complete {
            let detail = format!("Commits after epoch {} that were acknowledged cannot be read.", walk.last_epoch.0);
            return Err(damaged(&file.path, format!("is damaged at offset {offset}"))
                .with_detail(detail)
                .with_hint("Restore the file from a backup. Nothing was changed."));
        }
        if next.is_none() && self.writes() && !millrace_base::planted("torn-tail-kept") {
            // A frame that was never acknowledged must not come back behind one that is written over it. Also when the
            // file seems to end here: an open before this one may have cut it off and failed to make that durable.
            file.file
                .set_len(offset)
                .and_then(|()| file.file.sync())
                .map_err(|e| Error::io(&file.path, "truncate", &e))?;
        }
        if next.is_none() && self.writes() && !millrace_base::planted("recovered-tail-not-synced") {
            let from = unproven.front().map_or(0, |&(_, at)| if at == member.frames_at { 0 } else { at });
            // The padding behind the last frame may not have been written.
            self.make_durable(file, from, offset.min(len))?;
        }
        let known = Member { first_epoch, ..member.clone() };
        self.members.write().insert(file.sequence, known.clone());
        if next.is_none() {
            let tail = Tail { member: known, offset, allocated: offset, epoch: walk.last_epoch, buffer: Vec::new() };
            *self.tail.lock() = Some(tail);
        }
        Ok(())
    }

    /// Writes bytes that were read back once more, and syncs them: the process before may have ended without an fsync,
    /// or after one that failed, and the pages that a failed fsync has dropped still read as if all were well. What an
    /// open shows must not go away any more.
    fn make_durable(&self, file: &JournalFile, from: u64, to: u64) -> Result<()> {
        let bytes = file.read_aligned(from, (to - from) as usize)?;
        file.file
            .write_all_at(&bytes, from)
            .and_then(|()| file.file.sync())
            .and_then(|()| self.storage.sync_dir(&self.folder))
            .map_err(|e| Error::io(&file.path, "sync", &e))
    }
}
