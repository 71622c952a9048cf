//! What a compile or render reports when it fails, before it becomes a `struct jinja_error`.

use minijinja::{Error, ErrorKind};
use std::error::Error as _;

/// Values of `enum jinja_result` in jinja.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Code {
    Ok = 0,
    Argument,
    Syntax,
    Render,
    Limit,
    Data,
    Memory,
    Internal,
}

#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub line: u32,
    pub text: String,
}

impl Failure {
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Failure { code, line: 0, text: text.into() }
    }

    pub fn data(text: String) -> Self {
        Failure::new(Code::Data, text)
    }

    pub fn limit(text: String) -> Self {
        Failure::new(Code::Limit, text)
    }

    /// The innermost cause of an engine error is the one a template's author can act on.
    pub fn from_engine(error: &Error, code: Code) -> Self {
        let mut cause = error;
        while let Some(inner) = cause.source().and_then(|e| e.downcast_ref::<Error>()) {
            cause = inner;
        }
        let detail = cause.detail().map_or_else(|| cause.kind().to_string(), str::to_owned);
        let exhausted = cause.kind() == ErrorKind::OutOfFuel
            || detail.contains("recursion limit")
            || detail.ends_with("is too large");
        Failure {
            code: if exhausted { Code::Limit } else { code },
            line: cause.line().or(error.line()).unwrap_or(0) as u32,
            text: detail,
        }
    }
}
