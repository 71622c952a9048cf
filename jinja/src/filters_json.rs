//! `tojson` and `pprint`.

use crate::arguments::Arguments;
use crate::compare::sort_by_keys;
use crate::python;
use crate::text::Text;
use crate::value::{as_float, fail, items, pairs, tuple, type_name, type_of, Result, Type};
use minijinja::{State, Value};

/// `json.dumps(value, sort_keys=True)` with the characters that HTML minds escaped.
pub fn tojson(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("tojson", &["value", "indent"], 1, args)?;
    let indent = match args.some(1) {
        None => None,
        Some(indent) if indent.as_str().is_some() => indent.as_str().map(|unit| (unit.to_owned(), 1)),
        Some(_) => Some((" ".to_owned(), args.int(1, 0)?)),
    };
    let mut json = Json { state, out: Text::new(state), indent };
    json.value(args.value(0), 1)?;
    Ok(Value::from_safe_string(json.out.finish()))
}

struct Json<'a, 'b, 'c> {
    state: &'a State<'b, 'c>,
    out: Text,
    /// What a level is indented by, and how often.
    indent: Option<(String, i64)>,
}

impl Json<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: i64) -> Result<()> {
        match type_of(value) {
            Type::None => self.out.push("null"),
            Type::Bool => self.out.push(if value.is_true() { "true" } else { "false" }),
            Type::Int => self.out.push_value(value),
            Type::Float => self.out.push(&float_text(as_float(value).unwrap_or(f64::NAN))),
            Type::Str => self.text(value.as_str().unwrap_or_default()),
            Type::List | Type::Tuple => self.array(value, depth),
            Type::Dict => self.object(value, depth),
            _ if crate::bigint::is_big(value) => self.out.push_value(value),
            _ => fail(format!("Object of type {} is not JSON serializable", type_name(value))),
        }
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.out.push("\"")?;
        for c in text.chars() {
            match c {
                '"' => self.out.push("\\\"")?,
                '\\' => self.out.push("\\\\")?,
                '\n' => self.out.push("\\n")?,
                '\r' => self.out.push("\\r")?,
                '\t' => self.out.push("\\t")?,
                '\x08' => self.out.push("\\b")?,
                '\x0c' => self.out.push("\\f")?,
                '<' | '>' | '&' | '\'' => self.out.push(&format!("\\u{:04x}", c as u32))?,
                ' '..='~' => self.out.push_char(c)?,
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push(&format!("\\u{unit:04x}"))?;
                    }
                }
            }
        }
        self.out.push("\"")
    }

    fn line(&mut self, depth: i64) -> Result<()> {
        if let Some((unit, times)) = &self.indent {
            self.out.push("\n")?;
            (0..depth).try_for_each(|_| self.out.repeat(unit, *times))?;
        }
        Ok(())
    }

    fn comma(&mut self, index: usize, depth: i64) -> Result<()> {
        if index > 0 {
            self.out.push(if self.indent.is_some() { "," } else { ", " })?;
        }
        self.line(depth)
    }

    fn array(&mut self, value: &Value, depth: i64) -> Result<()> {
        let all = items(self.state, value)?;
        self.out.push("[")?;
        for (index, item) in all.iter().enumerate() {
            self.comma(index, depth)?;
            self.value(item, depth + 1)?;
        }
        if !all.is_empty() {
            self.line(depth - 1)?;
        }
        self.out.push("]")
    }

    fn object(&mut self, value: &Value, depth: i64) -> Result<()> {
        let all = sorted_pairs(self.state, value)?;
        self.out.push("{")?;
        for (index, (key, item)) in all.iter().enumerate() {
            self.comma(index, depth)?;
            match type_of(key) {
                Type::Str => self.text(key.as_str().unwrap_or_default())?,
                Type::None | Type::Bool | Type::Int | Type::Float => {
                    self.out.push("\"")?;
                    self.value(key, depth)?;
                    self.out.push("\"")?;
                }
                _ => return fail(format!("keys must be str, int, float, bool or None, not {}", type_name(key))),
            }
            self.out.push(": ")?;
            self.value(item, depth + 1)?;
        }
        if !all.is_empty() {
            self.line(depth - 1)?;
        }
        self.out.push("}")
    }
}

fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    python::float_repr(value)
}

/// The pairs of a dict in the order of its keys, which must have one.
fn sorted_pairs(state: &State, value: &Value) -> Result<Vec<(Value, Value)>> {
    let keyed = pairs(state, value)?.into_iter().map(|(key, item)| (key.clone(), tuple(vec![key, item])));
    let sorted = sort_by_keys(state, keyed.collect(), false)?;
    let part = |pair: &Value, index| pair.get_item_by_index(index);
    sorted.iter().map(|pair| Ok((part(pair, 0)?, part(pair, 1)?))).collect()
}

/// Columns that `pprint` fills before it breaks a line.
const WIDTH: usize = 80;

pub fn pprint(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("pprint", &["value"], 1, args)?;
    let mut out = Text::new(state);
    pretty(state, &mut out, args.value(0), 0, 0)?;
    Ok(Value::from(out.finish()))
}

/// `repr`, but with the keys of dicts in order.
fn sorted_repr(state: &State, out: &mut Text, value: &Value) -> Result<()> {
    let Some((open, close)) = brackets(value) else {
        return out.push_repr(value);
    };
    out.push(open)?;
    for (index, (key, item)) in entries(state, value)?.iter().enumerate() {
        out.push(if index > 0 { ", " } else { "" })?;
        if let Some(key) = key {
            sorted_repr(state, out, key)?;
            out.push(": ")?;
        }
        sorted_repr(state, out, item)?;
    }
    out.push(close)
}

/// What stands around the items of a container.
fn brackets(value: &Value) -> Option<(&'static str, &'static str)> {
    match type_of(value) {
        Type::Dict => Some(("{", "}")),
        Type::Tuple if value.len() == Some(1) => Some(("(", ",)")),
        Type::Tuple => Some(("(", ")")),
        Type::List => Some(("[", "]")),
        _ => None,
    }
}

/// Items, those of a dict with their keys in order; keys without an order stay as they are.
fn entries(state: &State, value: &Value) -> Result<Vec<(Option<Value>, Value)>> {
    if type_of(value) != Type::Dict {
        return Ok(items(state, value)?.into_iter().map(|item| (None, item)).collect());
    }
    let all = sorted_pairs(state, value).or_else(|_| pairs(state, value))?;
    Ok(all.into_iter().map(|(key, item)| (Some(key), item)).collect())
}

fn pretty(state: &State, out: &mut Text, value: &Value, indent: usize, allowance: usize) -> Result<()> {
    let mut flat = Text::new(state);
    sorted_repr(state, &mut flat, value)?;
    state.consume_fuel(flat.as_str().len() as u64 / 64)?;
    let fits = flat.as_str().chars().count() + indent + allowance <= WIDTH;
    let Some((open, close)) = brackets(value).filter(|_| !fits) else {
        return out.push(flat.as_str());
    };
    out.push(open)?;
    let entries = entries(state, value)?;
    let last = entries.len().saturating_sub(1);
    for (index, (key, item)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(",\n")?;
            out.fill(' ', indent as i64 + 1)?;
        }
        let mut column = indent + 1;
        if let Some(key) = key {
            let mut text = Text::new(state);
            sorted_repr(state, &mut text, key)?;
            out.push(text.as_str())?;
            out.push(": ")?;
            column += text.as_str().chars().count() + 2;
        }
        pretty(state, out, item, column, if index == last { allowance + close.len() } else { 1 })?;
    }
    out.push(close)
}
