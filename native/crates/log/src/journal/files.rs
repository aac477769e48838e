//! The journal's files: appending groups of frames, beginning and dropping files (`walk.rs` opens them). Files that are no longer needed are written again under a new name: overwriting
//! blocks that a file has already is several times faster than being given new ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::buffer::Buffer;
use millrace_base::{Code, Epoch, Error, File, FileKind, Result, Rng, Storage};
use parking_lot::{Mutex, RwLock};

use super::file::{FrameRef, JournalFile, damaged, frame_end};
use super::frame::{FILE_HEADER_BYTES, FileHeader, FileHeaderFault, FrameHeader, HEADER_BYTES};

/// How far ahead of its frames a file is allocated.
const ALLOCATE_BYTES_MIN: u64 = 256 << 10;
const ALLOCATE_BYTES_MAX: u64 = 8 << 20;
/// A body of this size or more is not gathered with others.
const GATHERED_BYTES_MAX: usize = 64 << 10;
/// Files kept to be written again.
const SPARES_MAX: usize = 4;

/// A frame that is to be written: its header lacks only what the journal knows.
pub struct NewFrame<'a> {
    pub body: &'a [u8],
    pub body_crc: u32,
    pub epoch: Epoch,
    pub time_us: i64,
}

/// One file of the sequence.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) file: Arc<JournalFile>,
    pub(super) salt: u32,
    pub(super) frames_at: u64,
    pub(super) first_epoch: Epoch,
}

/// The end of the journal, where the next frame goes.
pub(super) struct Tail {
    pub(super) member: Member,
    pub(super) offset: u64,
    pub(super) allocated: u64,
    /// The epoch of the last frame.
    pub(super) epoch: Epoch,
    pub(super) buffer: Vec<u8>,
}

pub struct Journal {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) rng: Arc<dyn Rng>,
    pub(super) folder: PathBuf,
    /// `Read`: no file is changed, removed or made.
    pub(super) kind: FileKind,
    pub(super) file_bytes_target: u64,
    pub(super) members: RwLock<BTreeMap<u64, Member>>,
    pub(super) spares: Mutex<Vec<PathBuf>>,
    pub(super) leftover: Mutex<Leftover>,
    pub(super) tail: Mutex<Option<Tail>>,
    /// What the disk holds after a failed fsync is unknown until the journal is opened again.
    pub(super) sync_failed: AtomicBool,
}

/// What an open has found to be of no use any more, until `settle`.
#[derive(Default)]
pub(super) struct Leftover {
    /// Files that are all sealed.
    pub(super) sealed: Vec<Member>,
    /// Spares of an earlier run.
    pub(super) spares: Vec<PathBuf>,
    /// The number and the first epoch of the next file, when none that was found can be written on.
    pub(super) next: Option<(u64, Epoch)>,
}

impl Journal {
    pub(super) fn writes(&self) -> bool {
        self.kind == FileKind::ReadWrite
    }

    /// Drops the files that `open` found to be sealed, and begins one if there is none to write on. Only when the manifest
    /// that says so is durable: until then a crash may bring back the one before it, which needs them.
    pub fn settle(&self) -> Result<()> {
        let Leftover { sealed, spares, next } = std::mem::take(&mut *self.leftover.lock());
        for spare in spares {
            // It holds nothing: whether its removal is durable does not matter.
            self.storage.remove(&spare).map_err(|e| Error::io(&spare, "remove", &e))?;
        }
        sealed.into_iter().try_for_each(|member| self.discard(member))?;
        next.map_or(Ok(()), |(sequence, first_epoch)| self.start_file(sequence, first_epoch))
    }

    pub(super) fn path(&self, sequence: u64) -> PathBuf {
        self.folder.join(format!("{sequence:016}.wal"))
    }

    pub(super) fn start_file(&self, sequence: u64, first_epoch: Epoch) -> Result<()> {
        let path = self.path(sequence);
        let salt = self.rng.next_u64() as u32;
        let spare = self.spares.lock().pop();
        if let Some(spare) = &spare {
            self.storage.rename(spare, &path).map_err(|e| Error::io(&path, "create", &e))?;
        }
        let file = self.storage.open(&path, FileKind::ReadWrite).map_err(|e| Error::io(&path, "create", &e))?;
        let allocated = if spare.is_some() { file.len().unwrap_or(0) } else { 0 };
        let header = FileHeader::encode(sequence, salt, first_epoch);
        if spare.is_none() {
            file.set_len(0).map_err(|e| Error::io(&path, "truncate", &e))?;
        }
        file.write_all_at(&header, 0).map_err(|e| Error::io(&path, "write", &e))?;
        let named =
            || if millrace_base::planted("no-dir-fsync") { Ok(()) } else { self.storage.sync_dir(&self.folder) };
        self.noted(file.sync().and_then(|()| named())).map_err(|e| Error::io(&path, "sync", &e))?;
        let file = Arc::new(JournalFile { sequence, path, file });
        let frames_at = FILE_HEADER_BYTES as u64;
        let member = Member { file, salt, frames_at, first_epoch };
        self.members.write().insert(sequence, member.clone());
        let epoch = Epoch(first_epoch.0 - 1);
        *self.tail.lock() = Some(Tail { member, offset: frames_at, allocated, epoch, buffer: Vec::new() });
        Ok(())
    }

    /// Ends the current file, so that all frames so far lie in files that can be sealed. Called by the journal thread.
    pub fn rotate(&self) -> Result<()> {
        let (next, epoch, empty) = {
            let tail = self.tail.lock();
            let tail = tail.as_ref().expect("an open journal has a tail");
            (tail.member.file.sequence + 1, tail.epoch.next(), tail.offset == tail.member.frames_at)
        };
        if empty {
            return Ok(());
        }
        // Damage in a file that is not the last is never a torn tail, so it must be durable before there is a next.
        self.sync()?;
        self.start_file(next, epoch)
    }

    /// Writes frames one after another; they are durable only after `sync`. Called by the journal thread alone.
    pub fn append(&self, frames: &[NewFrame<'_>], durable_upto: Epoch) -> Result<Vec<FrameRef>> {
        let full = self.tail.lock().as_ref().is_some_and(|t| t.offset >= self.file_bytes_target);
        if full {
            self.rotate()?;
        }
        let mut tail = self.tail.lock();
        let tail = tail.as_mut().expect("an open journal has a tail");
        let mut refs = Vec::with_capacity(frames.len());
        let mut end = tail.offset;
        for &NewFrame { body, body_crc, epoch, time_us } in frames {
            let (file, body_bytes) = (tail.member.file.clone(), body.len() as u32);
            refs.push(FrameRef { file, offset: end, body_bytes, body_crc, epoch, time_us });
            end = frame_end(end, body_bytes);
        }
        let JournalFile { file, path, .. } = &*tail.member.file;
        if end > tail.allocated {
            let ahead = tail.offset.clamp(ALLOCATE_BYTES_MIN, ALLOCATE_BYTES_MAX);
            file.allocate(tail.allocated, end + ahead - tail.allocated).map_err(|e| Error::io(path, "extend", &e))?;
            tail.allocated = end + ahead;
        }
        let written =
            write_frames(file.as_ref(), tail.offset, tail.member.salt, &mut tail.buffer, frames, durable_upto);
        if let Err(error) = written {
            let error = Error::io(path, "write", &error);
            if error.code == Code::DiskFull {
                // Whole frames of the group may be there: who opens the database next need not find what was refused.
                let _ = file.set_len(tail.offset); // not promised
            }
            return Err(error);
        }
        tail.offset = end;
        tail.epoch = frames.last().map_or(tail.epoch, |f| f.epoch);
        Ok(refs)
    }

    pub fn sync(&self) -> Result<()> {
        let file = self.tail.lock().as_ref().expect("an open journal has a tail").member.file.clone();
        self.noted(file.file.sync()).map_err(|e| Error::io(&file.path, "sync", &e))
    }

    fn noted(&self, synced: std::io::Result<()>) -> std::io::Result<()> {
        if synced.is_err() {
            self.sync_failed.store(true, Ordering::Release);
        }
        synced
    }

    /// Whether an fsync has failed.
    pub fn has_failed_sync(&self) -> bool {
        self.sync_failed.load(Ordering::Acquire)
    }

    /// Goes on after a write that failed. What the file may hold behind its last whole group was never acknowledged: it is
    /// cut off, as an open would, and durably so before a next file says where this one ends. That file is begun in any
    /// case: one that was in the making may bear a header already. Called while nothing is written.
    pub fn resume(&self) -> Result<()> {
        let (member, end, epoch) = {
            let tail = self.tail.lock();
            let tail = tail.as_ref().expect("an open journal has a tail");
            (tail.member.clone(), tail.offset, tail.epoch)
        };
        let JournalFile { file, path, sequence } = &*member.file;
        file.set_len(end).map_err(|e| Error::io(path, "truncate", &e))?;
        self.sync()?;
        self.start_file(sequence + 1, epoch.next())
    }

    /// The oldest file, when it will not be written any more, with the epoch that it ends with.
    pub fn oldest_closed(&self) -> Option<Epoch> {
        let members = self.members.read();
        let mut members = members.values();
        let (_, second) = (members.next()?, members.next()?);
        second.first_epoch.0.checked_sub(1).filter(|&last| last > 0).map(Epoch)
    }

    /// Files that will not be written any more and are not sealed.
    pub fn closed_files(&self) -> usize {
        self.members.read().len().saturating_sub(1)
    }

    /// Bytes of frames in the file that is written.
    pub fn tail_bytes(&self) -> u64 {
        self.tail.lock().as_ref().map_or(0, |tail| tail.offset - tail.member.frames_at)
    }

    /// Gives back the blocks that were kept to be written again: who opens the journal next begins without.
    pub fn remove_spares(&self) -> Result<()> {
        for spare in self.spares.lock().drain(..) {
            self.storage.remove(&spare).map_err(|e| Error::io(&spare, "remove", &e))?;
        }
        Ok(())
    }

    /// Visits the frames with epochs in (`after`, `upto`], which must be durable.
    pub fn frames_between(
        &self,
        after: Epoch,
        upto: Epoch,
        mut visit: impl FnMut(FrameRef, Buffer) -> Result<()>,
    ) -> Result<()> {
        let members: Vec<Member> = self.members.read().values().cloned().collect();
        for (index, member) in members.iter().enumerate() {
            if member.first_epoch > upto {
                break;
            }
            if members.get(index + 1).is_some_and(|next| next.first_epoch <= after.next()) {
                continue;
            }
            let len = member.file.len()?;
            let mut expected = member.first_epoch.max(Epoch(1));
            let mut offset = member.frames_at;
            while expected <= upto {
                let Some((header, frame, body)) = member.file.frame_at(offset, len, member.salt, expected)? else {
                    break;
                };
                if header.epoch > after {
                    visit(frame, body)?;
                }
                expected = header.epoch.next();
                offset = frame_end(offset, header.body_bytes);
            }
        }
        Ok(())
    }

    /// Reads the headers of all files, and all frames in (`after`, `upto`], again; returns how many frames there are. What is
    /// wrong comes with the file.
    pub fn check(&self, after: Epoch, upto: Epoch) -> std::result::Result<u64, (PathBuf, Error)> {
        let members: Vec<Member> = self.members.read().values().cloned().collect();
        for Member { file, salt, .. } in &members {
            let wrong = match file.header() {
                Ok(Ok(header)) if header.sequence == file.sequence && header.salt == *salt => continue,
                Ok(header) => damaged(&file.path, header_fault(header)),
                Err(error) => error,
            };
            return Err((file.path.clone(), wrong));
        }
        // Frames of later files are found behind one that is damaged too: the first gap counts.
        let mut missing = after.next();
        let mut end = None;
        let visited = self.frames_between(after, upto, |frame, _| {
            if frame.epoch == missing {
                missing = missing.next();
                end = Some((frame.file.sequence, frame_end(frame.offset, frame.body_bytes)));
            }
            Ok(())
        });
        // Where the frame that is not there should be: at the beginning of a file, or behind the last one that is.
        let place = members.iter().rfind(|member| member.first_epoch <= missing);
        let fault = |path: &Path, wrong: Error| Err((path.to_path_buf(), wrong));
        match (visited, place) {
            (Ok(()), _) if missing > upto => Ok(missing.0 - after.0 - 1),
            (Err(error), place) => fault(place.map_or(&self.folder, |member| &member.file.path), error),
            (Ok(()), None) => {
                let why = format!("the journal has no file with epoch {}", missing.0);
                fault(&self.folder, Error::new(Code::DataCorrupted, why))
            }
            (Ok(()), Some(Member { file, frames_at, .. })) => {
                let offset = end.filter(|(sequence, _)| *sequence == file.sequence).map_or(*frames_at, |(_, end)| end);
                fault(&file.path, damaged(&file.path, format!("is damaged at offset {offset} (epoch {})", missing.0)))
            }
        }
    }

    /// The files that hold epochs up to `upto`, and how many of their bytes belong to these.
    pub fn files_upto(&self, upto: Epoch) -> Result<Vec<(PathBuf, u64)>> {
        let members: Vec<Member> = self.members.read().values().cloned().collect();
        let mut ends: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for member in members.iter().filter(|m| m.first_epoch <= upto.next()) {
            ends.insert(member.file.path.clone(), member.frames_at);
        }
        self.frames_between(Epoch::ZERO, upto, |frame, _| {
            ends.insert(frame.file.path.clone(), frame_end(frame.offset, frame.body_bytes));
            Ok(())
        })?;
        Ok(ends.into_iter().collect())
    }

    /// Drops the files whose frames are all at or below `sealed`. Who still reads one keeps it.
    pub fn drop_sealed(&self, sealed: Epoch) -> Result<()> {
        loop {
            let mut members = self.members.write();
            let mut order = members.iter();
            let done = match (order.next(), order.next()) {
                (Some((&first, _)), Some((_, second))) if second.first_epoch.0 > 0 => {
                    (second.first_epoch <= sealed.next()).then_some(first)
                }
                _ => None,
            };
            let Some(member) = done.and_then(|first| members.remove(&first)) else { return Ok(()) };
            drop(members);
            self.discard(member)?;
        }
    }

    /// Keeps a file's blocks for later, or gives them back.
    fn discard(&self, member: Member) -> Result<()> {
        let path = member.file.path.clone();
        let mut spares = self.spares.lock();
        // Only a file that nobody reads may be written again.
        let alone = Arc::strong_count(&member.file) == 1;
        if alone && spares.len() < SPARES_MAX && member.frames_at == FILE_HEADER_BYTES as u64 {
            let spare = path.with_extension("spare");
            self.storage.rename(&path, &spare).map_err(|e| Error::io(&path, "rename", &e))?;
            // Else a crash could bring the old name back for a file that has a new header.
            if !millrace_base::planted("spare-not-synced") {
                self.storage.sync_dir(&self.folder).map_err(|e| Error::io(&self.folder, "sync", &e))?;
            }
            spares.push(spare);
            return Ok(());
        }
        self.storage.remove(&path).map_err(|e| Error::io(&path, "remove", &e))
    }

    /// Bytes of all files, as far as they are written.
    pub fn bytes(&self) -> u64 {
        let members = self.members.read();
        let tail = self.tail.lock();
        // One that is only read may have none.
        let (open, end) = tail.as_ref().map_or((None, 0), |tail| (Some(tail.member.file.sequence), tail.offset));
        let closed = members.values().filter(|m| Some(m.file.sequence) != open);
        closed.map(|m| m.file.file.len().unwrap_or(0)).sum::<u64>() + end
    }
}

/// Small frames are written together; a large body is written from where it lies, since copying it would take about as
/// long as writing it.
fn write_frames(
    file: &dyn File,
    mut at: u64,
    salt: u32,
    buffer: &mut Vec<u8>,
    frames: &[NewFrame<'_>],
    durable_upto: Epoch,
) -> std::io::Result<()> {
    buffer.clear();
    for &NewFrame { body, body_crc, epoch, time_us } in frames {
        let body_bytes = body.len() as u32;
        buffer.extend_from_slice(&FrameHeader { body_bytes, body_crc, epoch, time_us, durable_upto, salt }.encode());
        let frame_at = at + (buffer.len() - HEADER_BYTES) as u64;
        if body.len() < GATHERED_BYTES_MAX {
            buffer.extend_from_slice(body);
        } else {
            file.write_all_at(buffer, at)?;
            file.write_all_at(body, at + buffer.len() as u64)?;
            at += (buffer.len() + body.len()) as u64;
            buffer.clear();
        }
        buffer.resize((frame_end(frame_at, body_bytes) - at) as usize, 0);
    }
    if buffer.is_empty() { Ok(()) } else { file.write_all_at(buffer, at) }
}

pub(super) fn header_fault(header: std::result::Result<FileHeader, FileHeaderFault>) -> String {
    match header {
        Ok(header) => format!("says that it is file {}", header.sequence),
        Err(FileHeaderFault::NotAJournal) => "is not a journal of Millrace".into(),
        Err(FileHeaderFault::Damaged | FileHeaderFault::Version(_)) => "is damaged at offset 0".into(),
    }
}

const _: () = assert!(HEADER_BYTES.is_multiple_of(8));
