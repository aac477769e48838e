//! The frame around a commit: a fixed header with its own checksum, then the body.

use millrace_base::Epoch;

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 48;
/// Bytes of a journal file's header.
pub const FILE_HEADER_BYTES: usize = 64;
/// Bytes of the header of version 1, which did not know its first epoch.
const FILE_HEADER_BYTES_V1: usize = 32;
const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"MRfr");
const FILE_MAGIC: [u8; 8] = *b"MILLRACE";
pub const FORMAT_VERSION: u32 = 2;
const FORMAT_VERSION_BEFORE: u32 = 1;

const _: () = assert!(HEADER_BYTES.is_multiple_of(8) && FILE_HEADER_BYTES.is_multiple_of(8));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    pub body_bytes: u32,
    pub body_crc: u32,
    pub epoch: Epoch,
    pub time_us: i64,
    /// The newest epoch that was durable when this frame was written: if a frame before it that is not newer than
    /// this is damaged, acknowledged data is lost, and not merely a torn tail.
    pub durable_upto: Epoch,
    /// The file's salt: bytes of a user's value cannot pass for a frame.
    pub salt: u32,
}

impl FrameHeader {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0u8; HEADER_BYTES];
        out[0..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        out[12..16].copy_from_slice(&self.body_crc.to_le_bytes());
        out[16..24].copy_from_slice(&self.epoch.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.time_us.to_le_bytes());
        out[32..40].copy_from_slice(&self.durable_upto.0.to_le_bytes());
        out[40..44].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&out[0..44]);
        out[44..48].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None` when these bytes are not a whole header of ours.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let intact = u32_at(0) == FRAME_MAGIC && u32_at(44) == crc32c::crc32c(&bytes[0..44]);
        let known = [FORMAT_VERSION, FORMAT_VERSION_BEFORE].contains(&u32_at(4));
        (intact && known).then(|| Self {
            body_bytes: u32_at(8),
            body_crc: u32_at(12),
            epoch: Epoch(u64_at(16)),
            time_us: u64_at(24) as i64,
            durable_upto: Epoch(u64_at(32)),
            salt: u32_at(40),
        })
    }

    /// The first bytes of a frame, for the search behind a damaged place.
    pub fn magic() -> [u8; 4] {
        FRAME_MAGIC.to_le_bytes()
    }
}

/// The head of a journal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    pub sequence: u64,
    pub salt: u32,
    /// The epoch of the file's first frame; a file ends where the next one's first epoch says. Version 1 has none.
    pub first_epoch: Option<Epoch>,
}

/// Why a file header was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileHeaderFault {
    NotAJournal,
    Version(u32),
    Damaged,
}

impl FileHeader {
    /// The header that a new file gets.
    pub fn encode(sequence: u64, salt: u32, first_epoch: Epoch) -> [u8; FILE_HEADER_BYTES] {
        let mut out = [0u8; FILE_HEADER_BYTES];
        out[0..8].copy_from_slice(&FILE_MAGIC);
        out[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[12..20].copy_from_slice(&sequence.to_le_bytes());
        out[20..24].copy_from_slice(&salt.to_le_bytes());
        out[24..32].copy_from_slice(&first_epoch.0.to_le_bytes());
        // 32..60 is reserved and zero.
        let crc = crc32c::crc32c(&out[0..60]);
        out[60..64].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `bytes` are the file's first ones, at most `FILE_HEADER_BYTES`.
    pub fn decode(bytes: &[u8]) -> Result<Self, FileHeaderFault> {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        if bytes.len() < FILE_HEADER_BYTES_V1 || bytes[0..8] != FILE_MAGIC {
            return Err(FileHeaderFault::NotAJournal);
        }
        let version = u32_at(8);
        let header_bytes = match version {
            FORMAT_VERSION => FILE_HEADER_BYTES,
            FORMAT_VERSION_BEFORE => FILE_HEADER_BYTES_V1,
            other => return Err(FileHeaderFault::Version(other)),
        };
        if bytes.len() < header_bytes || u32_at(header_bytes - 4) != crc32c::crc32c(&bytes[0..header_bytes - 4]) {
            return Err(FileHeaderFault::Damaged);
        }
        let first_epoch = (version == FORMAT_VERSION).then(|| Epoch(u64_at(24)));
        Ok(Self { sequence: u64_at(12), salt: u32_at(20), first_epoch })
    }

    /// Where the first frame stands.
    pub fn frames_at(&self) -> u64 {
        (if self.first_epoch.is_some() { FILE_HEADER_BYTES } else { FILE_HEADER_BYTES_V1 }) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_header_is_seen() {
        let header =
            FrameHeader { body_bytes: 7, body_crc: 9, epoch: Epoch(3), time_us: -5, durable_upto: Epoch(2), salt: 4 };
        let bytes = header.encode();
        assert_eq!(FrameHeader::decode(&bytes), Some(header));
        for bit in 0..HEADER_BYTES * 8 {
            let mut broken = bytes;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&broken), None, "bit {bit}");
        }
    }

    #[test]
    fn any_flipped_bit_of_a_file_header_is_seen() {
        let header = FileHeader { sequence: 12, salt: 99, first_epoch: Some(Epoch(7)) };
        let bytes = FileHeader::encode(12, 99, Epoch(7));
        assert_eq!(FileHeader::decode(&bytes), Ok(header));
        for bit in 0..FILE_HEADER_BYTES * 8 {
            let mut broken = bytes;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(FileHeader::decode(&broken).is_err(), "bit {bit}");
        }
    }
}
