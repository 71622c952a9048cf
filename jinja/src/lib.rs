//! Jinja2 templates for C programs: MiniJinja behind the functions of `jinja.h`.

pub mod bigint;
pub mod environment;
pub mod failure;
pub mod ffi;
pub mod json;
pub mod limits;
pub mod program;
pub mod python;
