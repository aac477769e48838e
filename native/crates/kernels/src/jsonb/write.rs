//! A value as text: PostgreSQL's, with a blank after comma and colon, or the shortest, for messages.

use super::value::{Json, Kind};

pub fn write_text(value: Json<'_>, out: &mut String) {
    write(value, (", ", ": "), out);
}

pub fn write_compact(value: Json<'_>, out: &mut String) {
    write(value, (",", ":"), out);
}

fn write(value: Json<'_>, between: (&str, &str), out: &mut String) {
    match value.kind() {
        Kind::Null => out.push_str("null"),
        Kind::Boolean => out.push_str(if value.boolean() == Some(true) { "true" } else { "false" }),
        Kind::Number => out.push_str(&value.number().expect("its kind is number")),
        Kind::String => write_string(value.string().expect("its kind is string"), out),
        Kind::Array => {
            out.push('[');
            for (at, element) in value.elements().enumerate() {
                out.push_str(if at > 0 { between.0 } else { "" });
                write(element, between, out);
            }
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            for (at, (key, member)) in value.members().enumerate() {
                out.push_str(if at > 0 { between.0 } else { "" });
                write_string(key, out);
                out.push_str(between.1);
                write(member, between, out);
            }
            out.push('}');
        }
    }
}

/// A string in quotes, escaped as PostgreSQL does.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}
