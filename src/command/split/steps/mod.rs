//! A split is done step by step. The record in the target says how far it is ([`Phase`](super::state::Phase)), so that a run that was ended
//! anywhere is gone on with, or begins anew where the source has taken writes since.
//!
//! | step | does | record afterwards | undone by | a kill in it leaves |
//! |---|---|---|---|---|
//! | [`prepare`] | an empty target with its roles, which knows what it is for; the bridge and the definitions are tried | `created` | the target is emptied, or dropped where the split made it | the same, which the next run empties |
//! | [`fence`] | definitions in the target; then nobody writes what moves | `created` | the fence is taken down | a source that takes writes: the fence is held by a session |
//! | [`copy`] | rows, indexes and keys, and the proof of all that was copied | `copying`, then `proven` | as above | the same |
//! | [`seal`] | one transaction at the source: what was proven is looked at once more, keys across the line go, writes are refused for good | `sealed` | [`rollback`](super::rollback) | a sealed source, or one that takes writes |
//! | [`switch`] | files, the hook, sequences: the new database counts | `switched` | the same | a sealed source, and a run that goes on here |

pub mod copy;
pub mod fence;
pub mod prepare;
pub mod seal;
pub mod switch;
pub mod target;
