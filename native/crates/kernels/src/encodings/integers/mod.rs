//! Integers: constant, frame of reference, delta, run-length or dictionary, whichever takes the fewest bytes, with a
//! preference for what is read fastest. Narrower and unsigned types, dates, times and scaled decimals are integers too.

mod sinks;

use super::bytes::{Malformed, Reader, Result, put_i64, put_u32};
use super::pack::{CHUNK, lane_width, pack, packed_bytes, value_at, width_of};
use crate::cpu::wide;

pub(crate) use sinks::greatest;
use sinks::{look_up, nth, unpack_codes, unpack_deltas, unpack_frame};

const CONSTANT: u8 = 0;
const FRAME: u8 = 1;
const DELTA: u8 = 2;
const RUNS: u8 = 3;
const DICTIONARY: u8 = 4;

/// Distinct values up to which a dictionary is tried.
const DISTINCT_MAX: usize = 4096;
/// Bytes before a frame's packed values: tag, base, width.
const FRAME_HEADER: usize = 10;
/// Runs within runs are never written; what claims to be nested deeper is damaged.
const DEPTH_MAX: usize = 4;

/// What is known of some integers before one way to write them is chosen.
#[derive(Clone, Copy)]
struct Shape {
    min: i64,
    max: i64,
    runs: usize,
    /// Least and greatest difference of neighbours, if none overflows.
    deltas: Option<(i64, i64)>,
}

wide! {
    fn shape(values: &[i64]) -> Shape {
        let (mut min, mut max) = (values[0], values[0]);
        for &value in values {
            min = min.min(value);
            max = max.max(value);
        }
        let (before, after) = (&values[..values.len() - 1], &values[1..]);
        let (mut changes, mut least, mut most) = (0, i64::MAX, i64::MIN);
        for (&before, &after) in before.iter().zip(after) {
            let delta = after.wrapping_sub(before);
            changes += usize::from(delta != 0);
            least = least.min(delta);
            most = most.max(delta);
        }
        // Where the whole range fits, no difference overflows.
        let deltas = (max.checked_sub(min).is_some() && values.len() > 1).then_some((least, most));
        Shape { min, max, runs: changes + 1, deltas }
    }
}

fn span(min: i64, max: i64) -> u64 {
    max.wrapping_sub(min) as u64
}

/// The distinct values in order, if they are few.
fn distinct(values: &[i64]) -> Option<Vec<i64>> {
    let mut seen: hashbrown::HashSet<i64, ahash::RandomState> =
        hashbrown::HashSet::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
    let mut before = None;
    for &value in values {
        if before == Some(value) {
            continue;
        }
        before = Some(value);
        seen.insert(value);
        if seen.len() > DISTINCT_MAX.min(values.len() / 2) {
            return None;
        }
    }
    let mut sorted: Vec<i64> = seen.into_iter().collect();
    sorted.sort_unstable();
    Some(sorted)
}

fn frame_bytes(count: usize, span: u64) -> usize {
    FRAME_HEADER + packed_bytes(count, lane_width(width_of(span)))
}

/// Appends the encoded values; the reader must know how many there are.
pub fn encode(values: &[i64], out: &mut Vec<u8>) {
    encode_nested(values, out, true);
}

/// Heads and lengths of runs, and dictionaries, are no runs and have no dictionary themselves.
fn encode_nested(values: &[i64], out: &mut Vec<u8>, outermost: bool) {
    if values.is_empty() {
        return;
    }
    let shape = shape(values);
    if shape.min == shape.max {
        out.push(CONSTANT);
        put_i64(out, shape.min);
        return;
    }
    let count = values.len();
    let frame = frame_bytes(count, span(shape.min, shape.max));
    // Deltas and dictionaries are read at half a frame's speed: they must save something.
    let dearer = |bytes: usize| bytes + bytes / 4;
    let delta = shape.deltas.map_or(usize::MAX, |(least, most)| dearer(9 + frame_bytes(count - 1, span(least, most))));
    let (mut runs, mut dictionary, mut entries) = (usize::MAX, usize::MAX, None);
    if outermost {
        let head = usize::from(width_of(span(shape.min, shape.max))).div_ceil(8);
        runs = shape.runs * (head + 2) + 24;
        // Where the range is narrow a dictionary can save nothing.
        if width_of(span(shape.min, shape.max)) > 4 && frame.min(delta).min(runs) > 64 {
            entries = distinct(values);
        }
        dictionary = entries.as_ref().map_or(usize::MAX, |entries| {
            let head = frame_bytes(entries.len(), span(shape.min, shape.max));
            dearer(5 + head + frame_bytes(count, entries.len() as u64 - 1))
        });
    }
    let least = frame.min(delta).min(runs).min(dictionary);
    match entries {
        _ if least == frame => encode_frame(values, shape.min, shape.max, out),
        _ if least == runs => encode_runs(values, shape.runs, out),
        Some(entries) if least == dictionary => encode_dictionary(values, &entries, out),
        _ => {
            let (least, most) = shape.deltas.expect("deltas were counted");
            out.push(DELTA);
            put_i64(out, values[0]);
            let deltas: Vec<i64> = values.iter().zip(&values[1..]).map(|(a, b)| b - a).collect();
            encode_frame(&deltas, least, most, out);
        }
    }
}

fn encode_frame(values: &[i64], min: i64, max: i64, out: &mut Vec<u8>) {
    let width = lane_width(width_of(span(min, max)));
    out.push(FRAME);
    put_i64(out, min);
    out.push(width);
    pack(values, min, width, out);
}

fn encode_runs(values: &[i64], count: usize, out: &mut Vec<u8>) {
    let (mut heads, mut lengths) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for run in values.chunk_by(|a, b| a == b) {
        heads.push(run[0]);
        lengths.push(run.len() as i64);
    }
    out.push(RUNS);
    put_u32(out, heads.len() as u32);
    encode_nested(&heads, out, false);
    encode_nested(&lengths, out, false);
}

fn encode_dictionary(values: &[i64], entries: &[i64], out: &mut Vec<u8>) {
    out.push(DICTIONARY);
    put_u32(out, entries.len() as u32);
    encode_nested(entries, out, false);
    let codes: Vec<i64> = match span(entries[0], entries[entries.len() - 1]) {
        // Small ranges are looked up in a table.
        span if span < 1 << 20 => {
            let mut table = vec![0; span as usize + 1];
            entries.iter().enumerate().for_each(|(code, entry)| table[(entry - entries[0]) as usize] = code as i64);
            values.iter().map(|value| table[(value - entries[0]) as usize]).collect()
        }
        _ => {
            let index: hashbrown::HashMap<i64, i64, ahash::RandomState> =
                entries.iter().enumerate().map(|(code, &value)| (value, code as i64)).collect();
            values.iter().map(|value| index[value]).collect()
        }
    };
    encode_frame(&codes, 0, entries.len() as i64 - 1, out);
}

/// A frame of reference as it lies in the bytes: `packed` holds the differences from `base`.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub base: i64,
    pub width: u8,
    pub count: usize,
    pub(crate) packed: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self> {
        let (base, width) = (reader.i64()?, reader.u8()?);
        if width > 64 {
            return Err(Malformed("has values of more than 64 bits"));
        }
        Ok(Self { base, width, count, packed: reader.take(packed_bytes(count, width))? })
    }

    fn value(&self, index: usize) -> i64 {
        self.base.wrapping_add(value_at(self.packed, self.count, self.width, index) as i64)
    }
}

/// Integers as they are written.
#[derive(Debug, Clone)]
pub enum Integers<'a> {
    Constant {
        value: i64,
        count: usize,
    },
    Frame(Frame<'a>),
    /// The first value, and the differences of neighbours.
    Delta {
        first: i64,
        deltas: Frame<'a>,
    },
    /// Value `heads[i]` comes `lengths[i]` times.
    Runs {
        heads: Vec<i64>,
        lengths: Vec<i64>,
    },
    /// Each code is a place in `entries`, which are in order; every code has been checked.
    Dictionary {
        entries: Vec<i64>,
        codes: Frame<'a>,
    },
}

impl<'a> Integers<'a> {
    /// Reads `count` values without unpacking them.
    pub fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self> {
        Self::read_nested(reader, count, 0)
    }

    fn read_nested(reader: &mut Reader<'a>, count: usize, depth: usize) -> Result<Self> {
        if count == 0 {
            return Ok(Self::Constant { value: 0, count });
        }
        if depth > DEPTH_MAX {
            return Err(Malformed("is nested too deeply"));
        }
        match reader.u8()? {
            CONSTANT => Ok(Self::Constant { value: reader.i64()?, count }),
            FRAME => Ok(Self::Frame(Frame::read(reader, count)?)),
            DELTA => {
                let first = reader.i64()?;
                if reader.u8()? != FRAME {
                    return Err(Malformed("has deltas without a frame"));
                }
                Ok(Self::Delta { first, deltas: Frame::read(reader, count - 1)? })
            }
            RUNS => {
                let runs = reader.u32()? as usize;
                if runs == 0 || runs > count {
                    return Err(Malformed("has more runs than values"));
                }
                let heads = Self::read_nested(reader, runs, depth + 1)?.to_vec();
                let lengths = Self::read_nested(reader, runs, depth + 1)?.to_vec();
                let mut left = count as i64;
                for &length in &lengths {
                    if length <= 0 || length > left {
                        return Err(Malformed("has runs of another number of values"));
                    }
                    left -= length;
                }
                if left != 0 {
                    return Err(Malformed("has runs of too few values"));
                }
                Ok(Self::Runs { heads, lengths })
            }
            DICTIONARY => {
                let len = reader.u32()? as usize;
                if len == 0 || len > DISTINCT_MAX {
                    return Err(Malformed("has a dictionary of another size"));
                }
                let entries = Self::read_nested(reader, len, depth + 1)?.to_vec();
                if reader.u8()? != FRAME {
                    return Err(Malformed("has codes without a frame"));
                }
                let codes = Frame::read(reader, count)?;
                if !entries.is_sorted() || codes.base != 0 || greatest(codes) >= len as u64 {
                    return Err(Malformed("has a code without a value"));
                }
                Ok(Self::Dictionary { entries, codes })
            }
            _ => Err(Malformed("has an unknown encoding of integers")),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Constant { count, .. } => *count,
            Self::Frame(frame) => frame.count,
            Self::Delta { deltas, .. } => deltas.count + 1,
            Self::Runs { lengths, .. } => lengths.iter().sum::<i64>() as usize,
            Self::Dictionary { codes, .. } => codes.count,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn to_vec(&self) -> Vec<i64> {
        match self {
            Self::Constant { value, count } => vec![*value; *count],
            Self::Frame(frame) => unpack_frame(*frame),
            Self::Delta { first, deltas } => {
                let mut values = unpack_deltas(*deltas);
                let mut value = *first;
                for slot in &mut values {
                    value = value.wrapping_add(*slot);
                    *slot = value;
                }
                values
            }
            Self::Runs { heads, lengths } => {
                let mut values = Vec::with_capacity(self.len());
                for (&head, &length) in heads.iter().zip(lengths) {
                    values.resize(values.len() + length as usize, head);
                }
                values
            }
            Self::Dictionary { entries, codes } => look_up(*codes, entries),
        }
    }

    /// Values that are known to be places of fewer than 2^32.
    pub fn to_codes(&self) -> Vec<u32> {
        match self {
            Self::Frame(frame) if frame.width <= 32 && u32::try_from(frame.base).is_ok() => unpack_codes(*frame),
            other => other.to_vec().into_iter().map(|value| value as u32).collect(),
        }
    }

    /// Some of the values, without unpacking the others where their places are known.
    pub fn take(&self, places: &[usize]) -> Vec<i64> {
        match self {
            Self::Constant { value, .. } => vec![*value; places.len()],
            Self::Frame(frame) => places.iter().map(|&at| frame.value(at)).collect(),
            Self::Dictionary { entries, codes } => places.iter().map(|&at| entries[codes.value(at) as usize]).collect(),
            Self::Runs { heads, lengths } => {
                let ends: Vec<i64> = lengths
                    .iter()
                    .scan(0, |end, &length| {
                        *end += length;
                        Some(*end)
                    })
                    .collect();
                places.iter().map(|&at| heads[ends.partition_point(|&end| end <= at as i64)]).collect()
            }
            // Even steps are counted; else all values up to the last one wanted are added up.
            Self::Delta { first, deltas } if deltas.width == 0 => {
                places.iter().map(|&at| first.wrapping_add(deltas.base.wrapping_mul(at as i64))).collect()
            }
            Self::Delta { first, deltas } if places.len() == 1 => vec![nth(*first, *deltas, places[0])],
            Self::Delta { .. } => {
                let values = self.to_vec();
                places.iter().map(|&at| values[at]).collect()
            }
        }
    }
}

/// Reads `count` values back.
pub fn decode(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>> {
    Ok(Integers::read(reader, count)?.to_vec())
}

const _: () = assert!(DISTINCT_MAX >= CHUNK, "a dictionary may be larger than a chunk");

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64]) -> usize {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let mut reader = Reader::new(&bytes);
        let read = Integers::read(&mut reader, values.len()).unwrap();
        reader.finish().unwrap();
        assert_eq!(read.to_vec(), values);
        assert_eq!(read.len(), values.len());
        let places: Vec<usize> = (0..values.len()).rev().step_by(3).collect();
        assert_eq!(read.take(&places), places.iter().map(|&at| values[at]).collect::<Vec<_>>());
        for &at in places.iter().step_by(41) {
            assert_eq!(read.take(&[at]), [values[at]]);
        }
        assert_eq!(read.to_codes(), values.iter().map(|&value| value as u32).collect::<Vec<_>>());
        for len in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
            assert!(decode(&mut Reader::new(&bytes[..len]), values.len()).is_err(), "cut at {len}");
        }
        bytes.len()
    }

    #[test]
    fn each_shape_finds_its_encoding() {
        assert_eq!(check(&[7; 1000]), 9);
        assert_eq!(check(&(0..1000).map(|i| i % 200).collect::<Vec<_>>()), FRAME_HEADER + 1000);
        assert!(check(&(0..1000).map(|i| i * 1_000_003).collect::<Vec<_>>()) < 40, "delta");
        assert!(check(&(0..1000).map(|i| (i / 100) << 40).collect::<Vec<_>>()) < 120, "runs");
        let wide = [i64::MIN, 5, i64::MAX - 7, 1 << 50];
        assert!(check(&(0..1000).map(|i| wide[(i * 7 % 11) % 4]).collect::<Vec<_>>()) < 320, "dictionary");
        check(&[i64::MIN, i64::MAX, 0, -1, 1]);
        check(&[]);
        check(&[-3]);
        check(&(0..5000i64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64)).collect::<Vec<_>>());
    }
}
