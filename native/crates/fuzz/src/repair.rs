//! Makes the checksums of a damaged file right again. Without it nearly every change would be refused at the door, and the
//! code behind would never see what it must survive. The places are those of FORMAT.md and SEGMENT_FORMAT.md.

use millrace_log::segment::{BlockMeta, SegmentMeta};

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Writes the checksum of `from..to` at `to`.
fn seal(bytes: &mut [u8], from: usize, to: usize) {
    let Some(end) = to.checked_add(4).filter(|&end| end <= bytes.len()) else { return };
    let crc = crc32c::crc32c(&bytes[from..to]);
    bytes[to..end].copy_from_slice(&crc.to_le_bytes());
}

/// A journal file: its header, and each frame as far as lengths lead from one to the next.
pub fn journal(bytes: &mut [u8]) {
    const FRAME_HEADER: usize = 48;
    seal(bytes, 0, 60);
    let salt = bytes.get(20..24).map(<[u8]>::to_vec);
    let mut at = 64;
    while let (Some(len), Some(salt)) = (u32_at(bytes, at + 8), &salt) {
        let body = at + FRAME_HEADER;
        let end = body.saturating_add(len as usize);
        if bytes.get(at..at + 4) != Some(b"MRfr") || end > bytes.len() {
            return;
        }
        let crc = crc32c::crc32c(&bytes[body..end]);
        bytes[at + 12..at + 16].copy_from_slice(&crc.to_le_bytes());
        bytes[at + 40..at + 44].copy_from_slice(salt);
        seal(bytes, at, at + 44);
        at = end.next_multiple_of(8);
    }
}

/// A manifest: its header and its records.
pub fn manifest(bytes: &mut [u8]) {
    const RECORD_HEADER: usize = 16;
    seal(bytes, 0, 20);
    let mut at = 24;
    while let Some(len) = u32_at(bytes, at + 4) {
        let body = at + RECORD_HEADER;
        let end = body.saturating_add(len as usize);
        if end > bytes.len() {
            return;
        }
        let crc = crc32c::crc32c(&bytes[body..end]);
        bytes[at + 8..at + 12].copy_from_slice(&crc.to_le_bytes());
        seal(bytes, at, at + 12);
        at = end;
    }
}

/// A segment file: header, column blocks, footer and trailer. The footer's length may not change: what comes out is written
/// back only when it fits.
pub fn segment(bytes: &mut [u8]) {
    const TRAILER: usize = 20;
    seal(bytes, 0, 20);
    let Some(trailer) = bytes.len().checked_sub(TRAILER) else { return };
    let Some(footer) = u32_at(bytes, trailer).and_then(|len| trailer.checked_sub(len as usize)) else { return };
    let decoded = rmp_serde::from_slice::<Vec<SegmentMeta>>(&bytes[footer..trailer]);
    if let Ok(mut segments) = decoded {
        let blocks = segments.iter_mut().flat_map(|s| s.blocks.iter_mut().chain([&mut s.runs]));
        for column in blocks.flat_map(|block: &mut BlockMeta| &mut block.columns) {
            let from = usize::try_from(column.offset).unwrap_or(usize::MAX);
            if let Some(block) = bytes.get(from..from.saturating_add(column.bytes as usize)) {
                column.crc = crc32c::crc32c(block);
            }
        }
        // Checksums that were small numbers take fewer bytes than large ones do.
        if let Ok(encoded) = rmp_serde::to_vec(&segments)
            && encoded.len() == trailer - footer
        {
            bytes[footer..trailer].copy_from_slice(&encoded);
        }
    }
    let crc = crc32c::crc32c(&bytes[footer..trailer]);
    bytes[trailer + 4..trailer + 8].copy_from_slice(&crc.to_le_bytes());
    seal(bytes, trailer, trailer + 8);
    bytes[trailer + 12..].copy_from_slice(b"MRseg\0\0\0");
}
