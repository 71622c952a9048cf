//! Arguments of macros. To MiniJinja an argument that is undefined is one that was left out, so that its default
//! is used; to Jinja2 it was passed. Calls therefore wrap what is undefined, and macros unwrap it behind the
//! point where defaults are filled in.

use crate::value::{tuple, Result};
use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::{Kwargs, Object, ObjectRepr};
use minijinja::{State, Value};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Names of the macros of a template that have defaults.
pub type Names = BTreeSet<&'static str>;

/// Something undefined on its way into a macro.
#[derive(Debug)]
struct Passed;

impl Object for Passed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

fn wrap(value: &Value) -> Value {
    if value.is_undefined() {
        return Value::from_object(Passed);
    }
    if !value.is_kwargs() {
        return value.clone();
    }
    let Ok(kwargs) = Kwargs::try_from(value.clone()) else {
        return value.clone();
    };
    let named = |name| (name, wrap(&kwargs.peek::<Value>(name).unwrap_or_default()));
    Value::from(kwargs.args().map(named).collect::<Kwargs>())
}

/// The arguments of a call, wrapped; from the last to the first, as they go back on the stack.
pub fn depart(_: &mut State, args: &[Value]) -> Result<Value> {
    Ok(tuple(args.iter().rev().map(wrap).collect()))
}

/// One argument, unwrapped.
pub fn arrive(_: &mut State, args: &[Value]) -> Result<Value> {
    let is_wrapped = args[0].downcast_object_ref::<Passed>().is_some();
    Ok(if is_wrapped { Value::UNDEFINED } else { args[0].clone() })
}

/// Where the macro built at `pc` stores its arguments, and whether one has a default.
fn stores(code: &Instructions<'static>, pc: u32) -> Option<(&'static str, Vec<u32>, bool)> {
    let (Some(Instruction::BuildMacro(name, start, _)), Some(Instruction::LoadConst(arguments))) =
        (code.get(pc), code.get(pc.checked_sub(1)?))
    else {
        return None;
    };
    let (mut found, mut at, mut has_default) = (Vec::new(), *start, false);
    for _ in 0..arguments.len().unwrap_or(0) {
        if matches!(code.get(at), Some(Instruction::DupTop)) {
            // DupTop, IsUndefined, JumpIfFalse to the store behind the default
            has_default = true;
            let Some(Instruction::JumpIfFalse(target)) = code.get(at + 2) else { return None };
            at = *target;
        }
        found.push(at);
        at += 1;
    }
    Some((name, found, has_default))
}

fn all_macros<'a>(code: &'a Instructions<'static>) -> impl Iterator<Item = (&'static str, Vec<u32>, bool)> + 'a {
    (0..).take_while(|pc| code.get(*pc).is_some()).filter_map(|pc| stores(code, pc))
}

/// Adds the names of the macros with defaults.
pub fn collect_names(code: &Instructions<'static>, names: &mut Names) {
    names.extend(all_macros(code).filter(|(.., has_default)| *has_default).map(|(name, ..)| name));
}

/// The instructions that store an argument of one of `names`.
pub fn argument_stores(code: &Instructions<'static>, names: &Names) -> BTreeSet<u32> {
    all_macros(code).filter(|(name, ..)| names.contains(name)).flat_map(|(_, stores, _)| stores).collect()
}
