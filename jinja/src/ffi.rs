//! The functions of jinja.h. Nothing unwinds past them: a panic becomes JINJA_ERR_INTERNAL.

use crate::failure::{Code, Failure};
use crate::limits::{Limits, DEFAULT_FUEL, DEFAULT_OUTPUT, MAX_DATA, MAX_SOURCE};
use crate::program::Program;
use std::os::raw::{c_char, c_uint};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Once};
use std::{ptr, slice, str};

const ERROR_TEXT: usize = 256;

/// `struct jinja_error`
#[repr(C)]
pub struct ErrorOut {
    code: Code,
    line: c_uint,
    text: [u8; ERROR_TEXT],
}

/// `struct jinja_limits`
#[repr(C)]
pub struct LimitsIn {
    fuel: u64,
    max_output: usize,
}

/// `struct jinja_template`
pub struct Template(Arc<Program>);

fn report(failure: &Failure, err: *mut ErrorOut) -> Code {
    // SAFETY: jinja.h asks for NULL or a struct that the caller owns.
    if let Some(err) = unsafe { err.as_mut() } {
        let mut cut = failure.text.len().min(ERROR_TEXT - 1);
        while !failure.text.is_char_boundary(cut) {
            cut -= 1;
        }
        err.code = failure.code;
        err.line = failure.line;
        err.text[..cut].copy_from_slice(&failure.text.as_bytes()[..cut]);
        err.text[cut] = 0;
    }
    failure.code
}

/// Runs `body` so that neither a failure nor a panic gets further than an error code.
fn guarded<T>(err: *mut ErrorOut, body: impl FnOnce() -> Result<T, Failure>, done: impl FnOnce(T)) -> Code {
    static QUIET: Once = Once::new();
    // The default hook would print the message, and with it template data, to stderr.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => {
            done(value);
            Code::Ok
        }
        Ok(Err(failure)) => report(&failure, err),
        Err(_) => report(&Failure::new(Code::Internal, "the template engine failed"), err),
    }
}

/// Borrows the caller's bytes as text.
///
/// # Safety
/// `text` is NULL or points to `len` readable bytes that stay unchanged for `'a`.
unsafe fn text_of<'a>(text: *const c_char, len: usize, max: usize, name: &str, bad: Code) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::new(Code::Argument, format!("{name} is NULL")));
    }
    if len > max {
        return Err(Failure::limit(format!("{name} is longer than {max} bytes")));
    }
    str::from_utf8(slice::from_raw_parts(text.cast(), len))
        .map_err(|_| Failure::new(bad, format!("{name} is not UTF-8")))
}

/// # Safety
/// See jinja.h.
#[no_mangle]
pub unsafe extern "C" fn jinja_compile(
    source: *const c_char,
    len: usize,
    out: *mut *mut Template,
    err: *mut ErrorOut,
) -> Code {
    let compile = || {
        if out.is_null() {
            return Err(Failure::new(Code::Argument, "out is NULL"));
        }
        let source = text_of(source, len, MAX_SOURCE, "source", Code::Syntax)?;
        Program::compile(source)
    };
    guarded(err, compile, |program| *out = Box::into_raw(Box::new(Template(Arc::new(program)))))
}

/// # Safety
/// See jinja.h.
#[no_mangle]
pub unsafe extern "C" fn jinja_render(
    tmpl: *const Template,
    data: *const c_char,
    len: usize,
    limits: *const LimitsIn,
    out: *mut *mut c_char,
    out_len: *mut usize,
    err: *mut ErrorOut,
) -> Code {
    let render = || {
        if out.is_null() || out_len.is_null() {
            return Err(Failure::new(Code::Argument, "out or out_len is NULL"));
        }
        let Some(template) = tmpl.as_ref() else {
            return Err(Failure::new(Code::Argument, "tmpl is NULL"));
        };
        let data = text_of(data, len, MAX_DATA, "data", Code::Data)?;
        let (fuel, max_output) = limits.as_ref().map_or((0, 0), |l| (l.fuel, l.max_output));
        let mut text = template.0.render(
            data,
            Limits {
                fuel: if fuel == 0 { DEFAULT_FUEL } else { fuel },
                max_output: if max_output == 0 { DEFAULT_OUTPUT } else { max_output },
            },
        )?;
        text.try_reserve_exact(1).map_err(|_| Failure::new(Code::Memory, "out of memory"))?;
        text.push(0);
        Ok(text.into_boxed_slice())
    };
    guarded(err, render, |text| {
        *out_len = text.len() - 1;
        *out = Box::into_raw(text).cast();
    })
}

/// # Safety
/// See jinja.h.
#[no_mangle]
pub unsafe extern "C" fn jinja_template_destroy(tmpl: *mut Template) {
    if !tmpl.is_null() {
        drop(Box::from_raw(tmpl));
    }
}

/// # Safety
/// See jinja.h.
#[no_mangle]
pub unsafe extern "C" fn jinja_text_free(text: *mut c_char, len: usize) {
    if !text.is_null() {
        drop(Box::from_raw(ptr::slice_from_raw_parts_mut(text.cast::<u8>(), len + 1)));
    }
}
