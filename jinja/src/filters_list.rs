//! Filters on lists and dicts.

use crate::arguments::{split, Arguments};
use crate::collections::Generator;
use crate::compare::{equal, less, sort_by_keys};
use crate::value::{
    as_int, error, fail, generator, is_hashable, items, list, pairs, tuple, type_name, type_of, Result, Type,
};
use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{State, Value};
use std::sync::Arc;

/// An `attribute` argument: a key, an index, or several joined by dots.
pub struct Path(Vec<Value>);

impl Path {
    pub fn new(attribute: &Value) -> Result<Path> {
        let Some(text) = attribute.as_str() else {
            let Some(_) = as_int(attribute) else {
                return fail(format!("an attribute cannot be {}", type_name(attribute)));
            };
            return Ok(Path(vec![attribute.clone()]));
        };
        let part = |part: &str| match part.parse::<i64>() {
            Ok(index) if part.bytes().all(|b| b.is_ascii_digit()) => Value::from(index),
            _ => Value::from(part),
        };
        Ok(Path(text.split('.').map(part).collect()))
    }

    /// The value at the end of the path, `default` for whatever is missing on the way.
    pub fn get(&self, item: &Value, default: Option<&Value>) -> Result<Value> {
        let mut value = item.clone();
        for part in &self.0 {
            value = value.get_item(part)?;
            if let Some(default) = default.filter(|_| value.is_undefined()) {
                value = default.clone();
            }
        }
        Ok(value)
    }
}

fn fold_case(value: Value, case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    }
}

/// Pairs each item with what it is compared by.
fn keyed(all: Vec<Value>, attribute: Option<&Value>, case_sensitive: bool) -> Result<Vec<(Value, Value)>> {
    let path = attribute.map(Path::new).transpose()?;
    let key = |item: &Value| path.as_ref().map_or_else(|| Ok(item.clone()), |path| path.get(item, None));
    all.into_iter().map(|item| Ok((fold_case(key(&item)?, case_sensitive), item))).collect()
}

fn input(state: &State, args: &Arguments) -> Result<Vec<Value>> {
    items(state, args.value(0))
}

pub fn sort(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("sort", &["value", "reverse", "case_sensitive", "attribute"], 1, args)?;
    let (all, case_sensitive) = (input(state, &args)?, args.is_true(2));
    let sorted = match args.some(3).and_then(Value::as_str).filter(|names| names.contains(',')) {
        Some(names) => {
            let paths = names.split(',').map(|name| Path::new(&Value::from(name))).collect::<Result<Vec<_>>>()?;
            let key = |item: &Value| {
                let parts = paths.iter().map(|path| Ok(fold_case(path.get(item, None)?, case_sensitive)));
                parts.collect::<Result<Vec<_>>>().map(tuple)
            };
            let with_keys = all.into_iter().map(|item| Ok((key(&item)?, item))).collect::<Result<_>>()?;
            sort_by_keys(state, with_keys, args.is_true(1))?
        }
        None => sort_by_keys(state, keyed(all, args.some(3), case_sensitive)?, args.is_true(1))?,
    };
    list(state, sorted)
}

pub fn dictsort(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("dictsort", &["value", "case_sensitive", "by", "reverse"], 1, args)?;
    let by_value = match args.str(2, "key")? {
        "key" => false,
        "value" => true,
        _ => return fail("You can only sort by either \"key\" or \"value\""),
    };
    let all = pairs(state, args.value(0))?;
    let with_keys = all.into_iter().map(|(key, value)| {
        let sort_key = if by_value { value.clone() } else { key.clone() };
        (fold_case(sort_key, args.is_true(1)), tuple(vec![key, value]))
    });
    let sorted = sort_by_keys(state, with_keys.collect(), args.is_true(3))?;
    list(state, sorted)
}

pub fn unique(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("unique", &["value", "case_sensitive", "attribute"], 1, args)?;
    Ok(lazily(unique_items(state, &args)))
}

fn unique_items(state: &State, args: &Arguments) -> Result<Vec<Value>> {
    let all = input(state, args)?;
    let mut seen = IndexMap::new();
    for (key, item) in keyed(all, args.some(2), args.is_true(1))? {
        if !is_hashable(state, &key)? {
            return fail(format!("unhashable type: '{}'", type_name(&key)));
        }
        seen.entry(key).or_insert(item);
    }
    Ok(seen.into_values().collect())
}

fn extreme(state: &State, args: &[Value], better: fn(&State, &Value, &Value) -> Result<bool>) -> Result<Value> {
    let args = Arguments::bind("min or max", &["value", "case_sensitive", "attribute"], 1, args)?;
    let mut best: Option<(Value, Value)> = None;
    for (key, item) in keyed(input(state, &args)?, args.some(2), args.is_true(1))? {
        let take = match &best {
            Some((known, _)) => better(state, &key, known)?,
            None => true,
        };
        if take {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

pub fn min(state: &mut State, args: &[Value]) -> Result<Value> {
    extreme(state, args, less)
}

pub fn max(state: &mut State, args: &[Value]) -> Result<Value> {
    extreme(state, args, |state, a, b| less(state, b, a))
}

pub fn first(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("first", &["seq"], 1, args)?;
    let value = args.value(0).clone();
    if let Some(generator) = value.downcast_object_ref::<Generator>() {
        return Ok(generator.next().unwrap_or_default());
    }
    Ok(items(state, &value)?.into_iter().next().unwrap_or_default())
}

pub fn last(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("last", &["seq"], 1, args)?;
    let value = args.value(0).clone();
    if value.downcast_object_ref::<Generator>().is_some() {
        return fail("'generator' object is not reversible");
    }
    Ok(items(state, &value)?.pop().unwrap_or_default())
}

pub fn reverse(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("reverse", &["value"], 1, args)?;
    let value = args.value(0).clone();
    if let Some(text) = value.as_str() {
        return Ok(crate::text::same_safety(&value, text.chars().rev().collect()));
    }
    let mut all = items(state, &value)?;
    all.reverse();
    Ok(generator(all))
}

pub fn to_list(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("list", &["value"], 1, args)?;
    let all = input(state, &args)?;
    list(state, all)
}

pub fn dict_items(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("items", &["value"], 1, args)?;
    let value = args.value(0).clone();
    if value.is_undefined() {
        return Ok(generator(Vec::new()));
    }
    if type_of(&value) != Type::Dict {
        return Ok(lazily(fail("Can only get item pairs from a mapping.")));
    }
    let all = pairs(state, &value)?;
    Ok(generator(all.into_iter().map(|(key, item)| tuple(vec![key, item])).collect()))
}

pub fn batch(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("batch", &["value", "linecount", "fill_with"], 2, args)?;
    Ok(lazily(batch_items(state, &args)))
}

fn batch_items(state: &State, args: &Arguments) -> Result<Vec<Value>> {
    let all = input(state, args)?;
    let count = args.int(1, 0)?;
    if count <= 0 && all.is_empty() {
        return Ok(all);
    }
    if count <= 0 {
        // A row can be full only before its first item.
        let row = list(state, all)?;
        return Ok(if count == 0 { vec![list(state, Vec::new())?, row] } else { vec![row] });
    }
    let mut rows = Vec::new();
    for row in all.chunks(count as usize) {
        let mut row = row.to_vec();
        if let Some(fill) = args.some(2) {
            let missing = count as usize - row.len();
            state.consume_fuel(missing as u64)?;
            row.resize(count as usize, fill.clone());
        }
        rows.push(list(state, row)?);
    }
    Ok(rows)
}

pub fn slice(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("slice", &["value", "slices", "fill_with"], 2, args)?;
    Ok(lazily(slice_items(state, &args)))
}

fn slice_items(state: &State, args: &Arguments) -> Result<Vec<Value>> {
    let all = input(state, args)?;
    let count = args.int(1, 0)?;
    if count == 0 {
        return fail("integer division or modulo by zero");
    }
    let count = usize::try_from(count).unwrap_or(0);
    let (each, extra) = (all.len() / count.max(1), all.len() % count.max(1));
    let mut columns = Vec::new();
    let mut start = 0;
    for index in 0..count {
        let end = start + each + usize::from(index < extra);
        let mut column = all[start..end].to_vec();
        if let Some(fill) = args.some(2).filter(|_| index >= extra) {
            column.push(fill.clone());
        }
        columns.push(list(state, column)?);
        start = end;
    }
    Ok(columns)
}

/// A group of `groupby`: a pair whose parts have names too.
#[derive(Debug)]
pub struct Group {
    key: Value,
    members: Value,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let part = match key.as_str() {
            Some("grouper") => Some(0),
            Some("list") => Some(1),
            _ => crate::collections::position(key, 2),
        };
        part.map(|part| if part == 0 { self.key.clone() } else { self.members.clone() })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }
}

pub fn groupby(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("groupby", &["value", "attribute", "default", "case_sensitive"], 2, args)?;
    let path = Path::new(args.value(1))?;
    let (default, case_sensitive) = (args.some(2), args.is_true(3));
    let key = |item: &Value| path.get(item, default).map(|value| fold_case(value, case_sensitive));
    let all = input(state, &args)?;
    let with_keys = all.into_iter().map(|item| Ok((key(&item)?, item))).collect::<Result<_>>()?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in sort_by_keys(state, with_keys, false)? {
        let item_key = key(&item)?;
        match groups.last_mut() {
            Some((known, members)) if equal(state, known, &item_key)? => members.push(item),
            _ => groups.push((item_key, vec![item])),
        }
    }
    let mut named = Vec::with_capacity(groups.len());
    for (_, members) in groups {
        let group = Group { key: path.get(&members[0], default)?, members: list(state, members)? };
        named.push(Value::from_object(group));
    }
    list(state, named)
}

pub fn sum(state: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("sum", &["iterable", "attribute", "start"], 1, args)?;
    let path = args.some(1).map(Path::new).transpose()?;
    let mut total = args.get(2).cloned().unwrap_or_else(|| Value::from(0));
    if total.as_str().is_some() {
        return fail("sum() can't sum strings [use ''.join(seq) instead]");
    }
    for item in input(state, &args)? {
        let value = path.as_ref().map_or_else(|| Ok(item.clone()), |path| path.get(&item, None))?;
        total = state.apply_filter("<add>", &[total, value])?;
    }
    Ok(total)
}

pub fn map(state: &mut State, args: &[Value]) -> Result<Value> {
    let (positional, named) = split(args);
    let value = positional.first().cloned().unwrap_or_default();
    if !value.is_true() {
        // Jinja2 looks at nothing else then, so that even None may be mapped.
        return Ok(generator(Vec::new()));
    }
    let mut mapped = Vec::new();
    if positional.len() < 2 {
        let find = |name: &str| named.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        if let Some((unknown, _)) = named.iter().find(|(name, _)| name != "attribute" && name != "default") {
            return fail(format!("Unexpected keyword argument '{unknown}'"));
        }
        let Some(attribute) = find("attribute") else {
            return fail("map requires a filter argument");
        };
        let (path, default) = (Path::new(attribute)?, find("default").filter(|value| !value.is_none()));
        let all = match items(state, &value) {
            Ok(all) => all,
            Err(error) => return Ok(lazily(Err(error))),
        };
        for item in all {
            if !push_lazily(&mut mapped, path.get(&item, default)) {
                break;
            }
        }
        return Ok(generator(mapped));
    }
    let name = positional[1].as_str().ok_or_else(|| error("map requires the name of a filter"))?;
    let mut call = vec![Value::UNDEFINED];
    call.extend(args.iter().skip(2).cloned());
    for item in items(state, &value)? {
        call[0] = item;
        state.consume_fuel(1)?;
        if !push_lazily(&mut mapped, state.apply_filter(name, &call)) {
            break;
        }
    }
    Ok(generator(mapped))
}

/// A generator of the items, or of the error that taking the first will raise.
fn lazily(items: Result<Vec<Value>>) -> Value {
    generator(items.unwrap_or_else(|error| vec![Value::from(error)]))
}

/// Adds an item, or in its place the error that taking it will raise; false then. Python computes the
/// items of a generator only when they are taken, so what is never taken never fails.
fn push_lazily(items: &mut Vec<Value>, item: Result<Value>) -> bool {
    let ok = item.is_ok();
    items.push(item.unwrap_or_else(Value::from));
    ok
}

/// `select` and its relatives: the items whose test has the wanted outcome.
fn choose(state: &mut State, args: &[Value], by_attribute: bool, wanted: bool) -> Result<Value> {
    let (positional, _) = split(args);
    let value = positional.first().cloned().unwrap_or_default();
    if !value.is_true() {
        return Ok(generator(Vec::new()));
    }
    let used = 1 + usize::from(by_attribute);
    let path = match (by_attribute, positional.get(1)) {
        (false, _) => None,
        (true, Some(attribute)) => Some(Path::new(attribute)?),
        (true, None) => return fail("Missing parameter for attribute name"),
    };
    let test = positional.get(used).map(|name| name.as_str().ok_or_else(|| error("a test is named by a str")));
    let test = test.transpose()?;
    let mut call = vec![Value::UNDEFINED];
    call.extend(args.iter().skip(used + 1).cloned());
    let mut chosen = Vec::new();
    for item in items(state, &value)? {
        state.consume_fuel(1)?;
        let tested = path.as_ref().map_or_else(|| Ok(item.clone()), |path| path.get(&item, None));
        let outcome = tested.and_then(|tested| {
            call[0] = tested;
            test.map_or_else(|| Ok(call[0].is_true()), |name| state.perform_test(name, &call))
        });
        match outcome {
            Ok(outcome) if outcome != wanted => {}
            outcome => {
                if !push_lazily(&mut chosen, outcome.map(|_| item)) {
                    break;
                }
            }
        }
    }
    Ok(generator(chosen))
}

pub fn select(state: &mut State, args: &[Value]) -> Result<Value> {
    choose(state, args, false, true)
}

pub fn reject(state: &mut State, args: &[Value]) -> Result<Value> {
    choose(state, args, false, false)
}

pub fn selectattr(state: &mut State, args: &[Value]) -> Result<Value> {
    choose(state, args, true, true)
}

pub fn rejectattr(state: &mut State, args: &[Value]) -> Result<Value> {
    choose(state, args, true, false)
}

/// Attributes proper, which for dicts and lists are their methods, never their items.
pub fn attr(_: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("attr", &["obj", "name"], 2, args)?;
    let (value, name) = (args.value(0).clone(), args.str(1, "")?);
    match type_of(&value) {
        Type::Dict | Type::List | Type::Tuple | Type::Str | Type::Int | Type::Float => {
            let found = crate::methods::attribute(&value, name)?;
            let is_method = found.downcast_object_ref::<crate::methods::BoundMethod>().is_some();
            Ok(if is_method { found } else { Value::UNDEFINED })
        }
        _ => value.get_attr(name),
    }
}

pub fn default(_: &mut State, args: &[Value]) -> Result<Value> {
    let args = Arguments::bind("default", &["value", "default_value", "boolean"], 1, args)?;
    let value = args.value(0).clone();
    if value.is_undefined() || args.is_true(2) && !value.is_true() {
        return Ok(args.get(1).cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(value)
}
