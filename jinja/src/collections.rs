//! Python's mutable list, dict and namespace, and the iterables that are neither list nor tuple.

use crate::functions::{Cycler, Joiner};
use crate::limits::MAX_NESTING;
use crate::methods::BoundMethod;
use crate::value::{fail, is_simple_key, Result};
use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{State, Value};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Height that a container may still reach after it was put into another one. The outer one's height
/// is computed with it, once, so that a later change inside needs no look at what is outside.
const ROOM_TO_GROW: usize = 8;

/// Largest height: nesting as documented, and the room in front of the innermost.
const MAX_HEIGHT: usize = MAX_NESTING + ROOM_TO_GROW;

/// A value that templates can change, with bounds on how deep it nests. Printing, comparing and freeing
/// recurse, so nesting has to stay within the stack; a container in itself would have no end at all.
#[derive(Debug)]
pub struct Shared<T> {
    inner: Mutex<T>,
    /// At least the number of containers on the longest way down, this one included.
    height: AtomicUsize,
    /// What `height` must not exceed.
    max_height: AtomicUsize,
}

impl<T> Shared<T> {
    fn new(inner: T, height: usize) -> Self {
        Shared { inner: Mutex::new(inner), height: AtomicUsize::new(height), max_height: AtomicUsize::new(MAX_HEIGHT) }
    }

    /// Never held while other template values are compared, printed or changed.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fixes the height that whoever contains this one may rely on.
    fn reserve(&self) -> usize {
        let height = self.height.load(Ordering::Relaxed).max(ROOM_TO_GROW);
        self.max_height.fetch_min(height, Ordering::Relaxed).min(height)
    }

    /// Must be called before `value` is put into this container.
    pub fn admit(&self, state: &State, value: &Value) -> Result<()> {
        let height = height_of(Some(state), value)? + 1;
        if height > self.max_height.load(Ordering::Relaxed) {
            return too_deep();
        }
        self.height.fetch_max(height, Ordering::Relaxed);
        Ok(())
    }
}

fn too_deep<T>() -> Result<T> {
    fail(format!("values are nested deeper than {MAX_NESTING} (recursion limit)"))
}

/// The height that the container of `value` must reckon with.
fn height_of(state: Option<&State>, value: &Value) -> Result<usize> {
    let Some(object) = value.as_object() else {
        return Ok(0);
    };
    if let Some(list) = value.downcast_object_ref::<List>() {
        return Ok(list.0.reserve());
    }
    if let Some(dict) = value.downcast_object_ref::<Dict>() {
        return Ok(dict.0.reserve());
    }
    if let Some(namespace) = value.downcast_object_ref::<Namespace>() {
        return Ok(namespace.0.reserve());
    }
    if let Some(state) = state {
        state.consume_fuel(1)?;
    }
    let inside: Vec<Value> = if let Some(view) = value.downcast_object_ref::<View>() {
        view.items.clone()
    } else if let Some(generator) = value.downcast_object_ref::<Generator>() {
        generator.lock().as_slice().to_vec()
    } else if let Some(method) = value.downcast_object_ref::<BoundMethod>() {
        vec![method.value.clone()]
    } else if let Some(cycler) = value.downcast_object_ref::<Cycler>() {
        cycler.items.clone()
    } else if let Some(joiner) = value.downcast_object_ref::<Joiner>() {
        vec![joiner.separator.clone()]
    } else if object.repr() == ObjectRepr::Seq {
        object.try_iter().into_iter().flatten().collect()
    } else if crate::value::engine_type(value) == Some("Loop") {
        // It holds on to the items of its loop, and through them perhaps to another loop: it may be in
        // a list (as the arguments of a call are), but nothing can hold that list.
        return Ok(MAX_HEIGHT);
    } else {
        return Ok(1);
    };
    height_of_items(state, inside.iter())
}

/// The height of a container of `items`.
pub fn height_of_items<'a>(state: Option<&State>, items: impl Iterator<Item = &'a Value>) -> Result<usize> {
    let mut height = 1;
    for item in items {
        let is_loop = crate::value::engine_type(item) == Some("Loop");
        height = height.max(height_of(state, item)? + usize::from(!is_loop));
    }
    if height > MAX_HEIGHT {
        return too_deep();
    }
    Ok(height)
}

#[derive(Debug)]
pub struct List(pub Shared<Vec<Value>>);

#[derive(Debug)]
pub struct Dict(pub Shared<IndexMap<Value, Value>>);

#[derive(Debug)]
pub struct Namespace(pub Shared<IndexMap<Value, Value>>);

impl List {
    pub fn new(state: Option<&State>, items: Vec<Value>) -> Result<Self> {
        let height = height_of_items(state, items.iter())?;
        Ok(List(Shared::new(items, height)))
    }
}

impl Dict {
    pub fn new(state: Option<&State>, items: IndexMap<Value, Value>) -> Result<Self> {
        let height = height_of_items(state, items.values())?;
        Ok(Dict(Shared::new(items, height)))
    }

    pub fn pairs(&self) -> Vec<(Value, Value)> {
        self.0.lock().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Namespace {
    pub fn new(state: Option<&State>, items: IndexMap<Value, Value>) -> Result<Self> {
        let height = height_of_items(state, items.values())?;
        Ok(Namespace(Shared::new(items, height)))
    }
}

/// Tuples in each other that a look-up by key goes through.
const KEY_DEPTH: usize = 3;

/// The place in `len` items that Python's index names.
pub fn position(index: &Value, len: usize) -> Option<usize> {
    let index = crate::value::as_int(index)?;
    let index = if index < 0 { index + len as i128 } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let items = self.0.lock();
        items.get(position(key, items.len())?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.lock().len())
    }
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if !is_simple_key(key, KEY_DEPTH) {
            return None;
        }
        self.0.lock().get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.lock().keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.lock().len())
    }
}

impl Object for Namespace {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        key.as_str()?;
        self.0.lock().get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// `dict.keys()`, `dict.values()` and `dict.items()`.
#[derive(Debug)]
pub struct View {
    pub type_name: &'static str,
    pub items: Vec<Value>,
}

impl Object for View {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }
}

/// What filters such as `map` return: items that can be taken once.
#[derive(Debug)]
pub struct Generator(Mutex<std::vec::IntoIter<Value>>);

impl Generator {
    pub fn new(items: Vec<Value>) -> Self {
        Generator(Mutex::new(items.into_iter()))
    }

    fn lock(&self) -> MutexGuard<'_, std::vec::IntoIter<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn next(&self) -> Option<Value> {
        self.lock().next()
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let this = self.clone();
        Enumerator::Iter(Box::new(std::iter::from_fn(move || this.next())))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<generator object>")
    }
}
