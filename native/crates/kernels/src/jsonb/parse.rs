//! JSON text to a value. Numbers keep all their digits; of two members of one name the later stays.

use super::build::{array_of, object_of};
use super::layout::{DEPTH_MAX, EMPTY, FALSE, NULL, NUMBER, STRING, STRING_END, TRUE};
use super::number::number_of_text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonError {
    /// It is no JSON.
    Syntax,
    /// `\u0000`, which no text can contain.
    Zero,
    /// A number beyond the limits of NUMERIC.
    Number,
    Depth,
}

/// Appends the value of the text.
pub fn parse(text: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0 };
    parser.space();
    let start = out.len();
    parser.value(out, 0)?;
    parser.space();
    if parser.at < parser.bytes.len() {
        return Err(JsonError::Syntax);
    }
    if out[start..] == *EMPTY_WITHIN {
        out.truncate(start);
        out.push(EMPTY);
    }
    Ok(())
}

pub(super) const EMPTY_WITHIN: &[u8] = &[super::layout::ARRAY, 0, 0, 0, 0];

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(JsonError::Syntax) }
    }

    fn word(&mut self, word: &str, tag: u8, out: &mut Vec<u8>) -> Result<(), JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        out.push(tag);
        Ok(())
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(JsonError::Depth);
        }
        match self.peek().ok_or(JsonError::Syntax)? {
            b'n' => self.word("null", NULL, out),
            b't' => self.word("true", TRUE, out),
            b'f' => self.word("false", FALSE, out),
            b'"' => {
                out.push(STRING);
                self.string(out)?;
                out.push(STRING_END);
                Ok(())
            }
            b'[' => self.array(out, depth),
            b'{' => self.object(out, depth),
            _ => {
                out.push(NUMBER);
                self.number(out)
            }
        }
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.space();
        let mut elements = Vec::new();
        let mut count = 0;
        if !self.take(b']') {
            loop {
                self.space();
                self.value(&mut elements, depth + 1)?;
                count += 1;
                self.space();
                if self.take(b']') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        array_of(count, &elements, out);
        Ok(())
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.space();
        let mut members: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        if !self.take(b'}') {
            loop {
                self.space();
                if self.peek() != Some(b'"') {
                    return Err(JsonError::Syntax);
                }
                let (mut key, mut value) = (Vec::new(), Vec::new());
                self.string(&mut key)?;
                self.space();
                self.expect(b':')?;
                self.space();
                self.value(&mut value, depth + 1)?;
                members.push((key, value));
                self.space();
                if self.take(b'}') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        object_of(members, out);
        Ok(())
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let start = self.at;
        self.take(b'-');
        let digits = |parser: &mut Self| {
            let from = parser.at;
            while matches!(parser.peek(), Some(b'0'..=b'9')) {
                parser.at += 1;
            }
            parser.at - from
        };
        let leading_zero = self.peek() == Some(b'0');
        let whole = digits(self);
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(JsonError::Syntax);
        }
        if self.take(b'.') && digits(self) == 0 {
            return Err(JsonError::Syntax);
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if digits(self) == 0 {
                return Err(JsonError::Syntax);
            }
        }
        if number_of_text(&self.text[start..self.at], out) { Ok(()) } else { Err(JsonError::Number) }
    }

    /// The text of the string that begins here, without an end.
    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            let from = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= b' ') {
                self.at += 1;
            }
            out.extend_from_slice(&self.bytes[from..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let escaped = self.peek().ok_or(JsonError::Syntax)?;
                    self.at += 1;
                    match escaped {
                        b'"' | b'\\' | b'/' => out.push(escaped),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'n' => out.push(b'\n'),
                        b'r' => out.push(b'\r'),
                        b't' => out.push(b'\t'),
                        b'u' => {
                            let character = self.unicode()?;
                            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        _ => return Err(JsonError::Syntax),
                    }
                }
                _ => return Err(JsonError::Syntax),
            }
        }
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(JsonError::Syntax)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |value, &digit| Ok(value * 16 + char::from(digit).to_digit(16).ok_or(JsonError::Syntax)?))
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.four_digits()?;
        if first == 0 {
            return Err(JsonError::Zero);
        }
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(JsonError::Syntax);
        }
        // The two halves of a character beyond 16 bits.
        if first >= 0xdc00 || !self.take(b'\\') || !self.take(b'u') {
            return Err(JsonError::Syntax);
        }
        let second = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(JsonError::Syntax);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(JsonError::Syntax)
    }
}
