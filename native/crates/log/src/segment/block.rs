//! One column block as bytes: the encoded array, compressed where that saves enough to be worth the time.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::Array;
use arrow_schema::DataType;
use millrace_base::{Error, Result};
use millrace_kernels::encodings::{self, Encoded, Malformed};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Zstandard's own default: higher levels cost several times as much for a few percent.
const ZSTD_LEVEL: i32 = 3;
/// Smaller blocks are left as they are.
const COMPRESS_BYTES_MIN: usize = 128;
/// A block that claims to be larger is damaged.
const BLOCK_BYTES_MAX: usize = 1 << 30;

/// Zstandard makes at most this much of a block, which has at least so many bytes itself.
const ZSTD_BLOCK_MAX: usize = 128 << 10;
const ZSTD_BLOCK_BYTES_MIN: usize = 4;

/// Codec, then the length of the encoded array.
const HEADER_BYTES: usize = 5;

pub fn encode(array: &dyn Array, out: &mut Vec<u8>) -> Result<()> {
    let mut encoded = Vec::new();
    encodings::encode(array, &mut encoded).map_err(|e| Error::internal(format!("a column {}", e.0)))?;
    if encoded.len() > BLOCK_BYTES_MAX {
        return Err(Error::internal("a column block is too large"));
    }
    if encoded.len() >= COMPRESS_BYTES_MIN {
        let compressed = zstd::bulk::compress(&encoded, ZSTD_LEVEL)
            .map_err(|e| Error::internal(format!("could not compress a column block: {e}")))?;
        if compressed.len() * 100 <= encoded.len() * percent_to_pay(array.data_type()) {
            out.push(ZSTD);
            out.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
            out.extend_from_slice(&compressed);
            return Ok(());
        }
    }
    out.push(PLAIN);
    out.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
    out.extend_from_slice(&encoded);
    Ok(())
}

/// To how many percent compression must shrink a block. Packed numbers are scanned where they lie at more than ten
/// times the speed of decompression; texts are copied in any case.
fn percent_to_pay(data_type: &DataType) -> usize {
    match data_type {
        DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_) => 90,
        _ => 75,
    }
}

/// The encoded array's bytes, behind the general codec.
pub fn unwrap(bytes: &[u8]) -> std::result::Result<Cow<'_, [u8]>, Malformed> {
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(Malformed("ends too early"))?;
    let len = u32::from_le_bytes(header[1..5].try_into().expect("4 bytes")) as usize;
    match header[0] {
        PLAIN if body.len() == len => Ok(Cow::Borrowed(body)),
        ZSTD if len <= BLOCK_BYTES_MAX.min((body.len() / ZSTD_BLOCK_BYTES_MIN + 1) * ZSTD_BLOCK_MAX) => {
            let plain = zstd::bulk::decompress(body, len).map_err(|_| Malformed("cannot be decompressed"))?;
            if plain.len() == len { Ok(Cow::Owned(plain)) } else { Err(Malformed("has another length")) }
        }
        _ => Err(Malformed("has an unknown codec")),
    }
}

/// A column of one block as it is encoded.
pub struct EncodedColumn {
    /// Behind the general codec.
    plain: Arc<Vec<u8>>,
    data_type: DataType,
    rows: usize,
}

impl EncodedColumn {
    pub(super) fn new(plain: Arc<Vec<u8>>, data_type: &DataType, rows: usize) -> Self {
        Self { plain, data_type: data_type.clone(), rows }
    }

    /// The values for kernels (`millrace_kernels::scan`).
    pub fn view(&self) -> std::result::Result<Encoded<'_>, Malformed> {
        Encoded::new(&self.plain, &self.data_type, self.rows)
    }

    pub fn rows(&self) -> usize {
        self.rows
    }
}
