//! What templates find: filters, tests, global functions and how values print.

use crate::filters_html as html;
use crate::filters_json as json;
use crate::filters_list as lists;
use crate::filters_number as numbers;
use crate::filters_text as texts;
use crate::format_percent;
use crate::functions::{self, Function, FUNCTIONS};
use crate::methods;
use crate::operators::OPERATORS;
use crate::program::Body;
use crate::rewrite::attribute_filters;
use crate::source::CONSTANT_FILTER;
use crate::tests::TESTS;
use crate::text::{push_escaped, Text};
use crate::value::Result;
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{AutoEscape, Environment, Output, State, Value};
use std::sync::OnceLock;

/// Jinja2's filters, sorted by name.
const FILTERS: &[(&str, Function)] = &[
    ("abs", numbers::abs),
    ("attr", lists::attr),
    ("batch", lists::batch),
    ("capitalize", texts::capitalize),
    ("center", texts::center),
    ("count", texts::length),
    ("d", lists::default),
    ("default", lists::default),
    ("dictsort", lists::dictsort),
    ("e", html::escape),
    ("escape", html::escape),
    ("filesizeformat", numbers::filesizeformat),
    ("first", lists::first),
    ("float", numbers::float),
    ("forceescape", html::forceescape),
    ("format", format_percent::filter),
    ("groupby", lists::groupby),
    ("indent", texts::indent),
    ("int", numbers::int),
    ("items", lists::dict_items),
    ("join", texts::join),
    ("last", lists::last),
    ("length", texts::length),
    ("list", lists::to_list),
    ("lower", texts::lower),
    ("map", lists::map),
    ("max", lists::max),
    ("min", lists::min),
    ("pprint", json::pprint),
    ("random", functions::random),
    ("reject", lists::reject),
    ("rejectattr", lists::rejectattr),
    ("replace", texts::replace),
    ("reverse", lists::reverse),
    ("round", numbers::round),
    ("safe", html::safe),
    ("select", lists::select),
    ("selectattr", lists::selectattr),
    ("slice", lists::slice),
    ("sort", lists::sort),
    ("string", texts::string),
    ("striptags", html::striptags),
    ("sum", lists::sum),
    ("title", texts::title),
    ("tojson", json::tojson),
    ("trim", texts::trim),
    ("truncate", texts::truncate),
    ("unique", lists::unique),
    ("upper", texts::upper),
    ("urlencode", html::urlencode),
    ("urlize", html::urlize),
    ("wordcount", texts::wordcount),
    ("wordwrap", texts::wordwrap),
    ("xmlattr", html::xmlattr),
];

pub fn has_filter(name: &str) -> bool {
    FILTERS.binary_search_by_key(&name, |(known, _)| known).is_ok()
}

pub fn has_test(name: &str) -> bool {
    TESTS.binary_search_by_key(&name, |(known, _)| known).is_ok()
}

/// The environment that programs run in; cloned for each render, to carry its fuel.
pub fn inner() -> &'static Environment<'static> {
    static INNER: OnceLock<Environment<'static>> = OnceLock::new();
    INNER.get_or_init(|| {
        let mut env = Environment::empty();
        for (name, filter) in FILTERS.iter().chain(OPERATORS) {
            env.add_filter(*name, |state: &mut State, args: Rest<ValueOrKwargs>| filter(state, &args.into_values()));
        }
        env.add_filter(CONSTANT_FILTER, |value: Value| value);
        for (name, filter) in attribute_filters() {
            env.add_filter(&**filter, |value: Value| methods::attribute(&value, name));
        }
        for (name, test) in TESTS {
            env.add_test(*name, |state: &mut State, args: Rest<ValueOrKwargs>| test(state, &args.into_values()));
        }
        for (name, function) in FUNCTIONS {
            env.add_function(*name, |state: &mut State, args: Rest<ValueOrKwargs>| {
                function(state, &args.into_values())
            });
        }
        env.set_unknown_method_callback(methods::call);
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

fn print_value(out: &mut Output, state: &mut State, value: &Value) -> Result<()> {
    let escaping = !matches!(state.auto_escape(), AutoEscape::None);
    if let Some(text) = value.as_str().filter(|_| !escaping) {
        return Ok(out.write_str(text)?);
    }
    // Through a bounded text: the output may be a capture, which knows no limit, and a container that
    // holds others many times prints far more than it takes.
    let mut printed = Text::new(state);
    if escaping {
        push_escaped(&mut printed, state, value)?;
    } else {
        printed.push_value(value)?;
    }
    Ok(out.write_str(printed.as_str())?)
}
