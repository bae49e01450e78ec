//! What a target was before a restore, and what the role may do with it: it decides what a failed one can be told to do.

use super::{Error, Session};
use crate::pg::quoting::quote_identifier;
use crate::pg::raw_text::RawText;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Nothing of anybody's was in it, nothing was set or granted for it, and it is none that servers come with.
    pub was_empty: bool,
    /// The role may make databases.
    pub may_create: bool,
    /// The role may drop this one.
    pub may_drop: bool,
    /// Of a database that the server has not: `shop_2`.
    pub free_name: String,
}

/// Of the session's database and role.
pub async fn before(session: &Session) -> Result<Before, Error> {
    let sql = "SELECT r.rolsuper OR r.rolcreatedb, r.rolsuper OR pg_catalog.pg_has_role(r.oid, d.datdba, 'MEMBER'), d.datname::text
        FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
        WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user";
    let row = session.client().query_one(sql, &[]).await.map_err(|e| session.fault("what the role may do", e))?;
    let name: String = row.get(2);
    let was_empty = !comes_with_servers(&name) && !has_objects(session).await? && !is_set_up(session).await?;
    let free_name = free_name(session, &name).await?;
    Ok(Before { was_empty, may_create: row.get(0), may_drop: row.get(1), free_name })
}

/// What others rely on to be there, empty or not.
pub fn comes_with_servers(database: &str) -> bool {
    matches!(database, "postgres" | "template0" | "template1")
}

/// Whether any of the database's catalogs holds a row that initdb has not made: those have smaller numbers (FirstNormalObjectId). The
/// server says which catalogs there are, so that no kind of object is forgotten.
async fn has_objects(session: &Session) -> Result<bool, Error> {
    let failed = |e| session.fault("what the database holds", e);
    let sql = "SELECT c.relname::text, pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid'
        WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' AND NOT c.relisshared";
    let mut looks = Vec::new();
    for row in session.client().query(sql, &[]).await.map_err(failed)? {
        let (catalog, is_readable): (String, Option<bool>) = (row.get(0), row.get(1));
        let rows = match (catalog.as_str(), is_readable) {
            // Whoever owns one may give it any number.
            ("pg_largeobject_metadata", Some(true)) => "",
            // The server keeps them for the next session that needs one.
            ("pg_namespace", Some(true)) => "WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_'",
            (_, Some(true)) => "WHERE oid >= 16384",
            // There is none without a server, which everybody sees.
            ("pg_user_mapping", _) => continue,
            // In doubt there is something.
            _ => return Ok(true),
        };
        looks.push(format!("EXISTS (SELECT FROM pg_catalog.{} {rows})", quote_identifier(&catalog)));
    }
    let row = session.client().query_one(&format!("SELECT {}", looks.join(" OR ")), &[]).await.map_err(failed)?;
    Ok(row.get(0))
}

/// Whether anything is said of the database, or of what initdb has made in it, that initdb does not say; or something elsewhere hangs on it.
async fn is_set_up(session: &Session) -> Result<bool, Error> {
    let row = session.client().query_one(include_str!("set_up.sql"), &[]).await;
    Ok(row.map_err(|e| session.fault("how the database is set up", e))?.get(0))
}

/// A name like this one that no database of the server has.
pub async fn free_name(session: &Session, name: &str) -> Result<String, Error> {
    let rows = session.raw_rows("the list of databases", "SELECT datname::text FROM pg_catalog.pg_database", &[]);
    let taken: Vec<RawText> = rows.await?.iter().map(|row| row.get(0)).collect();
    Ok(beside(name, |name| taken.iter().any(|taken| taken.text() == Some(name))))
}

/// Those of `names`, in their order, that take connections of the session's role.
pub async fn open_databases(session: &Session, names: &[&str]) -> Result<Vec<String>, Error> {
    let sql = "SELECT d.datname::text FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS n (name, place)
        JOIN pg_catalog.pg_database d ON d.datname = n.name
        WHERE d.datallowconn AND pg_catalog.has_database_privilege(d.oid, 'CONNECT') ORDER BY n.place";
    let rows = session.rows("the list of databases", sql, &[&names]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The server cuts names after 63 bytes.
const NAME_BYTES_MAX: usize = 63;

fn beside(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = |n: u32| {
        let end = format!("_{n}");
        let mut cut = name.len().min(NAME_BYTES_MAX - end.len());
        while !name.is_char_boundary(cut) {
            cut -= 1;
        }
        name[..cut].to_owned() + &end
    };
    (2..).map(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn a_free_name_is_one_that_the_server_keeps_whole() {
        assert_eq!(beside("shop", |_| false), "shop_2");
        assert_eq!(beside("shop", |name| name == "shop_2"), "shop_3");
        let long = "ä".repeat(31);
        assert_eq!(beside(&long, |_| false), "ä".repeat(30) + "_2");
    }
}
