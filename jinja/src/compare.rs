//! Python's ordering, which MiniJinja relaxes: values of unlike types have none.

use crate::bigint::is_big;
use crate::collections::{Dict, List};
use crate::functions::Range;
use crate::value::{as_float, fail, pairs, type_name, type_of, undefined, Result, Type};
use minijinja::{State, Value};
use std::cmp::Ordering;

/// `<`, `==` or `>`; None where a NaN makes all comparisons false.
pub fn compare(state: &State, a: &Value, b: &Value, operator: &str) -> Result<Option<Ordering>> {
    let numeric = |t| matches!(t, Type::Bool | Type::Int | Type::Float);
    match (type_of(a), type_of(b)) {
        (Type::Undefined, _) | (_, Type::Undefined) => undefined("a compared value"),
        (x, y) if numeric(x) && numeric(y) => {
            let nan = as_float(a).is_some_and(f64::is_nan) || as_float(b).is_some_and(f64::is_nan);
            Ok((!nan).then(|| a.cmp(b)))
        }
        _ if is_big(a) || is_big(b) => match (crate::bigint::magnitude(a), crate::bigint::magnitude(b)) {
            (Some(a), Some(b)) => Ok(Some(a.cmp(&b))),
            _ => fail(format!("'{operator}' not supported between these values")),
        },
        (Type::Str, Type::Str) => Ok(Some(a.as_str().cmp(&b.as_str()))),
        (Type::List, Type::List) | (Type::Tuple, Type::Tuple) => compare_items(state, a, b, operator),
        _ => fail(format!("'{operator}' not supported between instances of '{}' and '{}'", type_name(a), type_name(b))),
    }
}

fn compare_items(state: &State, a: &Value, b: &Value, operator: &str) -> Result<Option<Ordering>> {
    for (x, y) in a.try_iter()?.zip(b.try_iter()?) {
        if !equal(state, &x, &y)? {
            return compare(state, &x, &y, operator);
        }
    }
    Ok(Some(a.len().cmp(&b.len())))
}

/// `a == b`. Charges every pair of items it looks at: containers that hold others many times would
/// take longer than anybody waits.
pub fn equal(state: &State, a: &Value, b: &Value) -> Result<bool> {
    let (Some(_), Some(other)) = (a.as_object(), b.as_object()) else {
        return Ok(a == b);
    };
    if identity(a).is_some() && identity(a) == identity(b) {
        return Ok(true);
    }
    match (type_of(a), type_of(b)) {
        (Type::List, Type::List) | (Type::Tuple, Type::Tuple) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (x, y) in a.try_iter()?.zip(b.try_iter()?) {
                state.consume_fuel(1)?;
                if !equal(state, &x, &y)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Type::Dict, Type::Dict) => {
            let left = pairs(state, a)?;
            for (key, item) in &left {
                match other.get_value(key) {
                    Some(found) if equal(state, item, &found)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(b.len() == Some(left.len()))
        }
        // Ranges and integers of any size are what they print; the rest is equal only to itself.
        (Type::Iterable, Type::Iterable) | (Type::Other, Type::Other) if is_printed(a) && is_printed(b) => {
            Ok(a.to_string() == b.to_string())
        }
        _ => Ok(false),
    }
}

/// What tells one list or dict from another that is equal.
pub fn identity(value: &Value) -> Option<usize> {
    let list = value.downcast_object_ref::<List>().map(|list| list as *const List as usize);
    list.or_else(|| value.downcast_object_ref::<Dict>().map(|dict| dict as *const Dict as usize))
}

fn is_printed(value: &Value) -> bool {
    is_big(value) || value.downcast_object_ref::<Range>().is_some()
}

/// `a < b`
pub fn less(state: &State, a: &Value, b: &Value) -> Result<bool> {
    state.consume_fuel(1)?;
    Ok(compare(state, a, b, "<")? == Some(Ordering::Less))
}

/// Sorts stably by keys, and fails where Python's `<` between two of them does.
pub fn sort_by_keys(state: &State, items: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<Value>> {
    let mut sorted = merge_sort(state, items, reverse)?;
    Ok(sorted.drain(..).map(|(_, item)| item).collect())
}

/// Pairs of key and item in order. The standard library's sorts don't take comparisons that can fail.
fn merge_sort(state: &State, mut items: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<(Value, Value)>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = merge_sort(state, items.split_off(items.len() / 2), reverse)?;
    let left = merge_sort(state, items, reverse)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let right_first = if reverse { less(state, a, b)? } else { less(state, b, a)? };
        merged.extend(if right_first { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
