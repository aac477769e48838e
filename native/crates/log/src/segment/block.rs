//! One column block as bytes: the encoded array, compressed where that saves enough to be worth the time.

use std::borrow::Cow;
use std::ops::Range;

use arrow_array::Array;
use arrow_schema::DataType;
use millrace_base::{Error, Result};
use millrace_kernels::encodings::{self, Malformed};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// A low level: sealing has to keep up with appends.
const ZSTD_LEVEL: i32 = 1;
/// Of a block of this size or more a part is tried first.
const SAMPLED_BYTES_MIN: usize = 64 << 10;
const SAMPLE_BYTES: usize = 8 << 10;
/// A sample that shrinks this much less than the whole must gives up the block: a whole finds more that repeats.
const SAMPLE_PERCENT_MORE: usize = 10;
/// Smaller blocks are left as they are.
const COMPRESS_BYTES_MIN: usize = 128;
/// A block that claims to be larger is damaged.
const BLOCK_BYTES_MAX: usize = 1 << 30;

/// Zstandard makes at most this much of a block, which has at least so many bytes itself.
const ZSTD_BLOCK_MAX: usize = 128 << 10;
const ZSTD_BLOCK_BYTES_MIN: usize = 4;

/// Codec, then the length of the encoded array.
const HEADER_BYTES: usize = 5;

/// Makes column blocks; its memory is used again for the next.
pub struct Encoder {
    encoded: Vec<u8>,
    compressed: Vec<u8>,
    zstd: zstd::bulk::Compressor<'static>,
}

impl Encoder {
    pub fn new() -> Result<Self> {
        let zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|e| failed(&e))?;
        Ok(Self { encoded: Vec::new(), compressed: Vec::new(), zstd })
    }

    /// Appends the array's block to `out`.
    pub fn encode(&mut self, array: &dyn Array, out: &mut Vec<u8>) -> Result<()> {
        self.encoded.clear();
        encodings::encode(array, &mut self.encoded).map_err(|e| Error::internal(format!("a column {}", e.0)))?;
        if self.encoded.len() > BLOCK_BYTES_MAX {
            return Err(Error::internal("a column block is too large"));
        }
        let (codec, body) = if self.compress(percent_to_pay(array.data_type()))? {
            (ZSTD, &self.compressed)
        } else {
            (PLAIN, &self.encoded)
        };
        out.push(codec);
        out.extend_from_slice(&(self.encoded.len() as u32).to_le_bytes());
        out.extend_from_slice(body);
        Ok(())
    }

    /// Whether that was worth the time.
    fn compress(&mut self, percent: usize) -> Result<bool> {
        let all = self.encoded.len();
        if all < COMPRESS_BYTES_MIN {
            return Ok(false);
        }
        if all >= SAMPLED_BYTES_MIN {
            let middle = all / 2;
            let shrunk = self.shrink(middle..middle + SAMPLE_BYTES)?;
            if shrunk * 100 > SAMPLE_BYTES * (percent + SAMPLE_PERCENT_MORE) {
                return Ok(false);
            }
        }
        Ok(self.shrink(0..all)? * 100 <= all * percent)
    }

    fn shrink(&mut self, part: Range<usize>) -> Result<usize> {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(part.len()));
        self.zstd.compress_to_buffer(&self.encoded[part], &mut self.compressed).map_err(|e| failed(&e))
    }
}

fn failed(error: &std::io::Error) -> Error {
    Error::internal(format!("could not compress a column block: {error}"))
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
