//! Python's operators where MiniJinja's differ (`-`, `/` and `//` don't). Compiled programs call them as filters,
//! see `rewrite`.

use crate::collections::{List, Namespace};
use crate::compare::{compare, equal};
use crate::format_percent;
use crate::functions::Range;
use crate::macros;
use crate::text::{push_escaped, same_safety, Text};
use crate::value::{
    as_float, as_int, collect_dict, dict, error, fail, int, is_hashable, items, list, tuple, type_name, type_of,
    undefined, Result, Type,
};
use minijinja::{AutoEscape, Error, ErrorKind, State, Value};
use std::cmp::Ordering;

pub type Operator = fn(&mut State, &[Value]) -> Result<Value>;

/// Names that no template can spell.
pub const OPERATORS: &[(&str, Operator)] = &[
    ("<add>", add),
    ("<mul>", mul),
    ("<mod>", modulo),
    ("<pow>", |_, args| arithmetic("**", args)),
    ("<neg>", neg),
    ("<concat>", concat),
    ("<eq>", |state, args| equal(state, &args[0], &args[1]).map(Value::from)),
    ("<ne>", |state, args| equal(state, &args[0], &args[1]).map(|equal| Value::from(!equal))),
    ("<lt>", |state, args| order(state, "<", args, |o| o == Ordering::Less)),
    ("<le>", |state, args| order(state, "<=", args, |o| o != Ordering::Greater)),
    ("<gt>", |state, args| order(state, ">", args, |o| o == Ordering::Greater)),
    ("<ge>", |state, args| order(state, ">=", args, |o| o != Ordering::Less)),
    ("<equatable>", equatable),
    ("<orderable>", orderable),
    ("<in>", |state, args| contains(state, &args[1], &args[0]).map(Value::from)),
    ("<getitem>", get_item),
    ("<slice>", slice),
    ("<iter>", iterable),
    ("<list>", |state, args| list(state, args.to_vec())),
    ("<dict>", build_dict),
    ("<fresh>", |state, args| fresh(state, &args[0])),
    ("<setattr>", set_attribute),
    ("<depart>", macros::depart),
    ("<arrive>", macros::arrive),
];

fn unsupported<T>(operator: &str, a: &Value, b: &Value) -> Result<T> {
    for value in [a, b] {
        if value.is_undefined() {
            return undefined("an operand");
        }
    }
    fail(format!("unsupported operand type(s) for {operator}: '{}' and '{}'", type_name(a), type_name(b)))
}

/// Numbers; integers of up to 128 bits, beyond which Python would go on.
fn arithmetic(operator: &str, args: &[Value]) -> Result<Value> {
    let (a, b) = (&args[0], &args[1]);
    if let (Some(x), Some(y)) = (as_int(a), as_int(b)) {
        return int_arithmetic(operator, x, y);
    }
    match (as_float(a), as_float(b)) {
        (Some(x), Some(y)) => float_arithmetic(operator, x, y).map(Value::from),
        _ => unsupported(operator, a, b),
    }
}

fn int_arithmetic(operator: &str, x: i128, y: i128) -> Result<Value> {
    if y == 0 && operator == "%" {
        return fail("division by zero");
    }
    let result = match operator {
        "+" => x.checked_add(y),
        "*" => x.checked_mul(y),
        "%" => x.checked_rem(y).map(|rest| if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest }),
        _ if y < 0 => return float_arithmetic("**", x as f64, y as f64).map(Value::from),
        _ if x.unsigned_abs() <= 1 => Some(if x < 0 && y % 2 == 0 || y == 0 { 1 } else { x }),
        _ => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
    };
    result.map(int).ok_or_else(|| error("integers of more than 128 bits are not supported"))
}

fn float_arithmetic(operator: &str, x: f64, y: f64) -> Result<f64> {
    Ok(match operator {
        "+" => x + y,
        "*" => x * y,
        "%" if y == 0.0 => return fail("float division by zero"),
        "%" => float_remainder(x, y),
        _ if x == 0.0 && y < 0.0 => return fail("0.0 cannot be raised to a negative power"),
        _ if x < 0.0 && y.fract() != 0.0 => return fail("complex numbers are not supported"),
        _ => {
            let power = x.powf(y);
            if power.is_infinite() && x.is_finite() && y.is_finite() {
                return fail("Numerical result out of range");
            }
            power
        }
    })
}

/// With the sign of the divisor.
fn float_remainder(x: f64, y: f64) -> f64 {
    let rest = x % y;
    if rest == 0.0 {
        0.0_f64.copysign(y)
    } else if (rest < 0.0) != (y < 0.0) {
        rest + y
    } else {
        rest
    }
}

fn add(state: &mut State, args: &[Value]) -> Result<Value> {
    let (a, b) = (&args[0], &args[1]);
    match (type_of(a), type_of(b)) {
        (Type::Str, Type::Str) => {
            let mut out = Text::new(state);
            if a.is_safe() || b.is_safe() {
                push_escaped(&mut out, state, a)?;
                push_escaped(&mut out, state, b)?;
                return Ok(Value::from_safe_string(out.finish()));
            }
            out.push_value(a)?;
            out.push_value(b)?;
            Ok(Value::from(out.finish()))
        }
        (Type::List, Type::List) | (Type::Tuple, Type::Tuple) => {
            let mut joined = items(state, a)?;
            joined.extend(items(state, b)?);
            if type_of(a) == Type::List {
                return list(state, joined);
            }
            Ok(tuple(joined))
        }
        _ => arithmetic("+", args),
    }
}

fn mul(state: &mut State, args: &[Value]) -> Result<Value> {
    let (sequence, count) = if as_int(&args[0]).is_some() { (&args[1], &args[0]) } else { (&args[0], &args[1]) };
    let Some(count) = as_int(count) else {
        return arithmetic("*", args);
    };
    let count = count.clamp(0, i64::MAX as i128) as i64;
    match type_of(sequence) {
        Type::Str => {
            let mut out = Text::new(state);
            out.repeat(sequence.as_str().unwrap_or_default(), count)?;
            Ok(same_safety(sequence, out.finish()))
        }
        Type::List | Type::Tuple => {
            let once = items(state, sequence)?;
            state.consume_fuel((once.len() as u64).saturating_mul(count as u64))?;
            let count = if once.is_empty() { 0 } else { count };
            let repeated = (0..count).flat_map(|_| once.iter().cloned()).collect();
            if type_of(sequence) == Type::List {
                return list(state, repeated);
            }
            Ok(tuple(repeated))
        }
        _ => arithmetic("*", args),
    }
}

fn modulo(state: &mut State, args: &[Value]) -> Result<Value> {
    match args[0].as_str() {
        Some(_) => format_percent::format(state, &args[0], &args[1]),
        None => arithmetic("%", args),
    }
}

fn neg(_: &mut State, args: &[Value]) -> Result<Value> {
    match (as_int(&args[0]), as_float(&args[0])) {
        (Some(value), _) => value.checked_neg().map(int).ok_or_else(|| error("the integer is too large")),
        (None, Some(value)) => Ok(Value::from(-value)),
        _ if args[0].is_undefined() => undefined("the operand of -"),
        _ => fail(format!("bad operand type for unary -: '{}'", type_name(&args[0]))),
    }
}

/// `~`
fn concat(state: &mut State, args: &[Value]) -> Result<Value> {
    let mut out = Text::new(state);
    if !matches!(state.auto_escape(), AutoEscape::None) && args.iter().any(Value::is_safe) {
        args.iter().try_for_each(|value| push_escaped(&mut out, state, value))?;
        return Ok(Value::from_safe_string(out.finish()));
    }
    args.iter().try_for_each(|value| out.push_value(value))?;
    Ok(Value::from(out.finish()))
}

fn order(state: &State, operator: &str, args: &[Value], test: fn(Ordering) -> bool) -> Result<Value> {
    Ok(Value::from(compare(state, &args[0], &args[1], operator)?.is_some_and(test)))
}

/// Charges for an inner link of `a == b == c` or `a in b == c`, and leaves its operands as they were.
fn equatable(state: &mut State, args: &[Value]) -> Result<Value> {
    match type_of(&args[1]) {
        Type::Str => {}
        // `in` compares with the items, which `==` does only where both have some.
        Type::List | Type::Tuple | Type::Dict | Type::Iterable => drop(contains(state, &args[1], &args[0])),
        _ => {}
    }
    equal(state, &args[0], &args[1])?;
    state.consume_fuel(1)?;
    Ok(tuple(vec![args[1].clone(), args[0].clone()]))
}

/// Checks the operands of an inner link of `a < b < c` and leaves them as they were.
fn orderable(state: &mut State, args: &[Value]) -> Result<Value> {
    compare(state, &args[0], &args[1], "<")?;
    Ok(tuple(vec![args[1].clone(), args[0].clone()]))
}

/// `needle in haystack`
pub fn contains(state: &State, haystack: &Value, needle: &Value) -> Result<bool> {
    match type_of(haystack) {
        Type::Str => match needle.as_str() {
            Some(needle) => {
                let text = haystack.as_str().unwrap_or_default();
                state.consume_fuel(text.len() as u64 / 64)?;
                Ok(text.contains(needle))
            }
            None => fail(format!("'in <string>' requires string as left operand, not {}", type_name(needle))),
        },
        Type::Dict if !is_hashable(state, needle)? => fail(format!("unhashable type: '{}'", type_name(needle))),
        Type::Dict => Ok(haystack.as_object().is_some_and(|dict| dict.get_value(needle).is_some())),
        Type::List | Type::Tuple | Type::Iterable | Type::Undefined => {
            for item in items(state, haystack)? {
                if equal(state, &item, needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => fail(format!("argument of type '{}' is not iterable", type_name(haystack))),
    }
}

/// `value[key]`
fn get_item(state: &mut State, args: &[Value]) -> Result<Value> {
    let (value, key) = (&args[0], &args[1]);
    match type_of(value) {
        Type::Undefined => undefined("the value in front of [...]"),
        Type::Str => {
            let text = value.as_str().unwrap_or_default();
            state.consume_fuel(text.len() as u64 / 64)?;
            let index = crate::collections::position(key, text.chars().count());
            Ok(index.and_then(|index| text.chars().nth(index)).map_or(Value::UNDEFINED, Value::from))
        }
        Type::List | Type::Tuple | Type::Iterable if as_int(key).is_none() && key.as_str().is_none() => {
            Ok(Value::UNDEFINED)
        }
        Type::Iterable if value.downcast_object_ref::<Range>().is_none() => Ok(Value::UNDEFINED),
        _ => Ok(value.as_object().and_then(|object| object.get_value(key)).unwrap_or_default()),
    }
}

/// `value[start:stop:step]`
fn slice(state: &mut State, args: &[Value]) -> Result<Value> {
    let value = &args[0];
    if !matches!(type_of(value), Type::Str | Type::List | Type::Tuple | Type::Iterable) {
        return match type_of(value) {
            Type::Undefined => undefined("the sliced value"),
            _ => fail(format!("'{}' object is not subscriptable", type_name(value))),
        };
    }
    let chars: Vec<char> = value.as_str().map_or_else(Vec::new, |text| text.chars().collect());
    state.consume_fuel(chars.len() as u64 / 16)?;
    let all = if value.as_str().is_some() { Vec::new() } else { items(state, value)? };
    let bound = |value: &Value| match value.is_none() {
        true => Ok(None),
        false => as_int(value).map(Some).ok_or_else(|| error("slice indices must be integers or None")),
    };
    let (start, stop, step) = (bound(&args[1])?, bound(&args[2])?, bound(&args[3])?.unwrap_or(1));
    if step == 0 {
        return fail("slice step cannot be zero");
    }
    let len = all.len().max(chars.len()) as i128;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |index: i128| if index < 0 { (index.saturating_add(len)).max(low) } else { index.min(high) };
    let (first, last) = if step > 0 { (0, len) } else { (len - 1, -1) };
    let stop = stop.map_or(last, clamp);
    let mut index = start.map_or(first, clamp);
    let mut taken = Vec::new();
    while if step > 0 { index < stop } else { index > stop } {
        taken.push(index as usize);
        index = index.saturating_add(step);
    }
    match type_of(value) {
        Type::Str => Ok(same_safety(value, taken.into_iter().map(|index| chars[index]).collect())),
        Type::Tuple => Ok(tuple(taken.into_iter().map(|index| all[index].clone()).collect())),
        _ => list(state, taken.into_iter().map(|index| all[index].clone()).collect()),
    }
}

/// What a loop runs over: as it is, if it can be.
fn iterable(state: &mut State, args: &[Value]) -> Result<Value> {
    let value = &args[0];
    match type_of(value) {
        // A generator has no length, but the loop's variables tell it.
        Type::Iterable if value.len().is_none() => list(state, items(state, value)?),
        Type::Str | Type::List | Type::Tuple | Type::Dict | Type::Iterable | Type::Undefined => Ok(value.clone()),
        _ => fail(format!("'{}' object is not iterable", type_name(value))),
    }
}

/// `{key: value, ...}` from keys and values in turn.
fn build_dict(state: &mut State, args: &[Value]) -> Result<Value> {
    let map = collect_dict(state, args.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())))?;
    dict(state, map)
}

/// A container of the compiled program's, as one of its own for this evaluation.
fn fresh(state: &State, constant: &Value) -> Result<Value> {
    let inner = |value: Value| fresh(state, &value);
    match type_of(constant) {
        Type::Tuple => Ok(tuple(constant.try_iter()?.map(inner).collect::<Result<_>>()?)),
        Type::List if constant.downcast_object_ref::<List>().is_none() => {
            list(state, constant.try_iter()?.map(inner).collect::<Result<_>>()?)
        }
        Type::Dict => {
            let pairs = constant.as_object().and_then(|dict| dict.try_iter_pairs()).into_iter().flatten();
            dict(state, pairs.map(|(key, value)| Ok((key, inner(value)?))).collect::<Result<_>>()?)
        }
        _ => Ok(constant.clone()),
    }
}

/// `{% set namespace.name = value %}`
fn set_attribute(state: &mut State, args: &[Value]) -> Result<Value> {
    let (value, target, name) = (&args[0], &args[1], &args[2]);
    let Some(namespace) = target.downcast_object_ref::<Namespace>() else {
        return Err(Error::new(ErrorKind::InvalidOperation, "cannot assign attribute on non-namespace object"));
    };
    namespace.0.admit(state, value)?;
    state.consume_fuel(2)?;
    namespace.0.lock().insert(name.clone(), value.clone());
    Ok(Value::UNDEFINED)
}
