//! Reading an object without keeping it.

use std::ops::ControlFlow;

/// Takes an object in pieces. Begun anew, as a clone of what it was, where a server's answer broke off.
pub trait Sink: Clone + Send + 'static {
    /// The next bytes. `Break`: the rest is not wanted.
    fn take(&mut self, piece: &[u8]) -> ControlFlow<()>;
}
