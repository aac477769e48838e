//! One journal file: its header, its frames in order, and what stands behind the last of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::buffer::{Buffer, MutableBuffer};
use millrace_base::{Code, Epoch, Error, File, Result};

use super::frame::{FILE_HEADER_BYTES, FileHeader, FileHeaderFault, FrameHeader, HEADER_BYTES};

/// Frames begin at multiples of this.
pub const FRAME_ALIGNMENT: u64 = 8;
/// How much is read at a time in the search behind a damaged place.
const SEARCH_BYTES: usize = 1 << 20;

/// An open file of the journal. Whoever holds it can read it, also after it has been removed.
pub struct JournalFile {
    pub sequence: u64,
    pub path: PathBuf,
    pub file: Box<dyn File>,
}

/// Where a frame lies.
#[derive(Clone)]
pub struct FrameRef {
    pub file: Arc<JournalFile>,
    pub offset: u64,
    pub body_bytes: u32,
    pub body_crc: u32,
    pub epoch: Epoch,
    pub time_us: i64,
}

impl FrameRef {
    /// Reads the body into aligned memory and checks it.
    pub fn read_body(&self) -> Result<Buffer> {
        let body = self.file.read_aligned(self.offset + HEADER_BYTES as u64, self.body_bytes as usize)?;
        if crc32c::crc32c(&body) != self.body_crc {
            let message = format!(
                "journal file \"{}\" is damaged at offset {} (epoch {})",
                self.file.path.display(),
                self.offset,
                self.epoch.0
            );
            return Err(Error::new(Code::DataCorrupted, message));
        }
        Ok(body)
    }
}

pub fn frame_end(offset: u64, body_bytes: u32) -> u64 {
    (offset + HEADER_BYTES as u64 + u64::from(body_bytes)).next_multiple_of(FRAME_ALIGNMENT)
}

pub fn damaged(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(Code::DataCorrupted, format!("journal file \"{}\" {why}", path.display()))
}

impl JournalFile {
    pub fn read_aligned(&self, offset: u64, len: usize) -> Result<Buffer> {
        let mut buffer = MutableBuffer::from_len_zeroed(len);
        self.file.read_exact_at(buffer.as_slice_mut(), offset).map_err(|e| Error::io(&self.path, "read", &e))?;
        Ok(buffer.into())
    }

    pub fn len(&self) -> Result<u64> {
        self.file.len().map_err(|e| Error::io(&self.path, "read", &e))
    }

    /// The header, or why there is none.
    pub fn header(&self) -> Result<std::result::Result<FileHeader, FileHeaderFault>> {
        let take = (self.len()? as usize).min(FILE_HEADER_BYTES);
        let bytes = self.read_aligned(0, take)?;
        Ok(FileHeader::decode(&bytes))
    }

    /// The frame at `offset`, or `None` where no whole frame with this epoch begins.
    pub fn frame_at(
        self: &Arc<Self>,
        offset: u64,
        len: u64,
        salt: u32,
        expected: Epoch,
    ) -> Result<Option<(FrameHeader, FrameRef, Buffer)>> {
        if offset + HEADER_BYTES as u64 > len {
            return Ok(None);
        }
        let bytes = self.read_aligned(offset, HEADER_BYTES)?;
        let Some(header) = FrameHeader::decode(bytes.as_slice().try_into().expect("a header's bytes")) else {
            return Ok(None);
        };
        let body_at = offset + HEADER_BYTES as u64;
        if header.salt != salt || header.epoch != expected || body_at + u64::from(header.body_bytes) > len {
            return Ok(None);
        }
        let body = self.read_aligned(body_at, header.body_bytes as usize)?;
        if crc32c::crc32c(&body) != header.body_crc && !millrace_base::planted("checksum-ignored") {
            return Ok(None);
        }
        let FrameHeader { body_bytes, body_crc, epoch, time_us, .. } = header;
        let frame = FrameRef { file: self.clone(), offset, body_bytes, body_crc, epoch, time_us };
        Ok(Some((header, frame, body)))
    }

    /// Whether some frame header at or behind `offset` satisfies `says`.
    pub fn any_header(&self, offset: u64, len: u64, says: impl Fn(&FrameHeader) -> bool) -> Result<bool> {
        let mut at = offset.next_multiple_of(FRAME_ALIGNMENT);
        while at + HEADER_BYTES as u64 <= len {
            let take = (SEARCH_BYTES + HEADER_BYTES).min((len - at) as usize);
            let chunk = self.read_aligned(at, take)?;
            for start in (0..=take - HEADER_BYTES).step_by(FRAME_ALIGNMENT as usize) {
                if chunk[start..start + 4] != FrameHeader::magic() {
                    continue;
                }
                let bytes: &[u8; HEADER_BYTES] =
                    chunk[start..start + HEADER_BYTES].try_into().expect("a header's bytes");
                if FrameHeader::decode(bytes).is_some_and(|header| says(&header)) {
                    return Ok(true);
                }
            }
            at += SEARCH_BYTES as u64;
        }
        Ok(false)
    }
}
