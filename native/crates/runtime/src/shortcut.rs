//! A client's look-ups by key, answered from the bytes that it has sent: one call for a whole request, without a plan, a promise or
//! another thread. JavaScript has run the statement before and has told what it looks up; all that is not known here, and every
//! value that is not sound, is left to it.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_plan::DataType;
use millrace_wire::{Codes, Execute, Format, Request, request, without_numbers};
use parking_lot::Mutex;

use crate::look_up::{Key, LookUp};
use crate::shared::Shared;

/// Texts of all clients.
const TEXTS_MAX: usize = 1024;
/// Statements of one client.
const NAMES_MAX: usize = 1024;
const RESULT_FORMATS_MAX: usize = 64;

/// PostgreSQL's numbers of the types that values may have been declared with.
const INT2: u32 = 21;
const INT4: u32 = 23;
const INT8: u32 = 20;
const TEXT: u32 = 25;
const VARCHAR: u32 = 1043;

const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";
const PARSE_COMPLETE: &[u8] = b"1\0\0\0\x04";
const NO_ROW: &[u8] = b"C\0\0\0\x0dSELECT 0\0";
const ONE_ROW: &[u8] = b"C\0\0\0\x0dSELECT 1\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

/// A look-up with what a client is told of it.
pub struct Known {
    pub look_up: Arc<LookUp>,
    /// Its `RowDescription`, all columns as text.
    description: Vec<u8>,
    /// Where the description has the columns' formats.
    formats_at: Vec<usize>,
    /// The types of its values as the client has declared them.
    oids: Vec<u32>,
    types: Vec<DataType>,
    /// The caller's own number of the statement.
    number: u32,
}

impl Known {
    /// `description` is a `RowDescription` message; nothing if it is none, or the types are others than a look-up has.
    pub fn new(look_up: Arc<LookUp>, description: Vec<u8>, oids: Vec<u32>, number: u32) -> Option<Self> {
        let types = look_up.parameters();
        let fits = |(&oid, data_type): (&u32, &DataType)| match data_type {
            DataType::Text => matches!(oid, TEXT | VARCHAR),
            _ => matches!(oid, INT2 | INT4 | INT8),
        };
        if oids.len() != types.len() || !oids.iter().zip(&types).all(fits) {
            return None;
        }
        let formats_at = format_places(&description)?;
        Some(Self { look_up, description, formats_at, oids, types, number })
    }
}

/// Each field is a name, 16 bytes and its format.
fn format_places(description: &[u8]) -> Option<Vec<usize>> {
    let count = u16::from_be_bytes(*description.get(5..7)?.first_chunk()?);
    let mut at = 7;
    (0..count)
        .map(|_| {
            at += description.get(at..)?.iter().position(|&byte| byte == 0)? + 1 + 18;
            (at <= description.len()).then_some(at - 2)
        })
        .collect()
}

/// Statements by their texts, for all clients of an engine.
#[derive(Default)]
pub struct Texts {
    by_text: Mutex<HashMap<Vec<u8>, Arc<Known>>>,
}

impl Texts {
    fn get(&self, key: &[u8]) -> Option<Arc<Known>> {
        self.by_text.lock().get(key).cloned()
    }

    fn add(&self, shared: &Shared, key: Vec<u8>, known: Arc<Known>) {
        let mut texts = self.by_text.lock();
        if texts.len() >= TEXTS_MAX {
            texts.retain(|_, known| known.look_up.holds(shared));
        }
        if texts.len() >= TEXTS_MAX {
            texts.clear();
        }
        texts.insert(key, known);
    }
}

pub struct Shortcut {
    shared: Arc<Shared>,
    texts: Arc<Texts>,
    named: HashMap<Vec<u8>, Arc<Known>>,
    /// The unnamed statement, where it was made here.
    unnamed: Option<Arc<Known>>,
    key: Vec<u8>,
    answer: Vec<u8>,
}

impl Shortcut {
    pub fn new(shared: Arc<Shared>, texts: Arc<Texts>) -> Self {
        Self { shared, texts, named: HashMap::new(), unnamed: None, key: Vec::new(), answer: Vec::new() }
    }

    /// The simple protocol's text, its numbers exchanged for parameters, is this look-up.
    pub fn learn_query(&mut self, text: &str, known: Known) {
        self.texts.add(&self.shared, text.as_bytes().to_vec(), Arc::new(known));
    }

    /// The extended protocol's text, parsed with these types, is this look-up.
    pub fn learn_parse(&mut self, text: &str, declared: &[u32], known: Known) {
        let types: Vec<u8> = declared.iter().flat_map(|oid| oid.to_be_bytes()).collect();
        let mut key = Vec::new();
        parse_key(text.as_bytes(), &types, &mut key);
        self.texts.add(&self.shared, key, Arc::new(known));
    }

    /// The client's statement of this name is this look-up.
    pub fn learn_name(&mut self, name: &str, known: Known) {
        if self.named.len() < NAMES_MAX {
            self.named.insert(name.as_bytes().to_vec(), Arc::new(known));
        }
    }

    pub fn forget(&mut self, name: &str) {
        self.named.remove(name.as_bytes());
    }

    pub fn forget_all(&mut self) {
        self.named.clear();
    }

    /// The number of the unnamed statement, if it was made here since this was asked.
    pub fn take_unnamed(&mut self) -> Option<u32> {
        self.unnamed.take().map(|known| known.number)
    }

    /// The answer to all that these bytes ask, or nothing where a part of it has to be answered elsewhere: then nothing has happened.
    pub fn answer(&mut self, mut bytes: &[u8]) -> Option<&[u8]> {
        self.answer.clear();
        let mut unnamed = self.unnamed.clone();
        while !bytes.is_empty() {
            let (asked, rest) = request(bytes)?;
            match asked {
                Request::Query { text } => {
                    self.query(text)?;
                    unnamed = None;
                    self.named.remove(&b""[..]);
                }
                Request::Execute(execute) => self.execute(&execute, &mut unnamed)?,
            }
            bytes = rest;
        }
        self.unnamed = unnamed;
        Some(&self.answer)
    }

    fn query(&mut self, text: &[u8]) -> Option<()> {
        let values = without_numbers(text, &mut self.key)?;
        let known = self.texts.get(&self.key)?;
        if values.as_slice().len() != known.types.len() {
            return None;
        }
        self.answer.extend_from_slice(&known.description);
        self.rows(&known, values.as_slice(), |_| Some(0), &[])
    }

    fn execute(&mut self, execute: &Execute, unnamed: &mut Option<Arc<Known>>) -> Option<()> {
        let known = match execute.parse {
            Some((text, types)) => {
                parse_key(text, types, &mut self.key);
                let known = self.texts.get(&self.key)?;
                *unnamed = Some(known.clone());
                self.named.remove(&b""[..]);
                self.answer.extend_from_slice(PARSE_COMPLETE);
                known
            }
            None if execute.statement.is_empty() && unnamed.is_some() => unnamed.clone()?,
            None => self.named.get(execute.statement)?.clone(),
        };
        if execute.values.as_slice().len() != known.types.len() {
            return None;
        }
        let formats = formats_of(&execute.result_formats, known.formats_at.len())?;
        self.answer.extend_from_slice(BIND_COMPLETE);
        if execute.describe {
            let start = self.answer.len();
            self.answer.extend_from_slice(&known.description);
            for (column, &at) in known.formats_at.iter().enumerate() {
                let format = formats.get(column).or(formats.first()).copied().unwrap_or(Format::Text);
                self.answer[start + at + 1] = u8::from(format == Format::Binary);
            }
        }
        self.rows(&known, execute.values.as_slice(), |at| execute.formats.of(at), &formats)
    }

    fn rows(
        &mut self,
        known: &Known,
        values: &[Option<&[u8]>],
        format: impl Fn(usize) -> Option<u16>,
        formats: &[Format],
    ) -> Option<()> {
        let mut keys = [Key::Integer(0); millrace_wire::VALUES_MAX];
        for (at, value) in values.iter().enumerate() {
            keys[at] = key((*value)?, known.oids[at], known.types[at], format(at)?)?;
        }
        // An error is met and told by who runs the statement in full.
        let rows = known.look_up.rows(&self.shared, &keys[..values.len()], formats).ok()??;
        self.answer.extend_from_slice(&rows.bytes);
        self.answer.extend_from_slice(match rows.rows {
            0 => NO_ROW,
            1 => ONE_ROW,
            _ => return None,
        });
        self.answer.extend_from_slice(READY);
        Some(())
    }
}

/// No text has a zero byte, so that this is no other statement's.
fn parse_key(text: &[u8], types: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(types);
    out.push(0);
    out.extend_from_slice(text);
}

fn formats_of(codes: &Codes, columns: usize) -> Option<Vec<Format>> {
    if codes.len() > RESULT_FORMATS_MAX || (codes.len() > 1 && codes.len() != columns) {
        return None;
    }
    codes.iter().map(|code| Format::from_code(code).ok()).collect()
}

/// A value as it was sent.
fn key(bytes: &[u8], oid: u32, data_type: DataType, format: u16) -> Option<Key<'_>> {
    if data_type == DataType::Text {
        let text = str::from_utf8(bytes).ok()?;
        return (!text.contains('\0')).then_some(Key::Text(text));
    }
    let value = match (format, oid) {
        (1, INT2) => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        (1, INT4) => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        (1, INT8) => i64::from_be_bytes(bytes.try_into().ok()?),
        // A sign and digits only: the rest of what PostgreSQL takes is seldom sent.
        (0, _) => str::from_utf8(bytes).ok()?.parse().ok().filter(|_| bytes.first() != Some(&b'+'))?,
        _ => return None,
    };
    let most = match oid {
        INT2 => i64::from(i16::MAX),
        INT4 => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    (-most - 1..=most).contains(&value).then_some(Key::Integer(value))
}
