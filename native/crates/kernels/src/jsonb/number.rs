//! Numbers of any length as bytes in the order of the numbers: a head with sign and exponent, then the digits in pairs,
//! each plus one, and a zero. The value is 0.d₁d₂… × 10^exponent with d₁ ≠ 0. A negative number's bytes are complemented.

/// The head of zero; those of negative numbers are below, of positive ones above.
const ZERO: u8 = 0x80;
/// Exponents from -60 to 60 are in the head: 0x82 to 0xfa. Others have four bytes after it.
const SMALL_MAX: i32 = 60;
const SMALL_ZERO: u8 = 0x82 + SMALL_MAX as u8;
const LOW: u8 = 0x81;
const HIGH: u8 = 0xfb;
const DIGITS_END: u8 = 0;

/// PostgreSQL's limits of NUMERIC: digits before the point and after it.
const EXPONENT_MAX: i64 = 131_072;
const SCALE_MAX: i64 = 16_383;

/// Appends the number of a JSON text such as `-12.50e3`; the text must be one. False when it is beyond PostgreSQL's limits.
pub fn number_of_text(text: &str, out: &mut Vec<u8>) -> bool {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0').collect();
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let end = digits.iter().rposition(|&digit| digit != 0).map_or(zeros, |last| last + 1);
    if zeros == digits.len() {
        out.push(ZERO);
        return true;
    }
    // An exponent that does not fit is beyond the limits, whichever way.
    let Ok(exponent) = exponent.trim_start_matches('+').parse::<i32>() else { return false };
    let point = whole.len() as i64 + i64::from(exponent);
    let exponent = point - zeros as i64;
    if exponent > EXPONENT_MAX || end as i64 - point > SCALE_MAX {
        return false;
    }
    let start = out.len();
    let exponent = exponent as i32;
    if exponent.abs() <= SMALL_MAX {
        out.push((i32::from(SMALL_ZERO) + exponent) as u8);
    } else {
        out.push(if exponent < 0 { LOW } else { HIGH });
        out.extend(((exponent as u32) ^ (1 << 31)).to_be_bytes());
    }
    out.extend(digits[zeros..end].chunks(2).map(|pair| pair[0] * 10 + pair.get(1).copied().unwrap_or(0) + 1));
    out.push(DIGITS_END);
    if negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    true
}

fn flipped(bytes: &[u8]) -> impl Fn(u8) -> u8 + use<> {
    let negative = bytes[0] < ZERO;
    move |byte| if negative { !byte } else { byte }
}

pub(super) fn length(bytes: &[u8]) -> usize {
    if bytes[0] == ZERO {
        return 1;
    }
    let plain = flipped(bytes);
    let head = if matches!(plain(bytes[0]), LOW | HIGH) { 5 } else { 1 };
    let digits = bytes[head..].iter().position(|&byte| plain(byte) == DIGITS_END);
    head + digits.expect("the digits end in a zero") + 1
}

/// Writes the number as PostgreSQL does: all digits, no exponent. `bytes` begin with its head.
pub fn write_number(bytes: &[u8], out: &mut String) {
    if bytes[0] == ZERO {
        return out.push('0');
    }
    let plain = flipped(bytes);
    let head = plain(bytes[0]);
    let (exponent, digits) = if matches!(head, LOW | HIGH) {
        let four: [u8; 4] = std::array::from_fn(|at| plain(bytes[1 + at]));
        ((u32::from_be_bytes(four) ^ (1 << 31)) as i32, &bytes[5..])
    } else {
        (i32::from(head) - i32::from(SMALL_ZERO), &bytes[1..])
    };
    let pairs = digits.iter().map(|&byte| plain(byte)).take_while(|&byte| byte != DIGITS_END);
    let mut text: Vec<u8> = pairs.flat_map(|pair| [b'0' + (pair - 1) / 10, b'0' + (pair - 1) % 10]).collect();
    if text.last() == Some(&b'0') {
        text.pop();
    }
    let digits = std::str::from_utf8(&text).expect("digits are ASCII");
    if bytes[0] < ZERO {
        out.push('-');
    }
    let zeros = |out: &mut String, count: usize| out.extend(std::iter::repeat_n('0', count));
    match usize::try_from(exponent) {
        Ok(whole) if whole > 0 && whole < digits.len() => {
            out.push_str(&digits[..whole]);
            out.push('.');
            out.push_str(&digits[whole..]);
        }
        Ok(whole) if whole > 0 => {
            out.push_str(digits);
            zeros(out, whole - digits.len());
        }
        _ => {
            out.push_str("0.");
            zeros(out, exponent.unsigned_abs() as usize);
            out.push_str(digits);
        }
    }
}
