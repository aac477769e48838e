//! A value as it is read: its kind, its elements and members, and whether it contains another.

use super::layout::{self, ARRAY, COUNT_BYTES, EMPTY, FALSE, NULL, NUMBER, OBJECT, STRING, TRUE};
use super::parse::EMPTY_WITHIN;

/// The bytes of one value, which `parse` or `Builder` made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Json<'a>(&'a [u8]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    String,
    Number,
    Boolean,
    Array,
    Object,
}

impl<'a> Json<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn kind(self) -> Kind {
        match self.0[0] {
            NULL => Kind::Null,
            STRING => Kind::String,
            NUMBER => Kind::Number,
            FALSE | TRUE => Kind::Boolean,
            EMPTY | ARRAY => Kind::Array,
            _ => Kind::Object,
        }
    }

    /// The bytes of the value as one on its own.
    pub fn bytes(self) -> &'a [u8] {
        if self.0 == EMPTY_WITHIN { &[EMPTY] } else { self.0 }
    }

    pub fn string(self) -> Option<&'a str> {
        let text = self.0.strip_prefix(&[STRING])?.split_last()?.1;
        Some(std::str::from_utf8(text).expect("strings were checked when they were read"))
    }

    pub fn boolean(self) -> Option<bool> {
        match self.0[0] {
            TRUE => Some(true),
            FALSE => Some(false),
            _ => None,
        }
    }

    /// As text, with all digits.
    pub fn number(self) -> Option<String> {
        let mut out = String::new();
        super::number::write_number(self.0.strip_prefix(&[NUMBER])?, &mut out);
        Some(out)
    }

    /// Elements of an array, members of an object.
    pub fn len(self) -> usize {
        if matches!(self.0[0], ARRAY | OBJECT) { layout::count(self.0) } else { 0 }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The elements of an array; of anything else nothing.
    pub fn elements(self) -> impl Iterator<Item = Json<'a>> {
        let mut rest = if self.0[0] == ARRAY { &self.0[1 + COUNT_BYTES..] } else { &[] };
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (value, next) = rest.split_at(layout::length(rest));
            rest = next;
            Some(Json(value))
        })
    }

    /// The members of an object, the shorter keys first; of anything else nothing.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Json<'a>)> {
        let mut rest = if self.0[0] == OBJECT { &self.0[1 + COUNT_BYTES..] } else { &[] };
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (key, next) = rest.split_at(layout::string_end(rest));
            let (value, next) = next[1..].split_at(layout::length(&next[1..]));
            rest = next;
            let key = std::str::from_utf8(key).expect("keys were checked when they were read");
            Some((key, Json(value)))
        })
    }

    pub fn field(self, name: &str) -> Option<Json<'a>> {
        self.members().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// From 0; a negative place counts from the end.
    pub fn element(self, at: i64) -> Option<Json<'a>> {
        let len = self.len() as i64;
        let at = if at < 0 { at + len } else { at };
        (self.0[0] == ARRAY && (0..len).contains(&at)).then(|| self.elements().nth(at as usize)).flatten()
    }

    /// By a step of a path: a name in an object, a place in an array.
    pub fn step(self, step: &str) -> Option<Json<'a>> {
        match self.kind() {
            Kind::Object => self.field(step),
            Kind::Array => self.element(step.trim().parse().ok()?),
            _ => None,
        }
    }

    /// PostgreSQL's `@>`.
    pub fn contains(self, other: Json<'_>) -> bool {
        let scalar = !matches!(other.kind(), Kind::Array | Kind::Object);
        if self.kind() == Kind::Array && scalar {
            return self.elements().any(|element| element.0 == other.0);
        }
        self.contains_within(other)
    }

    fn contains_within(self, other: Json<'_>) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Object, Kind::Object) => {
                other.members().all(|(key, wanted)| self.field(key).is_some_and(|value| value.contains_within(wanted)))
            }
            (Kind::Array, Kind::Array) => {
                other.elements().all(|wanted| self.elements().any(|element| element.contains_within(wanted)))
            }
            _ => self.bytes() == other.bytes(),
        }
    }

    /// PostgreSQL's `?`: a key of an object, a string in an array, or the string itself.
    pub fn has_key(self, key: &str) -> bool {
        match self.kind() {
            Kind::Object => self.field(key).is_some(),
            Kind::Array => self.elements().any(|element| element.string() == Some(key)),
            _ => self.string() == Some(key),
        }
    }
}
