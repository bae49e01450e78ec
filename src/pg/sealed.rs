//! What the moved schemas were at one moment, written down in our schema: the old ones beside the fence, in the seal's own transaction, the new
//! ones when they were proven.
//!
//! Between the last look inside the transaction and the writing down somebody may commit a change, which is then written down as if it had
//! moved. So the seal looks once more after it, through another session, which sees what others have committed and nothing of the seal's own:
//! see `command/split/steps/seal.rs`. Whatever is committed after that look is not what was written down.

use std::collections::BTreeSet;

use super::Error;
use super::catalog::{Scope, fingerprint_rows};
use super::connect::Session;
use super::ours::{self, SCHEMA};

/// What was written down, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The old place, as it was sealed.
    Sealed,
    /// The new place, as it was proven.
    Proven,
}

impl Noted {
    const fn table(self) -> &'static str {
        match self {
            Noted::Sealed => "sealed",
            Noted::Proven => "proven",
        }
    }
}

/// Writes it down, in the session's transaction where it has one. Each object with its name: of one that is dropped later nobody knows it any more.
pub async fn note(session: &Session, noted: Noted, scope: &Scope) -> Result<(), Error> {
    let context = "recording existing objects";
    let table = noted.table();
    // Earlier programs noted no names.
    let make = format!(
        "{}{}
        ALTER TABLE {SCHEMA}.{table} ADD COLUMN IF NOT EXISTS name text;
        TRUNCATE {SCHEMA}.{table};
        {}",
        ours::guard(SCHEMA),
        ours::closed_table(table, "catalog smallint, class oid, object oid, one bigint, other bigint, name text"),
        ours::closed()
    );
    session.run(context, &make).await?;
    // In words that no `lc_messages` translates.
    let sql = format!(
        "INSERT INTO {SCHEMA}.{table} (catalog, class, object, one, other, name)
        SELECT now.*, {NAME} FROM ({}) AS now (catalog, class, object, one, other), pg_catalog.pg_identify_object(now.class, now.object, 0) AS i",
        fingerprint_rows(session).await?
    );
    let [one, other] = scope.seeds;
    let noted = session.client().execute(&sql, &[&scope.spaces, &scope.single, &one, &other]).await;
    noted.map(drop).map_err(|error| session.fault(context, error))
}

/// Of a row of `pg_identify_object`: `table m.orders`.
const NAME: &str = "i.type || ' ' || i.identity";

/// Whether somebody wrote it down.
async fn is_there(session: &Session, noted: Noted) -> Result<bool, Error> {
    let there = format!("SELECT pg_catalog.to_regclass('{SCHEMA}.{}') IS NOT NULL", noted.table());
    let there = session.client().query_one(&there, &[]).await;
    Ok(there.map_err(|error| session.fault("reading the recorded objects", error))?.get(0))
}

/// A schema that was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    pub oid: u32,
    /// None where an earlier program wrote it down.
    pub was: Option<String>,
    /// None where it is gone.
    pub now: Option<String>,
}

impl Space {
    /// Its name then and now, where it has another one.
    pub fn renamed(self) -> Option<(String, String)> {
        let (was, now) = (self.was?, self.now?);
        (was != now).then_some((was, now))
    }
}

/// The schemas that were sealed; nothing where nobody wrote it down.
pub async fn spaces(session: &Session) -> Result<Vec<Space>, Error> {
    spaces_of(session, Noted::Sealed).await
}

async fn spaces_of(session: &Session, noted: Noted) -> Result<Vec<Space>, Error> {
    if !is_there(session, noted).await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT s.object, (pg_catalog.parse_ident(pg_catalog.substr(pg_catalog.to_jsonb(s) ->> 'name', pg_catalog.length('schema ') + 1)))[1], n.nspname::text
        FROM {SCHEMA}.{} s LEFT JOIN pg_catalog.pg_namespace n ON n.oid = s.object
        WHERE s.class = 'pg_catalog.pg_namespace'::pg_catalog.regclass ORDER BY 1",
        noted.table()
    );
    let rows = session.rows("the recorded schemas", &sql, &[]).await?;
    Ok(rows.iter().map(|row| Space { oid: row.get(0), was: row.get(1), now: row.get(2) }).collect())
}

/// What is not as it was written down, in words, sorted: made, changed, renamed or gone. Nothing where nobody wrote it down. `name` knows
/// objects that are gone, by `classid` and `objid`, where the note has no names.
pub async fn changed(
    session: &Session,
    noted: Noted,
    scope: &Scope,
    name: impl Fn(u32, u32) -> Option<String>,
) -> Result<Vec<String>, Error> {
    let context = "looking for later changes";
    let table = noted.table();
    if !is_there(session, noted).await? {
        return Ok(Vec::new());
    }
    // A schema that was renamed has everything that it had.
    let mut names = scope.spaces.clone();
    names.extend(spaces_of(session, noted).await?.into_iter().filter_map(|space| space.now));
    let sql = format!(
        "SELECT d.class, d.object, d.name, {NAME}, d.class::pg_catalog.regclass::text, pg_catalog.pg_describe_object(d.class, d.object, 0)
        FROM (SELECT class, object, pg_catalog.max(pg_catalog.to_jsonb(noted) ->> 'name') AS name
            FROM ({}) AS now (catalog, class, object, one, other) FULL JOIN {SCHEMA}.{table} AS noted USING (catalog, class, object)
            WHERE (now.one, now.other) IS DISTINCT FROM (noted.one, noted.other) GROUP BY 1, 2) d,
        pg_catalog.pg_identify_object(d.class, d.object, 0) AS i",
        fingerprint_rows(session).await?
    );
    let [one, other] = scope.seeds;
    let rows = session.client().query(&sql, &[&names, &scope.single, &one, &other]).await;
    let rows = rows.map_err(|error| session.fault(context, error))?;
    let told = rows.iter().map(|row| {
        let (class, oid): (u32, u32) = (row.get(0), row.get(1));
        let (was, is, now): (Option<String>, Option<String>, Option<String>) = (row.get(2), row.get(3), row.get(5));
        match (was, now) {
            (Some(was), Some(_)) if is.as_ref().is_some_and(|is| *is != was) => {
                format!("{}, which is now {}", named(was), named(is.unwrap_or_default()))
            }
            (_, Some(now)) => named(now),
            (was, None) => match was.map(named).or_else(|| name(class, oid)) {
                Some(was) => format!("{was}, which is gone"),
                None => format!("an entry of {} (OID {oid}), which is gone", row.get::<_, String>(4)),
            },
        }
    });
    let told: BTreeSet<String> = told.collect();
    Ok(told.into_iter().collect())
}

/// A view's rule is the view.
fn named(text: String) -> String {
    let of_view = ["rule _RETURN on ", "rule \"_RETURN\" on "].iter().find_map(|rule| text.strip_prefix(rule));
    of_view.map_or(text.clone(), |view| if view.contains(' ') { view.to_owned() } else { format!("view {view}") })
}
