//! LIKE and regular expressions. The syntax is that of the `regex` crate, which has what PostgreSQL's has but for
//! back-references and look-around; matching is linear in the text, so no pattern can hang a query.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::compute::kernels::comparison;
use arrow_array::types::Int32Type;
use millrace_base::{Error, Result};
use millrace_plan::{BinaryOp, DataType};
use regex::{Captures, Regex, RegexBuilder};

use crate::fault;
use crate::registry::{Entry, INTEGER, TEXT, entry, gives};
use crate::value::{Present, Texts, Value, build, build_bool, build_text};

pub(crate) fn table() -> Vec<Entry> {
    let text = || gives(DataType::Text);
    let mut table = vec![
        entry("substring", &[TEXT, TEXT], text(), |a, _| substring(a)),
        entry("regexp_substr", &[TEXT, TEXT], text(), |a, _| substring(a)),
        entry("regexp_count", &[TEXT, TEXT], gives(DataType::Integer), |a, _| count(a)),
        entry("regexp_like", &[TEXT, TEXT], gives(DataType::Boolean), |a, _| matches(a)),
        entry("regexp_like", &[TEXT, TEXT, TEXT], gives(DataType::Boolean), |a, _| matches(a)),
    ];
    table.push(entry("regexp_replace", &[TEXT, TEXT, TEXT], text(), |a, _| replace(a)));
    // text, pattern, replacement, start [, N [, flags]]: N = 0 is every match.
    for more in [&[INTEGER][..], &[INTEGER, INTEGER], &[INTEGER, INTEGER, TEXT]] {
        let parameters = [&[TEXT, TEXT, TEXT], more].concat();
        table.push(entry("regexp_replace", &parameters, text(), |a, _| replace_nth(a)));
    }
    table.push(entry("regexp_replace", &[TEXT, TEXT, TEXT, TEXT], text(), |a, _| replace(a)));
    table
}

/// Compiled patterns; a query uses few, and compiling one costs more than matching a batch.
static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);
/// By pattern and flags.
type Compiled = HashMap<(String, String), Arc<Regex>>;
const COMPILED_MAX: usize = 256;
/// Bytes of one compiled pattern: a few characters such as `\w{1000}{1000}` could ask for gigabytes.
const PATTERN_BYTES_MAX: usize = 10 << 20;

/// Flags: i (case-insensitive), c (case-sensitive), n or m (^ and $ at lines), s, x; g is the caller's.
pub(super) fn compiled(pattern: &str, flags: &str) -> Result<Arc<Regex>> {
    let key = (pattern.to_string(), flags.to_string());
    let mut cache = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = cache.get(&key) {
        return Ok(found.clone());
    }
    let mut builder = RegexBuilder::new(&word_boundaries(pattern));
    // PostgreSQL's `.` matches a line break unless told otherwise.
    builder.size_limit(PATTERN_BYTES_MAX).dot_matches_new_line(true);
    for flag in flags.chars() {
        match flag {
            'g' => &mut builder,
            'i' => builder.case_insensitive(true),
            'c' => builder.case_insensitive(false),
            'm' | 'n' => builder.multi_line(true).dot_matches_new_line(false),
            's' => builder.multi_line(false).dot_matches_new_line(true),
            'x' => builder.ignore_whitespace(true),
            _ => return Err(fault::parameter(format!("invalid regular expression option: \"{flag}\""))),
        };
    }
    let regex = Arc::new(builder.build().map_err(|e| fault::invalid_regex(&e))?);
    if cache.len() >= COMPILED_MAX {
        cache.clear();
    }
    cache.insert(key, regex.clone());
    Ok(regex)
}

/// PostgreSQL's own words for the start (`\m`), the end (`\M`), either (`\y`) or neither (`\Y`) of a word, and for the
/// text's end (`\Z`).
fn word_boundaries(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c != '\\' {
            continue;
        }
        match chars.next() {
            Some('m') => out.push_str("b{start}"),
            Some('M') => out.push_str("b{end}"),
            Some('y') => out.push('b'),
            Some('Y') => out.push('B'),
            Some('Z') => out.push('z'),
            other => out.extend(other),
        }
    }
    out
}

/// Finds each row's pattern, looking it up once when it is constant.
pub(super) struct Patterns<'a> {
    constant: Option<Arc<Regex>>,
    patterns: Texts<'a>,
    flags: Option<Texts<'a>>,
}

impl<'a> Patterns<'a> {
    pub fn new(patterns: &'a Value, flags: Option<&'a Value>) -> Result<Self> {
        let patterns = patterns.texts()?;
        let flags = flags.map(Value::texts).transpose()?;
        let fixed_flags = flags.as_ref().map_or(Some(""), Texts::constant);
        let constant = match (patterns.constant(), fixed_flags) {
            (Some(pattern), Some(flags)) => Some(compiled(pattern, flags)?),
            _ => None,
        };
        Ok(Self { constant, patterns, flags })
    }

    pub fn at(&self, row: usize) -> Result<Arc<Regex>> {
        match &self.constant {
            Some(regex) => Ok(regex.clone()),
            None => compiled(self.patterns.at(row), self.flags.as_ref().map_or("", |f| f.at(row))),
        }
    }
}

/// `~`, `~*`, `!~`, `!~*`.
pub(crate) fn operator(operator: BinaryOp, args: &[Value]) -> Result<Value> {
    let insensitive = matches!(operator, BinaryOp::RegexIMatch | BinaryOp::RegexNotIMatch);
    let negated = matches!(operator, BinaryOp::RegexNotMatch | BinaryOp::RegexNotIMatch);
    let (texts, patterns) = (args[0].texts()?, args[1].texts()?);
    let flags = if insensitive { "i" } else { "" };
    let constant = patterns.constant().map(|p| compiled(p, flags)).transpose()?;
    build_bool(args, |i| {
        let found = match &constant {
            Some(regex) => regex.is_match(texts.at(i)),
            None => compiled(patterns.at(i), flags)?.is_match(texts.at(i)),
        };
        Ok(found != negated)
    })
}

pub(crate) fn like(args: &[Value], negated: bool, case_insensitive: bool) -> Result<Value> {
    let (text, pattern) = (&args[0], &args[1]);
    let result = match (negated, case_insensitive) {
        (false, false) => comparison::like(text, pattern),
        (true, false) => comparison::nlike(text, pattern),
        (false, true) => comparison::ilike(text, pattern),
        (true, true) => comparison::nilike(text, pattern),
    };
    let array = Arc::new(result.map_err(|e| Error::internal(e.to_string()))?);
    Ok(if text.is_scalar() && pattern.is_scalar() { Value::scalar(array) } else { Value::array(array) })
}

fn matches(args: &[Value]) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], args.get(2))?);
    build_bool(args, |i| Ok(patterns.at(i)?.is_match(texts.at(i))))
}

fn count(args: &[Value]) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], None)?);
    build::<Int32Type>(args, DataType::Integer, |i| Ok(patterns.at(i)?.find_iter(texts.at(i)).count() as i32))
}

/// The first match, or its first group when the pattern has groups; NULL without a match.
fn substring(args: &[Value]) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], None)?);
    build_text(args, |i, out| {
        let found = patterns.at(i)?.captures(texts.at(i)).and_then(|c| if c.len() > 1 { c.get(1) } else { c.get(0) });
        Ok(match found {
            Some(part) => {
                out.push_str(part.as_str());
                Present::Yes
            }
            None => Present::Null,
        })
    })
}

/// Replaces the first match, with flag g every match. `\1` to `\9` are groups, `\&` is the match.
fn replace(args: &[Value]) -> Result<Value> {
    let (texts, replacements) = (args[0].texts()?, args[2].texts()?);
    let patterns = Patterns::new(&args[1], args.get(3))?;
    let flags = args.get(3).map(Value::texts).transpose()?;
    build_text(args, |i, out| {
        let all = flags.as_ref().is_some_and(|f| f.at(i).contains('g'));
        let (text, regex) = (texts.at(i), patterns.at(i)?);
        let mut end = 0;
        for found in regex.captures_iter(text).take(if all { usize::MAX } else { 1 }) {
            let whole = found.get(0).expect("group 0 is the match");
            out.push_str(&text[end..whole.start()]);
            expand(replacements.at(i), &found, out);
            end = whole.end();
        }
        out.push_str(&text[end..]);
        Ok(Present::Yes)
    })
}

/// The nth match from a place on, or every one.
fn replace_nth(args: &[Value]) -> Result<Value> {
    let (texts, replacements, starts) = (args[0].texts()?, args[2].texts()?, args[3].column::<Int32Type>()?);
    let wanted = args.get(4).map(Value::column::<Int32Type>).transpose()?;
    let patterns = Patterns::new(&args[1], args.get(5))?;
    let flags = args.get(5).map(Value::texts).transpose()?;
    build_text(args, |i, out| {
        let (start, n) = (starts.at(i), wanted.as_ref().map_or(1, |n| n.at(i)));
        if start < 1 {
            return Err(fault::parameter(format!("invalid value for parameter \"start\": {start}")));
        }
        if n < 0 {
            return Err(fault::parameter(format!("invalid value for parameter \"n\": {n}")));
        }
        let n = if wanted.is_none() && flags.as_ref().is_some_and(|f| f.at(i).contains('g')) { 0 } else { n };
        let (text, regex) = (texts.at(i), patterns.at(i)?);
        let from = text.char_indices().nth(start as usize - 1).map_or(text.len(), |(at, _)| at);
        let (mut end, mut nth) = (0, 0);
        for found in regex.captures_iter(text) {
            let whole = found.get(0).expect("group 0 is the match");
            if whole.start() < from {
                continue;
            }
            nth += 1;
            if n == 0 || nth == n {
                out.push_str(&text[end..whole.start()]);
                expand(replacements.at(i), &found, out);
                end = whole.end();
            }
            if nth == n {
                break;
            }
        }
        out.push_str(&text[end..]);
        Ok(Present::Yes)
    })
}

fn expand(template: &str, found: &Captures<'_>, out: &mut String) {
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let group = |index: usize, out: &mut String| out.push_str(found.get(index).map_or("", |m| m.as_str()));
        match chars.next() {
            Some('&') => group(0, out),
            Some(digit @ '1'..='9') => group(digit as usize - '0' as usize, out),
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
}
