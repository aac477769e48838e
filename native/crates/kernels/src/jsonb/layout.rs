//! The tags of values, in the order of the values, and how long a value is.

/// An empty array on the outside.
pub(super) const EMPTY: u8 = 0;
pub(super) const NULL: u8 = 1;
pub(super) const STRING: u8 = 2;
pub(super) const NUMBER: u8 = 3;
pub(super) const FALSE: u8 = 4;
pub(super) const TRUE: u8 = 5;
pub(super) const ARRAY: u8 = 6;
pub(super) const OBJECT: u8 = 7;

pub(super) const STRING_END: u8 = 0;
/// Bytes of the number of elements or members.
pub(super) const COUNT_BYTES: usize = 4;
/// Values within values at most: every walk is a recursion.
pub const DEPTH_MAX: usize = 512;

pub(super) fn count(bytes: &[u8]) -> usize {
    let count = bytes[1..=COUNT_BYTES].try_into().expect("a container has its count");
    u32::from_be_bytes(count) as usize
}

/// Where the string that begins here ends: the place of its zero.
pub(super) fn string_end(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == STRING_END).expect("a string ends in a zero")
}

/// The length of the value at the front.
pub(super) fn length(bytes: &[u8]) -> usize {
    match bytes[0] {
        STRING => 2 + string_end(&bytes[1..]),
        NUMBER => 1 + super::number::length(&bytes[1..]),
        ARRAY => (0..count(bytes)).fold(1 + COUNT_BYTES, |at, _| at + length(&bytes[at..])),
        OBJECT => (0..count(bytes)).fold(1 + COUNT_BYTES, |at, _| {
            let value = at + string_end(&bytes[at..]) + 1;
            value + length(&bytes[value..])
        }),
        _ => 1,
    }
}
