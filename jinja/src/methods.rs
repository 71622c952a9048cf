//! Methods of Python's values: which there are, and how they are found and called.

use crate::arguments::Arguments;
use crate::collections::{Dict, List, View};
use crate::compare::{equal, sort_by_keys};
use crate::text_methods;
use crate::value::{
    as_float, as_int, collect_dict, error, fail, is_hashable, items, list, pairs, tuple, type_name, type_of, Result,
    Type,
};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};
use std::fmt;
use std::sync::Arc;

const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE: &[&str] = &["count", "index"];
const DICT: &[&str] =
    &["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
const INT: &[&str] = &["bit_length", "is_integer", "conjugate"];

/// Names that are a method of some type: their look-up with a dot has to find the method before an item.
pub fn all_names() -> impl Iterator<Item = &'static str> {
    [text_methods::NAMES, LIST, DICT, INT].into_iter().flatten().copied()
}

fn names_of(value: &Value) -> &'static [&'static str] {
    match type_of(value) {
        Type::Str => text_methods::NAMES,
        Type::List => LIST,
        Type::Tuple => TUPLE,
        Type::Dict => DICT,
        Type::Int | Type::Float | Type::Bool => INT,
        _ => &[],
    }
}

/// A method that was looked up but not called yet.
pub struct BoundMethod {
    pub value: Value,
    name: String,
}

impl fmt::Debug for BoundMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<built-in method {} of {} object>", self.name, type_name(&self.value))
    }
}

impl Object for BoundMethod {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call(self: &Arc<Self>, state: &mut State, args: &[Value]) -> Result<Value> {
        call(state, &self.value, &self.name, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// `value.name` for a name in `all_names`.
pub fn attribute(value: &Value, name: &str) -> Result<Value> {
    if names_of(value).contains(&name) {
        return Ok(Value::from_object(BoundMethod { value: value.clone(), name: name.to_owned() }));
    }
    value.get_attr(name)
}

/// `value.name(args)` where the value has no method of MiniJinja's.
pub fn call(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    if !names_of(value).contains(&name) {
        return Err(Error::from(ErrorKind::UnknownMethod));
    }
    match type_of(value) {
        Type::Str => text_methods::call(state, value, name, args),
        Type::List => match value.downcast_object::<List>() {
            Some(list) => list_method(state, &list, value, name, args),
            None => sequence_method(state, value, name, args),
        },
        Type::Tuple => sequence_method(state, value, name, args),
        Type::Dict => match value.downcast_object::<Dict>() {
            Some(dict) => dict_method(state, &dict, value, name, args),
            None => fail(format!("this mapping has no method '{name}'")),
        },
        _ => number_method(value, name, args),
    }
}

fn number_method(value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    Arguments::bind("number method", &[], 0, args)?;
    match (name, type_of(value)) {
        ("bit_length", Type::Int | Type::Bool) => {
            let magnitude = as_int(value).map_or(0, i128::unsigned_abs);
            Ok(Value::from(128 - magnitude.leading_zeros()))
        }
        ("is_integer", _) => Ok(Value::from(as_float(value).map_or(true, |float| float.fract() == 0.0))),
        ("conjugate", _) => Ok(value.clone()),
        _ => fail(format!("'{}' object has no attribute '{name}'", type_name(value))),
    }
}

/// `count` and `index`, which lists and tuples share.
fn sequence_method(state: &State, value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    let all = items(state, value)?;
    if name == "count" {
        let args = Arguments::bind("count", &["value"], 1, args)?;
        let found = places(state, &all, args.get(0), usize::MAX)?;
        return Ok(Value::from(found.len()));
    }
    let args = Arguments::bind("index", &["value", "start", "stop"], 1, args)?;
    let len = all.len() as i64;
    let clamp = |index: i64| if index < 0 { (index + len).max(0) } else { index.min(len) } as usize;
    let (start, stop) = (clamp(args.int(1, 0)?), clamp(args.int(2, len)?));
    let found = places(state, &all[start..stop.max(start)], args.get(0), 1)?;
    found.first().map(|index| Value::from(start + index)).ok_or_else(|| error("the value is not in the list"))
}

/// Up to `max` indexes of the items that equal `sought`.
fn places(state: &State, items: &[Value], sought: Option<&Value>, max: usize) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if equal(state, item, sought.unwrap_or(&Value::UNDEFINED))? {
            found.push(index);
            if found.len() == max {
                break;
            }
        }
    }
    Ok(found)
}

fn list_method(state: &State, this: &Arc<List>, value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    match name {
        "append" => {
            let args = Arguments::bind("append", &["object"], 1, args)?;
            insert(state, this, usize::MAX, args.get(0))?;
        }
        "extend" => {
            let args = Arguments::bind("extend", &["iterable"], 1, args)?;
            for item in items(state, args.value(0))? {
                insert(state, this, usize::MAX, Some(&item))?;
            }
        }
        "insert" => {
            let args = Arguments::bind("insert", &["index", "object"], 2, args)?;
            let len = this.0.lock().len() as i64;
            let index = args.int(0, 0)?;
            let index = if index < 0 { (index + len).max(0) } else { index };
            insert(state, this, index as usize, args.get(1))?;
        }
        "pop" => {
            let args = Arguments::bind("pop", &["index"], 0, args)?;
            let mut held = this.0.lock();
            let index = args.get(0).cloned().unwrap_or_else(|| Value::from(-1));
            let index = crate::collections::position(&index, held.len());
            shift(state, held.len() - index.unwrap_or(held.len()))?;
            return index.map(|index| held.remove(index)).ok_or_else(|| error("pop index out of range"));
        }
        "remove" => {
            let index = sequence_method(state, value, "index", args)?.as_usize().unwrap_or(0);
            this.0.lock().remove(index);
        }
        "clear" => this.0.lock().clear(),
        "copy" => return list(state, items(state, value)?),
        "reverse" => {
            let mut held = this.0.lock();
            shift(state, held.len())?;
            held.reverse();
        }
        "sort" => {
            let args = Arguments::bind("sort", &["reverse"], 0, args)?;
            let keyed = items(state, value)?.into_iter().map(|item| (item.clone(), item)).collect();
            let sorted = sort_by_keys(state, keyed, args.is_true(0))?;
            *this.0.lock() = sorted;
        }
        _ => return sequence_method(state, value, name, args),
    }
    Ok(Value::from(()))
}

/// Charges for moving that many slots of a list or dict.
fn shift(state: &State, slots: usize) -> Result<()> {
    state.consume_fuel(slots as u64 / 16)
}

fn insert(state: &State, this: &List, index: usize, item: Option<&Value>) -> Result<()> {
    let item = item.cloned().unwrap_or_default();
    this.0.admit(state, &item)?;
    // A slot is 24 bytes, and a growing Vec holds up to three times that for a moment.
    state.consume_fuel(2)?;
    let mut held = this.0.lock();
    let index = index.min(held.len());
    shift(state, held.len() - index)?;
    held.insert(index, item);
    Ok(())
}

fn set_item(state: &State, this: &Dict, key: &Value, item: &Value) -> Result<()> {
    if !is_hashable(state, key)? {
        return fail(format!("unhashable type: '{}'", type_name(key)));
    }
    this.0.admit(state, key)?;
    this.0.admit(state, item)?;
    state.consume_fuel(4)?;
    this.0.lock().insert(key.clone(), item.clone());
    Ok(())
}

fn dict_method(state: &mut State, this: &Arc<Dict>, value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    let view = |type_name, items| Ok(Value::from_object(View { type_name, items }));
    if matches!(name, "items" | "keys" | "values" | "copy" | "clear" | "popitem") && !args.is_empty() {
        return fail(format!("dict.{name}() takes no arguments"));
    }
    match name {
        "items" => {
            let found = pairs(state, value)?.into_iter().map(|(key, item)| tuple(vec![key, item]));
            view("dict_items", found.collect())
        }
        "keys" => view("dict_keys", pairs(state, value)?.into_iter().map(|(key, _)| key).collect()),
        "values" => view("dict_values", pairs(state, value)?.into_iter().map(|(_, item)| item).collect()),
        "copy" => {
            let copy = pairs(state, value)?.into_iter().collect();
            crate::value::dict(state, copy)
        }
        "clear" => {
            this.0.lock().clear();
            Ok(Value::from(()))
        }
        "popitem" => {
            let last = this.0.lock().pop();
            last.map(|(key, item)| tuple(vec![key, item])).ok_or_else(|| error("popitem(): dictionary is empty"))
        }
        "update" => {
            let update = crate::functions::mapping(state, args)?;
            update.iter().try_for_each(|(key, item)| set_item(state, this, key, item))?;
            Ok(Value::from(()))
        }
        "fromkeys" => {
            let args = Arguments::bind("fromkeys", &["iterable", "value"], 1, args)?;
            let item = args.get(1).cloned().unwrap_or_else(|| Value::from(()));
            let keys = items(state, args.value(0))?;
            let map = collect_dict(state, keys.into_iter().map(|key| (key, item.clone())))?;
            crate::value::dict(state, map)
        }
        _ => keyed_method(state, this, name, args),
    }
}

/// `get`, `pop` and `setdefault`.
fn keyed_method(state: &State, this: &Arc<Dict>, name: &str, args: &[Value]) -> Result<Value> {
    let bound = Arguments::bind("dict method", &["key", "default"], 1, args)?;
    let key = bound.value(0).clone();
    if !is_hashable(state, &key)? {
        return fail(format!("unhashable type: '{}'", type_name(&key)));
    }
    let default = bound.get(1).cloned();
    if name == "pop" {
        let mut held = this.0.lock();
        shift(state, held.len())?;
        let found = held.shift_remove(&key).or(default);
        return found.ok_or_else(|| error("KeyError: the key to pop is not in the dict"));
    }
    let found = this.0.lock().get(&key).cloned();
    let default = default.unwrap_or_else(|| Value::from(()));
    if name == "setdefault" && found.is_none() {
        set_item(state, this, &key, &default)?;
    }
    Ok(found.unwrap_or(default))
}
