//! `str.format` and `str.format_map`.

use crate::format_spec::{charge_digits, Spec};
use crate::text::Text;
use crate::value::{error, fail, type_name, type_of, Result, Type};
use minijinja::{State, Value};

/// Where replacement fields find their values.
pub struct Values {
    pub positional: Vec<Value>,
    pub named: Vec<(String, Value)>,
    /// The number for the next `{}`; None once a number was given.
    next: Option<usize>,
    numbered: bool,
}

impl Values {
    pub fn new(positional: Vec<Value>, named: Vec<(String, Value)>) -> Values {
        Values { positional, named, next: Some(0), numbered: false }
    }

    fn first(&mut self, name: &str) -> Result<Value> {
        let index = if name.is_empty() {
            if self.numbered {
                return fail("cannot switch from manual field specification to automatic field numbering");
            }
            let index = self.next.unwrap_or(0);
            self.next = Some(index + 1);
            Some(index)
        } else if name.bytes().all(|b| b.is_ascii_digit()) {
            if self.next.is_some_and(|next| next > 0) {
                return fail("cannot switch from automatic field numbering to manual field specification");
            }
            self.numbered = true;
            Some(name.parse().unwrap_or(usize::MAX))
        } else {
            None
        };
        let found = match index {
            Some(index) => self.positional.get(index).cloned(),
            None => self.named.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        };
        found.ok_or_else(|| error(format!("there is no value for the replacement field '{name}'")))
    }
}

pub fn format(state: &State, text: &str, values: &mut Values) -> Result<String> {
    let mut out = Text::new(state);
    expand(state, &mut out, text, values, 2)?;
    Ok(out.finish())
}

fn expand(state: &State, out: &mut Text, text: &str, values: &mut Values, depth: usize) -> Result<()> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push(&rest[..at])?;
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(doubled) = rest.strip_prefix(brace) {
            out.push(brace)?;
            rest = doubled;
            continue;
        }
        if brace == "}" {
            return fail("Single '}' encountered in format string");
        }
        if depth == 0 {
            return fail("Max string recursion exceeded");
        }
        let end = end_of_field(rest)?;
        state.consume_fuel(1)?;
        field(state, out, &rest[..end], values, depth)?;
        rest = &rest[end + 1..];
    }
    out.push(rest)
}

/// The index of the brace that closes a field, past nested ones.
fn end_of_field(text: &str) -> Result<usize> {
    let mut open = 0;
    let mut in_brackets = false;
    for (at, c) in text.char_indices() {
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '{' if !in_brackets => open += 1,
            '}' if !in_brackets && open == 0 => return Ok(at),
            '}' if !in_brackets => open -= 1,
            _ => {}
        }
    }
    fail("expected '}' before end of string")
}

fn field(state: &State, out: &mut Text, text: &str, values: &mut Values, depth: usize) -> Result<()> {
    let split = text.find(['!', ':']).filter(|at| !text[..*at].contains('[') || text[..*at].contains(']'));
    let (name, mut rest) = text.split_at(split.unwrap_or(text.len()));
    let mut value = look_up(name, values)?;
    if let Some(conversion) = rest.strip_prefix('!') {
        let mut chars = conversion.chars();
        let kind = chars.next();
        rest = chars.as_str();
        let mut converted = Text::new(state);
        match kind {
            Some('s') => converted.push_value(&value)?,
            Some('r' | 'a') => converted.push_repr(&value)?,
            _ => return fail("unknown conversion specifier"),
        }
        value = Value::from(converted.finish());
        if !rest.is_empty() && !rest.starts_with(':') {
            return fail("expected ':' after conversion specifier");
        }
    }
    let mut spec = Text::new(state);
    expand(state, &mut spec, rest.strip_prefix(':').unwrap_or(""), values, depth - 1)?;
    let spec = Spec::parse(spec.as_str())?;
    charge_digits(state, &value, spec.precision.unwrap_or(0))?;
    spec.apply(out, &value)
}

/// `name`, `name[key]`, `0[3][key]`. Attributes of Python's objects are not for templates' data: none has
/// any that prints.
fn look_up(name: &str, values: &mut Values) -> Result<Value> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut rest) = name.split_at(end);
    let mut value = values.first(first)?;
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        let Some((key, after)) = inner else {
            return fail(format!("'{}' object has no attribute '{}'", type_name(&value), &rest[1..]));
        };
        let key = match key.parse::<i64>() {
            Ok(index) if type_of(&value) != Type::Dict || !key.starts_with('-') => Value::from(index),
            _ => Value::from(key),
        };
        let found = value.get_item(&key)?;
        if found.is_undefined() {
            return fail(format!("there is no item {key} in '{name}'"));
        }
        value = found;
        rest = after;
    }
    Ok(value)
}
