//! NUMERIC in binary: digits to the base 10,000, the weight of the first, the sign, and how many decimal digits are shown
//! (PostgreSQL's `numeric_send`).

const BASE: u128 = 10_000;
const NEGATIVE: u16 = 0x4000;

/// `unscaled` · 10^-`scale`, with its length.
pub fn write_numeric(unscaled: i128, scale: i8, out: &mut Vec<u8>) {
    let shown = u32::try_from(scale).unwrap_or(0);
    // The point lies between two digits of the base: the last of them is filled up with zeros.
    let filled = shown.next_multiple_of(4);
    let (whole, fraction) = parts(unscaled.unsigned_abs(), scale);
    let mut digits = [0u16; 24];
    let mut count = 0;
    let mut push = |digit: u128| {
        digits[count] = digit as u16;
        count += 1;
    };
    let whole_digits = digits_of(whole);
    for at in (0..whole_digits).rev() {
        push(whole / BASE.pow(at) % BASE);
    }
    // At most 38 digits and two to fill up: a group at a time, as all of them may not fit in 128 bits.
    let mut rest = fraction;
    let mut below = shown;
    for _ in 0..filled / 4 {
        if below >= 4 {
            below -= 4;
            let unit = 10u128.pow(below);
            push(rest / unit);
            rest %= unit;
        } else {
            push(rest * 10u128.pow(4 - below));
        }
    }
    let mut weight = whole_digits as i16 - 1;
    let (mut first, mut last) = (0, count);
    while first < last && digits[first] == 0 {
        first += 1;
        weight -= 1;
    }
    while last > first && digits[last - 1] == 0 {
        last -= 1;
    }
    let digits = &digits[first..last];
    if digits.is_empty() {
        weight = 0;
    }
    let sign = if unscaled < 0 { NEGATIVE } else { 0 };
    out.extend_from_slice(&(8 + 2 * digits.len() as i32).to_be_bytes());
    out.extend_from_slice(&(digits.len() as u16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(shown as u16).to_be_bytes());
    for digit in digits {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

fn parts(magnitude: u128, scale: i8) -> (u128, u128) {
    if scale <= 0 {
        return (magnitude * 10u128.pow(u32::from(scale.unsigned_abs())), 0);
    }
    let unit = 10u128.pow(scale as u32);
    (magnitude / unit, magnitude % unit)
}

fn digits_of(mut whole: u128) -> u32 {
    let mut count = 0;
    while whole > 0 {
        whole /= BASE;
        count += 1;
    }
    count
}
