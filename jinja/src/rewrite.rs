//! Compiled instructions with Python's semantics: operators that MiniJinja treats differently become calls of
//! the filters in `operators`, which take their operands from the stack in the same order.

use crate::environment;
use crate::failure::{Code, Failure};
use crate::macros;
use crate::methods;
use crate::source::CONSTANT_FILTER;
use crate::value::{type_of, Type};
use minijinja::machinery::{Instruction, Instructions};
use minijinja::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

type Instr = Instruction<'static>;

/// Filters (by MiniJinja's numbering) that one program finds without a look-up by name.
const MAX_LOCALS: u8 = 50;

/// The number for a filter that is looked up by name.
const NO_LOCAL: u8 = !0;

/// The filter that looks up attribute `name`, if that might be a method of Python's.
pub fn attribute_filter(name: &str) -> Option<&'static str> {
    attribute_filters().get(name).map(|filter| &**filter)
}

/// By attribute; the names are such that no template can spell them.
pub fn attribute_filters() -> &'static BTreeMap<&'static str, String> {
    static FILTERS: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    FILTERS.get_or_init(|| methods::all_names().map(|name| (name, format!("<attr:{name}>"))).collect())
}

struct Rewriter<'a> {
    old: &'a Instructions<'static>,
    new: Instructions<'static>,
    locals: BTreeMap<&'static str, u8>,
    next_local: u8,
    /// Macros with defaults, and where they store their arguments.
    macros: &'a macros::Names,
    argument_stores: BTreeSet<u32>,
    /// Instructions in `new`.
    len: u32,
}

/// Frames that a block opens, to count against MAX_FRAMES what its evaluation takes of the stack: about as
/// much as a macro call, which MiniJinja counts as five, while it counts a block as one.
const BLOCK_FRAMES: usize = 5;

/// Returns the adjusted block.
pub fn rewrite_block(old: &Instructions<'static>, names: &macros::Names) -> Result<Instructions<'static>, Failure> {
    rewrite(old, names, BLOCK_FRAMES)
}

/// Returns the adjusted template.
pub fn rewrite_template(old: &Instructions<'static>, names: &macros::Names) -> Result<Instructions<'static>, Failure> {
    rewrite(old, names, 0)
}

/// Fails on the name of an unknown filter or test. The frames are closed by whoever calls a block.
fn rewrite(
    old: &Instructions<'static>,
    names: &macros::Names,
    frames: usize,
) -> Result<Instructions<'static>, Failure> {
    let new = Instructions::new(old.name(), old.source());
    let argument_stores = macros::argument_stores(old, names);
    let locals = BTreeMap::new();
    let mut this = Rewriter { old, new, locals, next_local: 0, macros: names, argument_stores, len: 0 };
    this.reserve_locals();
    this.check_names()?;
    (0..frames).for_each(|_| this.emit(0, Instruction::PushWith));
    let mut moved = Vec::new();
    let mut pc = 0;
    while let Some(instr) = old.get(pc) {
        moved.push(this.len);
        this.instruction(pc, instr);
        pc += 1;
    }
    moved.push(this.len);
    for index in 0..this.len {
        if let Some(target) = this.new.get_mut(index).and_then(jump_target) {
            *target = moved.get(*target as usize).copied().unwrap_or(*target);
        }
    }
    Ok(this.new)
}

fn jump_target(instr: &mut Instr) -> Option<&mut u32> {
    match instr {
        Instruction::Jump(target)
        | Instruction::JumpIfFalse(target)
        | Instruction::JumpIfFalseOrPop(target)
        | Instruction::JumpIfTrueOrPop(target)
        | Instruction::Iterate(target)
        | Instruction::BuildMacro(_, target, _) => Some(target),
        _ => None,
    }
}

impl Rewriter<'_> {
    fn reserve_locals(&mut self) {
        let mut pc = 0;
        while let Some(instr) = self.old.get(pc) {
            if let Instruction::ApplyFilter(_, _, local) = instr {
                if *local != NO_LOCAL {
                    self.next_local = self.next_local.max(local + 1);
                }
            }
            pc += 1;
        }
    }

    /// Jinja2 refuses unknown filters and tests when it compiles, except where a condition may skip them.
    fn check_names(&self) -> Result<(), Failure> {
        let mut conditional_until = 0;
        let mut pc = 0;
        while let Some(instr) = self.old.get(pc) {
            let unknown = match instr {
                Instruction::ApplyFilter(name, ..) if *name != CONSTANT_FILTER && !environment::has_filter(name) => {
                    Some(("filter", name))
                }
                Instruction::PerformTest(name, ..) if !environment::has_test(name) => Some(("test", name)),
                Instruction::JumpIfFalse(target) => {
                    conditional_until = conditional_until.max(*target);
                    if let Some(Instruction::Jump(end)) = target.checked_sub(1).and_then(|last| self.old.get(last)) {
                        conditional_until = conditional_until.max(*end);
                    }
                    None
                }
                _ => None,
            };
            if let Some((kind, name)) = unknown.filter(|_| pc >= conditional_until) {
                let line = self.old.get_line(pc).unwrap_or(0) as u32;
                return Err(Failure { code: Code::Syntax, line, text: format!("No {kind} named '{name}'.") });
            }
            pc += 1;
        }
        Ok(())
    }

    fn emit(&mut self, pc: u32, instr: Instr) {
        self.len = 1 + self.new.add_with_line(instr, self.old.get_line(pc).unwrap_or(0) as u16);
    }

    fn call(&mut self, pc: u32, filter: &'static str, args: usize) {
        let next = &mut self.next_local;
        let local = *self.locals.entry(filter).or_insert_with(|| {
            let local = if *next < MAX_LOCALS { *next } else { NO_LOCAL };
            *next = next.saturating_add(1).min(MAX_LOCALS);
            local
        });
        self.emit(pc, Instruction::ApplyFilter(filter, Some(args as u16), local));
    }

    fn instruction(&mut self, pc: u32, instr: &Instr) {
        const MAX_ARGS: usize = u16::MAX as usize;
        if let Some(filter) = binary_operator(instr) {
            return self.call(pc, filter, 2);
        }
        match instr {
            Instruction::GetItem => self.call(pc, "<getitem>", 2),
            Instruction::Neg => self.call(pc, "<neg>", 1),
            Instruction::Slice => self.call(pc, "<slice>", 4),
            Instruction::BuildList(Some(count)) if *count <= MAX_ARGS => self.call(pc, "<list>", *count),
            Instruction::BuildMap(count) if count * 2 <= MAX_ARGS => self.call(pc, "<dict>", count * 2),
            Instruction::GetAttr(name) => match attribute_filter(name) {
                Some(filter) => self.call(pc, filter, 1),
                None => self.emit(pc, instr.clone()),
            },
            Instruction::LoadConst(value) => {
                self.emit(pc, instr.clone());
                if holds_container(value) && !matches!(self.old.get(pc + 1), Some(Instruction::BuildMacro(..))) {
                    self.call(pc, "<fresh>", 1);
                }
            }
            Instruction::CompareAndPreserve(_) => {
                self.call(pc, if is_ordering(instr) { "<orderable>" } else { "<equatable>" }, 2);
                self.emit(pc, Instruction::UnpackList(2));
                self.emit(pc, instr.clone());
            }
            Instruction::CallFunction(name, Some(count)) if *count > 0 && self.macros.contains(name) => {
                self.call(pc, "<depart>", usize::from(*count));
                self.emit(pc, Instruction::UnpackList(usize::from(*count)));
                self.emit(pc, instr.clone());
            }
            Instruction::StoreLocal(_) if self.argument_stores.contains(&pc) => {
                self.call(pc, "<arrive>", 1);
                self.emit(pc, instr.clone());
            }
            Instruction::PushLoop(_) => {
                self.call(pc, "<iter>", 1);
                self.emit(pc, instr.clone());
            }
            Instruction::SetAttr(name) => {
                self.emit(pc, Instruction::LoadConst(Value::from(*name)));
                self.call(pc, "<setattr>", 3);
                self.emit(pc, Instruction::DiscardTop);
            }
            // Without a loader Jinja2 fails before it could find out that a template is missing.
            Instruction::Include(_) => self.emit(pc, Instruction::Include(false)),
            Instruction::GetClosure => {
                for name in self.assigned_namespaces(pc) {
                    self.emit(pc, Instruction::Enclose(name));
                }
                self.emit(pc, instr.clone());
            }
            _ => self.emit(pc, instr.clone()),
        }
    }

    /// Namespaces that the macro built at `pc` only assigns to: MiniJinja forgets to close over those.
    fn assigned_namespaces(&self, pc: u32) -> Vec<&'static str> {
        let Some(Instruction::BuildMacro(_, start, _)) = self.old.get(pc + 2) else {
            return Vec::new();
        };
        let mut names = Vec::new();
        for at in *start..pc {
            if let (Some(Instruction::Lookup(name)), Some(Instruction::SetAttr(_))) =
                (self.old.get(at), self.old.get(at + 1))
            {
                if !names.contains(name) {
                    names.push(*name);
                }
            }
        }
        names
    }
}

fn binary_operator(instr: &Instr) -> Option<&'static str> {
    Some(match instr {
        Instruction::Add => "<add>",
        Instruction::Mul => "<mul>",
        Instruction::Rem => "<mod>",
        Instruction::Pow => "<pow>",
        Instruction::StringConcat => "<concat>",
        Instruction::Eq => "<eq>",
        Instruction::Ne => "<ne>",
        Instruction::Lt => "<lt>",
        Instruction::Lte => "<le>",
        Instruction::Gt => "<gt>",
        Instruction::Gte => "<ge>",
        Instruction::In => "<in>",
        _ => return None,
    })
}

/// The inner comparisons of a chain such as `a < b < c`, but not `==`, `!=` and `in`.
fn is_ordering(instr: &Instr) -> bool {
    // The type of the operator has no public name, but it prints one.
    let Instruction::CompareAndPreserve(operator) = instr else {
        return false;
    };
    matches!(&*format!("{operator:?}"), "Lt" | "Lte" | "Gt" | "Gte")
}

/// A list or dict of the program's own, or a tuple with one inside, which each evaluation must get afresh.
fn holds_container(value: &Value) -> bool {
    match type_of(value) {
        Type::List => true,
        Type::Dict => !value.is_kwargs(),
        Type::Tuple => value.try_iter().is_ok_and(|mut items| items.any(|item| holds_container(&item))),
        _ => false,
    }
}
