//! One value in one format: what stands behind the colon of `'{:>8.2f}'` and between the letters of `'%-8.2f'`.

use crate::python;
use crate::text::Text;
use crate::value::{as_float, as_int, fail, type_name, type_of, Result, Type};
use minijinja::Value;

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

/// Reads decimal digits; None if there are none.
pub fn read_number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<i64> {
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        number = Some((number.unwrap_or(0) * 10 + i64::from(digit)).min(MAX_NUMBER));
    }
    number
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
        let upper = matches!(self.kind, Some('E' | 'F' | 'G'));
        // Digits beyond the precision that a float can have are zeros.
        let precision = self.precision.unwrap_or(6);
        if usize::try_from(precision).map_or(true, |p| p > out.room()) {
            return Err(minijinja::Error::from(minijinja::ErrorKind::OutOfFuel));
        }
        let precision = precision as usize;
        let float = float.abs();
        let digits = if !float.is_finite() {
            (if float.is_nan() { "nan" } else { "inf" }).to_owned()
        } else {
            match self.kind {
                Some('f' | 'F') => format!("{float:.precision$}"),
                Some('%') => format!("{:.precision$}%", float * 100.0),
                Some('e' | 'E') => scientific(float, precision),
                Some(_) => general(float, precision.max(1), self.alternate, false),
                None if self.precision.is_some() => general(float, precision.max(1), self.alternate, true),
                None => python::float_repr(float),
            }
        };
        let digits = if upper { digits.to_uppercase() } else { digits };
        self.pad_number(out, sign, &digits, 3)
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
                return Err(minijinja::Error::from(minijinja::ErrorKind::OutOfFuel));
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

/// `%e`: at least two digits of exponent.
fn scientific(float: f64, precision: usize) -> String {
    let text = format!("{float:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// `%g`: the shorter of fixed and scientific, without trailing zeros unless `keep_zeros`. With `is_repr` a
/// whole number keeps `.0`, and scientific starts one digit earlier, as `format(x, '.3')` does.
fn general(float: f64, precision: usize, keep_zeros: bool, is_repr: bool) -> String {
    let text = scientific(float, precision - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let strip = |text: &str| match text.contains('.') && !keep_zeros {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let limit = precision as i64 - i64::from(is_repr);
    if exponent < -4 || exponent >= limit {
        return format!("{}{}", strip(mantissa), &text[mantissa.len()..]);
    }
    let decimals = usize::try_from(precision as i64 - 1 - exponent).unwrap_or(0);
    let fixed = strip(&format!("{float:.decimals$}"));
    if is_repr && !fixed.contains('.') {
        return fixed + ".0";
    }
    fixed
}
