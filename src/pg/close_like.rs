//! The new database is as closed as the old one: who may connect, make temporary tables and schemas, its comment, its limit of connections.

use super::Error;
use super::connect::Session;
use super::quoting::{quote_identifier, quote_literal};
use super::target::missing_roles;
use crate::repo::manifest::{Database, Grant};

/// Gives the session's database the privileges, the comment and the connection limit that `like` has. What could not be done comes back,
/// each as a clause that can stand alone.
///
/// # Errors
/// The connection.
pub async fn close_like(session: &Session, like: &Database) -> Result<Vec<String>, Error> {
    let database = quote_identifier(session.conninfo().database());
    let mut undone = Vec::new();
    let owner = "SELECT pg_catalog.pg_get_userbyid(datdba)::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let owner =
        session.client().query_one(owner, &[]).await.map_err(|error| session.fault("the database's owner", error))?;
    let owner: String = owner.get(0);
    if owner != like.owner {
        undone.push(format!("the new database belongs to {owner}, but the old one to {}", like.owner));
    }
    let mut attempt = async |what: &str, sql: String| {
        let done = session.run(what, &sql).await;
        match done {
            Ok(()) => Ok(()),
            Err(error) => {
                session
                    .client()
                    .batch_execute("ROLLBACK")
                    .await
                    .map_err(|error| session.fault("ending a transaction", error))?;
                let said = error.server_message().map(|said| said.message.clone());
                undone.push(format!(
                    "{what} of the new database differs from that of the old one: {}",
                    said.ok_or(error)?
                ));
                Ok::<_, Error>(())
            }
        }
    };
    if let Some(comment) = &like.comment {
        attempt("the comment", format!("COMMENT ON DATABASE {database} IS {}", quote_literal(comment))).await?;
    }
    if like.connection_limit >= 0 {
        let sql = format!("ALTER DATABASE {database} CONNECTION LIMIT {}", like.connection_limit);
        attempt("the connection limit", sql).await?;
    }
    if let Some(grants) = &like.grants {
        let named: Vec<String> =
            grants.iter().map(|grant| grant.grantee.clone()).filter(|name| !name.is_empty()).collect();
        let missing = missing_roles(session, &named).await?;
        attempt("the access list", access(&database, grants, &missing)).await?;
        undone.extend(missing.iter().map(|role| {
            let may: Vec<&str> =
                grants.iter().filter(|grant| grant.grantee == *role).map(|grant| grant.privilege.as_str()).collect();
            format!("the new server has no role {role}, which had {} on the old database", may.join(", "))
        }));
    }
    Ok(undone)
}

/// All privileges anew, in one transaction that ends without them where the role that runs this would shut itself out.
fn access(database: &str, grants: &[Grant], missing: &[String]) -> String {
    let mut sql = format!("BEGIN; REVOKE ALL ON DATABASE {database} FROM PUBLIC;\n");
    // The old owner's too: where the database was made beforehand, it may belong to somebody else.
    let others = grants.iter().filter(|grant| !missing.contains(&grant.grantee));
    for grant in others {
        let to = if grant.grantee.is_empty() { "PUBLIC".into() } else { quote_identifier(&grant.grantee) };
        let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
        sql += &format!("GRANT {} ON DATABASE {database} TO {to}{option};\n", grant.privilege);
    }
    sql + "DO $$ BEGIN
            IF NOT pg_catalog.has_database_privilege(current_user, pg_catalog.current_database(), 'CONNECT') THEN
                RAISE EXCEPTION 'the role % could not connect any more', current_user;
            END IF;
        END $$; COMMIT"
}

/// Who may connect to the session's database, superusers and its owner aside: names of roles, or `PUBLIC`.
pub async fn may_connect(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
        FROM pg_catalog.pg_database d, pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
        WHERE d.datname = pg_catalog.current_database() AND a.privilege_type = 'CONNECT' AND a.grantee <> d.datdba ORDER BY 1";
    let rows = session.rows("who may connect", sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
