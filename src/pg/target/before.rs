//! What a target was before a restore, and what the role may do with it: it decides what a failed one can be told to do.

use super::{Error, Session};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Nothing of anybody's was in it, also no extension.
    pub was_empty: bool,
    /// The role may make databases.
    pub may_create: bool,
    /// The role may drop this one.
    pub may_drop: bool,
    /// Of a database that the server has not: `shop_2`.
    pub free_name: String,
}

/// What initdb makes has smaller numbers (FirstNormalObjectId); what an extension brought comes with the extension.
pub(super) const IS_EMPTY: &str = "(NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384 AND relnamespace::pg_catalog.regnamespace::text !~ '^pg_')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384) AND NOT EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'))";

/// Of the session's database and role.
pub async fn before(session: &Session) -> Result<Before, Error> {
    let sql = format!("SELECT {IS_EMPTY}, r.rolsuper OR r.rolcreatedb, r.rolsuper OR pg_catalog.pg_has_role(r.oid, d.datdba, 'MEMBER'), d.datname::text
        FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
        WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user");
    let row = session.client().query_one(&sql, &[]).await.map_err(|e| session.fault("what the database holds", e))?;
    let name: String = row.get(3);
    let free_name = free_name(session, &name).await?;
    Ok(Before { was_empty: row.get(0), may_create: row.get(1), may_drop: row.get(2), free_name })
}

/// A name like this one that no database of the server has.
pub async fn free_name(session: &Session, name: &str) -> Result<String, Error> {
    let rows = session.client().query("SELECT datname::text FROM pg_catalog.pg_database", &[]).await;
    let rows = rows.map_err(|e| session.fault("the list of databases", e))?;
    let taken: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(beside(name, |name| taken.iter().any(|taken| taken == name)))
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
