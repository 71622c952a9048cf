//! Text under construction, which cannot outgrow what the render's fuel pays for.

use crate::python;
use crate::value::Result;
use minijinja::{Error, ErrorKind, State, Value};
use std::fmt;

/// What MiniJinja's fuel pays for: bytes built for each unit.
const BYTES_PER_FUEL: u64 = 64;

/// What a printed piece counts for at least: values cost time by the piece. A list that holds itself twice,
/// many times over, is all short pieces.
const PIECE: usize = 8;

pub fn out_of_fuel() -> Error {
    Error::from(ErrorKind::OutOfFuel)
}

pub struct Text {
    buffer: String,
    room: usize,
}

impl Text {
    pub fn new(state: &State) -> Text {
        let remaining = state.fuel_levels().map_or(u64::MAX, |(_, remaining)| remaining);
        let room = usize::try_from(remaining.saturating_mul(BYTES_PER_FUEL)).unwrap_or(usize::MAX);
        Text { buffer: String::new(), room }
    }

    pub fn bounded(room: usize) -> Text {
        Text { buffer: String::new(), room }
    }

    /// Bytes that may still be added.
    pub fn room(&self) -> usize {
        self.room - self.buffer.len()
    }

    pub fn push(&mut self, text: &str) -> Result<()> {
        if text.len() > self.room() {
            return Err(out_of_fuel());
        }
        self.buffer.push_str(text);
        Ok(())
    }

    pub fn push_char(&mut self, c: char) -> Result<()> {
        self.push(c.encode_utf8(&mut [0; 4]))
    }

    /// Nothing for a negative `count`, like `c * count` in Python.
    pub fn fill(&mut self, c: char, count: i64) -> Result<()> {
        let mut bytes = [0; 4];
        self.repeat(c.encode_utf8(&mut bytes), count)
    }

    pub fn repeat(&mut self, text: &str, count: i64) -> Result<()> {
        let count = if text.is_empty() { 0 } else { usize::try_from(count).unwrap_or(0) };
        match text.len().checked_mul(count) {
            Some(len) if len <= self.room() => {
                self.buffer.reserve(len);
                (0..count).for_each(|_| self.buffer.push_str(text));
                Ok(())
            }
            _ => Err(out_of_fuel()),
        }
    }

    /// `str(value)`
    pub fn push_value(&mut self, value: &Value) -> Result<()> {
        match value.as_str() {
            Some(text) => self.push(text),
            None => python::write_str(self, value).map_err(|_| out_of_fuel()),
        }
    }

    /// `repr(value)`
    pub fn push_repr(&mut self, value: &Value) -> Result<()> {
        python::write_repr(self, value).map_err(|_| out_of_fuel())
    }

    pub fn as_str(&self) -> &str {
        &self.buffer
    }

    pub fn finish(self) -> String {
        self.buffer
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let short = PIECE.saturating_sub(text.len());
        if short > self.room() {
            return Err(fmt::Error);
        }
        self.room -= short;
        self.push(text).map_err(|_| fmt::Error)
    }
}

/// `str(value)` of a filter's input; undefined is empty.
pub fn str_of(state: &State, value: &Value) -> Result<String> {
    let mut text = Text::new(state);
    text.push_value(value)?;
    Ok(text.finish())
}

/// A str that is Markup if `like` is.
pub fn same_safety(like: &Value, text: String) -> Value {
    if like.is_safe() {
        Value::from_safe_string(text)
    } else {
        Value::from(text)
    }
}

/// `markupsafe.escape`
pub fn escape(text: &str, out: &mut dyn fmt::Write) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&#34;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    out.write_str(rest)
}

/// `markupsafe.escape` of any value: Markup as it is, everything else escaped.
pub fn push_escaped(out: &mut Text, state: &State, value: &Value) -> Result<()> {
    if value.is_safe() {
        return out.push_value(value);
    }
    escape(&str_of(state, value)?, out).map_err(|_| out_of_fuel())
}
