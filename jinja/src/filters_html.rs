//! Filters for HTML and URLs.

use crate::arguments::Arguments;
use crate::text::{push_escaped, str_of, Text};
use crate::urlize::{self, Options};
use crate::value::{fail, items, pairs, type_of, Result, Type};
use minijinja::{AutoEscape, State, Value};

fn input(function: &'static str, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind(function, &["value"], 1, args)?;
    Ok(args.value(0).clone())
}

/// Markup inside of {% autoescape %}, a plain str elsewhere.
fn markup_if_escaping(state: &State, text: String) -> Value {
    match state.auto_escape() {
        AutoEscape::None => Value::from(text),
        _ => Value::from_safe_string(text),
    }
}

pub fn escape(state: &mut State, args: &[Value]) -> Result<Value> {
    let mut out = Text::new(state);
    push_escaped(&mut out, state, &input("escape", args)?)?;
    Ok(Value::from_safe_string(out.finish()))
}

pub fn forceescape(state: &mut State, args: &[Value]) -> Result<Value> {
    let text = Value::from(str_of(state, &input("forceescape", args)?)?);
    escape(state, &[text])
}

pub fn safe(state: &mut State, args: &[Value]) -> Result<Value> {
    Ok(Value::from_safe_string(str_of(state, &input("safe", args)?)?))
}

/// Removes comments, then tags, then folds white space and decodes entities.
pub fn striptags(state: &mut State, args: &[Value]) -> Result<Value> {
    let text = str_of(state, &input("striptags", args)?)?;
    let text = cut(&cut(&text, "<!--", "-->"), "<", ">");
    let folded =
        text.split(crate::text_methods::is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    Ok(Value::from_safe_string(html_escape::decode_html_entities(&folded).into_owned()))
}

/// Leaves out everything from `open` to the next `close`, until one of them is missing.
fn cut(text: &str, open: &str, close: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        let Some(end) = rest[start..].find(close) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + end + close.len()..];
    }
    out + rest
}

pub fn xmlattr(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("xmlattr", &["d", "autospace"], 1, args)?;
    let mut out = Text::new(state);
    for (key, value) in pairs(state, args.value(0))? {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let Some(name) = key.as_str() else {
            return fail("attribute names must be str");
        };
        if name.contains([' ', '\t', '\n', '\r', '\x0b', '\x0c', '/', '>', '=']) {
            return fail(format!("Invalid character in attribute name: '{name}'"));
        }
        let wants_space = !out.as_str().is_empty() || args.get(1).map_or(true, Value::is_true);
        out.push(if wants_space { " " } else { "" })?;
        push_escaped(&mut out, state, &key)?;
        out.push("=\"")?;
        push_escaped(&mut out, state, &value)?;
        out.push("\"")?;
    }
    Ok(markup_if_escaping(state, out.finish()))
}

/// `urllib.parse.quote_from_bytes`, in a query with `+` for spaces and no free slash.
fn quote(out: &mut Text, text: &str, in_query: bool) -> Result<()> {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push_char(byte as char)?,
            b'/' if !in_query => out.push("/")?,
            b' ' if in_query => out.push("+")?,
            _ => out.push(&format!("%{byte:02X}"))?,
        }
    }
    Ok(())
}

pub fn urlencode(state: &mut State, args: &[Value]) -> Result<Value> {
    let value = input("urlencode", args)?;
    let mut out = Text::new(state);
    let parts = match type_of(&value) {
        Type::Dict => pairs(state, &value)?,
        Type::List | Type::Tuple | Type::Iterable | Type::Undefined => {
            let pair = |item: Value| match &items(state, &item)?[..] {
                [key, value] => Ok((key.clone(), value.clone())),
                other => fail(format!("expected 2 values, got {}", other.len())),
            };
            items(state, &value)?.into_iter().map(pair).collect::<Result<_>>()?
        }
        _ => {
            quote(&mut out, &str_of(state, &value)?, false)?;
            return Ok(Value::from(out.finish()));
        }
    };
    for (index, (key, value)) in parts.iter().enumerate() {
        out.push(if index > 0 { "&" } else { "" })?;
        quote(&mut out, &str_of(state, key)?, true)?;
        out.push("=")?;
        quote(&mut out, &str_of(state, value)?, true)?;
    }
    Ok(Value::from(out.finish()))
}

pub fn urlize(state: &mut State, args: &[Value]) -> Result<Value> {
    const NAMES: &[&str] = &["value", "trim_url_limit", "nofollow", "target", "rel", "extra_schemes"];
    let args = Arguments::bind("urlize", NAMES, 1, args)?;
    if args.some(5).is_some() {
        return fail("urlize: extra_schemes is not supported");
    }
    let limit = args.optional_int(1)?;
    let mut rel: Vec<&str> = args.optional_str(4)?.unwrap_or("").split_whitespace().collect();
    rel.push("noopener");
    if args.is_true(2) {
        rel.push("nofollow");
    }
    rel.sort_unstable();
    rel.dedup();
    let mut attributes = Text::new(state);
    attributes.push(" rel=\"")?;
    push_escaped(&mut attributes, state, &Value::from(rel.join(" ")))?;
    attributes.push("\"")?;
    if let Some(target) = args.some(3) {
        attributes.push(" target=\"")?;
        push_escaped(&mut attributes, state, target)?;
        attributes.push("\"")?;
    }
    let mut text = Text::new(state);
    push_escaped(&mut text, state, args.value(0))?;
    state.consume_fuel(text.as_str().len() as u64 / 4)?;
    let mut out = Text::new(state);
    let options = Options { attributes: attributes.as_str(), limit: limit.map(|limit| limit.max(0) as usize) };
    urlize::link(&mut out, text.as_str(), &options)?;
    Ok(markup_if_escaping(state, out.finish()))
}
