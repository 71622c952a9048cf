//! Jinja2's global functions.

use crate::arguments::{split, Arguments};
use crate::collections::Namespace;
use crate::random;
use crate::text::Text;
use crate::value::{collect_dict, error, fail, index_of, items, pairs, type_of, undefined, Result, Type};
use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{State, Value};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

pub type Function = fn(&mut State, &[Value]) -> Result<Value>;

pub const FUNCTIONS: &[(&str, Function)] = &[
    ("range", range),
    ("dict", dict),
    ("namespace", namespace),
    ("cycler", cycler),
    ("joiner", joiner),
    ("lipsum", lipsum),
];

/// `range(start, stop, step)`; counts its items only on demand.
#[derive(Debug)]
pub struct Range {
    start: i64,
    stop: i64,
    step: i64,
    len: usize,
}

impl Range {
    fn item(&self, index: usize) -> Value {
        Value::from(self.start + index as i64 * self.step)
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        crate::collections::position(key, self.len).map(|index| self.item(index))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let this = self.clone();
        Enumerator::Iter(Box::new((0..self.len).map(move |index| this.item(index))))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            1 => write!(f, "range({}, {})", self.start, self.stop),
            step => write!(f, "range({}, {}, {step})", self.start, self.stop),
        }
    }
}

/// Ends of a range; a render's fuel ends long before.
const RANGE_END: i64 = 1 << 60;

fn range(_: &mut State, args: &[Value]) -> Result<Value> {
    let args = args.iter().map(index_of).collect::<Result<Vec<i64>>>()?;
    let (start, stop, step) = match args[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return fail(format!("range expected 1 to 3 arguments, got {}", args.len())),
    };
    if step == 0 {
        return fail("range() arg 3 must not be zero");
    }
    if [start, stop, step].iter().any(|n| n.abs() > RANGE_END) {
        return fail("range() argument is too large");
    }
    let span = if step > 0 { stop - start } else { start - stop };
    let len = if span > 0 { 1 + (span as u64 - 1) / step.unsigned_abs() } else { 0 };
    Ok(Value::from_object(Range { start, stop, step, len: len as usize }))
}

/// The mapping that `dict(...)` and `namespace(...)` make of their arguments.
pub fn mapping(state: &State, args: &[Value]) -> Result<IndexMap<Value, Value>> {
    let (positional, named) = split(args);
    let mut map = IndexMap::new();
    match positional {
        [] => {}
        [value] if value.is_undefined() => return undefined("the argument of dict"),
        [value] if type_of(value) == Type::Dict => map.extend(pairs(state, value)?),
        [value] => {
            let pair = |pair: Value| match &items(state, &pair)?[..] {
                [key, item] => Ok((key.clone(), item.clone())),
                other => fail(format!("dictionary update sequence element has length {}", other.len())),
            };
            let found = items(state, value)?.into_iter().map(pair).collect::<Result<Vec<_>>>()?;
            map = collect_dict(state, found.into_iter())?;
        }
        _ => return fail(format!("dict expected at most 1 argument, got {}", positional.len())),
    }
    map.extend(named.into_iter().map(|(name, value)| (Value::from(name), value)));
    Ok(map)
}

fn dict(state: &mut State, args: &[Value]) -> Result<Value> {
    let map = mapping(state, args)?;
    crate::value::dict(state, map)
}

fn namespace(state: &mut State, args: &[Value]) -> Result<Value> {
    let map = mapping(state, args)?;
    Namespace::new(Some(state), map).map(Value::from_object)
}

#[derive(Debug)]
pub struct Cycler {
    pub items: Vec<Value>,
    position: AtomicUsize,
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let position = self.position.load(Ordering::Relaxed);
        (key.as_str() == Some("current")).then(|| self.items[position].clone())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, args: &[Value]) -> Result<Value> {
        let position = self.position.load(Ordering::Relaxed);
        let (next, value) = match method {
            _ if !args.is_empty() => return fail(format!("{method}() takes no arguments")),
            "next" => ((position + 1) % self.items.len(), self.items[position].clone()),
            "reset" => (0, Value::from(())),
            _ => return fail(format!("'Cycler' object has no attribute '{method}'")),
        };
        self.position.store(next, Ordering::Relaxed);
        Ok(value)
    }
}

fn cycler(state: &mut State, args: &[Value]) -> Result<Value> {
    if args.is_empty() {
        return fail("at least one item has to be provided");
    }
    crate::collections::height_of_items(Some(state), args.iter())?;
    Ok(Value::from_object(Cycler { items: args.to_vec(), position: AtomicUsize::new(0) }))
}

#[derive(Debug)]
pub struct Joiner {
    pub separator: Value,
    used: AtomicBool,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State, args: &[Value]) -> Result<Value> {
        match args {
            [] if self.used.swap(true, Ordering::Relaxed) => Ok(self.separator.clone()),
            [] => Ok(Value::from("")),
            _ => fail("a joiner takes no arguments"),
        }
    }
}

fn joiner(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("joiner", &["sep"], 0, args)?;
    let separator = args.get(0).cloned().unwrap_or_else(|| Value::from(", "));
    crate::collections::height_of_items(Some(state), [&separator].into_iter())?;
    Ok(Value::from_object(Joiner { separator, used: AtomicBool::new(false) }))
}

const WORDS: &str =
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore \
et dolore magna aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo \
consequat duis aute irure in reprehenderit voluptate velit esse cillum eu fugiat nulla pariatur";

/// Paragraphs of filler text. Only its shape can be compared with Jinja2's.
fn lipsum(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("lipsum", &["n", "html", "min", "max"], 0, args)?;
    let count = args.int(0, 5)?;
    let html = args.get(1).map_or(true, Value::is_true);
    let (min, max) = (args.int(2, 20)?, args.int(3, 100)?);
    if min >= max {
        return fail("empty range in randrange()");
    }
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut out = Text::new(state);
    for paragraph in 0..count {
        if paragraph > 0 {
            out.push(if html { "\n" } else { "\n\n" })?;
        }
        out.push(if html { "<p>" } else { "" })?;
        let length = min + random::below((max - min) as usize) as i64;
        let mut sentence_left = 0;
        for word in 0..length {
            state.consume_fuel(1)?;
            let text = words[random::below(words.len())];
            if sentence_left > 0 {
                out.push(" ")?;
                out.push(text)?;
                sentence_left -= 1;
            } else {
                out.push(if word > 0 { ". " } else { "" })?;
                out.push(&text[..1].to_uppercase())?;
                out.push(&text[1..])?;
                sentence_left = 8 + random::below(10);
            }
        }
        out.push(if html { ".</p>" } else { "." })?;
    }
    Ok(if html { Value::from_safe_string(out.finish()) } else { Value::from(out.finish()) })
}

/// The `random` filter.
pub fn random(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("random", &["seq"], 1, args)?;
    let value = args.value(0).clone();
    if !matches!(type_of(&value), Type::Str | Type::List | Type::Tuple | Type::Iterable | Type::Undefined) {
        return fail("can only choose from a sequence");
    }
    let items = items(state, &value)?;
    if items.is_empty() {
        return Ok(Value::UNDEFINED);
    }
    items.get(random::below(items.len())).cloned().ok_or_else(|| error("nothing to choose from"))
}
