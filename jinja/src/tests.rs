//! Jinja2's tests, as in `value is odd`.

use crate::arguments::Arguments;
use crate::compare::{compare, equal, identity};
use crate::environment::{has_filter, has_test};
use crate::functions::Range;
use crate::methods::BoundMethod;
use crate::operators;
use crate::text::str_of;
use crate::value::{as_float, as_int, engine_type, error, fail, type_name, type_of, undefined, Result, Type};
use minijinja::{tests, State, Value};
use std::cmp::Ordering;

pub type Test = fn(&mut State, &[Value]) -> Result<bool>;

pub const TESTS: &[(&str, Test)] = &[
    ("!=", |state, args| two(args).and_then(|(a, b)| Ok(!equal(state, &a, &b)?))),
    ("<", |state, args| order(state, args, "<", |o| o == Ordering::Less)),
    ("<=", |state, args| order(state, args, "<=", |o| o != Ordering::Greater)),
    ("==", |state, args| two(args).and_then(|(a, b)| equal(state, &a, &b))),
    (">", |state, args| order(state, args, ">", |o| o == Ordering::Greater)),
    (">=", |state, args| order(state, args, ">=", |o| o != Ordering::Less)),
    ("boolean", |_, args| Ok(type_of(&one(args)?) == Type::Bool)),
    ("callable", |_, args| Ok(is_callable(&one(args)?))),
    ("defined", |_, args| Ok(!one(args)?.is_undefined())),
    ("divisibleby", |_, args| two(args).and_then(|(a, b)| Ok(remainder(&a, &b)? == 0.0))),
    ("eq", |state, args| two(args).and_then(|(a, b)| equal(state, &a, &b))),
    ("equalto", |state, args| two(args).and_then(|(a, b)| equal(state, &a, &b))),
    ("escaped", |_, args| Ok(one(args)?.is_safe())),
    ("even", |_, args| Ok(remainder(&one(args)?, &Value::from(2))? == 0.0)),
    ("false", |_, args| one(args).map(|value| type_of(&value) == Type::Bool && !value.is_true())),
    ("filter", |_, args| Ok(one(args)?.as_str().is_some_and(has_filter))),
    ("float", |_, args| Ok(type_of(&one(args)?) == Type::Float)),
    ("ge", |state, args| order(state, args, ">=", |o| o != Ordering::Less)),
    ("greaterthan", |state, args| order(state, args, ">", |o| o == Ordering::Greater)),
    ("gt", |state, args| order(state, args, ">", |o| o == Ordering::Greater)),
    ("in", |state, args| two(args).and_then(|(a, b)| operators::contains(state, &b, &a))),
    ("integer", |_, args| Ok(is_int(&one(args)?))),
    ("iterable", |_, args| Ok(is_iterable(&one(args)?))),
    ("le", |state, args| order(state, args, "<=", |o| o != Ordering::Greater)),
    ("lessthan", |state, args| order(state, args, "<", |o| o == Ordering::Less)),
    ("lower", |state, args| Ok(tests::is_lower(&Value::from(str_of(state, &one(args)?)?)))),
    ("lt", |state, args| order(state, args, "<", |o| o == Ordering::Less)),
    ("mapping", |_, args| Ok(type_of(&one(args)?) == Type::Dict)),
    ("ne", |state, args| two(args).and_then(|(a, b)| Ok(!equal(state, &a, &b)?))),
    ("none", |_, args| Ok(one(args)?.is_none())),
    ("number", |_, args| one(args).map(|value| as_float(&value).is_some() || is_int(&value))),
    ("odd", |_, args| Ok(remainder(&one(args)?, &Value::from(2))? == 1.0)),
    ("sameas", |_, args| two(args).map(|(a, b)| is_same(&a, &b))),
    ("sequence", |_, args| Ok(is_sequence(&one(args)?))),
    ("string", |_, args| Ok(type_of(&one(args)?) == Type::Str)),
    ("test", |_, args| Ok(one(args)?.as_str().is_some_and(has_test))),
    ("true", |_, args| one(args).map(|value| type_of(&value) == Type::Bool && value.is_true())),
    ("undefined", |_, args| Ok(one(args)?.is_undefined())),
    ("upper", |state, args| Ok(tests::is_upper(&Value::from(str_of(state, &one(args)?)?)))),
];

fn one(args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("test", &["value"], 1, args)?;
    Ok(args.value(0).clone())
}

fn two(args: &[Value]) -> Result<(Value, Value)> {
    match args {
        [a, b] if !b.is_kwargs() => Ok((a.clone(), b.clone())),
        _ => {
            let args = Arguments::bind("test", &["value", "other"], 2, args)?;
            let get = |index| args.get(index).cloned().unwrap_or_default();
            Ok((get(0), get(1)))
        }
    }
}

fn order(state: &State, args: &[Value], operator: &str, test: fn(Ordering) -> bool) -> Result<bool> {
    let (a, b) = two(args)?;
    Ok(compare(state, &a, &b, operator)?.is_some_and(test))
}

fn is_int(value: &Value) -> bool {
    type_of(value) == Type::Int || crate::bigint::is_big(value)
}

/// `a % b` of numbers, for tests against small results.
fn remainder(a: &Value, b: &Value) -> Result<f64> {
    if let (Some(x), Some(y)) = (as_int(a), as_int(b)) {
        if y == 0 {
            return fail("integer modulo by zero");
        }
        return Ok(x.checked_rem_euclid(y).unwrap_or(0) as f64);
    }
    match (as_float(a), as_float(b)) {
        (Some(_), Some(0.0)) => fail("float modulo by zero"),
        (Some(x), Some(y)) => Ok(x.rem_euclid(y)),
        _ if a.is_undefined() || b.is_undefined() => undefined("a tested value"),
        _ => Err(error(format!("'{}' and '{}' have no remainder", type_name(a), type_name(b)))),
    }
}

fn is_callable(value: &Value) -> bool {
    let object = value.as_object().map_or("", |object| object.type_name());
    value.is_undefined()
        || value.downcast_object_ref::<BoundMethod>().is_some()
        || engine_type(value) == Some("Macro")
        || object.contains("BoxedFunction")
        || object.ends_with("::Joiner")
}

fn is_iterable(value: &Value) -> bool {
    matches!(type_of(value), Type::Str | Type::List | Type::Tuple | Type::Dict | Type::Iterable | Type::Undefined)
}

fn is_sequence(value: &Value) -> bool {
    match type_of(value) {
        Type::Str | Type::List | Type::Tuple | Type::Dict | Type::Undefined => true,
        _ => value.downcast_object_ref::<Range>().is_some(),
    }
}

/// `a is b`, as far as it can be told: equal and immutable, or the same list or dict.
fn is_same(a: &Value, b: &Value) -> bool {
    match (identity(a), identity(b)) {
        // Each look-up of something undefined makes a new object.
        (None, None) => !a.is_undefined() && type_of(a) == type_of(b) && a == b,
        (a, b) => a == b,
    }
}
