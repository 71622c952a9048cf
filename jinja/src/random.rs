//! Chance for `random` and `lipsum`: not for secrets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A number from 0 up to, and not including, `end`, which is not 0. The standard library makes each hasher
/// another key from the operating system's randomness.
pub fn below(end: usize) -> usize {
    (RandomState::new().build_hasher().finish() % end as u64) as usize
}
