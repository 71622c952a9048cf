//! How Python prints values: `str()` and `repr()`.

use minijinja::value::{Tuple, ValueKind};
use minijinja::Value;
use std::fmt::{self, Write};

/// Writes `str(value)`.
pub fn write_str(out: &mut dyn Write, value: &Value) -> fmt::Result {
    match value.kind() {
        ValueKind::String => out.write_str(value.as_str().unwrap_or_default()),
        ValueKind::Undefined => Ok(()),
        _ => write_repr(out, value),
    }
}

pub fn to_str(value: &Value) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_str(&mut text, value);
    text
}

/// Writes `repr(value)`.
pub fn write_repr(out: &mut dyn Write, value: &Value) -> fmt::Result {
    match value.kind() {
        ValueKind::Undefined => out.write_str("Undefined"),
        ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
            Ok(float) => write_float(out, float),
            Err(_) => write!(out, "{value}"),
        },
        ValueKind::String => write_quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Map => write_map(out, value),
        ValueKind::Seq | ValueKind::Iterable => write_seq(out, value),
        _ => write!(out, "{value}"),
    }
}

fn write_map(out: &mut dyn Write, value: &Value) -> fmt::Result {
    out.write_char('{')?;
    for (index, (key, item)) in value.as_object().and_then(|o| o.try_iter_pairs()).into_iter().flatten().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write_repr(out, &key)?;
        out.write_str(": ")?;
        write_repr(out, &item)?;
    }
    out.write_char('}')
}

fn write_seq(out: &mut dyn Write, value: &Value) -> fmt::Result {
    let is_tuple = value.downcast_object_ref::<Tuple>().is_some();
    out.write_char(if is_tuple { '(' } else { '[' })?;
    let mut count = 0;
    for item in value.as_object().and_then(|o| o.try_iter()).into_iter().flatten() {
        if count > 0 {
            out.write_str(", ")?;
        }
        write_repr(out, &item)?;
        count += 1;
    }
    if is_tuple && count == 1 {
        out.write_char(',')?;
    }
    out.write_char(if is_tuple { ')' } else { ']' })
}

/// Shortest digits that read back the same, laid out as `float.__repr__` does.
pub fn write_float(out: &mut dyn Write, value: f64) -> fmt::Result {
    if value.is_nan() {
        return out.write_str("nan");
    }
    if value.is_infinite() {
        return out.write_str(if value < 0.0 { "-inf" } else { "inf" });
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return write!(out, "{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(out, "{digits}e{sign}{:02}", exponent.abs())
}

fn write_quoted(out: &mut dyn Write, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if c == quote => write!(out, "\\{c}")?,
            c if is_printable(c) => out.write_char(c)?,
            c if (c as u32) < 0x100 => write!(out, "\\x{:02x}", c as u32)?,
            c if (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32)?,
            c => write!(out, "\\U{:08x}", c as u32)?,
        }
    }
    out.write_char(quote)
}

/// `str.isprintable` of one character. Rust's escapes follow the same Unicode classes, apart from combining
/// marks, which it leaves alone only behind another character.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let behind_other: String = ['x', c].iter().collect();
    behind_other.escape_debug().nth(1) == Some(c)
}
