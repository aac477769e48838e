//! The ends of a segment file: the header, which names it, and the footer, which says where everything is.

use std::path::Path;

use arrow_schema::SchemaRef;
use millrace_base::{Code, Error, File, Result};

use super::meta::{FileMeta, SegmentMeta};
use super::{damaged, read_error, schema};

const MAGIC: [u8; 8] = *b"MRseg\0\0\0";
/// What this release writes.
const VERSION: u32 = 1;
/// The oldest version that this release reads: the one before its own.
const VERSION_MIN: u32 = 1;
/// Magic, version, file number, CRC32C of these.
const HEADER_BYTES: usize = 24;
/// Length and CRC32C of the footer, CRC32C of these two, magic.
const TRAILER_BYTES: usize = 20;
/// A footer that claims to be larger is damaged.
const FOOTER_BYTES_MAX: u64 = 1 << 30;

pub fn header(number: u64) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[0..8].copy_from_slice(&MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..20].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&out[0..20]);
    out[20..24].copy_from_slice(&crc.to_le_bytes());
    out
}

/// The footer with its trailer: what stands at the end of a whole file.
pub fn encode(segments: &[SegmentMeta]) -> Result<Vec<u8>> {
    let mut out = rmp_serde::to_vec(segments).map_err(|e| Error::internal(format!("footer: {e}")))?;
    if out.len() as u64 > FOOTER_BYTES_MAX {
        return Err(Error::internal("the footer of a segment file is too large"));
    }
    let mut trailer = [0; TRAILER_BYTES];
    trailer[0..4].copy_from_slice(&(out.len() as u32).to_le_bytes());
    trailer[4..8].copy_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    let crc = crc32c::crc32c(&trailer[0..8]);
    trailer[8..12].copy_from_slice(&crc.to_le_bytes());
    trailer[12..20].copy_from_slice(&MAGIC);
    out.extend_from_slice(&trailer);
    Ok(out)
}

fn check_header(path: &Path, head: &[u8; HEADER_BYTES], number: u64) -> Result<()> {
    let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("4 bytes"));
    if head[0..8] != MAGIC || u32_at(20) != crc32c::crc32c(&head[0..20]) {
        return Err(damaged(path, 0, "it does not begin as a segment file does"));
    }
    let version = u32_at(8);
    if version > VERSION {
        let message = format!("segment file \"{}\" has format version {version}", path.display());
        return Err(Error::new(Code::FeatureNotSupported, message)
            .with_hint(format!("This release reads versions up to {VERSION}: open the database with a newer one.")));
    }
    if version < VERSION_MIN {
        let message = format!("segment file \"{}\" has format version {version}", path.display());
        return Err(Error::new(Code::FeatureNotSupported, message).with_hint(
            "Open the database with the release before this one first: it writes what is old anew.".to_string(),
        ));
    }
    if head[12..20] != number.to_le_bytes() {
        return Err(damaged(path, 12, "it is the file of another number"));
    }
    Ok(())
}

/// Reads what a file's footer says, and checks that it fits together.
pub fn read(path: &Path, file: &dyn File, number: u64) -> Result<FileMeta> {
    let len = file.len().map_err(|e| Error::io(path, "read", &e))?;
    let least = (HEADER_BYTES + TRAILER_BYTES) as u64;
    if len < least {
        return Err(damaged(path, len, "the file is cut off"));
    }
    let mut head = [0; HEADER_BYTES];
    file.read_exact_at(&mut head, 0).map_err(|e| read_error(path, 0, &e))?;
    check_header(path, &head, number)?;
    let at = len - TRAILER_BYTES as u64;
    let mut trailer = [0; TRAILER_BYTES];
    file.read_exact_at(&mut trailer, at).map_err(|e| read_error(path, at, &e))?;
    let u32_at = |at: usize| u32::from_le_bytes(trailer[at..at + 4].try_into().expect("4 bytes"));
    if trailer[12..20] != MAGIC || u32_at(8) != crc32c::crc32c(&trailer[0..8]) {
        return Err(damaged(path, at, "the file does not end as a segment file does"));
    }
    let bytes = u64::from(u32_at(0));
    if bytes > FOOTER_BYTES_MAX || bytes > len - least {
        return Err(damaged(path, at, "the footer is too large"));
    }
    let start = at - bytes;
    let mut footer = vec![0; bytes as usize];
    file.read_exact_at(&mut footer, start).map_err(|e| read_error(path, start, &e))?;
    if crc32c::crc32c(&footer) != u32_at(4) && !millrace_base::planted("checksum-ignored") {
        return Err(damaged(path, start, "the footer does not fit its checksum"));
    }
    let segments: Vec<SegmentMeta> =
        rmp_serde::from_slice(&footer).map_err(|e| damaged(path, start, format!("the footer: {e}")))?;
    let mut schemas: Vec<SchemaRef> = Vec::with_capacity(segments.len());
    for segment in &segments {
        check(segment, start).map_err(|why| damaged(path, start, why))?;
        let schema = schema::restored(&segment.schema).ok_or_else(|| damaged(path, start, "a type cannot be"))?;
        if segment.blocks.iter().any(|block| block.columns.len() != schema.fields().len()) {
            return Err(damaged(path, start, "a block has another number of columns"));
        }
        // Segments of one relation share their schema.
        match schemas.last().filter(|last| **last == schema) {
            Some(last) => schemas.push(last.clone()),
            None => schemas.push(schema),
        }
    }
    Ok(FileMeta { number, segments, schemas })
}

/// That the numbers of a footer fit together.
fn check(segment: &SegmentMeta, data_end: u64) -> std::result::Result<(), &'static str> {
    let rows: u64 = segment.blocks.iter().map(|block| u64::from(block.rows)).sum();
    if rows != segment.rows {
        return Err("its blocks have another number of rows");
    }
    if segment.runs.columns.len() != 3 || u64::from(segment.runs.rows) > segment.rows {
        return Err("its commits cannot be");
    }
    if segment.first_offset.checked_add(segment.rows).is_none() || segment.epochs.0 > segment.epochs.1 {
        return Err("its ranges cannot be");
    }
    let blocks = segment.blocks.iter().chain([&segment.runs]);
    for column in blocks.clone().flat_map(|block| &block.columns) {
        let end = column.offset.checked_add(column.bytes.into());
        if column.offset < HEADER_BYTES as u64 || end.is_none_or(|end| end > data_end) {
            return Err("a column block lies outside the file");
        }
    }
    if blocks.into_iter().any(|block| block.columns.iter().any(|column| column.nulls > block.rows)) {
        return Err("a block has more NULLs than rows");
    }
    if segment.blocks.iter().any(|block| block.rows == 0 || block.rows as usize > super::BLOCK_ROWS) {
        return Err("a block has a number of rows that cannot be");
    }
    Ok(())
}
