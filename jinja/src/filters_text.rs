//! Filters on text.

use crate::arguments::Arguments;
use crate::text::{push_escaped, same_safety, str_of, Text};
use crate::text_methods::{self, split_lines, strip};
use crate::value::{error, fail, items, type_name, undefined, Result};
use crate::wrap::Wrapper;
use minijinja::{filters, AutoEscape, State, Value};

fn input(state: &State, args: &Arguments) -> Result<(Value, String)> {
    let value = args.value(0).clone();
    let text = str_of(state, &value)?;
    Ok((value, text))
}

/// Filters that take nothing but their text.
fn simple(state: &State, args: &[Value], change: impl FnOnce(String) -> Result<String>) -> Result<Value> {
    let args = Arguments::bind("filter", &["s"], 1, args)?;
    let (value, text) = input(state, &args)?;
    Ok(same_safety(&value, change(text)?))
}

pub fn upper(state: &mut State, args: &[Value]) -> Result<Value> {
    simple(state, args, |text| Ok(text.to_uppercase()))
}

pub fn lower(state: &mut State, args: &[Value]) -> Result<Value> {
    simple(state, args, |text| Ok(text.to_lowercase()))
}

pub fn capitalize(state: &mut State, args: &[Value]) -> Result<Value> {
    simple(state, args, |text| text_methods::capitalize(state, &text))
}

/// Words begin after white space, hyphens and opening brackets, not after apostrophes.
pub fn title(state: &mut State, args: &[Value]) -> Result<Value> {
    simple(state, args, |text| Ok(filters::title(text.into())))
}

pub fn string(state: &mut State, args: &[Value]) -> Result<Value> {
    simple(state, args, Ok)
}

pub fn trim(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("trim", &["value", "chars"], 1, args)?;
    let (value, text) = input(state, &args)?;
    let chars = args.optional_str(1)?;
    Ok(same_safety(&value, strip(&text, chars, true, true).to_owned()))
}

pub fn center(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("center", &["value", "width"], 1, args)?;
    let (value, text) = input(state, &args)?;
    let centered = text_methods::justify(state, &text, "center", args.int(1, 80)?, ' ')?;
    Ok(same_safety(&value, centered))
}

pub fn replace(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("replace", &["s", "old", "new", "count"], 3, args)?;
    let (value, text) = input(state, &args)?;
    let old = str_of(state, args.value(1))?;
    let new = str_of(state, args.value(2))?;
    let count = args.optional_int(3)?.unwrap_or(-1);
    let replaced = text_methods::replace(state, &text, &old, &new, count)?;
    // Outside of {% autoescape %} Jinja2 makes a plain str of its input first.
    match state.auto_escape() {
        AutoEscape::None => Ok(Value::from(replaced)),
        _ => Ok(same_safety(&value, replaced)),
    }
}

/// For filters that in Python use their input as a str without making it one.
fn needs_str(value: &Value) -> Result<()> {
    match value.as_str() {
        Some(_) => Ok(()),
        None if value.is_undefined() => undefined("the text"),
        None => fail(format!("'{}' object is not text", type_name(value))),
    }
}

pub fn truncate(_: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("truncate", &["s", "length", "killwords", "end", "leeway"], 1, args)?;
    let value = args.value(0).clone();
    let (length, end) = (args.int(1, 255)?, args.str(3, "...")?);
    let leeway = args.optional_int(4)?.unwrap_or(5);
    let end_length = end.chars().count() as i64;
    if length < end_length {
        return fail(format!("expected length >= {end_length}, got {length}"));
    }
    if leeway < 0 {
        return fail(format!("expected leeway >= 0, got {leeway}"));
    }
    let Some(actual) = crate::value::length(&value) else {
        return fail(format!("object of type '{}' has no len()", type_name(&value)));
    };
    if actual as i64 <= length.saturating_add(leeway) {
        return Ok(value);
    }
    needs_str(&value)?;
    let text = value.as_str().unwrap_or_default();
    let kept = (length - end_length) as usize;
    let cut = text.char_indices().nth(kept).map_or(text.len(), |(at, _)| at);
    let mut kept = &text[..cut];
    if !args.is_true(2) {
        kept = kept.rsplit_once(' ').map_or(kept, |(before, _)| before);
    }
    Ok(same_safety(&value, format!("{kept}{end}")))
}

pub fn wordcount(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("wordcount", &["s"], 1, args)?;
    let (_, text) = input(state, &args)?;
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    Ok(Value::from(text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).count()))
}

pub fn wordwrap(state: &mut State, args: &[Value]) -> Result<Value> {
    const NAMES: &[&str] = &["s", "width", "break_long_words", "wrapstring", "break_on_hyphens"];
    let args = Arguments::bind("wordwrap", NAMES, 1, args)?;
    let (value, text) = input(state, &args)?;
    needs_str(&value)?;
    let width = args.int(1, 79)?;
    if width <= 0 {
        return fail(format!("invalid width {width} (must be > 0)"));
    }
    let separator = args.optional_str(3)?.unwrap_or("\n");
    let break_long = args.get(2).map_or(true, Value::is_true);
    let on_hyphens = args.get(4).map_or(true, Value::is_true);
    // Splitting a text into words takes more memory than the text.
    state.consume_fuel(text.len() as u64 / 4)?;
    let wrapper = Wrapper { width: width as usize, break_long, on_hyphens };
    let mut out = Text::new(state);
    for (index, line) in split_lines(&text, false).into_iter().enumerate() {
        out.push(if index > 0 { separator } else { "" })?;
        let mut is_first = true;
        wrapper.wrap(line, |part| {
            out.push(if std::mem::take(&mut is_first) { "" } else { separator })?;
            out.push(part)
        })?;
    }
    Ok(Value::from(out.finish()))
}

pub fn indent(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("indent", &["s", "width", "first", "blank"], 1, args)?;
    let (value, text) = input(state, &args)?;
    needs_str(&value)?;
    let default = Value::from(4);
    let width = args.get(1).unwrap_or(&default);
    let (unit, times) = match width.as_str() {
        Some(unit) => (unit, 1),
        None => (" ", crate::value::index_of(width)?),
    };
    let (first, blank) = (args.is_true(2), args.is_true(3));
    let mut out = Text::new(state);
    let text = text + "\n";
    for (index, line) in split_lines(&text, false).into_iter().enumerate() {
        out.push(if index > 0 { "\n" } else { "" })?;
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.repeat(unit, times)?;
        }
        out.push(line)?;
    }
    Ok(same_safety(&value, out.finish()))
}

pub fn join(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("join", &["value", "d", "attribute"], 1, args)?;
    let value = args.value(0).clone();
    let mut all = items(state, &value)?;
    if let Some(attribute) = args.some(2) {
        let path = crate::filters_list::Path::new(attribute)?;
        all = all.iter().map(|item| path.get(item, None)).collect::<Result<_>>()?;
    }
    let separator = args.get(1).cloned().unwrap_or_else(|| Value::from(""));
    let escaping = !matches!(state.auto_escape(), AutoEscape::None);
    let markup = escaping && (separator.is_safe() || all.iter().any(Value::is_safe));
    let mut out = Text::new(state);
    for (index, item) in all.iter().enumerate() {
        for piece in [&separator, item].into_iter().skip(usize::from(index == 0)) {
            if markup {
                push_escaped(&mut out, state, piece)?;
            } else {
                out.push_value(piece)?;
            }
        }
    }
    Ok(if markup { Value::from_safe_string(out.finish()) } else { Value::from(out.finish()) })
}

pub fn length(_: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("length", &["value"], 1, args)?;
    let value = args.value(0).clone();
    let length = crate::value::length(&value);
    length.map(Value::from).ok_or_else(|| error(format!("object of type '{}' has no len()", type_name(&value))))
}
