//! The record that a split keeps in its target database: one document, replaced as a whole.

use std::collections::BTreeSet;

use super::Error;
use super::connect::Session;
use super::ours::{self, SCHEMA, Stranger};
use super::quoting::quote_identifier;

async fn count(session: &Session, context: &str, sql: &str) -> Result<i64, Error> {
    Ok(session.client().query_one(sql, &[]).await.map_err(|error| session.fault(context, error))?.get(0))
}

/// More than a split of 100,000 tables writes down.
const DOCUMENT_BYTES_MAX: i64 = 256 << 20;

/// What a database holds of a split's record. Whose it is, is for the caller to find out, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Nothing,
    /// The schema is there, and nothing was written down yet: a kill came in between (programs before this one made the table first).
    Unwritten,
    TooLarge,
    Written {
        document: String,
        /// By which its writer knows it.
        mark: Option<String>,
    },
}

/// Reads the record.
pub async fn load(session: &Session) -> Result<Record, Error> {
    let failed = |error| session.fault("looking for a split's record", error);
    let there = "SELECT pg_catalog.count(c.oid), pg_catalog.count(a.attnum) FROM pg_catalog.pg_namespace n
        LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'state' AND c.relkind = 'r'
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'mark' AND NOT a.attisdropped
        WHERE n.nspname = 'pgkeep_split' HAVING pg_catalog.count(*) > 0";
    let Some(row) = session.client().query_opt(there, &[]).await.map_err(failed)? else { return Ok(Record::Nothing) };
    let (table, marked): (i64, i64) = (row.get(0), row.get(1));
    if table == 0 {
        // A schema with the fence or an id of another split in it, whose source this database is.
        let others = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgkeep_split'
            AND (EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid)
              OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid))";
        let others = count(session, "looking for a split's record", others).await?;
        return Ok(if others > 0 { Record::Nothing } else { Record::Unwritten });
    }
    let mark = if marked > 0 { "mark::text" } else { "NULL::text" };
    let sql = format!(
        "SELECT CASE WHEN pg_catalog.octet_length(document::text) <= {DOCUMENT_BYTES_MAX} THEN document::text END, {mark} FROM ONLY {SCHEMA}.state LIMIT 1"
    );
    let row = session.client().query_opt(&sql, &[]).await;
    let Some(row) = row.map_err(|error| session.fault("reading a split's record", error))? else {
        return Ok(Record::Unwritten);
    };
    Ok(match row.get::<_, Option<String>>(0) {
        Some(document) => Record::Written { document, mark: row.get(1) },
        None => Record::TooLarge,
    })
}

/// Why a record was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    Written,
    /// Something under our names is not ours.
    Strangers(Vec<Stranger>),
    /// The record of another split is there.
    OfAnother,
}

/// Replaces the document of the split `id`, or writes it where there is none, durably, whatever `synchronous_commit` says elsewhere; the schema, the table and its row are there together or
/// not at all.
pub async fn save(session: &Session, id: &str, document: &str, mark: &str) -> Result<Saved, Error> {
    let make = format!(
        "BEGIN; SET synchronous_commit = on; SET LOCAL client_min_messages = warning;
        {}
        {}
        ALTER TABLE {SCHEMA}.state ADD COLUMN IF NOT EXISTS mark text;
        {}",
        ours::schema(),
        ours::closed_table(
            "state",
            "only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), document text NOT NULL,
            changed timestamptz NOT NULL DEFAULT pg_catalog.now()"
        ),
        ours::closed()
    );
    let sql = format!(
        "INSERT INTO {SCHEMA}.state (document, mark) VALUES ($1, $2)
        ON CONFLICT (only_row) DO UPDATE SET document = excluded.document, mark = excluded.mark, changed = pg_catalog.now()
            WHERE coalesce(state.document::json->>'id', '') IN ('', $3)"
    );
    let saved = async {
        session.run("making a split's record", &make).await?;
        let strangers = ours::strangers(session).await?;
        if !strangers.is_empty() {
            return Ok(Saved::Strangers(strangers));
        }
        let written = session.client().execute(&sql, &[&document, &mark, &id]).await;
        if written.map_err(|error| session.fault("writing a split's record", error))? == 0 {
            return Ok(Saved::OfAnother);
        }
        session.run("writing a split's record", "COMMIT").await?;
        Ok(Saved::Written)
    };
    match saved.await {
        Ok(Saved::Written) => Ok(Saved::Written),
        ended => {
            session.run("ending a transaction", "ROLLBACK").await?;
            ended
        }
    }
}

/// The OID of the record's table: another one where the database was loaded from a dump, as all OIDs are then.
pub async fn table(session: &Session) -> Result<u32, Error> {
    let sql = format!("SELECT coalesce(pg_catalog.to_regclass('{SCHEMA}.state')::oid, 0::oid)");
    let row = session.client().query_one(&sql, &[]).await;
    Ok(row.map_err(|error| session.fault("looking for a split's record", error))?.get(0))
}

/// Takes the record away.
pub async fn forget(session: &Session) -> Result<(), Error> {
    session.run("forgetting a split", &format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")).await
}

/// What of a user's a database holds: relations, functions, types, schemas, extensions but plpgsql. At most ten names.
pub async fn contents(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "WITH own AS (SELECT oid FROM pg_catalog.pg_namespace
            WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgkeep_split') AND nspname !~ '^pg_(toast_)?temp_'),
        member AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e')
        SELECT what FROM (
            SELECT c.oid::pg_catalog.regclass::text AS what FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
                WHERE NOT EXISTS (SELECT FROM member m WHERE m.objid = c.oid)
            UNION ALL SELECT p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
                WHERE NOT EXISTS (SELECT FROM member m WHERE m.objid = p.oid)
            UNION ALL SELECT t.oid::pg_catalog.regtype::text FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
                WHERE t.typrelid = 0 AND t.typelem = 0 AND NOT EXISTS (SELECT FROM member m WHERE m.objid = t.oid)
            UNION ALL SELECT 'schema ' || pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace n JOIN own ON own.oid = n.oid
                WHERE nspname <> 'public' AND NOT EXISTS (SELECT FROM member m WHERE m.objid = n.oid)
            UNION ALL SELECT 'extension ' || pg_catalog.quote_ident(extname) FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql') AS all_of_it
        ORDER BY 1 LIMIT 10";
    let rows =
        session.client().query(sql, &[]).await.map_err(|error| session.fault("what the database holds", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Tables, partitioned and foreign tables and materialized views outside of the schemas, which are no extension's: no split makes one there,
/// but for partitions. At most ten names.
pub async fn tables_besides(session: &Session, schemas: &[String]) -> Result<Vec<String>, Error> {
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f', 'm') AND NOT c.relispartition AND n.nspname <> ALL ($1)
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgkeep_split', 'pgkeep_loose', 'pgkeep_bridge')
          AND n.nspname !~ '^pg_(toast_)?temp_'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
              AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
        ORDER BY 1 LIMIT 10";
    let rows = session.rows("what else the database holds", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes a database empty again that was empty when a split began in it, in the session's transaction.
pub async fn empty_again(session: &Session) -> Result<(), Error> {
    let sql = "DO $$ DECLARE x text; BEGIN
            FOR x IN SELECT extname FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' LOOP
                EXECUTE pg_catalog.format('DROP EXTENSION IF EXISTS %I CASCADE', x); END LOOP;
            FOR x IN SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgkeep_split', 'public')
                    AND nspname !~ '^pg_(toast_)?temp_' LOOP
                EXECUTE pg_catalog.format('DROP SCHEMA %I CASCADE', x); END LOOP;
        END $$;
        DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;
        COMMENT ON SCHEMA public IS 'standard public schema'";
    session.run("emptying the database", sql).await
}

/// Which database of which cluster this is: no two that differ give the same.
pub async fn identity(session: &Session) -> Result<String, Error> {
    let sql = "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text || '/' || d.oid
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";
    let row = session.client().query_one(sql, &[]).await;
    Ok(row.map_err(|error| session.fault("identifying the database", error))?.get(0))
}

/// Whether the session's database belongs to its very role.
pub async fn is_owned_by_us(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT pg_catalog.pg_get_userbyid(datdba) = current_user FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let row = session.client().query_one(sql, &[]).await;
    Ok(row.map_err(|error| session.fault("reading the owner of the database", error))?.get(0))
}

/// A setting in SQL, and how messages call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub label: String,
    pub sql: String,
}

/// Those of the roles that may make schemas in the session's database.
pub async fn may_make_schemas(session: &Session, roles: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($1)
        AND pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE')";
    let roles: Vec<&String> = roles.iter().collect();
    let rows = session.rows("who may make schemas", sql, &[&roles]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Lets those make schemas that may not yet: what TwentyCRM and its kind do, as superusers of the old server, maybe.
pub async fn let_make_schemas(session: &Session, roles: &BTreeSet<String>) -> Result<(), Error> {
    let database = quote_identifier(session.conninfo().database());
    let may = may_make_schemas(session, roles).await?;
    for role in roles.difference(&may) {
        let sql = format!("GRANT CREATE ON DATABASE {database} TO {}", quote_identifier(role));
        session.run("setting up the database", &sql).await?;
    }
    Ok(())
}

/// Runs it; what the server says against the name, the value or the right to set it is returned and no error.
pub async fn set(session: &Session, statement: &Statement) -> Result<Option<String>, Error> {
    let Err(error) = session.run(&statement.label, &statement.sql).await else { return Ok(None) };
    // undefined_object, invalid_parameter_value, invalid_name, insufficient_privilege, cant_change_runtime_param
    match error.server_message() {
        Some(message) if ["42704", "22023", "42602", "42501", "55P02"].contains(&message.sqlstate.as_str()) => {
            Ok(Some(message.message.clone()))
        }
        _ => Err(error),
    }
}

/// Indexes and constraints of the schemas that are not valid, as text.
pub async fn invalid(session: &Session, schemas: &[String]) -> Result<Vec<String>, Error> {
    let sql = "SELECT 'index ' || i.indexrelid::pg_catalog.regclass::text FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE NOT i.indisvalid AND n.nspname = ANY ($1)
        UNION ALL SELECT 'constraint ' || k.conname::text || ' on ' || k.conrelid::pg_catalog.regclass::text FROM pg_catalog.pg_constraint k
            JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace WHERE NOT k.convalidated AND n.nspname = ANY ($1) ORDER BY 1";
    let rows = session.client().query(sql, &[&schemas]).await;
    Ok(rows
        .map_err(|error| session.fault("the list of invalid objects", error))?
        .iter()
        .map(|row| row.get(0))
        .collect())
}
