//! Old schemas take nothing new: who but their owner may `CREATE` in them, taken away when the source is sealed and given back on the way
//! back.

use serde::{Deserialize, Serialize};

use super::Error;
use super::connect::Session;
use super::quoting::{quote_identifier, quote_literal};

/// A privilege to make something in a schema, of somebody who does not own it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayCreate {
    pub schema: String,
    pub owner: String,
    pub grantor: String,
    /// Empty: PUBLIC.
    pub grantee: String,
    pub grantable: bool,
}

/// Who may make something in those of the schemas that the running role has a say in: to be remembered before [`close`], in whose transaction it is best asked.
pub async fn may_create(session: &Session, schemas: &[String]) -> Result<Vec<MayCreate>, Error> {
    let sql = "SELECT n.nspname::text, pg_catalog.pg_get_userbyid(n.nspowner)::text, pg_catalog.pg_get_userbyid(a.grantor)::text,
            CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.is_grantable
        FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
        WHERE n.nspname = ANY ($1) AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
            AND pg_catalog.pg_has_role(current_user, n.nspowner, 'USAGE') ORDER BY 1, a.grantor <> n.nspowner, 3, 4";
    let rows = session.rows("who may create in the schemas", sql, &[&schemas]).await?;
    let grant = |row: &tokio_postgres::Row| MayCreate {
        schema: row.get(0),
        owner: row.get(1),
        grantor: row.get(2),
        grantee: row.get(3),
        grantable: row.get(4),
    };
    Ok(rows.iter().map(grant).collect())
}

/// Statements for the transaction that seals the source. The owner, and superusers, can make something all the same: that is found by
/// [`super::inventory::made_since`].
pub fn close(grants: &[MayCreate]) -> String {
    let revoke = |grant: &MayCreate| {
        // CASCADE takes along what a grantee has granted on, which is in the list as well.
        format!("REVOKE CREATE ON SCHEMA {} FROM {} CASCADE;\n", quote_identifier(&grant.schema), grantee(grant))
    };
    let own = grants.iter().filter(|grant| grant.grantor == grant.owner);
    own.map(revoke).collect()
}

/// Statements for the transaction that opens the source again. A grantor who is no longer there, or whom this role cannot stand for, is
/// replaced by the schema's owner; a grantee who is gone is left out, and so is a schema.
pub fn open_again(grants: &[MayCreate]) -> String {
    let again = |grant: &MayCreate| {
        let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
        let give = format!("GRANT CREATE ON SCHEMA {} TO {}{option}", quote_identifier(&grant.schema), grantee(grant));
        let stand = if grant.grantor == grant.owner {
            String::new()
        } else {
            format!("SET LOCAL ROLE {};", quote_identifier(&grant.grantor))
        };
        let body = format!(
            "BEGIN
                BEGIN {stand} {give}; RESET ROLE;
                EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value OR undefined_object THEN RESET ROLE; {give}; END;
            EXCEPTION WHEN undefined_object OR invalid_schema_name THEN NULL; END"
        );
        format!("DO {};\n", quote_literal(&body))
    };
    grants.iter().map(again).collect()
}

fn grantee(grant: &MayCreate) -> String {
    if grant.grantee.is_empty() { "PUBLIC".into() } else { quote_identifier(&grant.grantee) }
}
