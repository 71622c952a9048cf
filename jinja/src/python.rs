//! How Python prints values: `str()` and `repr()`.

use crate::collections::{Dict, Namespace, View};
use crate::format_spec::charge_digits;
use crate::value::{as_float, engine_type, fail, int, type_of, Result, Type};
use minijinja::{State, Value};
use std::fmt::{self, Write};

/// Writes `str(value)`.
pub fn write_str(out: &mut dyn Write, value: &Value) -> fmt::Result {
    match value.as_str() {
        Some(text) => out.write_str(text),
        None if value.is_undefined() => Ok(()),
        None => write_repr(out, value),
    }
}

/// Writes `repr(value)`.
pub fn write_repr(out: &mut dyn Write, value: &Value) -> fmt::Result {
    match type_of(value) {
        Type::Undefined => out.write_str("Undefined"),
        Type::None => out.write_str("None"),
        Type::Bool => out.write_str(if value.is_true() { "True" } else { "False" }),
        Type::Float => out.write_str(&float_repr(as_float(value).unwrap_or(f64::NAN))),
        Type::Str if value.is_safe() => {
            out.write_str("Markup(")?;
            write_quoted(out, value.as_str().unwrap_or_default())?;
            out.write_char(')')
        }
        Type::Str => write_quoted(out, value.as_str().unwrap_or_default()),
        Type::Dict => write_map(out, value),
        Type::List | Type::Tuple => write_seq(out, value),
        Type::Namespace => {
            out.write_str("<Namespace ")?;
            if let Some(namespace) = value.downcast_object_ref::<Namespace>() {
                let pairs: Vec<_> = namespace.0.lock().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                write_pairs(out, pairs)?;
            }
            out.write_char('>')
        }
        Type::Int | Type::Iterable => write_iterable(out, value),
        Type::Other => write_engine_object(out, value),
    }
}

fn write_iterable(out: &mut dyn Write, value: &Value) -> fmt::Result {
    let Some(view) = value.downcast_object_ref::<View>() else {
        return write!(out, "{value}");
    };
    write!(out, "{}(", view.type_name)?;
    write_items(out, '[', view.items.iter().cloned(), ']')?;
    out.write_char(')')
}

fn write_engine_object(out: &mut dyn Write, value: &Value) -> fmt::Result {
    let attribute = |name| value.get_attr(name).unwrap_or_default();
    match engine_type(value) {
        Some("Macro") => {
            out.write_str("<Macro ")?;
            write_repr(out, &attribute("name"))?;
            out.write_char('>')
        }
        Some("Loop") => write!(out, "<LoopContext {}/{}>", attribute("index"), attribute("length")),
        _ => write!(out, "{value}"),
    }
}

fn write_map(out: &mut dyn Write, value: &Value) -> fmt::Result {
    match value.downcast_object_ref::<Dict>() {
        Some(dict) => write_pairs(out, dict.pairs()),
        None => write_pairs(out, value.as_object().and_then(|o| o.try_iter_pairs()).into_iter().flatten()),
    }
}

fn write_pairs(out: &mut dyn Write, pairs: impl IntoIterator<Item = (Value, Value)>) -> fmt::Result {
    out.write_char('{')?;
    for (index, (key, item)) in pairs.into_iter().enumerate() {
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
    let items = value.as_object().and_then(|o| o.try_iter()).into_iter().flatten();
    match type_of(value) {
        Type::Tuple if value.len() == Some(1) => write_items(out, '(', items, ',')?,
        Type::Tuple => return write_items(out, '(', items, ')'),
        _ => return write_items(out, '[', items, ']'),
    }
    out.write_char(')')
}

fn write_items(out: &mut dyn Write, open: char, items: impl Iterator<Item = Value>, close: char) -> fmt::Result {
    out.write_char(open)?;
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write_repr(out, &item)?;
    }
    out.write_char(close)
}

/// The shortest digits that read back the same, laid out as `float.__repr__` does.
pub fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    // Rust turns to exponents where Python does, but gives them neither plus sign nor second digit.
    let text = format!("{value:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{digits}e{:+03}", exponent.parse::<i32>().unwrap_or(0)),
        None => text,
    }
}

/// `int(value)`
pub fn float_to_int(state: &State, value: f64) -> Result<Value> {
    if !value.is_finite() {
        return fail("cannot convert a float that is not finite to an integer");
    }
    if value.abs() < 1e38 {
        return Ok(int(value.trunc() as i128));
    }
    charge_digits(state, &Value::from(value), 0)?;
    Ok(crate::bigint::value_of(&format!("{:.0}", value.trunc())))
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
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let behind_other: String = ['x', c].iter().collect();
    behind_other.escape_debug().nth(1) == Some(c)
}
