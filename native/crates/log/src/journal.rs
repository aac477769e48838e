//! The journal's files: appending groups of frames, reading a frame back, and the walk over all frames on open, which
//! cuts off a torn tail and reports damage anywhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::buffer::{Buffer, MutableBuffer};
use millrace_base::{Code, Epoch, Error, File, FileKind, Result, Rng, Storage};
use parking_lot::RwLock;

use crate::frame::{FILE_HEADER_BYTES, FileHeader, FileHeaderFault, FrameHeader, HEADER_BYTES};

/// A journal file that has reached this size is followed by a new one.
const FILE_BYTES_TARGET: u64 = 256 << 20;
/// Frames begin at multiples of this.
const FRAME_ALIGNMENT: u64 = 8;
/// How much is read at a time in the search behind a damaged place.
const SEARCH_BYTES: usize = 1 << 20;

/// Where a frame lies.
#[derive(Debug, Clone, Copy)]
pub struct FrameRef {
    pub file: u64,
    pub offset: u64,
    pub body_bytes: u32,
    pub body_crc: u32,
    pub epoch: Epoch,
}

/// A frame that is to be written: its header lacks only what the journal knows.
pub struct NewFrame<'a> {
    pub body: &'a [u8],
    pub body_crc: u32,
    pub epoch: Epoch,
    pub time_us: i64,
}

/// The end of the journal, where the next frame goes.
struct Tail {
    file: u64,
    offset: u64,
    salt: u32,
}

pub struct Journal {
    storage: Arc<dyn Storage>,
    rng: Arc<dyn Rng>,
    folder: PathBuf,
    files: RwLock<BTreeMap<u64, Arc<dyn File>>>,
    tail: parking_lot::Mutex<Tail>,
}

impl Journal {
    /// Opens or makes the journal in `folder`, and calls `visit` for each whole frame in order.
    pub fn open(
        storage: Arc<dyn Storage>,
        rng: Arc<dyn Rng>,
        folder: &Path,
        mut visit: impl FnMut(&FrameHeader, FrameRef, &Buffer) -> Result<()>,
    ) -> Result<Self> {
        storage.create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
        let journal = Self {
            storage,
            rng,
            folder: folder.to_path_buf(),
            files: RwLock::new(BTreeMap::new()),
            tail: parking_lot::Mutex::new(Tail { file: 0, offset: 0, salt: 0 }),
        };
        let sequences = journal.sequences()?;
        let mut last_epoch = Epoch::ZERO;
        for (index, &sequence) in sequences.iter().enumerate() {
            let is_last = index + 1 == sequences.len();
            if index > 0 && sequence != sequences[index - 1] + 1 {
                let missing = journal.path(sequences[index - 1] + 1);
                return Err(Error::new(
                    Code::DataCorrupted,
                    format!("journal file \"{}\" is missing", missing.display()),
                ));
            }
            if !journal.walk(sequence, is_last, &mut last_epoch, &mut visit)? {
                break; // the last file had no header yet: it was being made when the process ended
            }
        }
        if journal.tail.lock().file == 0 {
            let sequence = sequences.last().copied().unwrap_or(1);
            journal.start_file(sequence)?;
        }
        Ok(journal)
    }

    fn path(&self, sequence: u64) -> PathBuf {
        self.folder.join(format!("{sequence:016}.wal"))
    }

    fn sequences(&self) -> Result<Vec<u64>> {
        let entries = self.storage.list(&self.folder).map_err(|e| Error::io(&self.folder, "list", &e))?;
        let mut sequences: Vec<u64> = entries
            .iter()
            .filter(|p| p.extension().is_some_and(|e| e == "wal"))
            .filter_map(|p| p.file_stem()?.to_str()?.parse().ok())
            .collect();
        sequences.sort_unstable();
        Ok(sequences)
    }

    /// Visits a file's frames. False when a last file holds no header and must be made anew.
    fn walk(
        &self,
        sequence: u64,
        is_last: bool,
        last_epoch: &mut Epoch,
        visit: &mut impl FnMut(&FrameHeader, FrameRef, &Buffer) -> Result<()>,
    ) -> Result<bool> {
        let path = self.path(sequence);
        let file: Arc<dyn File> =
            Arc::from(self.storage.open(&path, FileKind::ReadWrite).map_err(|e| Error::io(&path, "open", &e))?);
        let len = file.len().map_err(|e| Error::io(&path, "read", &e))?;
        let Some(salt) = read_file_header(&path, file.as_ref(), len, sequence, is_last)? else { return Ok(false) };
        self.files.write().insert(sequence, file.clone());
        let mut offset = FILE_HEADER_BYTES as u64;
        while let Some((header, body)) = read_frame(&path, file.as_ref(), offset, len, salt, last_epoch.next())? {
            let frame = FrameRef {
                file: sequence,
                offset,
                body_bytes: header.body_bytes,
                body_crc: header.body_crc,
                epoch: header.epoch,
            };
            visit(&header, frame, &body)?;
            *last_epoch = header.epoch;
            offset = frame_end(offset, header.body_bytes);
        }
        if offset < len {
            let testimony = find_testimony(&path, file.as_ref(), offset, len, salt, last_epoch.next())?;
            if !is_last || testimony {
                return Err(Error::new(
                    Code::DataCorrupted,
                    format!("journal file \"{}\" is damaged at offset {offset}", path.display()),
                )
                .with_detail(format!("Commits after epoch {} that were acknowledged cannot be read.", last_epoch.0))
                .with_hint("Restore the file from a backup. Nothing was changed."));
            }
            file.set_len(offset).and_then(|()| file.sync()).map_err(|e| Error::io(&path, "truncate", &e))?;
        }
        *self.tail.lock() = Tail { file: sequence, offset, salt };
        Ok(true)
    }

    fn start_file(&self, sequence: u64) -> Result<()> {
        let path = self.path(sequence);
        let salt = self.rng.next_u64() as u32;
        let file: Arc<dyn File> =
            Arc::from(self.storage.open(&path, FileKind::ReadWrite).map_err(|e| Error::io(&path, "create", &e))?);
        let header = FileHeader { sequence, salt }.encode();
        file.set_len(0)
            .and_then(|()| file.write_all_at(&header, 0))
            .and_then(|()| file.sync())
            .and_then(|()| self.storage.sync_dir(&self.folder))
            .map_err(|e| Error::io(&path, "write", &e))?;
        self.files.write().insert(sequence, file);
        *self.tail.lock() = Tail { file: sequence, offset: FILE_HEADER_BYTES as u64, salt };
        Ok(())
    }

    /// Writes frames one after another; they are durable only after `sync`. Called by the journal thread alone.
    pub fn append(&self, frames: &[NewFrame<'_>], durable_upto: Epoch) -> Result<Vec<FrameRef>> {
        if self.tail.lock().offset >= FILE_BYTES_TARGET {
            // Damage in a file that is not the last is never a torn tail, so it must be durable before there is a next.
            self.sync()?;
            let next = self.tail.lock().file + 1;
            self.start_file(next)?;
        }
        let mut tail = self.tail.lock();
        let file = self.file(tail.file)?;
        let bytes: usize = frames.iter().map(|f| HEADER_BYTES + f.body.len() + FRAME_ALIGNMENT as usize).sum();
        let mut buffer = Vec::with_capacity(bytes);
        let mut refs = Vec::with_capacity(frames.len());
        for frame in frames {
            let body_bytes = frame.body.len() as u32;
            let offset = tail.offset + buffer.len() as u64;
            let header = FrameHeader {
                body_bytes,
                body_crc: frame.body_crc,
                epoch: frame.epoch,
                time_us: frame.time_us,
                durable_upto,
                salt: tail.salt,
            };
            buffer.extend_from_slice(&header.encode());
            buffer.extend_from_slice(frame.body);
            buffer.resize((frame_end(offset, body_bytes) - tail.offset) as usize, 0);
            let (file, body_crc, epoch) = (tail.file, frame.body_crc, frame.epoch);
            refs.push(FrameRef { file, offset, body_bytes, body_crc, epoch });
        }
        let path = self.path(tail.file);
        file.write_all_at(&buffer, tail.offset).map_err(|e| Error::io(&path, "write", &e))?;
        tail.offset += buffer.len() as u64;
        Ok(refs)
    }

    pub fn sync(&self) -> Result<()> {
        let sequence = self.tail.lock().file;
        self.file(sequence)?.sync().map_err(|e| Error::io(self.path(sequence), "sync", &e))
    }

    /// Reads a frame's body into aligned memory and checks it.
    pub fn read_body(&self, frame: &FrameRef) -> Result<Buffer> {
        let path = self.path(frame.file);
        let file = self.file(frame.file)?;
        let body = read_aligned(file.as_ref(), frame.offset + HEADER_BYTES as u64, frame.body_bytes as usize)
            .map_err(|e| Error::io(&path, "read", &e))?;
        if crc32c::crc32c(&body) != frame.body_crc {
            return Err(Error::new(
                Code::DataCorrupted,
                format!(
                    "journal file \"{}\" is damaged at offset {} (epoch {})",
                    path.display(),
                    frame.offset,
                    frame.epoch.0
                ),
            ));
        }
        Ok(body)
    }

    fn file(&self, sequence: u64) -> Result<Arc<dyn File>> {
        let found = self.files.read().get(&sequence).cloned();
        found.ok_or_else(|| Error::internal(format!("journal file {sequence} is not open")))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let files = self.files.read();
        let closed: u64 = files.values().rev().skip(1).map(|f| f.len().unwrap_or(0)).sum();
        closed + self.tail.lock().offset
    }
}

fn frame_end(offset: u64, body_bytes: u32) -> u64 {
    (offset + HEADER_BYTES as u64 + u64::from(body_bytes)).next_multiple_of(FRAME_ALIGNMENT)
}

fn read_aligned(file: &dyn File, offset: u64, len: usize) -> std::io::Result<Buffer> {
    let mut buffer = MutableBuffer::from_len_zeroed(len);
    file.read_exact_at(buffer.as_slice_mut(), offset)?;
    Ok(buffer.into())
}

/// The file's salt; `None` for a last file that ended before its header was durable.
fn read_file_header(path: &Path, file: &dyn File, len: u64, sequence: u64, is_last: bool) -> Result<Option<u32>> {
    let damaged = |why: String| Error::new(Code::DataCorrupted, format!("journal file \"{}\" {why}", path.display()));
    if len < FILE_HEADER_BYTES as u64 {
        return if is_last { Ok(None) } else { Err(damaged("is cut off before its header".into())) };
    }
    let mut bytes = [0u8; FILE_HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0).map_err(|e| Error::io(path, "read", &e))?;
    match FileHeader::decode(&bytes) {
        Ok(header) if header.sequence == sequence => Ok(Some(header.salt)),
        Ok(header) => Err(damaged(format!("says that it is file {}", header.sequence))),
        Err(FileHeaderFault::Version(version)) => {
            Err(damaged(format!("has format version {version}, which this release does not read")))
        }
        // Nothing can follow a header that was not durable.
        Err(_) if is_last && len == FILE_HEADER_BYTES as u64 => Ok(None),
        Err(FileHeaderFault::NotAJournal) => Err(damaged("is not a journal of Millrace".into())),
        Err(FileHeaderFault::Damaged) => Err(damaged("is damaged at offset 0".into())),
    }
}

/// The frame at `offset`, or `None` where no whole frame with the next epoch begins.
fn read_frame(
    path: &Path,
    file: &dyn File,
    offset: u64,
    len: u64,
    salt: u32,
    expected: Epoch,
) -> Result<Option<(FrameHeader, Buffer)>> {
    if offset + HEADER_BYTES as u64 > len {
        return Ok(None);
    }
    let mut bytes = [0u8; HEADER_BYTES];
    file.read_exact_at(&mut bytes, offset).map_err(|e| Error::io(path, "read", &e))?;
    let Some(header) = FrameHeader::decode(&bytes) else { return Ok(None) };
    let body_at = offset + HEADER_BYTES as u64;
    if header.salt != salt || header.epoch != expected || body_at + u64::from(header.body_bytes) > len {
        return Ok(None);
    }
    let body = read_aligned(file, body_at, header.body_bytes as usize).map_err(|e| Error::io(path, "read", &e))?;
    Ok((crc32c::crc32c(&body) == header.body_crc).then_some((header, body)))
}

/// Whether some frame behind `offset` says that `expected` was already durable when it was written.
fn find_testimony(path: &Path, file: &dyn File, offset: u64, len: u64, salt: u32, expected: Epoch) -> Result<bool> {
    let mut at = offset;
    let mut chunk = vec![0u8; SEARCH_BYTES + HEADER_BYTES];
    while at < len {
        let take = chunk.len().min((len - at) as usize);
        file.read_exact_at(&mut chunk[..take], at).map_err(|e| Error::io(path, "read", &e))?;
        for start in (0..take.saturating_sub(HEADER_BYTES - 1)).step_by(FRAME_ALIGNMENT as usize) {
            if chunk[start..start + 4] != FrameHeader::magic() {
                continue;
            }
            let bytes: &[u8; HEADER_BYTES] = chunk[start..start + HEADER_BYTES].try_into().expect("a header's bytes");
            if FrameHeader::decode(bytes).is_some_and(|h| h.salt == salt && h.durable_upto >= expected) {
                return Ok(true);
            }
        }
        at += SEARCH_BYTES as u64;
    }
    Ok(false)
}
