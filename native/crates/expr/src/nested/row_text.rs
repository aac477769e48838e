//! PostgreSQL's text of rows: `(1,,"a b")`, where nothing between two commas is NULL.

use millrace_base::{Code, Error, Result};

pub(super) fn write_field(text: &str, out: &mut String) {
    let special = |c: char| matches!(c, '(' | ')' | ',' | '"' | '\\') || c.is_ascii_whitespace() || c == '\u{b}';
    if !text.is_empty() && !text.contains(special) {
        return out.push_str(text);
    }
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push(character);
        }
        out.push(character);
    }
    out.push('"');
}

/// The texts of the fields, which are so many.
pub(super) fn fields_from_text(text: &str, fields: usize) -> Result<Vec<Option<String>>> {
    let malformed = |detail: &str| {
        Error::new(Code::InvalidTextRepresentation, format!("malformed record literal: \"{text}\"")).with_detail(detail)
    };
    let body = text.trim_ascii();
    let Some(inner) = body.strip_prefix('(') else { return Err(malformed("Missing left parenthesis.")) };
    let mut characters = inner.chars().peekable();
    let mut found = Vec::with_capacity(fields);
    loop {
        let (mut out, mut present) = (String::new(), false);
        let end = loop {
            let end = || malformed("Unexpected end of input.");
            match characters.next().ok_or_else(end)? {
                end @ (',' | ')') => break end,
                '\\' => out.push(characters.next().ok_or_else(end)?),
                '"' => loop {
                    present = true;
                    match characters.next().ok_or_else(end)? {
                        '"' if characters.peek() == Some(&'"') => {
                            characters.next();
                            out.push('"');
                        }
                        '"' => break,
                        '\\' => out.push(characters.next().ok_or_else(end)?),
                        other => out.push(other),
                    }
                },
                other => out.push(other),
            }
        };
        found.push((present || !out.is_empty()).then_some(out));
        if end == ')' {
            break;
        }
    }
    if characters.next().is_some() {
        return Err(malformed("Junk after right parenthesis."));
    }
    match found.len().cmp(&fields) {
        std::cmp::Ordering::Less => Err(malformed("Too few columns.")),
        std::cmp::Ordering::Greater => Err(malformed("Too many columns.")),
        std::cmp::Ordering::Equal => Ok(found),
    }
}
