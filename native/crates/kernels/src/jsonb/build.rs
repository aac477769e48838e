//! Values put together from others.

use super::layout::{ARRAY, EMPTY, FALSE, NULL, NUMBER, OBJECT, STRING, STRING_END, TRUE};
use super::number::number_of_text;
use super::parse::EMPTY_WITHIN;

/// One value under construction, then its bytes: scalars by their methods, arrays and objects of finished values.
pub struct Builder;

impl Builder {
    pub fn null(out: &mut Vec<u8>) {
        out.push(NULL);
    }

    pub fn boolean(value: bool, out: &mut Vec<u8>) {
        out.push(if value { TRUE } else { FALSE });
    }

    /// The text must have no zero character, as no text has.
    pub fn string(text: &str, out: &mut Vec<u8>) {
        out.push(STRING);
        out.extend_from_slice(text.as_bytes());
        out.push(STRING_END);
    }

    /// `text` is a JSON number; false when it is too large.
    pub fn number(text: &str, out: &mut Vec<u8>) -> bool {
        out.push(NUMBER);
        number_of_text(text, out)
    }

    /// Of whole values, one after the other.
    pub fn array<'a>(elements: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
        let (mut bytes, mut count) = (Vec::new(), 0);
        for element in elements {
            embed(element, &mut bytes);
            count += 1;
        }
        if count == 0 { out.push(EMPTY) } else { array_of(count, &bytes, out) }
    }

    /// Of keys and whole values in any order; of equal keys the last one counts.
    pub fn object(members: Vec<(Vec<u8>, Vec<u8>)>, out: &mut Vec<u8>) {
        let within = members.into_iter().map(|(key, value)| {
            let mut bytes = Vec::with_capacity(value.len());
            embed(&value, &mut bytes);
            (key, bytes)
        });
        object_of(within.collect(), out);
    }
}

/// A whole value as it stands within another.
fn embed(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(if value == [EMPTY] { EMPTY_WITHIN } else { value });
}

pub(super) fn array_of(count: u32, elements: &[u8], out: &mut Vec<u8>) {
    out.push(ARRAY);
    out.extend(count.to_be_bytes());
    out.extend_from_slice(elements);
}

pub(super) fn object_of(mut members: Vec<(Vec<u8>, Vec<u8>)>, out: &mut Vec<u8>) {
    members.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    let last = |at: usize| members.get(at + 1).is_none_or(|next| next.0 != members[at].0);
    let kept: Vec<usize> = (0..members.len()).filter(|&at| last(at)).collect();
    out.push(OBJECT);
    out.extend((kept.len() as u32).to_be_bytes());
    for at in kept {
        let (key, value) = &members[at];
        out.extend_from_slice(key);
        out.push(STRING_END);
        out.extend_from_slice(value);
    }
}
