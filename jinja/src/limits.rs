//! Bounds on what one compile or render may use. The sizes repeat jinja.h, whose comments give reasons.

use std::io;

pub const MAX_SOURCE: usize = 256 * 1024;
pub const MAX_DATA: usize = 4 * 1024 * 1024;
pub const MAX_NESTING: usize = 100;
pub const DEFAULT_FUEL: u64 = 1_000_000;
pub const DEFAULT_OUTPUT: usize = 4 * 1024 * 1024;

/// Frames (loops, `with` blocks, macro calls at several each) that may be open at once.
/// Together with the frame size of MiniJinja's evaluation loop this decides how much stack a render
/// can use; tests/unit/jinja holds it against a thread of 512 KiB.
pub const MAX_FRAMES: usize = 250;

#[derive(Clone, Copy)]
pub struct Limits {
    pub fuel: u64,
    pub max_output: usize,
}

/// Collects output and fails, without growing, on the byte that would be too many.
pub struct BoundedWriter {
    pub bytes: Vec<u8>,
    pub exceeded: bool,
    max: usize,
}

impl BoundedWriter {
    pub fn new(max: usize) -> Self {
        BoundedWriter { bytes: Vec::new(), exceeded: false, max }
    }
}

impl io::Write for BoundedWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.len() > self.max - self.bytes.len() {
            self.exceeded = true;
            return Err(io::Error::from(io::ErrorKind::Other));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
