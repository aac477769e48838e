//! Functions of bytea, and the parts of texts that are replaced by place: `overlay`. Bits of a byte count from its lowest.

use arrow_array::types::{Int32Type, Int64Type};
use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

use crate::fault;
use crate::registry::{BIGINT, BYTEA, Entry, INTEGER, TEXT, entry, gives};
use crate::value::{Present, Value, build, build_bytes, build_text};

pub(crate) fn table() -> Vec<Entry> {
    let (text, bytes, int) = (|| gives(DataType::Text), || gives(DataType::Bytea), || gives(DataType::Integer));
    let mut table = vec![
        entry("overlay", &[TEXT, TEXT, INTEGER], text(), |a, _| overlay_text(a)),
        entry("overlay", &[TEXT, TEXT, INTEGER, INTEGER], text(), |a, _| overlay_text(a)),
        entry("overlay", &[BYTEA, BYTEA, INTEGER], bytes(), |a, _| overlay_bytes(a)),
        entry("overlay", &[BYTEA, BYTEA, INTEGER, INTEGER], bytes(), |a, _| overlay_bytes(a)),
        entry("bit_length", &[TEXT], int(), |a, _| {
            let x = a[0].texts()?;
            build::<Int32Type>(a, DataType::Integer, |i| Ok(x.at(i).len() as i32 * 8))
        }),
        entry("bit_length", &[BYTEA], int(), |a, _| {
            let x = a[0].bytes()?;
            build::<Int32Type>(a, DataType::Integer, |i| Ok(x.at(i).len() as i32 * 8))
        }),
        entry("get_byte", &[BYTEA, INTEGER], int(), |a, _| {
            let (x, at) = (a[0].bytes()?, a[1].column::<Int32Type>()?);
            build::<Int32Type>(a, DataType::Integer, |i| Ok(x.at(i)[place(at.at(i).into(), x.at(i).len())?].into()))
        }),
        entry("set_byte", &[BYTEA, INTEGER, INTEGER], bytes(), |a, _| {
            let (x, at, value) = (a[0].bytes()?, a[1].column::<Int32Type>()?, a[2].column::<Int32Type>()?);
            build_bytes(a, |i, out| {
                let (place, from) = (place(at.at(i).into(), x.at(i).len())?, out.len());
                out.extend_from_slice(x.at(i));
                out[from + place] = value.at(i) as u8;
                Ok(())
            })
        }),
        entry("get_bit", &[BYTEA, BIGINT], int(), |a, _| {
            let (x, at) = (a[0].bytes()?, a[1].column::<Int64Type>()?);
            build::<Int32Type>(a, DataType::Integer, |i| {
                let bit = place(at.at(i), x.at(i).len() * 8)?;
                Ok((x.at(i)[bit / 8] >> (bit % 8) & 1).into())
            })
        }),
        entry("set_bit", &[BYTEA, BIGINT, INTEGER], bytes(), |a, _| {
            let (x, at, value) = (a[0].bytes()?, a[1].column::<Int64Type>()?, a[2].column::<Int32Type>()?);
            build_bytes(a, |i, out| {
                let (bit, from) = (place(at.at(i), x.at(i).len() * 8)?, out.len());
                if !(0..=1).contains(&value.at(i)) {
                    return Err(fault::parameter("new bit must be 0 or 1"));
                }
                out.extend_from_slice(x.at(i));
                out[from + bit / 8] &= !(1 << (bit % 8));
                out[from + bit / 8] |= (value.at(i) as u8) << (bit % 8);
                Ok(())
            })
        }),
        entry("convert_from", &[BYTEA, TEXT], text(), |a, _| {
            let (x, encoding) = (a[0].bytes()?, a[1].texts()?);
            build_text(a, |i, out| {
                check_encoding(encoding.at(i), "source")?;
                let invalid =
                    |_| Error::new(Code::CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"");
                out.push_str(std::str::from_utf8(x.at(i)).map_err(invalid)?);
                Ok(Present::Yes)
            })
        }),
        entry("convert_to", &[TEXT, TEXT], bytes(), |a, _| {
            let (x, encoding) = (a[0].texts()?, a[1].texts()?);
            build_bytes(a, |i, out| {
                check_encoding(encoding.at(i), "destination")?;
                out.extend_from_slice(x.at(i).as_bytes());
                Ok(())
            })
        }),
        entry("position", &[BYTEA, BYTEA], int(), |a, _| position(a)),
        entry("strpos", &[BYTEA, BYTEA], int(), |a, _| position(a)),
        entry("reverse", &[BYTEA], bytes(), |a, _| {
            let x = a[0].bytes()?;
            build_bytes(a, |i, out| {
                out.extend(x.at(i).iter().rev());
                Ok(())
            })
        }),
    ];
    for name in ["substring", "substr"] {
        table.push(entry(name, &[BYTEA, INTEGER], bytes(), |a, _| part(a)));
        table.push(entry(name, &[BYTEA, INTEGER, INTEGER], bytes(), |a, _| part(a)));
    }
    for (name, run) in [
        ("btrim", (|a, _| trim(a, true, true)) as crate::registry::Run),
        ("ltrim", |a, _| trim(a, true, false)),
        ("rtrim", |a, _| trim(a, false, true)),
    ] {
        table.push(entry(name, &[BYTEA, BYTEA], bytes(), run));
    }
    table
}

fn place(at: i64, length: usize) -> Result<usize> {
    let found = usize::try_from(at).ok().filter(|at| *at < length);
    found.ok_or_else(|| {
        let message = format!("index {at} out of valid range, 0..{}", length as i64 - 1);
        Error::new(Code::ArraySubscriptError, message)
    })
}

fn check_encoding(name: &str, side: &str) -> Result<()> {
    if matches!(name.to_ascii_lowercase().replace(['-', '_'], "").as_str(), "utf8" | "unicode") {
        return Ok(());
    }
    Err(fault::parameter(format!("invalid {side} encoding name \"{name}\"")).with_hint("The encoding is UTF8."))
}

/// What is replaced: from a 1-based place, so many.
fn replaced(start: i32, count: i32, length: usize) -> Result<(usize, usize)> {
    if start <= 0 {
        return Err(Error::new(Code::SubstringError, "negative substring length not allowed"));
    }
    let end = (i64::from(start) - 1).saturating_add(count.into()).clamp(0, length as i64) as usize;
    Ok(((start as usize - 1).min(length), end))
}

fn overlay_text(args: &[Value]) -> Result<Value> {
    let (texts, parts, starts) = (args[0].texts()?, args[1].texts()?, args[2].column::<Int32Type>()?);
    let counts = args.get(3).map(Value::column::<Int32Type>).transpose()?;
    build_text(args, |i, out| {
        let (text, part) = (texts.at(i), parts.at(i));
        let count = counts.as_ref().map_or_else(|| part.chars().count() as i32, |c| c.at(i));
        let (from, to) = replaced(starts.at(i), count, text.chars().count())?;
        let at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
        out.push_str(&text[..at(from)]);
        out.push_str(part);
        out.push_str(&text[at(to)..]);
        Ok(Present::Yes)
    })
}

fn overlay_bytes(args: &[Value]) -> Result<Value> {
    let (values, parts, starts) = (args[0].bytes()?, args[1].bytes()?, args[2].column::<Int32Type>()?);
    let counts = args.get(3).map(Value::column::<Int32Type>).transpose()?;
    build_bytes(args, |i, out| {
        let (value, part) = (values.at(i), parts.at(i));
        let count = counts.as_ref().map_or(part.len() as i32, |c| c.at(i));
        let (from, to) = replaced(starts.at(i), count, value.len())?;
        out.extend_from_slice(&value[..from]);
        out.extend_from_slice(part);
        out.extend_from_slice(&value[to..]);
        Ok(())
    })
}

fn part(args: &[Value]) -> Result<Value> {
    let (values, starts) = (args[0].bytes()?, args[1].column::<Int32Type>()?);
    let counts = args.get(2).map(Value::column::<Int32Type>).transpose()?;
    build_bytes(args, |i, out| {
        let (value, start) = (values.at(i), i64::from(starts.at(i)));
        let end = match &counts {
            None => i64::MAX,
            Some(counts) if counts.at(i) < 0 => {
                return Err(Error::new(Code::SubstringError, "negative substring length not allowed"));
            }
            Some(counts) => start + i64::from(counts.at(i)),
        };
        let within = |at: i64| (at - 1).clamp(0, value.len() as i64) as usize;
        out.extend_from_slice(&value[within(start)..within(end.max(start))]);
        Ok(())
    })
}

fn position(args: &[Value]) -> Result<Value> {
    let (values, parts) = (args[0].bytes()?, args[1].bytes()?);
    build::<Int32Type>(args, DataType::Integer, |i| {
        let (value, part) = (values.at(i), parts.at(i));
        if part.is_empty() {
            return Ok(1);
        }
        Ok(value.windows(part.len()).position(|w| w == part).map_or(0, |at| at as i32 + 1))
    })
}

fn trim(args: &[Value], start: bool, end: bool) -> Result<Value> {
    let (values, sets) = (args[0].bytes()?, args[1].bytes()?);
    build_bytes(args, |i, out| {
        let (mut value, set) = (values.at(i), sets.at(i));
        while let Some((_, rest)) = value.split_first().filter(|(first, _)| start && set.contains(first)) {
            value = rest;
        }
        while let Some((_, rest)) = value.split_last().filter(|(last, _)| end && set.contains(last)) {
            value = rest;
        }
        out.extend_from_slice(value);
        Ok(())
    })
}
