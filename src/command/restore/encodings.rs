//! Between a database without an encoding and one that has one: what either of them may hold and the other cannot.

use std::collections::BTreeSet;

use super::Job;
use crate::command::Error;
use crate::pg::connect::Session;
use crate::repo::manifest::Role;
use crate::schema::restore::Step;
use crate::spelling::bytes::is_spelled;

/// Refuses what would come to the target's database under another name, or with another text. Nothing was changed yet.
pub fn check(session: &Session, job: &Job) -> Result<(), Error> {
    if job.cargo.database.has_no_encoding() == session.has_no_encoding() {
        return Ok(());
    }
    let steps = job.plan.pre_data.iter().chain(job.plan.post_data.iter().map(|step| &step.step));
    let found = steps.filter(|step| has_bytes(step)).map(|step| step.label.clone());
    let roles = job.cargo.roles.iter().filter(|role| is_needed(role, job) && is_of_bytes(role));
    let objects: BTreeSet<String> = found.chain(roles.map(|role| format!("ROLE {}", role.name))).collect();
    if objects.is_empty() {
        return Ok(());
    }
    let (database, encoding) = (session.conninfo().database().to_owned(), session.server_encoding().to_owned());
    Err(Error::OtherEncoding { database, encoding, objects: objects.into_iter().collect() })
}

fn has_bytes(step: &Step) -> bool {
    is_spelled(&step.label) || step.statements.iter().any(|sql| is_spelled(&sql.to_display()))
}

fn is_needed(role: &Role, job: &Job) -> bool {
    job.roles_needed.iter().any(|needed| needed == job.role_map.name(&role.name))
}

fn is_of_bytes(role: &Role) -> bool {
    is_spelled(&role.name) || role.comment.as_deref().is_some_and(is_spelled)
}
