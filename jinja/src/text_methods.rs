//! Methods of `str`.

use crate::arguments::{split, Arguments};
use crate::digits::{decimal, is_digit};
use crate::format_braces;
use crate::python::is_printable;
use crate::text::{same_safety, Text};
use crate::value::{error, fail, items, list, pairs, tuple, type_name, type_of, Result, Type};
use minijinja::value::StringInput;
use minijinja::{filters, tests, State, Value};

pub const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

pub fn call(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    let text = value.as_str().unwrap_or_default();
    // Whatever a method does, it looks at its text.
    state.consume_fuel(text.len() as u64 / 64)?;
    if let Some(answer) = predicate(text, name) {
        return no_arguments(name, args).map(|()| Value::from(answer));
    }
    let changed = match name {
        "capitalize" => capitalize(state, text)?,
        "casefold" => text.to_lowercase().replace('ß', "ss").replace('ς', "σ"),
        "lower" => text.to_lowercase(),
        "swapcase" => text.chars().map(swap_case).collect(),
        "title" => title(state, text)?,
        "upper" => text.to_uppercase(),
        _ => return with_arguments(state, value, text, name, args),
    };
    no_arguments(name, args).map(|()| same_safety(value, changed))
}

fn no_arguments(name: &str, args: &[Value]) -> Result<()> {
    match args {
        [] => Ok(()),
        _ => fail(format!("str.{name}() takes no arguments ({} given)", args.len())),
    }
}

fn with_arguments(state: &mut State, value: &Value, text: &str, name: &str, args: &[Value]) -> Result<Value> {
    match name {
        "center" | "ljust" | "rjust" => {
            let args = Arguments::bind("justification", &["width", "fillchar"], 1, args)?;
            let mut fill = args.str(1, " ")?.chars();
            let (Some(fill), None) = (fill.next(), fill.next()) else {
                return fail("The fill character must be exactly one character long");
            };
            justify(state, text, name, args.int(0, 0)?, fill).map(|text| same_safety(value, text))
        }
        "zfill" => zfill(state, text, Arguments::bind("zfill", &["width"], 1, args)?.int(0, 0)?),
        "expandtabs" => expand_tabs(state, text, Arguments::bind("expandtabs", &["tabsize"], 0, args)?.int(0, 8)?),
        "strip" | "lstrip" | "rstrip" => {
            let args = Arguments::bind("strip", &["chars"], 0, args)?;
            let chars = args.optional_str(0)?;
            Ok(same_safety(value, strip(text, chars, name != "rstrip", name != "lstrip").to_owned()))
        }
        "removeprefix" | "removesuffix" => {
            let args = Arguments::bind("removal", &["affix"], 1, args)?;
            let affix = args.str(0, "")?;
            let rest = if name == "removeprefix" { text.strip_prefix(affix) } else { text.strip_suffix(affix) };
            Ok(same_safety(value, rest.unwrap_or(text).to_owned()))
        }
        "replace" => {
            let args = Arguments::bind("replace", &["old", "new", "count"], 2, args)?;
            replace(state, text, args.str(0, "")?, args.str(1, "")?, args.int(2, -1)?)
                .map(|text| same_safety(value, text))
        }
        "split" | "rsplit" => {
            let args = Arguments::bind("split", &["sep", "maxsplit"], 0, args)?;
            let separator = args.optional_str(0)?;
            let parts = split_text(text, separator, args.int(1, -1)?, name == "rsplit")?;
            list(state, parts.into_iter().map(Value::from).collect())
        }
        "splitlines" => {
            let args = Arguments::bind("splitlines", &["keepends"], 0, args)?;
            let lines = split_lines(text, args.is_true(0));
            list(state, lines.into_iter().map(Value::from).collect())
        }
        "partition" | "rpartition" => {
            let args = Arguments::bind("partition", &["sep"], 1, args)?;
            partition(text, args.str(0, "")?, name == "rpartition")
        }
        "find" | "rfind" | "index" | "rindex" | "count" | "startswith" | "endswith" => search(text, name, args),
        "join" => {
            let args = Arguments::bind("join", &["iterable"], 1, args)?;
            join(state, text, args.value(0)).map(|text| same_safety(value, text))
        }
        "format" => {
            let (positional, named) = split(args);
            let mut values = format_braces::Values::new(positional.to_vec(), named);
            format_braces::format(state, text, &mut values).map(|text| same_safety(value, text))
        }
        "format_map" => {
            let args = Arguments::bind("format_map", &["mapping"], 1, args)?;
            let found = pairs(state, args.value(0))?;
            let named = found.into_iter().filter_map(|(key, item)| Some((key.as_str()?.to_owned(), item)));
            let mut values = format_braces::Values::new(Vec::new(), named.collect());
            format_braces::format(state, text, &mut values).map(Value::from)
        }
        _ => fail(format!("'str' object has no attribute '{name}'")),
    }
}

/// `str.isspace` of one character.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || is_title_letter(c)
}

/// Letters such as U+01C5, whose case is neither upper nor lower.
fn is_title_letter(c: char) -> bool {
    matches!(c, '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}')
}

fn predicate(text: &str, name: &str) -> Option<bool> {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    Some(match name {
        "isalnum" => all(|c| c.is_alphanumeric()),
        "isalpha" => all(|c| c.is_alphabetic() && !c.is_numeric()),
        "isascii" => text.is_ascii(),
        "isdecimal" => all(|c| decimal(c).is_some()),
        "isdigit" => all(is_digit),
        "isnumeric" => all(|c| c.is_numeric()),
        "isspace" => all(is_space),
        "isprintable" => text.chars().all(is_printable),
        "isidentifier" => is_identifier(text),
        "islower" => tests::is_lower(&Value::from(text)),
        "isupper" => tests::is_upper(&Value::from(text)),
        "istitle" => is_title(text),
        _ => return None,
    })
}

fn is_identifier(text: &str) -> bool {
    let starts = text.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic());
    starts && text.chars().all(|c| c == '_' || c.is_alphanumeric())
}

fn is_title(text: &str) -> bool {
    let (mut any, mut inside) = (false, false);
    for c in text.chars() {
        if is_cased(c) && c.is_lowercase() != inside {
            return false;
        }
        inside = is_cased(c);
        any |= inside;
    }
    any
}

fn swap_case(c: char) -> String {
    if c.is_uppercase() {
        c.to_lowercase().collect()
    } else {
        c.to_uppercase().collect()
    }
}

pub fn capitalize(state: &State, text: &str) -> Result<String> {
    let value = Value::from(text);
    let capitalized = filters::capitalize(StringInput::new(state, &value)?);
    Ok(capitalized.as_str().unwrap_or_default().to_owned())
}

fn title(state: &State, text: &str) -> Result<String> {
    // Each word is a value of its own for a moment.
    state.consume_fuel(text.len() as u64 / 16)?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !is_cased(c)).unwrap_or(rest.len()));
        let (gap, after) = after.split_at(after.find(is_cased).unwrap_or(after.len()));
        out.push_str(&capitalize(state, word)?);
        out.push_str(gap);
        rest = after;
    }
    Ok(out)
}

pub fn justify(state: &State, text: &str, how: &str, width: i64, fill: char) -> Result<String> {
    let missing = (width - text.chars().count() as i64).max(0);
    let before = match how {
        "ljust" => 0,
        "rjust" => missing,
        // CPython's rounding: an odd rest goes to the left if the width is odd.
        _ => missing / 2 + (missing & width & 1),
    };
    let mut out = Text::new(state);
    out.fill(fill, before)?;
    out.push(text)?;
    out.fill(fill, missing - before)?;
    Ok(out.finish())
}

fn zfill(state: &State, text: &str, width: i64) -> Result<Value> {
    let sign = usize::from(text.starts_with(['+', '-']));
    let mut out = Text::new(state);
    out.push(&text[..sign])?;
    out.fill('0', width - text.chars().count() as i64)?;
    out.push(&text[sign..])?;
    Ok(Value::from(out.finish()))
}

fn expand_tabs(state: &State, text: &str, size: i64) -> Result<Value> {
    let mut out = Text::new(state);
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' if size > 0 => {
                out.fill(' ', size - column % size)?;
                column += size - column % size;
            }
            '\t' => {}
            _ => {
                out.push_char(c)?;
                column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(Value::from(out.finish()))
}

pub fn strip<'a>(text: &'a str, chars: Option<&str>, left: bool, right: bool) -> &'a str {
    let drop = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let text = if left { text.trim_start_matches(drop) } else { text };
    if right {
        text.trim_end_matches(drop)
    } else {
        text
    }
}

pub fn replace(state: &State, text: &str, old: &str, new: &str, count: i64) -> Result<String> {
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Text::new(state);
    let mut done = 0;
    for (at, found) in text.match_indices(old) {
        if left == 0 {
            break;
        }
        left -= 1;
        out.push(&text[done..at])?;
        out.push(new)?;
        done = at + found.len();
    }
    out.push(&text[done..])?;
    Ok(out.finish())
}

pub fn split_text<'a>(text: &'a str, separator: Option<&str>, max: i64, from_right: bool) -> Result<Vec<&'a str>> {
    let max = usize::try_from(max).unwrap_or(usize::MAX).saturating_add(1);
    let mut parts: Vec<&str> = match separator {
        Some("") => return fail("empty separator"),
        Some(separator) if from_right => text.rsplitn(max, separator).collect(),
        Some(separator) => text.splitn(max, separator).collect(),
        None => return Ok(split_space(text, max, from_right)),
    };
    if from_right {
        parts.reverse();
    }
    Ok(parts)
}

/// At most `max` parts between runs of white space; the last keeps what is left of its line.
fn split_space(text: &str, max: usize, from_right: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = strip(text, None, true, true);
    while !rest.is_empty() {
        let cut = if from_right { rest.rfind(is_space) } else { rest.find(is_space) };
        let Some(at) = cut.filter(|_| parts.len() + 1 < max) else {
            parts.push(rest);
            break;
        };
        if from_right {
            let width = rest[at..].chars().next().map_or(1, char::len_utf8);
            parts.push(&rest[at + width..]);
            rest = strip(&rest[..at], None, false, true);
        } else {
            parts.push(&rest[..at]);
            rest = strip(&rest[at..], None, true, false);
        }
    }
    if from_right {
        parts.reverse();
    }
    parts
}

/// The lines of a text by Python's idea of a line's end.
pub fn split_lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let is_end = |c| matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_end).unwrap_or(rest.len());
        let after = &rest[end..];
        let width = if after.starts_with("\r\n") { 2 } else { after.chars().next().map_or(0, char::len_utf8) };
        lines.push(&rest[..if keep_ends { end + width } else { end }]);
        rest = &after[width..];
    }
    lines
}

fn partition(text: &str, separator: &str, from_right: bool) -> Result<Value> {
    if separator.is_empty() {
        return fail("empty separator");
    }
    let found = if from_right { text.rsplit_once(separator) } else { text.split_once(separator) };
    let parts = match found {
        Some((before, after)) => [before, separator, after],
        None if from_right => ["", "", text],
        None => [text, "", ""],
    };
    Ok(tuple(parts.into_iter().map(Value::from).collect()))
}

/// Methods that look for something between two optional positions.
fn search(text: &str, name: &str, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("search", &["sub", "start", "end"], 1, args)?;
    let len = text.chars().count() as i64;
    let clamp = |index: i64| if index < 0 { (index + len).max(0) } else { index.min(len) };
    let (start, end) = (args.optional_int(1)?.unwrap_or(0), clamp(args.optional_int(2)?.unwrap_or(len)));
    let past_end = start > len;
    let start = clamp(start);
    let byte = |index: i64| text.char_indices().nth(index as usize).map_or(text.len(), |(at, _)| at);
    let part = if start <= end { &text[byte(start)..byte(end)] } else { "" };
    let reachable = start <= end && !past_end;
    if matches!(name, "startswith" | "endswith") {
        let sought = args.value(0).clone();
        let test = |affix: &str| if name == "startswith" { part.starts_with(affix) } else { part.ends_with(affix) };
        return affix_test(&sought, name, |affix| reachable && test(affix));
    }
    let sought = args.str(0, "")?;
    if name == "count" {
        return Ok(Value::from(if reachable { part.matches(sought).count() } else { 0 }));
    }
    let found = if name.starts_with('r') { part.rfind(sought) } else { part.find(sought) };
    match found.filter(|_| reachable) {
        Some(at) => Ok(Value::from(start + part[..at].chars().count() as i64)),
        None if name.ends_with("index") => fail("substring not found"),
        None => Ok(Value::from(-1)),
    }
}

fn affix_test(sought: &Value, name: &str, test: impl Fn(&str) -> bool) -> Result<Value> {
    if let Some(affix) = sought.as_str() {
        return Ok(Value::from(test(affix)));
    }
    if type_of(sought) != Type::Tuple {
        return fail(format!("{name} first arg must be str or a tuple of str, not {}", type_name(sought)));
    }
    for affix in sought.try_iter()? {
        let affix = affix.as_str().ok_or_else(|| error(format!("tuple for {name} must only contain str")))?;
        if test(affix) {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

fn join(state: &State, separator: &str, values: &Value) -> Result<String> {
    let mut out = Text::new(state);
    for (index, item) in items(state, values)?.iter().enumerate() {
        let Some(text) = item.as_str() else {
            return fail(format!("sequence item {index}: expected str instance, {} found", type_name(item)));
        };
        out.push(if index > 0 { separator } else { "" })?;
        out.push(text)?;
    }
    Ok(out.finish())
}
