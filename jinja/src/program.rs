//! A compiled template: from source to instructions, and from data to text.

use crate::environment::{inner, outer};
use crate::failure::{Code, Failure};
use crate::json;
use crate::limits::{BoundedWriter, Limits, MAX_FRAMES};
use crate::macros;
use crate::rewrite::{rewrite_block, rewrite_template};
use crate::source;
use minijinja::machinery::{eval, parse, CodeGenerator, Instructions};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{AutoEscape, Environment, Error, Output, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

type Stream = Instructions<'static>;

pub struct Program {
    main: Stream,
    blocks: BTreeMap<&'static str, Stream>,
    // Last, so that it outlives the instructions, which borrow from it.
    _source: Source,
}

/// The text that instructions borrow from, at an address that never changes.
struct Source(NonNull<str>);

// SAFETY: the text is never written after `Source::new`.
unsafe impl Send for Source {}
unsafe impl Sync for Source {}

impl Source {
    fn new(text: &str) -> Source {
        Source(NonNull::from(Box::leak(Box::<str>::from(text))))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: made by Box::leak in `new`, released only here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Program {
    pub fn compile(text: &str) -> Result<Program, Failure> {
        let source = Source::new(&source::prepare(&source::normalize_newlines(text))?);
        // SAFETY: whatever borrows `text` ends up in a Program that owns `source`, or is dropped before it.
        let text: &'static str = unsafe { &*source.0.as_ptr() };
        let syntax = |e: Error| Failure::from_engine(&e, Code::Syntax);
        let tree = parse(text, "template", Default::default()).map_err(syntax)?;
        let mut generator = CodeGenerator::new("template", text);
        generator.compile_stmt(&tree);
        drop(tree);
        let (main, blocks) = generator.finish();
        let mut names = macros::Names::new();
        blocks.values().chain([&main]).for_each(|code| macros::collect_names(code, &mut names));
        let adjusted = blocks.iter().map(|(name, block)| Ok((*name, rewrite_block(block, &names)?)));
        Ok(Program {
            main: rewrite_template(&main, &names)?,
            blocks: adjusted.collect::<Result<_, Failure>>()?,
            _source: source,
        })
    }

    pub fn render(self: &Arc<Program>, data: &str, limits: Limits) -> Result<Vec<u8>, Failure> {
        let data = json::parse_object(data)?;
        if data.contains_key(&Value::from("self")) {
            return Err(Failure::new(Code::Render, "render() got multiple values for argument 'self'"));
        }
        let mut env = inner().clone();
        env.set_fuel(Some(limits.fuel));
        env.set_recursion_limit(MAX_FRAMES);
        let body = Body { program: self.clone(), env, data: Value::from_object(data) };
        let frame = outer().get_template("frame").map_err(|e| Failure::from_engine(&e, Code::Internal))?;
        let mut writer = BoundedWriter::new(limits.max_output);
        let context = Value::from_pairs([("body", Value::from_object(body))]);
        let result = frame.render_captured_to(context, &mut writer).map(|_| ());
        if writer.exceeded {
            return Err(Failure::limit(format!("output is longer than {} bytes", limits.max_output)));
        }
        result.map_err(|e| Failure::from_engine(&e, Code::Render))?;
        Ok(writer.bytes)
    }
}

/// One render in progress. MiniJinja writes to an output of the caller's only through a template of its
/// own making, not through adjusted instructions; so a template that holds nothing but
/// `{{ body }}` is rendered, and printing this value runs the program on that output.
pub struct Body {
    program: Arc<Program>,
    env: Environment<'static>,
    data: Value,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

impl Object for Body {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

impl Body {
    pub fn write(&self, out: &mut Output) -> Result<(), Error> {
        let program = &self.program;
        eval(&self.env, &program.main, self.data.clone(), &program.blocks, out, AutoEscape::None).map(|_| ())
    }
}
