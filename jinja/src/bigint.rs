//! Integers of more than 128 bits, which only come from data. They print all their digits;
//! arithmetic on them is an error (a known difference).

use minijinja::value::{Object, ObjectRepr};
use minijinja::Value;
use std::fmt;
use std::sync::Arc;

#[derive(Debug)]
pub struct BigInt(String);

impl Object for BigInt {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of an integer in decimal digits, with an optional minus sign.
pub fn value_of(digits: &str) -> Value {
    if let Ok(int) = digits.parse::<i64>() {
        return Value::from(int);
    }
    if let Ok(int) = digits.parse::<i128>() {
        return Value::from(int);
    }
    match digits.parse::<u128>() {
        Ok(int) => Value::from(int),
        Err(_) => Value::from_object(BigInt(digits.to_owned())),
    }
}
