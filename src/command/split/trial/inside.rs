//! The trial of a role that may not make a database: in the target itself, which is empty at that moment and is so again.

use std::collections::BTreeSet;

use super::{Definitions, connect, failed, make, steps};
use crate::command::Error;
use crate::command::split::capture;
use crate::command::split::plan::Options;
use crate::pg::connect::Session;
use crate::pg::{split_state, trial};
use crate::schema::archive::{Archive, Kind};
use crate::schema::restore::{RestorePlan, RoleMap};
use crate::stop::Stop;

/// # Errors
/// As [`super::respell`]; what was made may then be there, and goes when the run abandons its target.
pub(super) async fn respell(options: &Options, definitions: Definitions<'_>, stop: &Stop) -> Result<Archive, Error> {
    let session = connect(&options.target, "pgkeep split trial").await.map_err(failed("connecting"))?;
    let plan = definitions.plan(options.target.database(), RoleMap::default());
    make(&session, definitions.archive, &plan, BTreeSet::new(), stop).await?.into_result()?;
    let archive = capture::archive_now(options, &session, stop).await?;
    unmake(&session, definitions.archive, &plan).await?;
    let left = split_state::contents(&session).await.map_err(failed("looking for remains of the trial"))?;
    if !left.is_empty() {
        return Err(Error::Internal {
            what: format!(
                "the definitions were tried in the target, but it could not be emptied again: {}",
                left.join(", ")
            ),
            source: None,
        });
    }
    session.close().await.map_err(failed("closing the session"))?;
    Ok(archive)
}

/// Drops what was made, last first. What is gone with something else, or cannot be dropped before it, is no harm: schemas take along
/// what is left in them.
async fn unmake(session: &Session, archive: &Archive, plan: &RestorePlan) -> Result<(), Error> {
    let entries = steps(plan).rev().filter_map(|step| archive.entry(step.dump_id));
    let drops: Vec<(String, String)> = entries
        .filter(|entry| !(entry.drop_stmt.is_empty() || entry.kind == Kind::Schema && entry.tag == "public"))
        .map(|entry| {
            let sql = entry.drop_stmt.to_display();
            let whole = matches!(entry.kind, Kind::Schema | Kind::Extension);
            let sql = if whole { format!("{} CASCADE", sql.trim_end().trim_end_matches(';')) } else { sql };
            (entry.label(), sql)
        })
        .collect();
    for batch in drops.chunks(super::STEPS_IN_TRANSACTION) {
        trial::begin(session).await.map_err(failed("emptying the target"))?;
        for (label, sql) in batch {
            let context = format!("the end of {label}");
            // Refused: see above. What remains is looked for afterwards.
            let _ = trial::attempt(session, &context, &[sql]).await.map_err(failed("emptying the target"))?;
        }
        trial::commit(session).await.map_err(failed("emptying the target"))?;
    }
    Ok(())
}
