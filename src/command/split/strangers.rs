//! What others made under our names.

use super::SplitError;
use crate::command::Error;
use crate::pg::connect::Session;
use crate::pg::ours::Stranger;

/// Nothing that others made under our names is believed.
pub fn refuse(strangers: Vec<Stranger>, session: &Session) -> Result<(), Error> {
    let Some(first) = strangers.first() else { return Ok(()) };
    let list = |of: fn(&Stranger) -> &str| strangers.iter().map(of).collect::<Vec<_>>();
    Err(SplitError::NotOurs {
        what: list(|stranger| &stranger.what).join(", "),
        owner: first.owner.clone(),
        database: session.conninfo().database().to_owned(),
        mend: list(|stranger| &stranger.mend).join("; "),
    }
    .into())
}
