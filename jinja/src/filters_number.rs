//! Filters on numbers.

use crate::arguments::Arguments;
use crate::digits::decimal;
use crate::format_spec::charge_digits;
use crate::python;
use crate::text_methods::strip;
use crate::value::{as_float, as_int, error, fail, int as int_value, type_name, type_of, undefined, Result, Type};
use minijinja::value::Kwargs;
use minijinja::{filters, State, Value};

pub fn abs(_: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("abs", &["x"], 1, args)?;
    let value = args.value(0).clone();
    if let Some(int) = as_int(&value) {
        return int.checked_abs().map(int_value).ok_or_else(|| error("the integer is too large"));
    }
    as_float(&value).map(|float| Value::from(float.abs())).ok_or_else(|| not_a_number("abs", &value))
}

fn not_a_number(filter: &str, value: &Value) -> minijinja::Error {
    if value.is_undefined() {
        return undefined::<()>(&format!("the operand of {filter}")).unwrap_err();
    }
    error(format!("{filter} needs a number, not '{}'", type_name(value)))
}

pub fn round(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("round", &["value", "precision", "method"], 1, args)?;
    let value = args.value(0).clone();
    let (precision, method) = (args.int(1, 0)?, args.str(2, "common")?);
    if !matches!(method, "common" | "ceil" | "floor") {
        return fail("method must be common, ceil or floor");
    }
    if as_float(&value).is_none() {
        return Err(not_a_number("round", &value));
    }
    if method == "common" {
        // A bool is an int to Python, but not to MiniJinja.
        let number = as_int(&value).map_or(value, int_value);
        // For a negative one MiniJinja writes out all digits that a float can have.
        charge_digits(state, &number, if precision < 0 { i64::MAX } else { precision })?;
        let precision = precision.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        return filters::round(number, Some(precision), None, Kwargs::from_iter([] as [(&str, Value); 0]));
    }
    // func(value * 10**precision) / 10**precision, where an int stays one until the division.
    let power = state.apply_filter("<pow>", &[Value::from(10), Value::from(precision)])?;
    let scaled = state.apply_filter("<mul>", &[value, power.clone()])?;
    let whole = match as_float(&scaled).filter(|_| type_of(&scaled) == Type::Float) {
        Some(scaled) if method == "ceil" => python::float_to_int(state, scaled.ceil())?,
        Some(scaled) => python::float_to_int(state, scaled.floor())?,
        None => scaled,
    };
    match (as_float(&whole), as_float(&power)) {
        (Some(whole), Some(power)) if power != 0.0 => Ok(Value::from(whole / power)),
        _ => fail("division by zero"),
    }
}

/// Decimal digits of any script as ASCII, without underscores.
fn plain_digits(text: &str) -> String {
    let plain = |c| decimal(c).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c);
    text.chars().filter(|c| *c != '_').map(plain).collect()
}

/// `int(text, base)`; None where Python raises ValueError.
fn parse_int(text: &str, base: u32) -> Option<Value> {
    let text = strip(text, None, true, true);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (base, digits) = without_prefix(digits, base)?;
    if digits.is_empty() || digits.ends_with('_') || digits.contains("__") || digits.starts_with('_') {
        return None;
    }
    let plain = plain_digits(digits);
    if base == 10 && plain.bytes().all(|b| b.is_ascii_digit()) {
        let trimmed = plain.trim_start_matches('0');
        let sign = if negative && !trimmed.is_empty() { "-" } else { "" };
        return Some(crate::bigint::value_of(&format!("{sign}{}", if trimmed.is_empty() { "0" } else { trimmed })));
    }
    let magnitude = i128::from_str_radix(&plain, base).ok().filter(|value| *value >= 0)?;
    Some(int_value(if negative { -magnitude } else { magnitude }))
}

/// Takes off `0x`, `0o` or `0b` where the base allows it; base 0 follows the prefix.
fn without_prefix(digits: &str, base: u32) -> Option<(u32, &str)> {
    for (prefix, meant) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        let found = digits.strip_prefix(prefix).or_else(|| digits.strip_prefix(&*prefix.to_uppercase()));
        if let Some(rest) = found.filter(|_| base == 0 || base == meant) {
            return Some((meant, rest.strip_prefix('_').unwrap_or(rest)));
        }
    }
    if base == 0 && digits.starts_with('0') && digits.contains(|c: char| c != '0' && c != '_') {
        return None;
    }
    Some((if base == 0 { 10 } else { base }, digits))
}

/// `float(text)`; None where Python raises ValueError.
pub fn parse_float(text: &str) -> Option<f64> {
    let text = strip(text, None, true, true);
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let misplaced =
        |(index, byte): (usize, &u8)| *byte == b'_' && !(index > 0 && is_digit(index - 1) && is_digit(index + 1));
    if bytes.iter().enumerate().any(misplaced) {
        return None;
    }
    plain_digits(text).parse().ok()
}

pub fn int(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("int", &["value", "default", "base"], 1, args)?;
    let value = args.value(0).clone();
    let default = || Ok(args.get(1).cloned().unwrap_or_else(|| Value::from(0)));
    match type_of(&value) {
        Type::Undefined => undefined("the operand of int"),
        Type::Int => Ok(value),
        Type::Bool => Ok(Value::from(i64::from(value.is_true()))),
        Type::Float => match as_float(&value).filter(|float| !float.is_nan()) {
            // For infinity an OverflowError, which Jinja2 lets through here.
            Some(float) => python::float_to_int(state, float),
            None => default(),
        },
        Type::Str => {
            let text = value.as_str().unwrap_or_default();
            let base = u32::try_from(args.int(2, 10)?).unwrap_or(1);
            if base == 0 || (2..=36).contains(&base) {
                if let Some(int) = parse_int(text, base) {
                    return Ok(int);
                }
            }
            match parse_float(text).filter(|float| float.is_finite()) {
                Some(float) => python::float_to_int(state, float),
                None => default(),
            }
        }
        _ => default(),
    }
}

pub fn float(_: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("float", &["value", "default"], 1, args)?;
    let value = args.value(0).clone();
    let found = match value.as_str() {
        Some(text) => parse_float(text),
        None if value.is_undefined() => return undefined("the operand of float"),
        None => as_float(&value),
    };
    Ok(found.map(Value::from).unwrap_or_else(|| args.get(1).cloned().unwrap_or_else(|| Value::from(0.0))))
}

pub fn filesizeformat(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("filesizeformat", &["value", "binary"], 1, args)?;
    let value = args.value(0).clone();
    let bytes = value.as_str().and_then(parse_float).or_else(|| as_float(&value));
    let Some(bytes) = bytes.filter(|bytes| bytes.is_finite()) else {
        return Err(not_a_number("filesizeformat", &value));
    };
    charge_digits(state, &Value::from(bytes), 0)?;
    let binary = args.is_true(1);
    let base = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", bytes.trunc())));
    }
    let mut unit = base;
    let mut prefix = ' ';
    for known in "kMGTPEZY".chars() {
        prefix = known;
        unit *= base;
        if bytes < unit {
            break;
        }
    }
    let shown = base * bytes / unit;
    Ok(Value::from(match binary {
        true => format!("{shown:.1} {}iB", prefix.to_ascii_uppercase()),
        false => format!("{shown:.1} {prefix}B"),
    }))
}
