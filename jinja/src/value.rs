//! Python's view of template values: what type they are, and conversions that filters share.

use crate::collections::{Dict, Generator, List, Namespace, View};
use crate::filters_list::Group;
use crate::functions::Range;
use indexmap::IndexMap;
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

pub type Result<T> = std::result::Result<T, Error>;

/// An error with a text for the template's author.
pub fn error(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text.into())
}

pub fn fail<T>(text: impl Into<String>) -> Result<T> {
    Err(error(text))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Undefined,
    None,
    Bool,
    Int,
    Float,
    Str,
    List,
    Tuple,
    Dict,
    /// Something to iterate over that is neither list nor tuple: range, dict view, generator.
    Iterable,
    Namespace,
    Other,
}

pub fn type_of(value: &Value) -> Type {
    match value.kind() {
        ValueKind::Undefined => Type::Undefined,
        ValueKind::None => Type::None,
        ValueKind::Bool => Type::Bool,
        ValueKind::Number if value.is_integer() => Type::Int,
        ValueKind::Number => Type::Float,
        ValueKind::String => Type::Str,
        ValueKind::Seq if value.is_tuple() || value.downcast_object_ref::<Group>().is_some() => Type::Tuple,
        ValueKind::Seq => Type::List,
        ValueKind::Iterable => Type::Iterable,
        ValueKind::Map if value.downcast_object_ref::<Namespace>().is_some() => Type::Namespace,
        // Loop variables and macros call themselves maps too, but are not dicts to Python.
        ValueKind::Map if engine_type(value).is_some() => Type::Other,
        ValueKind::Map => Type::Dict,
        _ => Type::Other,
    }
}

/// `Loop`, `Macro` or `Module` for MiniJinja's own objects, which have no public type.
pub fn engine_type(value: &Value) -> Option<&'static str> {
    let name = value.as_object()?.type_name();
    name.starts_with("minijinja::vm::").then(|| name.rsplit("::").next().unwrap_or(name))
}

/// What Python's error messages call the type.
pub fn type_name(value: &Value) -> &'static str {
    match type_of(value) {
        Type::Undefined => "Undefined",
        Type::None => "NoneType",
        Type::Bool => "bool",
        Type::Int => "int",
        Type::Float => "float",
        Type::Str => "str",
        Type::List => "list",
        Type::Tuple => "tuple",
        Type::Dict => "dict",
        Type::Namespace => "Namespace",
        Type::Iterable if value.downcast_object_ref::<Range>().is_some() => "range",
        Type::Iterable if value.downcast_object_ref::<Generator>().is_some() => "generator",
        Type::Iterable => value.downcast_object_ref::<View>().map_or("iterator", |view| view.type_name),
        Type::Other => "object",
    }
}

pub fn undefined<T>(what: &str) -> Result<T> {
    Err(Error::new(ErrorKind::UndefinedError, format!("{what} is undefined")))
}

/// `int(value)` for int and bool, nothing else.
pub fn as_int(value: &Value) -> Option<i128> {
    match type_of(value) {
        Type::Int => i128::try_from(value.clone()).ok(),
        Type::Bool => Some(i128::from(value.is_true())),
        _ => None,
    }
}

/// An int in MiniJinja's narrowest form, which is what it compares fastest.
pub fn int(value: i128) -> Value {
    i64::try_from(value).map_or_else(|_| Value::from(value), Value::from)
}

/// An argument that Python would use as an index or a count; far values meet at the ends of i64.
pub fn index_of(value: &Value) -> Result<i64> {
    match as_int(value) {
        Some(int) => Ok(int.clamp(i64::MIN as i128 + 1, i64::MAX as i128) as i64),
        None if value.is_undefined() => undefined("a number"),
        None => fail(format!("'{}' object cannot be interpreted as an integer", type_name(value))),
    }
}

/// `float(value)` for numbers.
pub fn as_float(value: &Value) -> Option<f64> {
    match type_of(value) {
        Type::Float | Type::Int => f64::try_from(value.clone()).ok(),
        Type::Bool => Some(if value.is_true() { 1.0 } else { 0.0 }),
        _ => None,
    }
}

/// The items that Python would iterate over, charged to the render's fuel.
pub fn items(state: &State, value: &Value) -> Result<Vec<Value>> {
    if let Some(text) = value.as_str() {
        state.consume_fuel(text.len() as u64)?;
        return Ok(text.chars().map(Value::from).collect());
    }
    if value.is_undefined() {
        return Ok(Vec::new());
    }
    if !matches!(type_of(value), Type::List | Type::Tuple | Type::Dict | Type::Iterable) {
        return fail(format!("'{}' object is not iterable", type_name(value)));
    }
    let mut found = Vec::new();
    for item in value.try_iter()?.checked() {
        state.consume_fuel(1)?;
        found.push(item?);
    }
    Ok(found)
}

/// `len(value)`, or None where Python's raises TypeError.
pub fn length(value: &Value) -> Option<usize> {
    match type_of(value) {
        Type::Undefined => Some(0),
        Type::Str => value.as_str().map(|text| text.chars().count()),
        Type::List | Type::Tuple | Type::Dict | Type::Iterable => value.len(),
        _ => None,
    }
}

/// A list, charged to the render's fuel.
pub fn list(state: &State, items: Vec<Value>) -> Result<Value> {
    state.consume_fuel(items.len() as u64 / 2 + 1)?;
    List::new(Some(state), items).map(Value::from_object)
}

/// `is_hashable` for look-ups that cannot fail or charge: what nests deeper than a key ever does is none.
pub fn is_simple_key(value: &Value, depth: usize) -> bool {
    match type_of(value) {
        Type::Undefined | Type::None | Type::Bool | Type::Int | Type::Float | Type::Str => true,
        Type::Tuple if depth > 0 => {
            value.try_iter().is_ok_and(|mut items| items.all(|item| is_simple_key(&item, depth - 1)))
        }
        _ => false,
    }
}

/// Collects the pairs of a dict, whose keys must be hashable.
pub fn collect_dict(state: &State, pairs: impl Iterator<Item = (Value, Value)>) -> Result<IndexMap<Value, Value>> {
    let mut map = IndexMap::new();
    for (key, item) in pairs {
        if !is_hashable(state, &key)? {
            return fail(format!("unhashable type: '{}'", type_name(&key)));
        }
        map.insert(key, item);
    }
    Ok(map)
}

/// A dict, charged to the render's fuel.
pub fn dict(state: &State, items: IndexMap<Value, Value>) -> Result<Value> {
    state.consume_fuel(items.len() as u64 * 2 + 1)?;
    Dict::new(Some(state), items).map(Value::from_object)
}

pub fn tuple(items: Vec<Value>) -> Value {
    Value::from(Tuple::from(items))
}

pub fn generator(items: Vec<Value>) -> Value {
    Value::from_object(Generator::new(items))
}

/// The pairs of a dict.
pub fn pairs(state: &State, value: &Value) -> Result<Vec<(Value, Value)>> {
    if let Some(dict) = value.downcast_object_ref::<Dict>() {
        let found = dict.pairs();
        state.consume_fuel(found.len() as u64)?;
        return Ok(found);
    }
    match value.as_object().and_then(|object| object.try_iter_pairs()) {
        Some(iter) if type_of(value) == Type::Dict => Ok(iter.collect()),
        _ if value.is_undefined() => undefined("a mapping"),
        _ => fail(format!("'{}' object has no attribute 'items'", type_name(value))),
    }
}

/// Whether `hash(value)` would work; charges what hashing and comparing the value will take. What MiniJinja
/// would hash by looking inside is not hashable here, though some of it is in Python: inside may
/// be the very dict that is being searched, and locked.
pub fn is_hashable(state: &State, value: &Value) -> Result<bool> {
    match type_of(value) {
        Type::List | Type::Dict => return Ok(false),
        Type::Iterable => return Ok(value.downcast_object_ref::<Range>().is_some()),
        Type::Other => return Ok(engine_type(value) != Some("Loop")),
        Type::Tuple => {
            for item in items(state, value)? {
                if !is_hashable(state, &item)? {
                    return Ok(false);
                }
            }
        }
        _ => {}
    }
    Ok(true)
}
