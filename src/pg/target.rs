//! The database that a restore writes: what it holds already, its roles, sequences and large objects.

mod before;
mod half;
mod in_the_way;
mod there;

use std::collections::BTreeSet;

use super::Error;
use super::catalog::LARGE_OBJECT_COLUMNS;
use super::connect::Session;
use super::quoting::{quote_identifier, quote_literal, quote_relation};
use super::tables_alone::while_read_by;
use super::wire::Wire;
use crate::repo::manifest::{Grant, LargeObject, Membership, Role, RoleSetting, Sequence};
use crate::schema::restore::{Grants, Owners, RoleMap};
use crate::stream::RowFormat;
pub use before::{Before, before, comes_with_servers, free_name, open_databases};
pub use half::{Half, half, mark, unmark};
pub(in crate::pg) use in_the_way::THERE;
pub use in_the_way::in_the_way;
pub use there::{locks_max, tablespaces_missing, take_away_database, there};

/// A question names each of them, and holds a lock on each.
const SEQUENCES_IN_QUESTION: usize = 100;

/// Which of the large objects the database has.
pub async fn existing_large_objects(session: &Session, wanted: &[u32]) -> Result<Vec<String>, Error> {
    let sql = "SELECT 'large object ' || oid FROM pg_catalog.pg_largeobject_metadata WHERE oid = ANY ($1) ORDER BY oid";
    let rows = session.rows("the list of large objects", sql, &[&wanted]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub async fn database_exists(session: &Session, name: &str) -> Result<bool, Error> {
    let row = session.client().query_opt("SELECT FROM pg_catalog.pg_database WHERE datname = $1", &[&name]).await;
    Ok(row.map_err(|e| session.fault("the list of databases", e))?.is_some())
}

/// Somebody made a database of that name while ours was made: duplicate_database, and unique_violation where both were at it.
pub fn is_made_already(error: &Error) -> bool {
    matches!(error.sqlstate(), Some("42P04" | "23505"))
}

pub async fn drop_database(session: &Session, name: &str) -> Result<(), Error> {
    session.run("dropping a database", &format!("DROP DATABASE {}", quote_identifier(name))).await
}

/// Those of `names` that the server has no role for.
pub async fn missing_roles(session: &Session, names: &[String]) -> Result<Vec<String>, Error> {
    let sql = "SELECT n FROM pg_catalog.unnest($1::text[]) n WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = n)";
    let rows = session.rows("the list of roles", sql, &[&names]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes a role with its attributes, comment, and password hash if the snapshot holds one.
pub async fn create_role(session: &Session, role: &Role) -> Result<(), Error> {
    let word = |set: bool, word: &str| if set { format!(" {word}") } else { format!(" NO{word}") };
    let mut sql = format!("CREATE ROLE {}", quote_identifier(&role.name));
    // What a role without superuser may not even deny is left to its default, which is no.
    for (set, attribute) in
        [(role.superuser, " SUPERUSER"), (role.replication, " REPLICATION"), (role.bypass_rls, " BYPASSRLS")]
    {
        if set {
            sql += attribute;
        }
    }
    sql += &word(role.create_db, "CREATEDB");
    sql += &word(role.create_role, "CREATEROLE");
    sql += &word(role.inherit, "INHERIT");
    sql += &word(role.login, "LOGIN");
    if role.connection_limit >= 0 {
        sql += &format!(" CONNECTION LIMIT {}", role.connection_limit);
    }
    if let Some(until) = &role.valid_until {
        sql += &format!(" VALID UNTIL {}", quote_literal(until));
    }
    if let Some(hash) = &role.password_hash {
        sql += &format!(" PASSWORD {}", quote_literal(hash));
    }
    if let Some(comment) = &role.comment {
        sql += &format!("; COMMENT ON ROLE {} IS {}", quote_identifier(&role.name), quote_literal(comment));
    }
    session.run(&format!("the role {}", role.name), &sql).await
}

/// `GRANT "team" TO "clerk" WITH ADMIN OPTION`, as the session's server spells it.
pub fn membership_statement(session: &Session, membership: &Membership) -> String {
    let mut options = Vec::new();
    if membership.admin {
        options.push("ADMIN OPTION".to_owned());
    }
    let mut sql = format!("GRANT {} TO {}", quote_identifier(&membership.role), quote_identifier(&membership.member));
    if session.server_version_num() >= 160_000 {
        let value = |set: bool| if set { "TRUE" } else { "FALSE" };
        options = vec![format!("ADMIN {}", value(membership.admin))];
        options.extend(membership.inherit.map(|set| format!("INHERIT {}", value(set))));
        options.extend(membership.set.map(|set| format!("SET {}", value(set))));
    }
    if !options.is_empty() {
        sql += &format!(" WITH {}", options.join(", "));
    }
    sql
}

pub async fn grant_membership(session: &Session, membership: &Membership) -> Result<(), Error> {
    let context = format!("the membership of {} in {}", membership.member, membership.role);
    session.run(&context, &membership_statement(session, membership)).await
}

/// Settings of a role for all databases. Returns those that the server refuses: another version knows others.
pub async fn set_role_settings(session: &Session, setting: &RoleSetting) -> Result<Vec<String>, Error> {
    let mut refused = Vec::new();
    for pair in &setting.settings {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let sql = format!("ALTER ROLE {} SET {}", quote_identifier(&setting.role), self::setting(name, value));
        match session.run(&format!("the setting {name} of the role {}", setting.role), &sql).await {
            Err(error) if error.server_message().is_some() => {
                refused.push(format!(
                    "the setting {name} of the role {} was left out: {}",
                    setting.role,
                    words(&error)
                ));
            }
            done => done?,
        }
    }
    Ok(refused)
}

/// What the server said.
pub fn words(error: &Error) -> String {
    error.server_message().map_or_else(|| error.to_string(), |m| format!("{}: {}", m.severity, m.message))
}

/// `name TO value`, as `ALTER ... SET` takes it; `value` as the catalog's list of settings has it.
pub fn setting(name: &str, value: &str) -> String {
    format!("{} TO {}", setting_name(name), setting_value(name, value))
}

/// `pgrst.db_schemas` is two identifiers.
fn setting_name(name: &str) -> String {
    name.split('.').map(quote_identifier).collect::<Vec<_>>().join(".")
}

/// Settings that are lists of names hold them quoted already: pg_dump's rule ("variable_is_guc_list_quote").
fn setting_value(name: &str, value: &str) -> String {
    const QUOTED_LISTS: &[&str] = &[
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ];
    if !QUOTED_LISTS.contains(&name.to_ascii_lowercase().as_str()) {
        return quote_literal(value);
    }
    // Each element becomes a literal, which SET turns into an identifier again.
    let element = |part: &str| {
        let part = part.trim();
        match part.strip_prefix('"').and_then(|p| p.strip_suffix('"')) {
            Some(quoted) => quote_literal(&quoted.replace("\"\"", "\"")),
            None => quote_literal(part),
        }
    };
    if value.trim().is_empty() {
        "''".into()
    } else {
        split_list(value).iter().map(|part| element(part)).collect::<Vec<_>>().join(", ")
    }
}

/// Cuts at commas outside double quotes.
fn split_list(value: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[start..]);
    parts
}

/// The statement that sets a sequence where the snapshot had it.
pub fn sequence_statement(sequence: &Sequence) -> String {
    let name = quote_literal(&quote_relation(&sequence.schema, &sequence.name));
    format!("SELECT pg_catalog.setval({name}, {}, {});\n", sequence.last_value, sequence.is_called)
}

/// `last_value` and `is_called` of each sequence, none for one that is not there.
pub fn sequence_values(wire: &mut Wire, sequences: &[&Sequence]) -> Result<Vec<Option<(i64, bool)>>, Error> {
    let context = "the sequences";
    let mut values = vec![None; sequences.len()];
    for (batch, values) in sequences.chunks(SEQUENCES_IN_QUESTION).zip(values.chunks_mut(SEQUENCES_IN_QUESTION)) {
        let names: Vec<String> = batch.iter().map(|s| quote_relation(&s.schema, &s.name)).collect();
        let place = |(n, name): (usize, &String)| format!("({n}, pg_catalog.to_regclass({}))", quote_literal(name));
        let places: Vec<String> = names.iter().enumerate().map(place).collect();
        let sql = format!("SELECT n FROM (VALUES {}) sequence (n, oid) WHERE oid IS NOT NULL", places.join(", "));
        let there = wire.query(context, sql.as_bytes())?;
        let there = there.iter().filter_map(|row| row.first()?.as_deref()?.parse::<usize>().ok());
        let ask = |n: usize| format!("SELECT {n}, last_value, is_called FROM {}", names[n]);
        let questions: Vec<String> = there.map(ask).collect();
        if questions.is_empty() {
            continue;
        }
        let rows = while_read_by(wire, |wire| wire.query(context, questions.join(" UNION ALL ").as_bytes()))?;
        for row in rows {
            let text = |at: usize| row.get(at).and_then(Option::as_deref);
            let place = text(0).and_then(|n| n.parse::<usize>().ok()).and_then(|n| values.get_mut(n));
            if let (Some(place), Some(last_value), Some(is_called)) = (place, text(1), text(2)) {
                *place = last_value.parse().ok().map(|last_value| (last_value, is_called == "t"));
            }
        }
    }
    Ok(values)
}

/// Statements that make a large object, with owner, comment and grants, still empty.
///
/// `given_to` are those who get something by default privileges of the target.
pub fn large_object_statements(
    object: &LargeObject,
    owners: Owners,
    grants: Grants,
    roles: &RoleMap,
    given_to: &BTreeSet<Option<String>>,
) -> String {
    let role = |name: &str| roles.name(name).to_owned();
    let oid = object.oid;
    let mut sql = format!("SELECT pg_catalog.lo_create({oid});\n");
    if owners == Owners::Keep {
        sql += &format!("ALTER LARGE OBJECT {oid} OWNER TO {};\n", quote_identifier(&role(&object.owner)));
    }
    if let Some(comment) = &object.comment {
        sql += &format!("COMMENT ON LARGE OBJECT {oid} IS {};\n", quote_literal(comment));
    }
    let owner = role(&object.owner);
    let others = given_to.iter().filter(|grantee| owners == Owners::Restorer || grantee.as_ref() != Some(&owner));
    for grantee in others {
        let from = grantee.as_deref().map_or_else(|| "PUBLIC".to_owned(), quote_identifier);
        sql += &format!("REVOKE ALL ON LARGE OBJECT {oid} FROM {from};\n");
    }
    if owners == Owners::Restorer && !given_to.is_empty() {
        sql += &format!("GRANT ALL ON LARGE OBJECT {oid} TO CURRENT_USER;\n");
    }
    if let (Grants::Keep, Some(list)) = (grants, &object.grants) {
        sql += &format!("REVOKE ALL ON LARGE OBJECT {oid} FROM {};\n", quote_identifier(&role(&object.owner)));
        list.iter().for_each(|grant| sql += &large_object_grant(oid, grant, role));
    }
    sql
}

fn large_object_grant(oid: u32, grant: &Grant, role: impl Fn(&str) -> String) -> String {
    let to = if grant.grantee.is_empty() { "PUBLIC".into() } else { quote_identifier(&role(&grant.grantee)) };
    let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
    format!("GRANT {} ON LARGE OBJECT {oid} TO {to}{option};\n", grant.privilege)
}

/// Writes the rows of large objects, one slice at a time: through a temporary table, so that they come by COPY.
pub struct LargeObjectLoader<'a> {
    wire: &'a mut Wire,
}

impl<'a> LargeObjectLoader<'a> {
    pub fn new(wire: &'a mut Wire) -> Result<Self, Error> {
        let sql = format!("CREATE TEMPORARY TABLE pgkeep_large_objects ({LARGE_OBJECT_COLUMNS})");
        wire.execute("a temporary table", sql.as_bytes())?;
        Ok(Self { wire })
    }

    /// Rows in binary format; `rows` holds whole rows.
    pub fn write(&mut self, rows: &[u8]) -> Result<(), Error> {
        let context = "the rows of large objects";
        self.wire.execute(context, b"BEGIN; TRUNCATE pg_temp.pgkeep_large_objects")?;
        let mut copy = self.wire.copy_in(
            context,
            b"COPY pg_temp.pgkeep_large_objects FROM STDIN (FORMAT binary)",
            RowFormat::Binary,
        )?;
        copy.write(rows)?;
        copy.finish()?;
        let put = "DO 'BEGIN PERFORM pg_catalog.lo_put(loid, byte_offset, data) FROM pg_temp.pgkeep_large_objects; END'; COMMIT";
        self.wire.execute(context, put.as_bytes())
    }

    pub fn finish(self) -> Result<(), Error> {
        self.wire.execute("a temporary table", b"DROP TABLE pg_temp.pgkeep_large_objects")
    }
}

/// Settings with which a session loads faster, and which are anyone's to set. Whether the log is compressed is the server's choice:
/// it takes a third off the log of index builds, for 7 % of their processor time.
// Compiling expressions costs more than it saves in the one place where it sets in, the refresh of large views.
pub const SPEED_UP: &str = "SET synchronous_commit = off; SET jit = off";

/// Foreign keys among the relations, as positions in the list: who refers, and to whom.
pub fn keys_among(wire: &mut Wire, relations: &[(&str, &str)]) -> Result<Vec<(usize, usize)>, Error> {
    let place = |(n, (schema, name)): (usize, &(&str, &str))| {
        format!("({n}, pg_catalog.to_regclass({}))", quote_literal(&quote_relation(schema, name)))
    };
    let places: Vec<String> = relations.iter().enumerate().map(place).collect();
    let sql = format!(
        "WITH relation (n, oid) AS (VALUES {})
        SELECT DISTINCT a.n, b.n FROM pg_catalog.pg_constraint k JOIN relation a ON a.oid = k.conrelid JOIN relation b ON b.oid = k.confrelid
        WHERE k.contype = 'f'",
        places.join(", ")
    );
    let context = "the foreign keys of configuration tables";
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    let pair = |row: &Vec<Option<String>>| Some((number(row.first()?)?, number(row.get(1)?)?));
    Ok(wire.query(context, sql.as_bytes())?.iter().filter_map(pair).collect())
}

/// Until the transaction ends, keys and triggers are not looked at: for rows that no order could load, of a source that has them.
pub const WITHOUT_KEYS: &str = "SET LOCAL session_replication_role = replica;\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_keep_their_quoting() {
        assert_eq!(setting_value("search_path", r#""$user", public, "a,b""#), "'$user', 'public', 'a,b'");
        assert_eq!(setting_value("work_mem", "64MB"), "'64MB'");
        assert_eq!(setting_value("search_path", ""), "''");
        assert_eq!(setting_name("pgrst.db_schemas"), r#""pgrst"."db_schemas""#);
    }
}
