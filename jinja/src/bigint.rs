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

/// Whether the value is an integer of more than 128 bits.
pub fn is_big(value: &Value) -> bool {
    value.downcast_object_ref::<BigInt>().is_some()
}

/// A number to compare integers of any size by: sign, then count of digits and the digits, which a minus
/// turns around. None for what is no integer.
pub fn magnitude(value: &Value) -> Option<(bool, i64, Vec<i8>)> {
    if !is_big(value) && !value.is_integer() {
        return None;
    }
    let text = value.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or((1, &*text), |digits| (-1, digits));
    let signed = digits.bytes().map(|digit| sign * (digit - b'0') as i8).collect();
    Some((sign > 0, i64::from(sign) * digits.len() as i64, signed))
}
