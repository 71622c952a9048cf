//! Chance for `random` and `lipsum`: not for secrets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

pub struct Random(u64);

impl Random {
    /// Seeded from the operating system through the standard library's hash keys.
    pub fn new() -> Random {
        Random(RandomState::new().build_hasher().finish())
    }

    /// A number from 0 up to, and not including, `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}
