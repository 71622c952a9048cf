//! What templates find: filters, tests, globals and how values print.

use crate::program::Body;
use crate::python;
use minijinja::{AutoEscape, Environment, Error, Output, State, Value};
use std::sync::OnceLock;

/// The environment that programs run in; cloned for each render, to carry its fuel.
pub fn inner() -> &'static Environment<'static> {
    static INNER: OnceLock<Environment<'static>> = OnceLock::new();
    INNER.get_or_init(|| {
        let mut env = Environment::new();
        env.set_debug(false);
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        env.set_formatter(print_value);
        env
    })
}

/// The environment of the one-line template that carries a program's output, see `Body`.
pub fn outer() -> &'static Environment<'static> {
    static OUTER: OnceLock<Environment<'static>> = OnceLock::new();
    OUTER.get_or_init(|| {
        let mut env = Environment::empty();
        env.set_formatter(|out, _, value| match value.downcast_object_ref::<Body>() {
            Some(body) => body.write(out),
            None => Ok(()),
        });
        // The source is a constant that parses.
        env.add_template("frame", "{{ body }}").ok();
        env
    })
}

fn print_value(out: &mut Output, _state: &mut State, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => out.write_str(text)?,
        None => python::write_str(out, value)?,
    }
    Ok(())
}
