//! What a client sends, read without copying it: only the messages of which a look-up by key is made.

/// One request, up to its end: what it runs and with which values.
#[allow(clippy::large_enum_variant, reason = "it is read and used on the stack, once a request")]
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The simple protocol: a text.
    Query { text: &'a [u8] },
    /// The extended one up to its Sync, over the unnamed portal.
    Execute(Execute<'a>),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The text of the unnamed statement with its types as they were sent, where it begins with Parse.
    pub parse: Option<(&'a [u8], &'a [u8])>,
    /// The statement's name.
    pub statement: &'a [u8],
    /// One a value, one for all, or none for text.
    pub formats: Codes<'a>,
    pub values: Values<'a>,
    pub result_formats: Codes<'a>,
    /// Whether the columns are asked for.
    pub describe: bool,
}

/// Format codes as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes<'a>(&'a [u8]);

impl Codes<'_> {
    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.chunks_exact(2).map(|code| u16::from_be_bytes([code[0], code[1]]))
    }

    /// That of one of the `count` values.
    pub fn of(&self, at: usize) -> Option<u16> {
        match self.len() {
            0 => Some(0),
            1 => self.iter().next(),
            _ => self.iter().nth(at),
        }
    }
}

/// A request has this many values at most; longer ones are read elsewhere.
pub const VALUES_MAX: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values<'a> {
    list: [Option<&'a [u8]>; VALUES_MAX],
    count: usize,
}

impl<'a> Values<'a> {
    pub fn as_slice(&self) -> &[Option<&'a [u8]>] {
        &self.list[..self.count]
    }
}

/// The first request of these bytes and what follows it; nothing where it is another kind of request, or not all of it.
pub fn request(bytes: &[u8]) -> Option<(Request<'_>, &[u8])> {
    let (kind, body, mut rest) = message(bytes)?;
    if kind == b'Q' {
        let (text, end) = text(body)?;
        return end.is_empty().then_some((Request::Query { text }, rest));
    }
    let (parse, (kind, body)) = if kind == b'P' {
        let parse = parse(body)?;
        let (kind, body, after) = message(rest)?;
        rest = after;
        (Some(parse), (kind, body))
    } else {
        (None, (kind, body))
    };
    if kind != b'B' {
        return None;
    }
    let mut execute = bind(body)?;
    if parse.is_some() && !execute.statement.is_empty() {
        return None;
    }
    execute.parse = parse;
    let (mut kind, mut body, mut after) = message(rest)?;
    if kind == b'D' {
        execute.describe = body == b"P\0";
        if !execute.describe {
            return None;
        }
        (kind, body, after) = message(after)?;
    }
    // All rows of the unnamed portal.
    if kind != b'E' || body != b"\0\0\0\0\0" {
        return None;
    }
    let (kind, body, after) = message(after)?;
    (kind == b'S' && body.is_empty()).then_some((Request::Execute(execute), after))
}

/// A message's letter and body, and what follows.
fn message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|&length| length >= 4)?;
    let (whole, rest) = rest.split_at_checked(length)?;
    Some((kind, &whole[4..], rest))
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The unnamed statement's text and types.
fn parse(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = text(body)?;
    let (text, rest) = text(rest)?;
    let (count, types) = count(rest)?;
    (name.is_empty() && types.len() == 4 * count).then_some((text, types))
}

fn count(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<2>()?;
    Some((usize::from(u16::from_be_bytes(*count)), rest))
}

fn codes(bytes: &[u8]) -> Option<(Codes<'_>, &[u8])> {
    let (count, rest) = count(bytes)?;
    let (codes, rest) = rest.split_at_checked(2 * count)?;
    Some((Codes(codes), rest))
}

fn bind(body: &[u8]) -> Option<Execute<'_>> {
    let (portal, rest) = text(body)?;
    let (statement, rest) = text(rest)?;
    let (formats, rest) = codes(rest)?;
    let (count, mut rest) = count(rest)?;
    if !portal.is_empty() || count > VALUES_MAX || (formats.len() > 1 && formats.len() != count) {
        return None;
    }
    let mut list = [None; VALUES_MAX];
    for value in &mut list[..count] {
        let (length, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            continue;
        }
        let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        *value = Some(bytes);
        rest = after;
    }
    let (result_formats, rest) = codes(rest)?;
    let values = Values { list, count };
    let execute = Execute { parse: None, statement, formats, values, result_formats, describe: false };
    rest.is_empty().then_some(execute)
}

/// Longer texts are not worth it.
const TEXT_MAX: usize = 400;
const DIGITS_MAX: usize = 18;

/// The text with `$1`, `$2` … in the place of the whole numbers that its conditions compare with, and where these are; nothing
/// where it has no condition. The same text as that of `src/engine/literal-free.ts`, which decides what may be run so: a text that
/// it would not take gives one here that it never has given.
pub fn without_numbers<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<Values<'a>> {
    out.clear();
    let condition = text.windows(5).position(|word| word.eq_ignore_ascii_case(b"where"))?;
    if text.len() > TEXT_MAX {
        return None;
    }
    out.extend_from_slice(&text[..condition]);
    let mut values = Values { list: [None; VALUES_MAX], count: 0 };
    let mut at = condition;
    while at < text.len() {
        let byte = text[at];
        out.push(byte);
        at += 1;
        if !matches!(byte, b'=' | b'<' | b'>') {
            continue;
        }
        while text.get(at).is_some_and(u8::is_ascii_whitespace) {
            out.push(text[at]);
            at += 1;
        }
        let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let part_of_more = text.get(at + digits).is_some_and(|&b| b == b'_' || b == b'.' || b.is_ascii_alphanumeric());
        if digits == 0 || digits > DIGITS_MAX || part_of_more {
            continue;
        }
        if values.count == VALUES_MAX {
            return None;
        }
        values.list[values.count] = Some(&text[at..at + digits]);
        values.count += 1;
        out.push(b'$');
        out.push(b'0' + values.count as u8);
        at += digits;
    }
    (values.count > 0).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        out.extend_from_slice(body);
        out
    }

    fn whole() -> Vec<u8> {
        let parse = framed(b'P', b"\0SELECT $1\0\0\x01\0\0\0\x17");
        let bind = framed(b'B', b"\0\0\0\x01\0\x01\0\x02\0\0\0\x015\xff\xff\xff\xff\0\0");
        let more = [framed(b'D', b"P\0"), framed(b'E', b"\0\0\0\0\0"), framed(b'S', b"")].concat();
        [parse, bind, more].concat()
    }

    #[test]
    fn a_request_is_read_with_its_values() {
        let bytes = [whole(), b"next".to_vec()].concat();
        let Some((Request::Execute(execute), rest)) = request(&bytes) else { panic!("not read") };
        assert_eq!(rest, b"next");
        assert_eq!(execute.parse, Some((&b"SELECT $1"[..], &b"\0\0\0\x17"[..])));
        assert_eq!(execute.values.as_slice(), [Some(&b"5"[..]), None]);
        assert_eq!((execute.formats.of(0), execute.formats.of(1)), (Some(1), Some(1)));
        assert!(execute.describe && execute.result_formats.is_empty());
        let query = framed(b'Q', b"SELECT 1\0");
        assert_eq!(request(&query), Some((Request::Query { text: b"SELECT 1" }, &b""[..])));
    }

    #[test]
    fn what_is_not_all_there_or_not_sound_is_left_alone() {
        let bytes = whole();
        for end in 0..bytes.len() {
            assert_eq!(request(&bytes[..end]), None, "{end} bytes");
        }
        // Each byte in turn is another one: nothing panics, whatever is made of it.
        for at in 0..bytes.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut wrong = bytes.clone();
                wrong[at] = byte;
                let _ = request(&wrong);
            }
        }
        assert_eq!(request(&framed(b'Q', b"SELECT 1")), None);
        assert_eq!(request(&framed(b'Q', b"SELECT 1\0more\0")), None);
        assert_eq!(request(b"Q\0\0\0\x03"), None);
    }

    #[test]
    fn numbers_in_conditions_become_parameters() {
        type Found<'a> = Option<(&'a str, &'a [&'a str])>;
        let cases: [(&str, Found<'_>); 8] = [
            ("SELECT a FROM t WHERE k = 12;", Some(("SELECT a FROM t WHERE k = $1;", &["12"]))),
            ("select 1 where a=1 and b >=\t23", Some(("select 1 where a=$1 and b >=\t$2", &["1", "23"]))),
            ("select 1 from t", None),
            ("select a from t where k = 1.5", None),
            ("select a from t where k = 1e5", None),
            ("select a from t where k = 1_000", None),
            ("select a from t where k = x", None),
            ("select a from t where k = 1234567890123456789", None),
        ];
        for (given, expected) in cases {
            let mut out = Vec::new();
            let values = without_numbers(given.as_bytes(), &mut out);
            let values =
                values.map(|v| v.as_slice().iter().flatten().map(|v| str::from_utf8(v).unwrap()).collect::<Vec<_>>());
            assert_eq!(values.as_deref(), expected.map(|(_, values)| values), "{given}");
            if let Some((text, _)) = expected {
                assert_eq!(String::from_utf8_lossy(&out), text);
            }
        }
    }
}
