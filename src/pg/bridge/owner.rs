//! Who owns the foreign tables in the old place.
//!
//! `ALTER FOREIGN TABLE ... OPTIONS` points a foreign table at any other one that the bridge's role may read in the new database, whoever's
//! that is. So the former owners own none: they get by grant what they had by owning. Nor does a superuser: `ANALYZE` runs checks of
//! domains as the table's owner, whoever asks for it. Where a superuser splits, the owner is a role that nobody is, and that has no way
//! through the bridge itself, so that nothing is ever computed as it. Where another role splits, that one is the owner.

use super::{Way, Works};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::quoting::{do_block, quote_identifier, quote_literal};

/// The comment by which our role is known again. Splits of several databases of a server may share one.
const MARK: &str = "pgkeep split: owns foreign tables that lead to another database";

/// A role of this name that somebody else made, or that somebody is.
fn strange(role: &str) -> String {
    format!(
        "SELECT 'strange' FROM pg_catalog.pg_roles r WHERE r.rolname = {} AND pg_catalog.current_setting('is_superuser') = 'on' AND (r.rolcanlogin OR r.rolsuper
            OR coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid'), '') <> {}
            OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid = r.oid))",
        quote_literal(role),
        quote_literal(MARK)
    )
}

/// Whether the name is taken.
pub async fn is_strange_owner(source: &Session, works: &Works) -> Result<bool, Error> {
    let found = source.texts("looking for the owner of a bridge", &strange(&works.owner()), &[]).await?;
    Ok(!found.is_empty())
}

impl Works {
    /// Its name; only a superuser makes it.
    pub fn owner(&self) -> String {
        let mut name = format!("pgkeep_bridged_{}", self.endpoint.database);
        // An identifier has 63 bytes.
        while name.len() > 63 {
            name.pop();
        }
        name
    }

    /// Statements that make it, once the servers of these ways stand.
    pub(super) fn provide_owner(&self, ways: &[Way<'_>]) -> String {
        let (owner, literal) = (quote_identifier(&self.owner()), quote_literal(&self.owner()));
        // Its own mappings have no password, and without one postgres_fdw lets no ordinary role through.
        let mapping = |way: Way<'_>| {
            let (server, role) = (quote_identifier(way.server), quote_literal(way.role));
            format!("CREATE USER MAPPING FOR {owner} SERVER {server} OPTIONS (user {role});")
        };
        let mappings: String = ways.iter().copied().map(mapping).collect();
        do_block(&format!(
            "BEGIN
                IF pg_catalog.current_setting('is_superuser') = 'on' THEN
                    IF EXISTS ({}) THEN
                        RAISE EXCEPTION 'the role % is not the one that a split makes', {literal} USING ERRCODE = 'duplicate_object';
                    END IF;
                    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal}) THEN
                        CREATE ROLE {owner} NOLOGIN;
                        COMMENT ON ROLE {owner} IS {};
                    END IF;
                    {mappings}
                END IF;
            END",
            strange(&self.owner()),
            quote_literal(MARK),
        ))
    }

    /// Takes it away, in PL/pgSQL, where it is ours and owns nothing any more.
    pub(super) fn dismiss_owner(&self) -> String {
        format!(
            "IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {} AND pg_catalog.shobj_description(oid, 'pg_authid') = {})
                    AND pg_catalog.current_setting('is_superuser') = 'on' THEN
                BEGIN DROP ROLE {}; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END;
            END IF;",
            quote_literal(&self.owner()),
            quote_literal(MARK),
            quote_identifier(&self.owner()),
        )
    }
}
