//! Regular expressions that give parts of a text: matches with their groups, and what is between matches.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use millrace_base::Result;
use millrace_plan::{DataType, ReturnRule};
use regex::{Captures, Regex};

use super::pattern::Patterns;
use crate::fault;
use crate::nested::list_of;
use crate::node::Call;
use crate::registry::{Entry, INTEGER, TEXT, entry, gives};
use crate::value::{Present, Value, build, build_text, finish, shape, strict_nulls};

pub(crate) fn table() -> Vec<Entry> {
    let texts = || gives(DataType::array(DataType::Text));
    let (int, text) = (|| gives(DataType::Integer), || gives(DataType::Text));
    let mut table = vec![
        entry("regexp_match", &[TEXT, TEXT], texts(), first_match),
        entry("regexp_match", &[TEXT, TEXT, TEXT], texts(), first_match),
        entry("regexp_split_to_array", &[TEXT, TEXT], texts(), split),
        entry("regexp_split_to_array", &[TEXT, TEXT, TEXT], texts(), split),
        entry("regexp_matches_of", &[TEXT, TEXT], ReturnRule::Bound, all_matches),
        entry("regexp_matches_of", &[TEXT, TEXT, TEXT], ReturnRule::Bound, all_matches),
        entry("regexp_count", &[TEXT, TEXT, INTEGER], int(), |a, _| count(a)),
        entry("regexp_count", &[TEXT, TEXT, INTEGER, TEXT], int(), |a, _| count(a)),
    ];
    // text, pattern [, start [, N [, flags [, group]]]], and for regexp_instr an end option before the flags.
    let all = [TEXT, TEXT, INTEGER, INTEGER, TEXT, INTEGER];
    for arity in 3..=6 {
        table.push(entry("regexp_substr", &all[..arity], text(), |a, _| nth_text(a)));
    }
    let all = [TEXT, TEXT, INTEGER, INTEGER, INTEGER, TEXT, INTEGER];
    for arity in 2..=7 {
        table.push(entry("regexp_instr", &all[..arity], int(), |a, _| nth_place(a)));
    }
    table
}

/// The groups of a match, or the match where the pattern has no groups.
fn groups(found: &Captures<'_>) -> Vec<Option<String>> {
    let from = usize::from(found.len() > 1);
    (from..found.len()).map(|at| found.get(at).map(|part| part.as_str().to_owned())).collect()
}

fn without_global<'a>(flags: &'a str, name: &str) -> Result<&'a str> {
    if flags.contains('g') {
        return Err(fault::parameter(format!("{name}() does not support the \"global\" option")));
    }
    Ok(flags)
}

fn text_lists(
    args: &[Value],
    call: &Call,
    mut row: impl FnMut(usize, &mut Vec<Option<String>>) -> Result<Present>,
) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows);
    let (mut parts, mut lengths, mut valid) = (Vec::new(), Vec::with_capacity(rows), Vec::with_capacity(rows));
    for i in 0..rows {
        let before = parts.len();
        valid.push(nulls.as_ref().is_none_or(|n| n.is_valid(i)) && row(i, &mut parts)? == Present::Yes);
        lengths.push(parts.len() - before);
    }
    let values: ArrayRef = Arc::new(StringArray::from(parts));
    let nulls = Some(NullBuffer::from(valid)).filter(|n| n.null_count() > 0);
    Ok(finish(list_of(call.result, OffsetBuffer::from_lengths(lengths), values, nulls)?, scalar))
}

fn first_match(args: &[Value], call: &Call) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], args.get(2))?);
    let flags = args.get(2).map(Value::texts).transpose()?;
    text_lists(args, call, |i, out| {
        if let Some(flags) = &flags {
            without_global(flags.at(i), "regexp_match")
                .map_err(|e| e.with_hint("Use the regexp_matches function instead."))?;
        }
        let Some(found) = patterns.at(i)?.captures(texts.at(i)).map(|found| groups(&found)) else {
            return Ok(Present::Null);
        };
        out.extend(found);
        Ok(Present::Yes)
    })
}

/// Arrays of the groups of each match: of the first one, with flag g of all.
fn all_matches(args: &[Value], call: &Call) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], args.get(2))?);
    let flags = args.get(2).map(Value::texts).transpose()?;
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows).filter(|n| n.null_count() > 0);
    let (mut parts, mut inner, mut outer) = (Vec::new(), Vec::new(), Vec::with_capacity(rows));
    for i in 0..rows {
        let before = inner.len();
        if nulls.as_ref().is_none_or(|n| n.is_valid(i)) {
            let most = if flags.as_ref().is_some_and(|f| f.at(i).contains('g')) { usize::MAX } else { 1 };
            for found in patterns.at(i)?.captures_iter(texts.at(i)).take(most) {
                let groups = groups(&found);
                inner.push(groups.len());
                parts.extend(groups);
            }
        }
        outer.push(inner.len() - before);
    }
    let values: ArrayRef = Arc::new(StringArray::from(parts));
    let lists = list_of(DataType::array(DataType::Text), OffsetBuffer::from_lengths(inner), values, None)?;
    Ok(finish(list_of(call.result, OffsetBuffer::from_lengths(outer), lists, nulls)?, scalar))
}

/// What is between matches. An empty match at the ends of the text, or right after another match, cuts nothing.
fn split(args: &[Value], call: &Call) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], args.get(2))?);
    let flags = args.get(2).map(Value::texts).transpose()?;
    text_lists(args, call, |i, out| {
        if let Some(flags) = &flags {
            without_global(flags.at(i), "regexp_split_to_array")?;
        }
        let (text, regex) = (texts.at(i), patterns.at(i)?);
        let mut from = 0;
        for found in regex.find_iter(text) {
            if found.is_empty() && (found.start() == 0 || found.start() >= text.len() || found.start() == from) {
                continue;
            }
            out.push(Some(text[from..found.start()].to_owned()));
            from = found.end();
        }
        out.push(Some(text[from..].to_owned()));
        Ok(Present::Yes)
    })
}

/// The byte at which a 1-based character is; the text's end for what is past it.
fn byte_of(text: &str, character: i32) -> usize {
    let nth = usize::try_from(character).unwrap_or(1).saturating_sub(1);
    text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at)
}

fn positive(value: i32, name: &str) -> Result<i32> {
    if value < 1 {
        return Err(fault::parameter(format!("invalid value for parameter \"{name}\": {value}")));
    }
    Ok(value)
}

fn count(args: &[Value]) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], args.get(3))?);
    let starts = args[2].column::<Int32Type>()?;
    build::<Int32Type>(args, DataType::Integer, |i| {
        let text = texts.at(i);
        let start = positive(starts.at(i), "start")?;
        let from = byte_of(text, start);
        if start as usize > text.chars().count() + 1 {
            return Ok(0);
        }
        let regex = patterns.at(i)?;
        let mut found = 0;
        let mut at = from;
        while let Some(next) = regex.find_at(text, at) {
            found += 1;
            at = after(text, next.start(), next.end());
            if at > text.len() {
                break;
            }
        }
        Ok(found)
    })
}

/// Where to look on after a match: an empty one moves by a character.
fn after(text: &str, start: usize, end: usize) -> usize {
    if end > start { end } else { end + text[end..].chars().next().map_or(1, char::len_utf8) }
}

/// Start and end of the wanted group of the nth match.
fn nth(regex: &Regex, text: &str, start: i32, n: i32, group: i32) -> Option<(usize, usize)> {
    if start as usize > text.chars().count() + 1 {
        return None;
    }
    let mut at = byte_of(text, start);
    for _ in 1..n {
        let found = regex.find_at(text, at)?;
        at = after(text, found.start(), found.end());
        if at > text.len() {
            return None;
        }
    }
    let found = regex.captures_at(text, at)?;
    found.get(usize::try_from(group).ok()?).map(|part| (part.start(), part.end()))
}

/// The integer at a place of the arguments, or what it is without one.
fn integer_at(args: &[Value], place: usize, otherwise: i32, row: usize) -> Result<i32> {
    args.get(place).map_or(Ok(otherwise), |value| Ok(value.column::<Int32Type>()?.at(row)))
}

fn nth_text(args: &[Value]) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], args.get(4))?);
    build_text(args, |i, out| {
        let start = positive(integer_at(args, 2, 1, i)?, "start")?;
        let n = positive(integer_at(args, 3, 1, i)?, "n")?;
        let group = integer_at(args, 5, 0, i)?;
        if group < 0 {
            return Err(fault::parameter(format!("invalid value for parameter \"subexpr\": {group}")));
        }
        match nth(&*patterns.at(i)?, texts.at(i), start, n, group) {
            Some((from, to)) => {
                out.push_str(&texts.at(i)[from..to]);
                Ok(Present::Yes)
            }
            None => Ok(Present::Null),
        }
    })
}

fn nth_place(args: &[Value]) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, Patterns::new(&args[1], args.get(5))?);
    build::<Int32Type>(args, DataType::Integer, |i| {
        let start = positive(integer_at(args, 2, 1, i)?, "start")?;
        let n = positive(integer_at(args, 3, 1, i)?, "n")?;
        let (end, group) = (integer_at(args, 4, 0, i)?, integer_at(args, 6, 0, i)?);
        if !(0..=1).contains(&end) {
            return Err(fault::parameter(format!("invalid value for parameter \"endoption\": {end}")));
        }
        if group < 0 {
            return Err(fault::parameter(format!("invalid value for parameter \"subexpr\": {group}")));
        }
        let text = texts.at(i);
        Ok(nth(&*patterns.at(i)?, text, start, n, group)
            .map_or(0, |(from, to)| text[..if end == 1 { to } else { from }].chars().count() as i32 + 1))
    })
}
