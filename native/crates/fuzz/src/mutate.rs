//! What is done to an input: the usual changes of a fuzzer, with the numbers that lengths and counts go wrong at.

use rand::Rng;
use rand::rngs::StdRng;

/// No input grows beyond this.
const BYTES_MAX: usize = 64 << 10;
const NUMBERS: [u64; 14] =
    [0, 1, 2, 7, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
/// The markers of MessagePack behind which a number or a length stands, and some that end a value early.
const MARKERS: [u8; 12] = [0xc0, 0xc4, 0xcc, 0xcd, 0xce, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd, 0xdf, 0x90];

/// Some changes of `input`, with parts of `other` among them.
pub fn mutate(input: &[u8], other: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut out = input.to_vec();
    // Half of all inputs have their checksums repaired.
    if let Some(first) = out.first_mut() {
        *first = u8::from(rng.random_bool(0.5));
    }
    let changes = 1 << rng.random_range(0..4);
    for _ in 0..rng.random_range(1..=changes) {
        if out.len() < 2 {
            break;
        }
        change(&mut out, other, rng);
    }
    out.truncate(BYTES_MAX);
    out
}

fn change(out: &mut Vec<u8>, other: &[u8], rng: &mut StdRng) {
    let len = out.len();
    // Files begin and end with what leads to the rest.
    let at = match rng.random_range(0..4) {
        0 => rng.random_range(1..len.min(100)),
        1 => rng.random_range(len.saturating_sub(400).max(1)..len),
        _ => rng.random_range(1..len),
    };
    match rng.random_range(0..12) {
        0..3 => out[at] ^= 1 << rng.random_range(0..8),
        3 => out[at] = rng.random(),
        4 => out[at] = MARKERS[rng.random_range(0..MARKERS.len())],
        5..7 => {
            let width = 1 << rng.random_range(0..4);
            let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
            let bytes = if rng.random_bool(0.5) { number.to_le_bytes() } else { number.swap_bytes().to_le_bytes() };
            let from = if rng.random_bool(0.5) { 0 } else { 8 - width };
            let end = (at + width).min(len);
            out[at..end].copy_from_slice(&bytes[from..from + end - at]);
        }
        7 => {
            let place = &mut out[at];
            *place = if rng.random_bool(0.5) { place.wrapping_add(1) } else { place.wrapping_sub(1) };
        }
        8 => {
            let end = (at + rng.random_range(1..64)).min(len);
            drop(out.drain(at..end));
        }
        9 => {
            let end = (at + rng.random_range(1..256)).min(len);
            let copied = out[at..end].to_vec();
            let to = rng.random_range(1..len);
            drop(out.splice(to..to, copied));
        }
        10 => {
            let from = rng.random_range(0..other.len().max(1));
            let part = other[from.min(other.len())..].iter().copied().take(rng.random_range(1..256));
            let end = (at + part.len()).min(len);
            drop(out.splice(at..end, part.collect::<Vec<u8>>()));
        }
        _ => match rng.random_range(0..3) {
            0 => out.truncate(at),
            1 => out[at..(at + 64).min(len)].fill(0),
            _ => out.resize(len + rng.random_range(1..512), 0),
        },
    }
}
