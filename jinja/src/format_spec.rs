//! One value in one format: what stands behind the colon of `'{:>8.2f}'` and between the letters of `'%-8.2f'`.

use crate::python;
use crate::text::{out_of_fuel, Text};
use crate::value::{as_float, as_int, fail, type_name, type_of, Result, Type};
use minijinja::formatting::{self, FormatStyle};
use minijinja::{State, Value};

#[derive(Clone, Debug)]
pub struct Spec {
    pub fill: char,
    /// One of `<>^=`, if given.
    pub align: Option<char>,
    /// `+`, space, or `-` for only negative numbers.
    pub sign: char,
    pub alternate: bool,
    pub width: i64,
    pub grouping: Option<char>,
    pub precision: Option<i64>,
    /// The letter, if given.
    pub kind: Option<char>,
}

impl Default for Spec {
    fn default() -> Self {
        let (align, grouping, precision, kind) = (None, None, None, None);
        Spec { fill: ' ', align, sign: '-', alternate: false, width: 0, grouping, precision, kind }
    }
}

/// A precision above this adds only zeros, and a width above it is no text of ours.
const MAX_NUMBER: i64 = 1 << 31;

/// Digits that a float can have behind its point; more are zeros, which MiniJinja need not compute.
const MAX_DIGITS: i64 = 1074;

/// Reads decimal digits; None if there are none.
pub fn read_number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<i64> {
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        number = Some((number.unwrap_or(0) * 10 + i64::from(digit)).min(MAX_NUMBER));
    }
    number
}

/// Charges for the digits of a number with so many behind its point: those far from it take many times as long
/// as their bytes.
pub fn charge_digits(state: &State, value: &Value, precision: i64) -> Result<()> {
    let in_front = as_float(value).map_or(0.0, |float| float.abs().log10().max(0.0)) as i64;
    state.consume_fuel(precision.saturating_add(in_front).clamp(0, MAX_DIGITS) as u64 / 4)
}

impl Spec {
    /// `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`
    pub fn parse(text: &str) -> Result<Spec> {
        let mut spec = Spec::default();
        let is_align = |c: Option<char>| c.filter(|c| "<>^=".contains(*c));
        let mut chars = text.chars().peekable();
        if is_align(text.chars().nth(1)).is_some() {
            spec.fill = chars.next().unwrap_or(' ');
        }
        if is_align(chars.peek().copied()).is_some() {
            spec.align = chars.next();
        }
        if let Some(sign) = chars.next_if(|c| "+- ".contains(*c)) {
            spec.sign = sign;
        }
        spec.alternate = chars.next_if_eq(&'#').is_some();
        if chars.next_if_eq(&'0').is_some() && spec.align.is_none() {
            spec.fill = '0';
            spec.align = Some('=');
        }
        spec.width = read_number(&mut chars).unwrap_or(0);
        spec.grouping = chars.next_if(|c| ",_".contains(*c));
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = read_number(&mut chars);
            if spec.precision.is_none() {
                return fail("Format specifier missing precision");
            }
        }
        spec.kind = chars.next();
        if chars.next().is_some() {
            return fail(format!("Invalid format specifier '{text}'"));
        }
        Ok(spec)
    }

    /// `format(value, spec)`
    pub fn apply(&self, out: &mut Text, value: &Value) -> Result<()> {
        match (type_of(value), self.kind) {
            (Type::Int | Type::Bool, None | Some('d' | 'x' | 'X' | 'o' | 'b' | 'c' | 'n')) => {
                if self.kind.is_none() && type_of(value) == Type::Bool && self.width == 0 {
                    return out.push_value(value);
                }
                self.apply_int(out, value)
            }
            (Type::Int | Type::Bool | Type::Float, Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' | 'n'))
            | (Type::Float, None) => self.apply_float(out, value),
            (Type::Str, None | Some('s')) => self.apply_str(out, value.as_str().unwrap_or_default()),
            (Type::Int | Type::Bool | Type::Float | Type::Str, Some(kind)) => {
                fail(format!("Unknown format code '{kind}' for object of type '{}'", type_name(value)))
            }
            _ if self.is_plain() => out.push_value(value),
            _ => fail(format!("unsupported format string passed to {}.__format__", type_name(value))),
        }
    }

    fn is_plain(&self) -> bool {
        let bare = self.width == 0 && self.kind.is_none() && self.precision.is_none() && self.align.is_none();
        bare && self.grouping.is_none() && self.sign == '-' && !self.alternate
    }

    pub fn apply_str(&self, out: &mut Text, text: &str) -> Result<()> {
        if self.align == Some('=') && self.fill != '0' {
            return fail("'=' alignment not allowed in string format specifier");
        }
        let max = self.precision.map_or(usize::MAX, |p| p as usize);
        let cut: String = text.chars().take(max).collect();
        self.pad(out, "", &cut, self.align.filter(|a| *a != '=').unwrap_or('<'))
    }

    pub fn apply_int(&self, out: &mut Text, value: &Value) -> Result<()> {
        if let (Some('c'), Some(code)) = (self.kind, as_int(value)) {
            let c = u32::try_from(code).ok().and_then(char::from_u32);
            let Some(c) = c else { return fail("%c arg not in range(0x110000)") };
            return self.apply_str(out, &c.to_string());
        }
        let Some(int) = as_int(value) else {
            // Beyond 128 bits: decimal digits are all there is.
            return self.pad(out, "", &value.to_string(), self.align.unwrap_or('>'));
        };
        let magnitude = int.unsigned_abs();
        let (prefix, digits) = match self.kind {
            Some('x') => ("0x", format!("{magnitude:x}")),
            Some('X') => ("0X", format!("{magnitude:X}")),
            Some('o') => ("0o", format!("{magnitude:o}")),
            Some('b') => ("0b", format!("{magnitude:b}")),
            _ => ("", magnitude.to_string()),
        };
        let digits = match self.precision {
            Some(min) if min as usize > digits.len() => {
                let mut padded = Text::bounded(out.room());
                padded.fill('0', min - digits.len() as i64)?;
                padded.push(&digits)?;
                padded.finish()
            }
            _ => digits,
        };
        let every = if matches!(self.kind, Some('x' | 'X' | 'o' | 'b')) { 4 } else { 3 };
        let sign = self.sign_of(int < 0);
        let lead = format!("{sign}{}", if self.alternate { prefix } else { "" });
        self.pad_number(out, &lead, &digits, every)
    }

    pub fn apply_float(&self, out: &mut Text, value: &Value) -> Result<()> {
        let Some(float) = as_float(value) else {
            return fail(format!("must be real number, not {}", type_name(value)));
        };
        let sign = self.sign_of(float.is_sign_negative() && !float.is_nan());
        let precision = self.precision.unwrap_or(6);
        if usize::try_from(precision).map_or(true, |p| p > out.room()) {
            return Err(out_of_fuel());
        }
        let float = float.abs();
        let digits = match self.kind {
            Some('%') => self.digits(float * 100.0, precision, 'f')? + "%",
            Some('n') => self.digits(float, precision, 'g')?,
            Some(kind) => self.digits(float, precision, kind)?,
            None if self.precision.is_some() && float.is_finite() => self.short_digits(float, precision.max(1))?,
            None => python::float_repr(float),
        };
        self.pad_number(out, sign, &digits, 3)
    }

    /// `e`, `f` or `g`, large or small.
    fn digits(&self, float: f64, precision: i64, kind: char) -> Result<String> {
        let known = precision.min(MAX_DIGITS);
        let alternate = if self.alternate { "#" } else { "" };
        let spec = format!("{{:{alternate}.{known}{kind}}}");
        let mut text = formatting::format(FormatStyle::StrFormat, &spec, &[Value::from(float)])?;
        if float.is_finite() && !"gG".contains(kind) {
            let end = text.find(['e', 'E']).unwrap_or(text.len());
            text.insert_str(end, &"0".repeat((precision - known) as usize));
        }
        Ok(text)
    }

    /// Without a letter: like `g`, but a whole number keeps `.0`, and scientific starts one digit earlier.
    fn short_digits(&self, float: f64, precision: i64) -> Result<String> {
        let fixed = self.digits(float, precision, 'g')?;
        if fixed.contains(['.', 'e']) {
            return Ok(fixed);
        }
        if (fixed.len() as i64) < precision {
            return Ok(fixed + ".0");
        }
        let scientific = self.digits(float, precision - 1, 'e')?;
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        let mantissa =
            if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        Ok(format!("{mantissa}e{exponent}"))
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, '+') => "+",
            (false, ' ') => " ",
            _ => "",
        }
    }

    /// Pads digits with an optional fraction or exponent, grouping those in front of it.
    fn pad_number(&self, out: &mut Text, lead: &str, digits: &str, every: usize) -> Result<()> {
        let align = self.align.unwrap_or('>');
        let Some(separator) = self.grouping else {
            return self.pad(out, lead, digits, align);
        };
        let whole = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
        let whole = if every == 3 { digits.bytes().take_while(u8::is_ascii_digit).count() } else { whole };
        let (whole, rest) = digits.split_at(whole);
        let mut whole = whole.to_owned();
        if align == '=' && self.fill == '0' {
            // Zeros that fill the width are grouped like the other digits.
            let room = self.width - lead.len() as i64 - rest.len() as i64;
            if room > out.room() as i64 {
                return Err(out_of_fuel());
            }
            let mut digits = whole.len();
            while ((digits + digits.saturating_sub(1) / every) as i64) < room {
                digits += 1;
            }
            whole = "0".repeat(digits - whole.len()) + &whole;
        }
        let mut grouped = String::with_capacity(whole.len() * 2);
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index) % every == 0 {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        self.pad(out, lead, &(grouped + rest), align)
    }

    fn pad(&self, out: &mut Text, lead: &str, body: &str, align: char) -> Result<()> {
        let missing = self.width - (lead.chars().count() + body.chars().count()) as i64;
        let missing = missing.max(0);
        let (before, between, after) = match align {
            '<' => (0, 0, missing),
            '^' => (missing / 2, 0, missing - missing / 2),
            '=' => (0, missing, 0),
            _ => (missing, 0, 0),
        };
        out.fill(self.fill, before)?;
        out.push(lead)?;
        out.fill(self.fill, between)?;
        out.push(body)?;
        out.fill(self.fill, after)
    }
}
