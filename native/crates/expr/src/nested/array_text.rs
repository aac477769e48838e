//! PostgreSQL's text of arrays: `{1,NULL,"a b"}`, arrays within as `{{1},{2}}`.

use millrace_base::{Code, Error, Result};

/// Writes an element's text, in quotes where it would be read as something else.
pub(crate) fn write_array_element(text: &str, out: &mut String) {
    let special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_ascii_whitespace() || c == '\u{b}';
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return out.push_str(text);
    }
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// The elements' texts, NULL as `None`; of an array of arrays the elements are texts of arrays.
pub(crate) fn array_from_text(text: &str, of_arrays: bool) -> Result<Vec<Option<String>>> {
    let malformed = |detail: &str| {
        Error::new(Code::InvalidTextRepresentation, format!("malformed array literal: \"{text}\"")).with_detail(detail)
    };
    let body = text.trim_matches(blank);
    if body.starts_with('[') {
        return Err(Error::new(
            Code::FeatureNotSupported,
            "arrays whose subscripts do not begin with 1 are not supported",
        ));
    }
    let Some(inner) = body.strip_prefix('{') else {
        return Err(malformed("Array value must start with \"{\" or dimension information."));
    };
    let mut reader = Reader { text: inner, at: 0 };
    let mut elements = Vec::new();
    reader.blanks();
    if reader.take('}') {
        return if reader.rest().is_empty() { Ok(elements) } else { Err(malformed("Junk after closing right brace.")) };
    }
    loop {
        reader.blanks();
        let element = if of_arrays { reader.nested() } else { reader.element() };
        elements.push(element.map_err(malformed)?);
        reader.blanks();
        if reader.take('}') {
            break;
        }
        if !reader.take(',') {
            return Err(malformed(if reader.rest().is_empty() { END } else { "Unexpected array element." }));
        }
    }
    if reader.rest().is_empty() { Ok(elements) } else { Err(malformed("Junk after closing right brace.")) }
}

const END: &str = "Unexpected end of input.";

fn blank(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\u{b}'
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

type Read<T> = std::result::Result<T, &'static str>;

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(blank).len();
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn next(&mut self) -> Read<char> {
        let character = self.rest().chars().next().ok_or(END)?;
        self.at += character.len_utf8();
        Ok(character)
    }

    /// The text of an array within, as it stands; or NULL.
    fn nested(&mut self) -> Read<Option<String>> {
        if !self.rest().starts_with('{') {
            let word = self.element()?;
            return if word.is_none() { Ok(None) } else { Err("Unexpected array element.") };
        }
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.next()? {
                '{' => depth += 1,
                '}' => depth -= 1,
                '\\' => {
                    self.next()?;
                }
                '"' => self.skip_quoted()?,
                _ => {}
            }
            if depth == 0 {
                return Ok(Some(self.text[start..self.at].to_string()));
            }
        }
    }

    fn skip_quoted(&mut self) -> Read<()> {
        loop {
            match self.next()? {
                '"' => return Ok(()),
                '\\' => {
                    self.next()?;
                }
                _ => {}
            }
        }
    }

    fn element(&mut self) -> Read<Option<String>> {
        let mut out = String::new();
        if self.take('"') {
            loop {
                match self.next()? {
                    '"' => break,
                    '\\' => out.push(self.next()?),
                    other => out.push(other),
                }
            }
            self.blanks();
            return match self.rest().chars().next() {
                Some(',' | '}') | None => Ok(Some(out)),
                Some(_) => Err("Incorrectly quoted array element."),
            };
        }
        // Blanks at the end are not of the element unless they were escaped.
        let (mut kept, mut escaped) = (0, false);
        loop {
            match self.rest().chars().next().ok_or(END)? {
                ',' | '}' => break,
                '{' => return Err("Unexpected \"{\" character."),
                '"' => return Err("Incorrectly quoted array element."),
                '\\' => {
                    self.next()?;
                    out.push(self.next()?);
                    (kept, escaped) = (out.len(), true);
                }
                other => {
                    self.at += other.len_utf8();
                    out.push(other);
                    kept = if blank(other) { kept } else { out.len() };
                }
            }
        }
        out.truncate(kept);
        if out.is_empty() && !escaped {
            return Err("Unexpected \",\" or \"}\" character.");
        }
        Ok((escaped || !out.eq_ignore_ascii_case("null")).then_some(out))
    }
}
