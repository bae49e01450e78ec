//! (being written)
pub enum Error {}
