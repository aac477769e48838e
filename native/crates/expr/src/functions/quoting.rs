//! Texts as parts of SQL: quote_ident and its kin, and `format`, whose %I and %L quote.

use std::collections::HashSet;
use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};
use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

use crate::fault;
use crate::registry::{Entry, TEXT, entry, gives};
use crate::value::{Present, Value, build_text, finish, shape};

pub(crate) fn table() -> Vec<Entry> {
    let text = || gives(DataType::Text);
    vec![
        entry("quote_ident", &[TEXT], text(), |a, _| each(a, quote_ident)).infallible(),
        entry("quote_literal", &[TEXT], text(), |a, _| each(a, quote_literal)).infallible(),
        entry("quote_nullable", &[TEXT], text(), |a, _| quote_nullable(a)).infallible(),
        // The binder gives the arguments as texts.
        entry("format", &[TEXT], text(), |a, _| format(a)).variadic(TEXT),
    ]
}

fn each(args: &[Value], quote: impl Fn(&str, &mut String)) -> Result<Value> {
    let texts = args[0].texts()?;
    build_text(args, |i, out| {
        quote(texts.at(i), out);
        Ok(Present::Yes)
    })
}

/// PostgreSQL's words that are not plain names.
static KEYWORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast \
     char character check coalesce collate collation column concurrently constraint create cross current_catalog \
     current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable \
     desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group \
     grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral leading \
     least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric \
     offset on only or order out outer overlaps overlay placing position precision primary real references returning right \
     row select session_user setof similar smallint some substring symmetric system_user table tablesample then time \
     timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where window with \
     xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable"
        .split_whitespace()
        .collect()
});

fn quote_ident(name: &str, out: &mut String) {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !KEYWORDS.contains(name);
    if plain {
        out.push_str(name);
        return;
    }
    out.push('"');
    out.push_str(&name.replace('"', "\"\""));
    out.push('"');
}

fn quote_literal(text: &str, out: &mut String) {
    if text.contains('\\') {
        out.push('E');
    }
    out.push('\'');
    out.push_str(&text.replace('\'', "''").replace('\\', "\\\\"));
    out.push('\'');
}

fn quote_nullable(args: &[Value]) -> Result<Value> {
    let texts = args[0].inner().as_string::<i32>();
    let (_, scalar) = shape(args);
    let quoted: StringArray = texts
        .iter()
        .map(|text| {
            let mut out = String::new();
            match text {
                Some(text) => quote_literal(text, &mut out),
                None => out.push_str("NULL"),
            }
            Some(out)
        })
        .collect();
    Ok(finish(std::sync::Arc::new(quoted), scalar))
}

/// `%[position$][-][width]type`, with s, I, L and %%.
fn format(args: &[Value]) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let at = |which: usize, row: usize| -> Option<&str> {
        let array = args[which].inner().as_string::<i32>();
        let row = if args[which].is_scalar() { 0 } else { row };
        array.is_valid(row).then(|| array.value(row))
    };
    let mut results = Vec::with_capacity(rows);
    for row in 0..rows {
        results
            .push(at(0, row).map(|template| formatted(template, args.len() - 1, |which| at(which, row))).transpose()?);
    }
    Ok(finish(std::sync::Arc::new(StringArray::from(results)), scalar))
}

fn formatted<'a>(template: &str, count: usize, argument: impl Fn(usize) -> Option<&'a str>) -> Result<String> {
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    let mut next = 1;
    let unterminated =
        || fault::parameter("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".");
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<usize>> {
        let mut found: Option<usize> = None;
        while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
            let more = found.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit as usize));
            let too_large = || Error::new(Code::NumericValueOutOfRange, "number is out of range");
            found = Some(more.filter(|n| i32::try_from(*n).is_ok()).ok_or_else(too_large)?);
            chars.next();
        }
        Ok(found)
    };
    let too_few = || fault::parameter("too few arguments for format()");
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut width = number(&mut chars)?;
        let mut position = None;
        if width.is_some() && chars.next_if_eq(&'$').is_some() {
            position = width.take();
            if position == Some(0) {
                return Err(fault::parameter("format specifies argument 0, but arguments are numbered from 1"));
            }
        }
        let mut left = false;
        if width.is_none() {
            while chars.next_if_eq(&'-').is_some() {
                left = true;
            }
            width = number(&mut chars)?;
            if width.is_none() && chars.next_if_eq(&'*').is_some() {
                let own = number(&mut chars)?;
                if own.is_some() && chars.next_if_eq(&'$').is_none() {
                    return Err(fault::parameter("width argument position must be ended by \"$\""));
                }
                let which = own.unwrap_or(next);
                if which == 0 {
                    return Err(fault::parameter("format specifies argument 0, but arguments are numbered from 1"));
                }
                if which > count {
                    return Err(too_few());
                }
                next = which + 1;
                let given = argument(which).map_or(Ok(0), str::parse::<i64>);
                let given = given.map_err(|_| fault::parameter("a width of format() is not an integer"))?;
                left |= given < 0;
                width = Some(given.unsigned_abs() as usize);
            }
        }
        let kind = chars.next().ok_or_else(unterminated)?;
        if !matches!(kind, 's' | 'I' | 'L') {
            let message = format!("unrecognized format() type specifier \"{kind}\"");
            return Err(fault::parameter(message).with_hint("For a single \"%\" use \"%%\"."));
        }
        let which = position.unwrap_or(next);
        if which > count {
            return Err(too_few());
        }
        next = which + 1;
        let mut part = String::new();
        match (kind, argument(which)) {
            ('s', value) => part.push_str(value.unwrap_or("")),
            ('I', Some(value)) => quote_ident(value, &mut part),
            ('I', None) => {
                return Err(Error::new(
                    Code::NullValueNotAllowed,
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            (_, Some(value)) => quote_literal(value, &mut part),
            (_, None) => part.push_str("NULL"),
        }
        let padding = " ".repeat(width.unwrap_or(0).saturating_sub(part.chars().count()).min(1 << 30));
        if left {
            out.push_str(&part);
            out.push_str(&padding);
        } else {
            out.push_str(&padding);
            out.push_str(&part);
        }
    }
    Ok(out)
}
