//! SQL's own regular expressions: SIMILAR TO and `substring(x from pattern for escape)`. A pattern becomes one of the usual
//! kind: `%` is `.*`, `_` is `.`, and the whole text must match.

use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

use super::pattern::compiled;
use crate::fault;
use crate::registry::{Entry, TEXT, entry, gives};
use crate::value::{Present, Value, build_bool, build_text};

pub(crate) fn table() -> Vec<Entry> {
    vec![
        // Behind SIMILAR TO; the escape is a backslash unless it is given.
        entry("similar_to", &[TEXT, TEXT], gives(DataType::Boolean), |a, _| similar(a)),
        entry("similar_to", &[TEXT, TEXT, TEXT], gives(DataType::Boolean), |a, _| similar(a)),
        entry("substring", &[TEXT, TEXT, TEXT], gives(DataType::Text), |a, _| part(a)),
    ]
}

fn escape_of(text: &str) -> Result<Option<char>> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (escape, None) => Ok(escape),
        _ => Err(Error::new(Code::InvalidEscapeSequence, "invalid escape string")
            .with_hint("Escape string must be empty or one character.")),
    }
}

/// The pattern as a regular expression of the usual kind. Two of escape and quote mark the part that `substring` gives.
fn translated(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::from("^(?:");
    let mut chars = pattern.chars();
    let (mut separators, mut in_class) = (0, false);
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            match chars.next() {
                Some('"') if !in_class => {
                    separators += 1;
                    match separators {
                        // What is before is as short as can be.
                        1 => out = format!("^(?:(?:{})(", shortest(&out["^(?:".len()..])),
                        2 => out.push_str(")(?:"),
                        _ => {
                            let message =
                                "SQL regular expression may not contain more than two escape-double-quote separators";
                            return Err(Error::new(Code::InvalidEscapeSequence, message));
                        }
                    }
                }
                Some(next) => out.push_str(&regex::escape(next.encode_utf8(&mut [0; 4]))),
                None => return Err(fault::parameter("a pattern of SIMILAR TO ends with its escape character")),
            }
            continue;
        }
        match c {
            '[' if !in_class => {
                in_class = true;
                out.push('[');
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '\\' => out.push_str("\\\\"),
            other if in_class => out.push(other),
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '.' | '^' | '$' => out.extend(['\\', c]),
            other => out.push(other),
        }
    }
    if separators == 2 {
        out.push(')');
    }
    out.push_str(")$");
    Ok(out)
}

fn shortest(pattern: &str) -> String {
    pattern.replace(".*", ".*?")
}

fn similar(args: &[Value]) -> Result<Value> {
    let (texts, patterns) = (args[0].texts()?, args[1].texts()?);
    let escapes = args.get(2).map(Value::texts).transpose()?;
    build_bool(args, |i| {
        let escape = escapes.as_ref().map_or(Ok(Some('\\')), |e| escape_of(e.at(i)))?;
        Ok(compiled(&translated(patterns.at(i), escape)?, "")?.is_match(texts.at(i)))
    })
}

fn part(args: &[Value]) -> Result<Value> {
    let (texts, patterns, escapes) = (args[0].texts()?, args[1].texts()?, args[2].texts()?);
    build_text(args, |i, out| {
        let regex = compiled(&translated(patterns.at(i), escape_of(escapes.at(i))?)?, "")?;
        let found = regex.captures(texts.at(i));
        match found.and_then(|found| found.get(1).or_else(|| found.get(0))) {
            Some(part) => {
                out.push_str(part.as_str());
                Ok(Present::Yes)
            }
            None => Ok(Present::Null),
        }
    })
}
