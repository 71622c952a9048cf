//! Template data: JSON text to template values, as Python's json module would read it.

use crate::collections::{Dict, List};
use crate::failure::{Code, Failure};
use crate::limits::MAX_NESTING;
use indexmap::IndexMap;
use minijinja::Value;

/// Parses a JSON object. Keys keep their order; of a repeated key the last value counts.
pub fn parse_object(text: &str) -> Result<IndexMap<Value, Value>, Failure> {
    let mut parser = Parser { text, pos: 0 };
    parser.skip_space();
    if parser.peek() != Some(b'{') {
        return Err(parser.error("data must be a JSON object"));
    }
    let object = parser.object(1)?;
    parser.skip_space();
    if parser.pos != text.len() {
        return Err(parser.error("something follows the JSON object"));
    }
    Ok(object)
}

fn too_deep(error: minijinja::Error) -> Failure {
    Failure::from_engine(&error, Code::Limit)
}

struct Parser<'a> {
    text: &'a str,
    pos: usize,
}

impl Parser<'_> {
    fn error(&self, what: &str) -> Failure {
        Failure::data(format!("{what} (byte {})", self.pos))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Failure> {
        if self.take(byte) {
            return Ok(());
        }
        Err(self.error(&format!("expected '{}'", byte as char)))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Failure> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => Dict::new(None, self.object(depth + 1)?).map(Value::from_object).map_err(too_deep),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(Value::from),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in
                    [("true", Value::from(true)), ("false", Value::from(false)), ("null", Value::from(()))]
                {
                    if self.text[self.pos..].starts_with(word) {
                        self.pos += word.len();
                        return Ok(value);
                    }
                }
                Err(self.error("expected a JSON value"))
            }
        }
    }

    fn enter(&self, depth: usize) -> Result<(), Failure> {
        if depth > MAX_NESTING {
            return Err(Failure::limit(format!("data is nested deeper than {MAX_NESTING}")));
        }
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<IndexMap<Value, Value>, Failure> {
        self.enter(depth)?;
        self.expect(b'{')?;
        let mut map = IndexMap::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(map);
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            map.insert(Value::from(key), self.value(depth)?);
            self.skip_space();
            if self.take(b'}') {
                return Ok(map);
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Failure> {
        self.enter(depth)?;
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return List::new(None, items).map(Value::from_object).map_err(too_deep);
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_space();
            if self.take(b']') {
                return List::new(None, items).map(Value::from_object).map_err(too_deep);
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<String, Failure> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.pos..];
            let Some(run) = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20) else {
                return Err(self.error("a string has no end"));
            };
            out.push_str(&rest[..run]);
            self.pos += run;
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.error("a string holds a control character")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        self.pos += 1;
        let kind = self.peek();
        self.pos += 1;
        Ok(match kind {
            Some(c @ (b'"' | b'\\' | b'/')) => c as char,
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let mut code = self.hex4()?;
                if (0xd800..0xdc00).contains(&code) && self.text[self.pos..].starts_with("\\u") {
                    self.pos += 2;
                    let low = self.hex4()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(self.error("half of a surrogate pair"));
                    }
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                }
                char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"))?
            }
            _ => {
                self.pos -= 1;
                return Err(self.error("unknown escape in a string"));
            }
        })
    }

    fn hex4(&mut self) -> Result<u32, Failure> {
        let digits = self.text.as_bytes().get(self.pos..self.pos + 4);
        let code = digits
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit))
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u32::from_str_radix(d, 16).ok())
            .ok_or_else(|| self.error("expected four hex digits"))?;
        self.pos += 4;
        Ok(code)
    }

    fn digits(&mut self) -> Result<(), Failure> {
        let start = self.pos;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.pos += 1;
        }
        if self.pos == start {
            return Err(self.error("expected a digit"));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, Failure> {
        let start = self.pos;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut is_int = true;
        if self.take(b'.') {
            is_int = false;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_int = false;
            self.pos += 1;
            let _sign = self.take(b'-') || self.take(b'+');
            self.digits()?;
        }
        let digits = &self.text[start..self.pos];
        if is_int {
            return Ok(crate::bigint::value_of(digits));
        }
        digits.parse::<f64>().map(Value::from).map_err(|_| self.error("not a number"))
    }
}
