//! Arguments of filters, tests, functions and methods, bound to names as Python binds them.

use crate::value::{error, fail, index_of, type_name, Result};
use minijinja::value::Kwargs;
use minijinja::Value;

/// Arguments in the order of their parameters; None where the call left one out.
pub struct Arguments {
    function: &'static str,
    names: &'static [&'static str],
    values: Vec<Option<Value>>,
}

/// Separates the keyword arguments, which MiniJinja passes as one value at the end.
pub fn split(args: &[Value]) -> (&[Value], Vec<(String, Value)>) {
    let Some((last, rest)) = args.split_last().filter(|(last, _)| last.is_kwargs()) else {
        return (args, Vec::new());
    };
    let named = Kwargs::try_from(last.clone()).map(|kwargs| {
        kwargs.args().map(|name| (name.to_owned(), kwargs.peek::<Value>(name).unwrap_or_default())).collect()
    });
    (rest, named.unwrap_or_default())
}

impl Arguments {
    /// `required` is how many of `names`, from the first, a call must give.
    pub fn bind(
        function: &'static str,
        names: &'static [&'static str],
        required: usize,
        args: &[Value],
    ) -> Result<Arguments> {
        let (positional, named) = split(args);
        if positional.len() > names.len() {
            return fail(format!("{function}() takes {} arguments but {} were given", names.len(), positional.len()));
        }
        let mut values: Vec<Option<Value>> = positional.iter().cloned().map(Some).collect();
        values.resize(names.len(), None);
        for (name, value) in named {
            let Some(index) = names.iter().position(|known| *known == name) else {
                return fail(format!("{function}() got an unexpected keyword argument '{name}'"));
            };
            if values[index].replace(value).is_some() {
                return fail(format!("{function}() got multiple values for argument '{name}'"));
            }
        }
        if let Some(missing) = values.iter().take(required).position(Option::is_none) {
            return fail(format!("{function}() is missing its argument '{}'", names[missing]));
        }
        Ok(Arguments { function, names, values })
    }

    pub fn get(&self, index: usize) -> Option<&Value> {
        self.values[index].as_ref()
    }

    /// The argument, or undefined if it is missing.
    pub fn value(&self, index: usize) -> &Value {
        self.get(index).unwrap_or(&Value::UNDEFINED)
    }

    /// The argument, unless it is missing or None.
    pub fn some(&self, index: usize) -> Option<&Value> {
        self.get(index).filter(|value| !value.is_none())
    }

    pub fn is_true(&self, index: usize) -> bool {
        self.get(index).is_some_and(Value::is_true)
    }

    fn wrong(&self, index: usize, value: &Value) -> minijinja::Error {
        error(format!("{}(): '{}' cannot be {}", self.function, self.names[index], type_name(value)))
    }

    pub fn int(&self, index: usize, default: i64) -> Result<i64> {
        self.get(index).map_or(Ok(default), index_of)
    }

    pub fn str<'a>(&'a self, index: usize, default: &'a str) -> Result<&'a str> {
        match self.get(index) {
            None => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| self.wrong(index, value)),
        }
    }

    /// `int`, but None is as good as missing.
    pub fn optional_int(&self, index: usize) -> Result<Option<i64>> {
        self.some(index).map(index_of).transpose()
    }

    /// `str`, but None is as good as missing.
    pub fn optional_str(&self, index: usize) -> Result<Option<&str>> {
        self.some(index).map(|_| self.str(index, "")).transpose()
    }
}
