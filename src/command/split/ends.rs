//! The two ends of a split.

use crate::pg::connect::Session;

/// Which side is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Source,
    Target,
}

/// Sessions at both ends; that at the source owns its fence.
#[derive(Clone, Copy)]
pub struct Ends<'a> {
    pub source: &'a Session,
    pub target: &'a Session,
}
