//! `format % values`: printf-style formatting.

use crate::format_spec::{charge_digits, read_number, Spec};
use crate::python;
use crate::text::{escape, str_of, Text};
use crate::value::{as_float, as_int, error, fail, type_name, type_of, Result, Type};
use minijinja::value::Tuple;
use minijinja::{State, Value};
use std::iter::Peekable;
use std::str::Chars;

/// What the placeholders take their values from.
struct Values<'a> {
    all: &'a Value,
    positional: Vec<Value>,
    next: usize,
}

impl Values<'_> {
    fn next(&mut self) -> Result<Value> {
        self.next += 1;
        self.positional.get(self.next - 1).cloned().ok_or_else(|| error("not enough arguments for format string"))
    }

    fn named(&mut self, name: &str) -> Result<Value> {
        if type_of(self.all) != Type::Dict {
            return fail("format requires a mapping");
        }
        // A mapping counts as used as soon as one of its values is.
        self.next = self.positional.len();
        let found = self.all.as_object().and_then(|dict| dict.get_value(&Value::from(name)));
        found.ok_or_else(|| error(format!("KeyError: '{name}'")))
    }
}

/// `values` is a tuple for several values, anything else for one.
pub fn format(state: &State, format: &Value, values: &Value) -> Result<Value> {
    let positional = match values.downcast_object_ref::<Tuple>() {
        Some(_) => values.try_iter()?.collect(),
        None => vec![values.clone()],
    };
    let mut values = Values { all: values, positional, next: 0 };
    let mut out = Text::new(state);
    let mut chars = format.as_str().unwrap_or_default().chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push_char(c)?;
        } else if chars.next_if_eq(&'%').is_some() {
            out.push("%")?;
        } else {
            state.consume_fuel(1)?;
            placeholder(state, &mut out, &mut chars, &mut values, format.is_safe())?;
        }
    }
    // Whatever has items could be a mapping, so CPython doesn't mind that it goes unused.
    let could_be_mapping =
        matches!(type_of(values.all), Type::Dict | Type::List | Type::Undefined | Type::Iterable | Type::Namespace);
    if values.next < values.positional.len() && !could_be_mapping {
        return fail("not all arguments converted during string formatting");
    }
    Ok(crate::text::same_safety(format, out.finish()))
}

fn placeholder(
    state: &State,
    out: &mut Text,
    chars: &mut Peekable<Chars<'_>>,
    values: &mut Values,
    is_markup: bool,
) -> Result<()> {
    let mut named = None;
    if chars.next_if_eq(&'(').is_some() {
        let name: String = chars.by_ref().take_while(|c| *c != ')').collect();
        named = Some(values.named(&name)?);
    }
    let mut spec = Spec { align: Some('>'), ..Spec::default() };
    let mut zero = false;
    while let Some(flag) = chars.next_if(|c| "-+ #0".contains(*c)) {
        match flag {
            '-' => spec.align = Some('<'),
            '+' => spec.sign = '+',
            ' ' if spec.sign != '+' => spec.sign = ' ',
            '#' => spec.alternate = true,
            '0' => zero = true,
            _ => {}
        }
    }
    spec.width = number_or_star(chars, values)?.unwrap_or(0);
    if spec.width < 0 {
        spec.align = Some('<');
        spec.width = -spec.width;
    }
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = Some(number_or_star(chars, values)?.unwrap_or(0).max(0));
    }
    while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
    let Some(kind) = chars.next() else {
        return fail("incomplete format");
    };
    if kind == '%' {
        return out.push("%");
    }
    let value = match named {
        Some(value) => value,
        None => values.next()?,
    };
    if zero && spec.align == Some('>') && !"srac".contains(kind) {
        (spec.fill, spec.align) = ('0', Some('='));
    }
    spec.kind = Some(kind);
    charge_digits(state, &value, spec.precision.unwrap_or(0))?;
    convert(state, out, &spec, kind, &value, is_markup)
}

fn number_or_star(chars: &mut Peekable<Chars<'_>>, values: &mut Values) -> Result<Option<i64>> {
    if chars.next_if_eq(&'*').is_none() {
        return Ok(read_number(chars));
    }
    match as_int(&values.next()?) {
        Some(number) => Ok(Some(number.clamp(-(1 << 31), 1 << 31) as i64)),
        None => fail("* wants int"),
    }
}

fn convert(state: &State, out: &mut Text, spec: &Spec, kind: char, value: &Value, is_markup: bool) -> Result<()> {
    let plain = |text: &str, out: &mut Text| {
        if !is_markup || value.is_safe() {
            return spec.apply_str(out, text);
        }
        let mut escaped = String::new();
        escape(text, &mut escaped).map_err(|_| error("formatting failed"))?;
        spec.apply_str(out, &escaped)
    };
    match kind {
        's' => plain(&str_of(state, value)?, out),
        'r' | 'a' => {
            let mut text = Text::new(state);
            text.push_repr(value)?;
            plain(text.as_str(), out)
        }
        'c' => match value.as_str() {
            Some(text) if text.chars().count() == 1 => spec.apply_str(out, text),
            None if as_int(value).is_some() => spec.apply_int(out, value),
            _ => fail("%c requires int or char"),
        },
        'd' | 'i' | 'u' => {
            let whole = match type_of(value) {
                Type::Float => python::float_to_int(state, as_float(value).unwrap_or(f64::NAN))?,
                Type::Int | Type::Bool => value.clone(),
                _ => return fail(format!("%{kind} format: a real number is required, not {}", type_name(value))),
            };
            Spec { kind: Some('d'), ..spec.clone() }.apply_int(out, &whole)
        }
        'x' | 'X' | 'o' => match as_int(value) {
            Some(_) => spec.apply_int(out, value),
            None => fail(format!("%{kind} format: an integer is required, not {}", type_name(value))),
        },
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => match type_of(value) {
            Type::Int | Type::Bool | Type::Float => spec.apply_float(out, value),
            _ => fail(format!("must be real number, not {}", type_name(value))),
        },
        _ => fail(format!("unsupported format character '{kind}'")),
    }
}

/// The `format` filter: values are the call's own arguments.
pub fn filter(state: &mut State, args: &[Value]) -> Result<Value> {
    let (positional, named) = crate::arguments::split(args);
    let Some((format_string, rest)) = positional.split_first() else {
        return fail("format() needs a string");
    };
    if !rest.is_empty() && !named.is_empty() {
        return fail("can't handle positional and keyword arguments at the same time");
    }
    let text = crate::text::same_safety(format_string, str_of(state, format_string)?);
    if named.is_empty() {
        return format(state, &text, &crate::value::tuple(rest.to_vec()));
    }
    let map = named.into_iter().map(|(name, value)| (Value::from(name), value)).collect();
    format(state, &text, &crate::value::dict(state, map)?)
}
