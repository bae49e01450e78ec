//! Which tables are loaded as their owners, and what these need for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Job;
use crate::pg;
use crate::pg::catalog::{ThroughRoot, runs_code};
use crate::pg::connect::Session;

/// Asks the target, whose definitions are there and whose rows are not. Grants come last in a restore: those that code of these roles
/// may need while it runs are given now.
pub(super) async fn prepare(
    job: &Job,
    session: &Session,
    through_root: ThroughRoot,
) -> Result<BTreeMap<usize, String>, pg::Error> {
    let mut owners: HashMap<(String, String), String> = HashMap::new();
    for table in runs_code(session, through_root).await? {
        owners.insert((table.schema, table.name), table.owner);
    }
    let owner = |(n, relation): (usize, &crate::repo::manifest::Relation)| {
        Some((n, owners.get(&(relation.schema.clone(), relation.name.clone()))?.clone()))
    };
    let as_owner: BTreeMap<usize, String> = job.relations.iter().enumerate().filter_map(owner).collect();
    let later = job.plan.post_data.iter().filter_map(|step| step.step.acts_as.as_ref());
    let acting: BTreeSet<&str> =
        as_owner.values().map(String::as_str).chain(later.filter_map(|acts_as| acts_as.role.as_deref())).collect();
    if !acting.is_empty() {
        grant(job, session, &acting).await?;
    }
    Ok(as_owner)
}

async fn grant(job: &Job, session: &Session, acting: &BTreeSet<&str>) -> Result<(), pg::Error> {
    let acting: Vec<&str> = acting.iter().copied().collect();
    let sql = "SELECT g.rolname::text FROM pg_catalog.pg_roles g WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r
        WHERE r.rolname = ANY ($1) AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER'))";
    let rows = session.rows("the roles of owners", sql, &[&acting]).await?;
    let reached: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    for grant in job.plan.early_grants() {
        if grant.role.as_ref().is_none_or(|role| reached.contains(role)) {
            match session.run("a grant", &grant.sql).await {
                // Whoever may not give it is told so when it is given at last.
                Err(pg::Error::Server { .. }) => {}
                given => given?,
            }
        }
    }
    Ok(())
}
