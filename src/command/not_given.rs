//! What the source's server did not give to the role that took a backup: it is named by the backup, and by each restore of it.

use std::collections::BTreeSet;

use super::error::Error;
use super::selecting::Patterns;
use crate::pg::catalog::{self, HiddenMapping, HiddenOptions};
use crate::pg::connect::Session;
use crate::repo::manifest::LeftOut;
use crate::schema::archive::{Archive, Entry, Kind};
use crate::schema::selection::{Request, Selection};

/// What of the selection superusers alone are shown.
pub async fn hidden(
    session: &Session,
    archive: &Archive,
    selection: &Selection,
    request: &Request,
) -> Result<Vec<LeftOut>, Error> {
    let failed = Error::source_database("looking for what only superusers can see");
    let hidden = catalog::hidden(session).await.map_err(failed)?;
    let role = session.conninfo().user();
    let mut left_out = Vec::new();
    // A subscription belongs to no schema.
    if request.schemas.is_empty() && request.tables.is_empty() {
        left_out.extend(hidden.subscriptions.iter().map(|name| LeftOut {
            entry: format!("SUBSCRIPTION {name}"),
            reason: format!("pg_dump reads subscriptions only as a superuser, and the role {role} is not one"),
        }));
    }
    for HiddenMapping { role: user, server, options } in &hidden.mappings {
        let tag = format!("USER MAPPING {user} SERVER {server}");
        let is_it = |entry: &&Entry| entry.kind == Kind::UserMapping && entry.tag == tag;
        let Some(entry) = archive.entries().iter().find(is_it) else { continue };
        if selection.contains(entry.dump_id) {
            let options = match options {
                HiddenOptions::There => "its options",
                HiddenOptions::MayBeThere => "its options, if any",
            };
            left_out.push(LeftOut {
                entry: entry.label(),
                reason: format!(
                    "only a superuser can read {options}, and the role {role} is not one: the mapping is restored without them (usually a password)"
                ),
            });
        }
    }
    Ok(left_out)
}

/// What of that (`of_backup`) a restore of `selection` is without, and does not know by itself (`known`).
pub fn of_restore(
    of_backup: &[LeftOut],
    known: &[LeftOut],
    archive: &Archive,
    selection: &Selection,
    patterns: &Patterns,
) -> Vec<LeftOut> {
    let mut concerned = BTreeSet::new();
    for entry in archive.entries().iter().filter(|entry| selection.contains(entry.dump_id)) {
        let schema = entry.namespace.as_deref().unwrap_or_default();
        concerned.extend([
            entry.label(),
            format!("TABLE DATA {schema}.{}", entry.tag),
            format!("SEQUENCE SET {schema}.{}", entry.tag),
        ]);
    }
    let is_missed = |left: &&LeftOut| {
        let is_known = known.iter().any(|known| known.entry == left.entry);
        !is_known && (patterns.is_empty() || concerned.contains(&left.entry))
    };
    of_backup.iter().filter(is_missed).cloned().collect()
}
