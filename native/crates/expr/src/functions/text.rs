//! Functions of text. Positions and lengths count characters, from 1.

use arrow_array::Array;
use arrow_array::types::{Int32Type, Int64Type};
use millrace_base::limits::VALUE_BYTES_MAX;
use millrace_base::{Code, Error, Result};
use millrace_plan::{DataType, ParameterType};

use crate::fault;
use crate::format::to_text;
use crate::functions::library;
use crate::node::Call;
use crate::registry::{BIGINT, BYTEA, Entry, INTEGER, TEXT, entry, gives};
use crate::value::{Present, Value, build, build_bool, build_text, shape};

pub(crate) fn table() -> Vec<Entry> {
    use datafusion_functions::unicode;
    let text = || gives(DataType::Text);
    let int = || gives(DataType::Integer);
    let any = ParameterType::Any;
    vec![
        entry("length", &[TEXT], int(), |a, _| characters(a)).infallible(),
        entry("char_length", &[TEXT], int(), |a, _| characters(a)).infallible(),
        entry("character_length", &[TEXT], int(), |a, _| characters(a)).infallible(),
        entry("length", &[BYTEA], int(), |a, _| bytes_length(a)).infallible(),
        entry("octet_length", &[TEXT], int(), |a, _| octets(a)).infallible(),
        entry("octet_length", &[BYTEA], int(), |a, _| bytes_length(a)).infallible(),
        entry("lower", &[TEXT], text(), |a, _| each(a, lower)).infallible(),
        entry("upper", &[TEXT], text(), |a, _| each(a, upper)).infallible(),
        entry("initcap", &[TEXT], text(), |a, c| library::call(&unicode::initcap(), a, c)),
        entry("trim", &[TEXT], text(), |a, _| trim(a, true, true)).infallible(),
        entry("btrim", &[TEXT], text(), |a, _| trim(a, true, true)).infallible(),
        entry("ltrim", &[TEXT], text(), |a, _| trim(a, true, false)).infallible(),
        entry("rtrim", &[TEXT], text(), |a, _| trim(a, false, true)).infallible(),
        entry("trim", &[TEXT, TEXT], text(), |a, _| trim(a, true, true)).infallible(),
        entry("btrim", &[TEXT, TEXT], text(), |a, _| trim(a, true, true)).infallible(),
        entry("ltrim", &[TEXT, TEXT], text(), |a, _| trim(a, true, false)).infallible(),
        entry("rtrim", &[TEXT, TEXT], text(), |a, _| trim(a, false, true)).infallible(),
        entry("substring", &[TEXT, INTEGER], text(), |a, _| substring(a)),
        entry("substring", &[TEXT, INTEGER, INTEGER], text(), |a, _| substring(a)),
        entry("substr", &[TEXT, INTEGER], text(), |a, _| substring(a)),
        entry("substr", &[TEXT, INTEGER, INTEGER], text(), |a, _| substring(a)),
        entry("left", &[TEXT, INTEGER], text(), |a, _| side(a, true)).infallible(),
        entry("right", &[TEXT, INTEGER], text(), |a, _| side(a, false)).infallible(),
        entry("replace", &[TEXT, TEXT, TEXT], text(), |a, _| replace(a)),
        entry("repeat", &[TEXT, INTEGER], text(), |a, _| repeat(a)),
        entry("reverse", &[TEXT], text(), |a, _| each(a, |s, out| out.extend(s.chars().rev()))).infallible(),
        entry("strpos", &[TEXT, TEXT], int(), |a, _| position(a)).infallible(),
        entry("position", &[TEXT, TEXT], int(), |a, _| position(a)).infallible(),
        entry("split_part", &[TEXT, TEXT, INTEGER], text(), |a, _| split_part(a)),
        entry("concat", std::slice::from_ref(&any), text(), concat).variadic(any.clone()),
        entry("concat_ws", &[TEXT], text(), concat_ws).variadic(any),
        entry("lpad", &[TEXT, INTEGER], text(), |a, _| pad(a, true)),
        entry("lpad", &[TEXT, INTEGER, TEXT], text(), |a, _| pad(a, true)),
        entry("rpad", &[TEXT, INTEGER], text(), |a, _| pad(a, false)),
        entry("rpad", &[TEXT, INTEGER, TEXT], text(), |a, _| pad(a, false)),
        entry("starts_with", &[TEXT, TEXT], gives(DataType::Boolean), |a, _| starts_with(a)).infallible(),
        entry("ascii", &[TEXT], int(), |a, _| ascii(a)).infallible(),
        entry("chr", &[INTEGER], text(), |a, _| chr(a)),
        entry("to_hex", &[INTEGER], text(), |a, _| {
            let x = a[0].column::<Int32Type>()?;
            build_text(a, |i, out| push(out, format_args!("{:x}", x.at(i))))
        })
        .infallible(),
        entry("to_hex", &[BIGINT], text(), |a, _| {
            let x = a[0].column::<Int64Type>()?;
            build_text(a, |i, out| push(out, format_args!("{:x}", x.at(i))))
        })
        .infallible(),
        entry("translate", &[TEXT, TEXT, TEXT], text(), |a, _| translate(a)).infallible(),
    ]
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) -> Result<Present> {
    std::fmt::Write::write_fmt(out, text).expect("writing to a string");
    Ok(Present::Yes)
}

fn each(args: &[Value], f: impl Fn(&str, &mut String)) -> Result<Value> {
    let texts = args[0].texts()?;
    build_text(args, |i, out| {
        f(texts.at(i), out);
        Ok(Present::Yes)
    })
}

fn characters(args: &[Value]) -> Result<Value> {
    let texts = args[0].texts()?;
    build::<Int32Type>(args, DataType::Integer, |i| Ok(texts.at(i).chars().count() as i32))
}

fn octets(args: &[Value]) -> Result<Value> {
    let texts = args[0].texts()?;
    build::<Int32Type>(args, DataType::Integer, |i| Ok(texts.at(i).len() as i32))
}

fn bytes_length(args: &[Value]) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build::<Int32Type>(args, DataType::Integer, |i| Ok(bytes.at(i).len() as i32))
}

// One character for one, as PostgreSQL maps them: 'ß' has no single upper case and stays.
fn upper(text: &str, out: &mut String) {
    for c in text.chars() {
        let mut mapped = c.to_uppercase();
        out.push(if mapped.len() == 1 { mapped.next().unwrap_or(c) } else { c });
    }
}

fn lower(text: &str, out: &mut String) {
    for c in text.chars() {
        let mut mapped = c.to_lowercase();
        out.push(if mapped.len() == 1 { mapped.next().unwrap_or(c) } else { c });
    }
}

fn trim(args: &[Value], start: bool, end: bool) -> Result<Value> {
    let texts = args[0].texts()?;
    let sets = args.get(1).map(Value::texts).transpose()?;
    build_text(args, |i, out| {
        let set = sets.as_ref().map_or(" ", |s| s.at(i));
        let mut text = texts.at(i);
        if start {
            text = text.trim_start_matches(|c| set.contains(c));
        }
        if end {
            text = text.trim_end_matches(|c| set.contains(c));
        }
        out.push_str(text);
        Ok(Present::Yes)
    })
}

/// The characters from `from` (counted from 0) up to `to`.
fn slice(text: &str, from: usize, to: usize) -> &str {
    if from >= to {
        return "";
    }
    if text.is_ascii() {
        return &text[from.min(text.len())..to.min(text.len())];
    }
    let at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    &text[at(from)..at(to)]
}

/// A start before 1 uses up length: `substring('hello', -1, 4)` is `he`.
fn substring(args: &[Value]) -> Result<Value> {
    let (texts, starts) = (args[0].texts()?, args[1].column::<Int32Type>()?);
    let lengths = args.get(2).map(Value::column::<Int32Type>).transpose()?;
    build_text(args, |i, out| {
        let start = i64::from(starts.at(i));
        let end = match &lengths {
            None => i64::MAX,
            Some(lengths) if lengths.at(i) < 0 => {
                return Err(Error::new(Code::SubstringError, "negative substring length not allowed"));
            }
            Some(lengths) => start + i64::from(lengths.at(i)),
        };
        out.push_str(slice(texts.at(i), (start - 1).max(0) as usize, (end - 1).max(0) as usize));
        Ok(Present::Yes)
    })
}

/// `left` and `right`; a negative count drops that many characters from the other side.
fn side(args: &[Value], left: bool) -> Result<Value> {
    let (texts, counts) = (args[0].texts()?, args[1].column::<Int32Type>()?);
    build_text(args, |i, out| {
        let (text, count) = (texts.at(i), i64::from(counts.at(i)));
        let length = text.chars().count() as i64;
        let taken = if count < 0 { (length + count).max(0) } else { count.min(length) };
        let from = if left { 0 } else { length - taken };
        out.push_str(slice(text, from as usize, (from + taken) as usize));
        Ok(Present::Yes)
    })
}

fn replace(args: &[Value]) -> Result<Value> {
    let (texts, from, to) = (args[0].texts()?, args[1].texts()?, args[2].texts()?);
    build_text(args, |i, out| {
        let (text, from) = (texts.at(i), from.at(i));
        if from.is_empty() {
            out.push_str(text);
        } else {
            let mut pieces = text.split(from);
            out.push_str(pieces.next().unwrap_or_default());
            for piece in pieces {
                out.push_str(to.at(i));
                out.push_str(piece);
            }
        }
        Ok(Present::Yes)
    })
}

fn too_large() -> Error {
    Error::new(Code::OutOfMemory, "requested length too large")
        .with_detail(format!("A value may have at most {VALUE_BYTES_MAX} bytes."))
}

fn repeat(args: &[Value]) -> Result<Value> {
    let (texts, counts) = (args[0].texts()?, args[1].column::<Int32Type>()?);
    build_text(args, |i, out| {
        let count = counts.at(i).max(0) as usize;
        if texts.at(i).len().saturating_mul(count) > VALUE_BYTES_MAX {
            return Err(too_large());
        }
        for _ in 0..count {
            out.push_str(texts.at(i));
        }
        Ok(Present::Yes)
    })
}

/// The position of the second text in the first, 0 when it is not there.
fn position(args: &[Value]) -> Result<Value> {
    let (texts, parts) = (args[0].texts()?, args[1].texts()?);
    build::<Int32Type>(args, DataType::Integer, |i| {
        let text = texts.at(i);
        Ok(text.find(parts.at(i)).map_or(0, |at| text[..at].chars().count() as i32 + 1))
    })
}

/// The n-th field, from the end when negative; empty when there is none.
fn split_part(args: &[Value]) -> Result<Value> {
    let (texts, separators, fields) = (args[0].texts()?, args[1].texts()?, args[2].column::<Int32Type>()?);
    build_text(args, |i, out| {
        let (text, separator, field) = (texts.at(i), separators.at(i), i64::from(fields.at(i)));
        if field == 0 {
            return Err(fault::parameter("field position must not be zero"));
        }
        let part = if separator.is_empty() {
            (field.abs() == 1).then_some(text)
        } else if field > 0 {
            text.split(separator).nth(field as usize - 1)
        } else {
            text.rsplit(separator).nth(-field as usize - 1)
        };
        out.push_str(part.unwrap_or_default());
        Ok(Present::Yes)
    })
}

/// NULL arguments count as empty.
fn concat(args: &[Value], call: &Call) -> Result<Value> {
    join(args, call, None)
}

/// NULL arguments are left out; a NULL separator gives NULL.
fn concat_ws(args: &[Value], call: &Call) -> Result<Value> {
    join(&args[1..], call, Some(&args[0]))
}

fn join(args: &[Value], call: &Call, separator: Option<&Value>) -> Result<Value> {
    let args: Vec<Value> = args.iter().map(to_text).collect::<Result<_>>()?;
    let columns: Vec<_> = args.iter().map(Value::texts).collect::<Result<_>>()?;
    let separators = separator.map(Value::texts).transpose()?;
    let is_null = |arg: &Value, i: usize| arg.inner().is_null(if arg.is_scalar() { 0 } else { i });
    // Strict in the separator only, and as long as the longest argument.
    let every: Vec<Value> = args.iter().chain(separator).cloned().collect();
    let (rows, scalar) = shape(&every);
    debug_assert!(scalar || rows == call.rows);
    let driver = Value::array(std::sync::Arc::new(arrow_array::BooleanArray::from(vec![true; rows])));
    let built = build_text(&[driver], |i, out| {
        if separator.is_some_and(|s| is_null(s, i)) {
            return Ok(Present::Null);
        }
        let mut first = true;
        for (arg, column) in args.iter().zip(&columns).filter(|(arg, _)| !is_null(arg, i)) {
            debug_assert!(!is_null(arg, i));
            if let Some(separators) = separators.as_ref().filter(|_| !first) {
                out.push_str(separators.at(i));
            }
            out.push_str(column.at(i));
            first = false;
        }
        Ok(Present::Yes)
    })?;
    Ok(if scalar { Value::scalar(built.inner().clone()) } else { built })
}

/// Filled with the pad text, or cut at the end, to just that many characters.
fn pad(args: &[Value], left: bool) -> Result<Value> {
    let (texts, lengths) = (args[0].texts()?, args[1].column::<Int32Type>()?);
    let pads = args.get(2).map(Value::texts).transpose()?;
    build_text(args, |i, out| {
        let (text, wanted) = (texts.at(i), lengths.at(i).max(0) as usize);
        if wanted > VALUE_BYTES_MAX / 4 {
            return Err(too_large());
        }
        let pad = pads.as_ref().map_or(" ", |p| p.at(i));
        let length = text.chars().count();
        if length >= wanted {
            out.push_str(slice(text, 0, wanted));
            return Ok(Present::Yes);
        }
        if !left {
            out.push_str(text);
        }
        out.extend(pad.chars().cycle().take(wanted - length));
        if left {
            out.push_str(text);
        }
        Ok(Present::Yes)
    })
}

fn starts_with(args: &[Value]) -> Result<Value> {
    let (texts, prefixes) = (args[0].texts()?, args[1].texts()?);
    build_bool(args, |i| Ok(texts.at(i).starts_with(prefixes.at(i))))
}

fn ascii(args: &[Value]) -> Result<Value> {
    let texts = args[0].texts()?;
    build::<Int32Type>(args, DataType::Integer, |i| Ok(texts.at(i).chars().next().map_or(0, |c| c as i32)))
}

fn chr(args: &[Value]) -> Result<Value> {
    let codes = args[0].column::<Int32Type>()?;
    build_text(args, |i, out| {
        let code = codes.at(i);
        if code == 0 {
            return Err(fault::parameter("null character not permitted"));
        }
        let c = u32::try_from(code).ok().and_then(char::from_u32);
        out.push(c.ok_or_else(|| fault::parameter(format!("requested character not valid for encoding: {code}")))?);
        Ok(Present::Yes)
    })
}

/// Each character of the second text becomes the one at its place in the third, or goes when there is none.
fn translate(args: &[Value]) -> Result<Value> {
    let (texts, from, to) = (args[0].texts()?, args[1].texts()?, args[2].texts()?);
    build_text(args, |i, out| {
        for c in texts.at(i).chars() {
            match from.at(i).chars().position(|f| f == c) {
                None => out.push(c),
                Some(at) => out.extend(to.at(i).chars().nth(at)),
            }
        }
        Ok(Present::Yes)
    })
}
