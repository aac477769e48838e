//! Texts and byte strings: a dictionary where values come again, else lengths and bytes.

use super::bytes::{Malformed, Reader, Result, put_u32};
use super::integers::{self, Integers};

const PLAIN: u8 = 0;
const DICTIONARY: u8 = 1;

/// Distinct values up to which a dictionary is tried; more than half as many as rows do not pay.
const DISTINCT_MAX: usize = 16 * 1024;

pub fn encode(values: &[&[u8]], out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    match dictionary(values) {
        Some((entries, codes)) => {
            out.push(DICTIONARY);
            put_u32(out, entries.len() as u32);
            put_plain(&entries, out);
            integers::encode(&codes, out);
        }
        None => {
            out.push(PLAIN);
            put_plain(values, out);
        }
    }
}

/// The distinct values as they come, and the place of each value among them, if that is worth it.
fn dictionary<'a>(values: &[&'a [u8]]) -> Option<(Vec<&'a [u8]>, Vec<i64>)> {
    let mut codes: Vec<i64> = Vec::with_capacity(values.len());
    let mut entries: Vec<&'a [u8]> = Vec::new();
    let mut index: hashbrown::HashMap<&'a [u8], i64, ahash::RandomState> =
        hashbrown::HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
    for (at, &value) in values.iter().enumerate() {
        if at > 0 && values[at - 1] == value {
            codes.push(codes[at - 1]);
            continue;
        }
        let code = *index.entry(value).or_insert_with(|| {
            entries.push(value);
            entries.len() as i64 - 1
        });
        codes.push(code);
        if entries.len() > DISTINCT_MAX || (codes.len() > 1024 && entries.len() * 4 > codes.len() * 3) {
            return None;
        }
    }
    (entries.len() * 2 <= values.len()).then_some((entries, codes))
}

fn put_plain(values: &[&[u8]], out: &mut Vec<u8>) {
    let lengths: Vec<i64> = values.iter().map(|value| value.len() as i64).collect();
    integers::encode(&lengths, out);
    values.iter().for_each(|value| out.extend_from_slice(value));
}

/// Values one behind the other.
#[derive(Debug, Clone)]
pub struct Strings<'a> {
    /// Value `i` is `bytes[offsets[i]..offsets[i + 1]]`; the last offset is the length of `bytes`.
    offsets: Vec<i32>,
    bytes: &'a [u8],
}

impl<'a> Strings<'a> {
    fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self> {
        let lengths = Integers::read(reader, count)?.to_vec();
        let mut offsets = Vec::with_capacity(count + 1);
        offsets.push(0);
        let mut end = 0i64;
        for length in lengths {
            if !(0..=i64::from(i32::MAX)).contains(&length) {
                return Err(Malformed("has a text of a length that cannot be"));
            }
            end += length;
            if end > i64::from(i32::MAX) {
                return Err(Malformed("has more than 2 GiB of texts"));
            }
            offsets.push(end as i32);
        }
        Ok(Self { offsets, bytes: reader.take(end as usize)? })
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn value(&self, index: usize) -> &'a [u8] {
        &self.bytes[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// Offsets and bytes of their own.
    pub fn to_parts(&self) -> (Vec<i32>, Vec<u8>) {
        (self.offsets.clone(), self.bytes.to_vec())
    }

    /// Whether every value has this many bytes.
    pub fn lengths_are(&self, width: i32) -> bool {
        width >= 0 && self.offsets.windows(2).all(|pair| pair[1] - pair[0] == width)
    }

    /// Whether every value by itself is UTF-8.
    fn are_texts(&self) -> bool {
        let Ok(all) = std::str::from_utf8(self.bytes) else { return false };
        all.is_ascii() || self.offsets.iter().all(|&offset| all.is_char_boundary(offset as usize))
    }
}

/// Texts as they are written: all values, or the distinct ones and for each row the place of its value among them.
#[derive(Debug, Clone)]
pub struct Texts<'a> {
    pub entries: Strings<'a>,
    /// Every code is a place in `entries`.
    pub codes: Option<Integers<'a>>,
}

impl<'a> Texts<'a> {
    /// Reads `count` values; `utf8` says whether they must be UTF-8.
    pub fn read(reader: &mut Reader<'a>, count: usize, utf8: bool) -> Result<Self> {
        if count == 0 {
            return Ok(Self { entries: Strings { offsets: vec![0], bytes: &[] }, codes: None });
        }
        let texts = match reader.u8()? {
            PLAIN => Self { entries: Strings::read(reader, count)?, codes: None },
            DICTIONARY => {
                let len = reader.u32()? as usize;
                if len == 0 || len > count {
                    return Err(Malformed("has a dictionary of another size"));
                }
                let entries = Strings::read(reader, len)?;
                let codes = Integers::read(reader, count)?;
                match crate::scan::min_max(&codes) {
                    Some((least, most)) if least >= 0 && most < len as i64 => {}
                    _ => return Err(Malformed("has a code without a value")),
                }
                Self { entries, codes: Some(codes) }
            }
            _ => return Err(Malformed("has an unknown encoding of texts")),
        };
        if utf8 && !texts.entries.are_texts() { Err(Malformed("has a text that is not UTF-8")) } else { Ok(texts) }
    }

    /// All values one behind the other, with their offsets.
    pub fn expand(self) -> Result<(Vec<i32>, Vec<u8>)> {
        let Some(codes) = self.codes else { return Ok((self.entries.offsets, self.entries.bytes.to_vec())) };
        pick(&self.entries, codes.to_vec().into_iter().map(|code| code as usize))
    }

    /// Some of the values.
    pub fn take(&self, places: &[usize]) -> Result<(Vec<i32>, Vec<u8>)> {
        match &self.codes {
            None => pick(&self.entries, places.iter().copied()),
            Some(codes) => pick(&self.entries, codes.take(places).into_iter().map(|code| code as usize)),
        }
    }
}

/// Bytes of the copies in `pick`.
const SHORT: usize = 16;

fn pick(entries: &Strings<'_>, places: impl ExactSizeIterator<Item = usize> + Clone) -> Result<(Vec<i32>, Vec<u8>)> {
    let mut offsets = Vec::with_capacity(places.len() + 1);
    offsets.push(0);
    let mut total = 0usize;
    for place in places.clone() {
        total += (entries.offsets[place + 1] - entries.offsets[place]) as usize;
        offsets.push(total as i32);
    }
    if total > i32::MAX as usize {
        return Err(Malformed("has more than 2 GiB of texts"));
    }
    // Most values are short, and a copy of a fixed size is one instruction: what it writes too much, the next value
    // writes over. So there is room behind the last value on both sides.
    let padded: Vec<u8>;
    let heap = if entries.bytes.len() <= total {
        padded = [entries.bytes, &[0; SHORT]].concat();
        &padded
    } else {
        entries.bytes
    };
    let mut bytes = vec![0; total + SHORT];
    let mut at = 0;
    for place in places {
        let (from, to) = (entries.offsets[place] as usize, entries.offsets[place + 1] as usize);
        let len = to - from;
        match (heap.get(from..from + SHORT), bytes.get_mut(at..at + SHORT)) {
            (Some(window), Some(out)) if len <= SHORT => out.copy_from_slice(window),
            _ => bytes[at..at + len].copy_from_slice(&heap[from..to]),
        }
        at += len;
    }
    bytes.truncate(total);
    Ok((offsets, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&[u8]]) -> usize {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let mut reader = Reader::new(&bytes);
        let texts = Texts::read(&mut reader, values.len(), false).unwrap();
        reader.finish().unwrap();
        let places: Vec<usize> = (0..values.len()).rev().collect();
        let (offsets, heap) = texts.take(&places).unwrap();
        for (at, &place) in places.iter().enumerate() {
            assert_eq!(&heap[offsets[at] as usize..offsets[at + 1] as usize], values[place]);
        }
        let (offsets, heap) = texts.expand().unwrap();
        for (at, value) in values.iter().enumerate() {
            assert_eq!(&heap[offsets[at] as usize..offsets[at + 1] as usize], *value);
        }
        bytes.len()
    }

    #[test]
    fn repeated_values_become_a_dictionary() {
        let cities: Vec<&[u8]> =
            (0..1000).map(|i| [&b"Lisbon"[..], b"", b"Saint-Remy-de-Provence"][i * i % 3]).collect();
        assert!(check(&cities) < 1000);
        let distinct: Vec<String> = (0..100).map(|i| format!("user {i}")).collect();
        check(&distinct.iter().map(|s| s.as_bytes()).collect::<Vec<_>>());
        check(&[]);
    }

    #[test]
    fn a_text_that_is_cut_within_a_character_is_found() {
        let mut bytes = Vec::new();
        encode(&["é".as_bytes(), b"a"], &mut bytes);
        assert!(Texts::read(&mut Reader::new(&bytes), 2, true).is_ok());
        let mut bytes = Vec::new();
        encode(&["é".as_bytes()[..1].as_ref(), &"é".as_bytes()[1..]], &mut bytes);
        assert!(Texts::read(&mut Reader::new(&bytes), 2, true).is_err());
        assert!(Texts::read(&mut Reader::new(&bytes), 2, false).is_ok());
    }
}
