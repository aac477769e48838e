//! Hashes and binary-to-text encodings, by the function library.

use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

use crate::fault;
use crate::functions::library;
use crate::registry::{BYTEA, Entry, TEXT, entry, gives};
use crate::value::{Present, Value, build_bytes, build_text};

pub(crate) fn table() -> Vec<Entry> {
    use datafusion_functions::crypto;
    let mut table = Vec::new();
    for kind in [TEXT, BYTEA] {
        table.push(entry("md5", &[kind], gives(DataType::Text), |a, c| library::call(&crypto::md5(), a, c)));
    }
    // PostgreSQL takes bytea only; a text's bytes are its UTF-8.
    for kind in [BYTEA, TEXT] {
        let sha = |name: &str, run| entry(name, std::slice::from_ref(&kind), gives(DataType::Bytea), run);
        table.push(sha("sha224", |a, c| library::call(&crypto::sha224(), a, c)));
        table.push(sha("sha256", |a, c| library::call(&crypto::sha256(), a, c)));
        table.push(sha("sha384", |a, c| library::call(&crypto::sha384(), a, c)));
        table.push(sha("sha512", |a, c| library::call(&crypto::sha512(), a, c)));
    }
    table.push(entry("encode", &[BYTEA, TEXT], gives(DataType::Text), |a, _| encode(a)));
    table.push(entry("decode", &[TEXT, TEXT], gives(DataType::Bytea), |a, _| decode(a)));
    table
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum Encoding {
    Hex,
    Base64,
    Escape,
}

fn encoding(name: &str) -> Result<Encoding> {
    match name.to_ascii_lowercase().as_str() {
        "hex" => Ok(Encoding::Hex),
        "base64" => Ok(Encoding::Base64),
        "escape" => Ok(Encoding::Escape),
        _ => Err(fault::parameter(format!("unrecognized encoding: \"{name}\""))
            .with_hint("The encodings are hex, base64 and escape.")),
    }
}

fn encode(args: &[Value]) -> Result<Value> {
    let (data, name) = (args[0].bytes()?, args[1].texts()?);
    build_text(args, |i, out| {
        match encoding(name.at(i))? {
            Encoding::Hex => write_hex(data.at(i), out),
            Encoding::Base64 => write_base64(data.at(i), out),
            Encoding::Escape => write_escape(data.at(i), out),
        }
        Ok(Present::Yes)
    })
}

fn decode(args: &[Value]) -> Result<Value> {
    let (text, name) = (args[0].texts()?, args[1].texts()?);
    build_bytes(args, |i, out| match encoding(name.at(i))? {
        Encoding::Hex => read_hex(text.at(i), out),
        Encoding::Base64 => read_base64(text.at(i), out),
        Encoding::Escape => read_escape(text.at(i), out),
    })
}

pub(crate) fn write_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(digit), 16).expect("four bits are a digit"));
        }
    }
}

/// PostgreSQL breaks lines after 76 characters.
fn write_base64(bytes: &[u8], out: &mut String) {
    let mut line = 0;
    for chunk in bytes.chunks(3) {
        if line == 76 {
            out.push('\n');
            line = 0;
        }
        let word = (0..3).fold(0u32, |w, k| w << 8 | u32::from(*chunk.get(k).unwrap_or(&0)));
        for k in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * k)) as usize & 63];
            out.push(if k <= chunk.len() { digit as char } else { '=' });
        }
        line += 4;
    }
}

fn write_escape(bytes: &[u8], out: &mut String) {
    use std::fmt::Write;
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            0 | 128.. => write!(out, "\\{byte:03o}").expect("writing to a string"),
            _ => out.push(byte as char),
        }
    }
}

pub(crate) fn read_hex(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let mut high = None;
    for c in text.chars().filter(|c| !c.is_ascii_whitespace()) {
        let digit =
            c.to_digit(16).ok_or_else(|| fault::parameter(format!("invalid hexadecimal digit: \"{c}\"")))? as u8;
        match high.take() {
            None => high = Some(digit),
            Some(h) => out.push(h << 4 | digit),
        }
    }
    if high.is_some() { Err(fault::parameter("invalid hexadecimal data: odd number of digits")) } else { Ok(()) }
}

fn read_base64(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let (mut word, mut digits, mut padding) = (0u32, 0, 0);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        if byte == b'=' {
            padding += 1;
            continue;
        }
        let digit = ALPHABET.iter().position(|&a| a == byte);
        let Some(digit) = digit.filter(|_| padding == 0) else {
            let message = format!("invalid symbol \"{}\" found while decoding base64 sequence", byte.escape_ascii());
            return Err(fault::parameter(message));
        };
        word = word << 6 | digit as u32;
        digits += 1;
        if digits == 4 {
            out.extend(&word.to_be_bytes()[1..]);
            (word, digits) = (0, 0);
        }
    }
    match (digits, padding) {
        (0, 0) => {}
        (3, 1) => out.extend(&(word << 6).to_be_bytes()[1..3]),
        (2, 2) => out.push((word << 12).to_be_bytes()[1]),
        _ => return Err(fault::parameter("invalid base64 end sequence")),
    }
    Ok(())
}

/// The escape format of bytea: `\\` and `\ooo`.
pub(crate) fn read_escape(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        match bytes[at + 1..] {
            [b'\\', ..] => {
                out.push(b'\\');
                at += 2;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                at += 4;
            }
            _ => return Err(Error::new(Code::InvalidTextRepresentation, "invalid input syntax for type bytea")),
        }
    }
    Ok(())
}
