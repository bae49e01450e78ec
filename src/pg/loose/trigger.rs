//! What a loose key is made of in the parent's database.

use super::itself::watched_by;
use super::log::{key_types, place_columns, take};
use super::{Key, SCHEMA};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::ours;
use crate::pg::place::Place;
use crate::pg::quoting::{quote_identifier, quote_literal};

/// What reads a table that is emptied: a view of the log's owner, and a function of the table's.
const EMPTIED: &str = "pg_temp.pgkeep_emptied";

/// Statements that make the keys, for one transaction; what is there already of them is replaced. `parent` and `child` say which
/// database is which and where, so that a copy of the log is never reaped, and no other database than the child's.
pub fn install(keys: &[&Key], parent: &Place, child: &Place, child_database: &str) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let mut sql = format!(
        "{}CREATE SCHEMA IF NOT EXISTS {SCHEMA};
        CREATE TABLE IF NOT EXISTS {SCHEMA}.keys (
            key integer PRIMARY KEY, name text NOT NULL,
            parent_schema text NOT NULL, parent_table text NOT NULL, parent_columns text[] NOT NULL,
            child_schema text NOT NULL, child_table text NOT NULL, child_columns text[] NOT NULL,
            types text[] NOT NULL, own_operators text[] NOT NULL, operators text[] NOT NULL,
            on_delete text NOT NULL, on_update text NOT NULL, set_columns text[] NOT NULL,
            parent_identity text NOT NULL, child_identity text NOT NULL, child_database text NOT NULL,
            made timestamptz NOT NULL DEFAULT pg_catalog.now());
        CREATE TABLE IF NOT EXISTS {SCHEMA}.log (
            entry bigint GENERATED ALWAYS AS IDENTITY, key integer NOT NULL,
            happened text NOT NULL CHECK (happened IN ('delete', 'update')),
            gone text[] NOT NULL, become text[],
            at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), reaped timestamptz,
            PRIMARY KEY (key, entry));\n",
        ours::guard(SCHEMA)
    );
    sql += &place_columns();
    for key in keys {
        sql += &row(key, parent, child, child_database);
        sql += &function(key);
        sql += &triggers(key);
        sql += &watched_by(key);
    }
    sql + &close()
}

fn row(key: &Key, parent: &Place, child: &Place, child_database: &str) -> String {
    let list = |values: Vec<&str>| {
        let values: Vec<String> = values.into_iter().map(quote_literal).collect();
        format!("ARRAY[{}]::text[]", values.join(","))
    };
    let of = |column: fn(&super::Pair) -> &str| list(key.columns.iter().map(column).collect());
    let values = [
        key.number.to_string(),
        quote_literal(&key.name),
        quote_literal(&key.parent.schema),
        quote_literal(&key.parent.name),
        of(|pair| &pair.parent),
        quote_literal(&key.child.schema),
        quote_literal(&key.child.name),
        of(|pair| &pair.child),
        of(|pair| &pair.kind),
        of(|pair| &pair.own),
        of(|pair| &pair.across),
        quote_literal(key.on_delete.word()),
        quote_literal(key.on_update.word()),
        list(key.set_columns.iter().map(String::as_str).collect()),
        quote_literal(&parent.identity()),
        quote_literal(&child.identity()),
        quote_literal(child_database),
    ];
    let place = |place: &Place| quote_literal(&serde_json::to_string(place).unwrap_or_default());
    format!(
        "DELETE FROM {SCHEMA}.keys WHERE key = {number};\nINSERT INTO {SCHEMA}.keys VALUES ({});
        UPDATE {SCHEMA}.keys SET parent_place = {}, child_place = {}, parent_relation = {}, child_relation = {} WHERE key = {number};\n",
        values.join(", "),
        place(parent),
        place(child),
        parent_relation(key, parent),
        // With the database whose OID it is.
        key.child.oid.map_or("NULL".to_owned(), |oid| quote_literal(&format!("{}/{oid}", child.identity()))),
        number = key.number,
    )
}

/// Which table the parent is, with the database whose OID it is, and of which types its key is.
fn parent_relation(key: &Key, parent: &Place) -> String {
    let relation = key.parent.relation();
    let columns: Vec<String> = key.columns.iter().map(|pair| quote_literal(&pair.parent)).collect();
    let types = key_types(&relation, &format!("ARRAY[{}]::text[]", columns.join(",")));
    format!("pg_catalog.concat_ws('/', {}, {relation}, ({types}))", quote_literal(&parent.identity()))
}

/// Of a row: the texts of its key, and whether it has one. concat writes a value as its type's output function does, which is none of
/// users; a cast to text may be something else.
fn texts(key: &Key, row: &str) -> (String, String) {
    let columns = key.columns.iter().map(|pair| format!("{row}.{}", quote_identifier(&pair.parent)));
    let text = |column: String| format!("CASE WHEN {column} IS NOT NULL THEN pg_catalog.concat({column}) END");
    let set = columns.clone().map(|column| format!("{column} IS NOT NULL")).collect::<Vec<_>>().join(" AND ");
    (format!("ARRAY[{}]", columns.map(text).collect::<Vec<_>>().join(", ")), set)
}

fn body(key: &Key) -> String {
    let number = key.number;
    let insert = format!("INSERT INTO {SCHEMA}.log (key, happened, gone");
    let ((old, old_set), (new, _), (gone, gone_set)) = (texts(key, "OLD"), texts(key, "NEW"), texts(key, "g"));
    format!(
        "DECLARE owner pg_catalog.name; relation pg_catalog.text; BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                {truncated}
            ELSIF TG_OP = 'UPDATE' THEN
                {insert}, become) SELECT {number}, 'update', {old}, {new} WHERE {old_set};
            ELSIF TG_LEVEL = 'ROW' THEN
                {insert}) SELECT {number}, 'delete', {old} WHERE {old_set};
            ELSE
                {insert}) SELECT {number}, 'delete', {gone} FROM gone AS g WHERE {gone_set};
            END IF;
            RETURN NULL;
        END",
        truncated = truncated(key),
    )
}

/// What TRUNCATE has to write down. Rows that are handed over (OLD, NEW, a transition table) run no code of users; the table itself has
/// to be read here, and the conditions of its indexes are code that runs when a query is planned. So its owner reads it, where that is
/// somebody else than a superuser, in a function that is made for it. What comes after its call has no expression: the code may have
/// set the path by which operators are found.
fn truncated(key: &Key) -> String {
    let (gone, gone_set) = texts(key, "g");
    let insert = format!("INSERT INTO {SCHEMA}.log (key, happened, gone) SELECT {}, 'delete',", key.number);
    let itself =
        [quote_literal(&format!("{insert} {gone} FROM ONLY ")), quote_literal(&format!(" AS g WHERE {gone_set}"))];
    let read = quote_literal(&format!("BEGIN RETURN QUERY SELECT {gone} FROM {EMPTIED} AS g WHERE {gone_set}; END"));
    let made = quote_literal(&format!(
        "; CREATE FUNCTION {EMPTIED}() RETURNS SETOF pg_catalog.text[] LANGUAGE plpgsql SECURITY DEFINER SET row_security = on AS {read}"
    ));
    format!(
        "relation := pg_catalog.quote_ident(TG_TABLE_SCHEMA) || '.' || pg_catalog.quote_ident(TG_TABLE_NAME);
        SELECT r.rolname INTO owner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
            WHERE c.oid = TG_RELID AND NOT r.rolsuper
            AND EXISTS (SELECT FROM pg_catalog.pg_roles s WHERE s.rolname = CURRENT_USER AND s.rolsuper);
        IF owner IS NULL THEN
            EXECUTE {} || relation || {};
        ELSE
            DROP FUNCTION IF EXISTS {EMPTIED}();
            DROP VIEW IF EXISTS {EMPTIED};
            EXECUTE 'CREATE VIEW {EMPTIED} AS SELECT * FROM ONLY ' || relation || {made};
            EXECUTE pg_catalog.format('GRANT SELECT ON {EMPTIED} TO %1$I; ALTER FUNCTION {EMPTIED}() OWNER TO %1$I', owner);
            EXECUTE {};
            DROP FUNCTION IF EXISTS {EMPTIED}();
            DROP VIEW IF EXISTS {EMPTIED};
        END IF;",
        itself[0],
        itself[1],
        quote_literal(&format!("{insert} g.gone FROM {EMPTIED}() AS g (gone)")),
    )
}

/// Runs as its owner, whoever writes the parent, with settings under which a value's text is always the same. A key with a null in
/// it is referred to by nobody.
fn function(key: &Key) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION {}() RETURNS pg_catalog.trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = '' SET row_security = off SET \"DateStyle\" = 'ISO' SET \"IntervalStyle\" = 'postgres' SET \"TimeZone\" = 'UTC'
            SET extra_float_digits = 3 SET bytea_output = 'hex' SET lc_monetary = 'C' AS {};\n",
        key.function(),
        quote_literal(&body(key)),
    )
}

/// Makes the key's function anew where an earlier program has made it: its let code of the parent's owner run as the function's.
pub async fn renew(session: &Session, key: &Key) -> Result<(), Error> {
    let sql = format!(
        "SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = '{SCHEMA}' AND p.proname = 'note_' || $1::int4 AND p.prosrc <> $2"
    );
    let context = "the function of a loose key";
    if session.rows(context, &sql, &[&key.number, &body(key)]).await?.is_empty() {
        return Ok(());
    }
    session.run(context, "BEGIN").await?;
    // Another reaper is at it.
    let renewed = match take(session, key).await {
        Ok(true) => session.run(context, &function(key)).await,
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    session.run(context, if renewed.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    renewed
}

/// Deletions of a table that stands alone are written down by statement. With partitions or inheritance they are by row: a statement
/// that names a partition does not fire its parent's statement trigger, nor the other way round, and transition tables are not
/// allowed in row triggers there ("CREATE TRIGGER", Notes). Changes are by row, because nothing else says which row has become which;
/// the condition is that of PostgreSQL's own keys, whether the value's bytes are other ones. TRUNCATE fires no row trigger, so each
/// partition has one for it; one that is made later has none.
fn triggers(key: &Key) -> String {
    let parent = key.parent.quoted();
    let (delete, update, truncate) = (key.trigger("delete"), key.trigger("update"), key.trigger("truncate"));
    let function = key.function();
    let row = |row: &str| {
        let columns: Vec<String> =
            key.columns.iter().map(|pair| format!("{row}.{}", quote_identifier(&pair.parent))).collect();
        format!("ROW({})", columns.join(", "))
    };
    let (old, new) = (row("OLD"), row("NEW"));
    let body = format!(
        "DECLARE parent CONSTANT pg_catalog.regclass := {literal}; part pg_catalog.regclass; BEGIN
            IF EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE parent IN (inhrelid, inhparent))
                    OR (SELECT relkind FROM pg_catalog.pg_class WHERE oid = parent) = 'p' THEN
                CREATE TRIGGER {delete} AFTER DELETE ON {parent} FOR EACH ROW EXECUTE FUNCTION {function}();
            ELSE
                CREATE TRIGGER {delete} AFTER DELETE ON {parent} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION {function}();
            END IF;
            FOR part IN SELECT parent UNION SELECT t.relid FROM pg_catalog.pg_partition_tree(parent) t LOOP
                EXECUTE pg_catalog.format('DROP TRIGGER IF EXISTS {truncate} ON %s', part);
                EXECUTE pg_catalog.format('CREATE TRIGGER {truncate} BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION {function}()', part);
            END LOOP;
        END",
        literal = quote_literal(&parent),
    );
    format!(
        "DROP TRIGGER IF EXISTS {delete} ON {parent};
        DROP TRIGGER IF EXISTS {update} ON {parent};
        DO {};
        CREATE TRIGGER {update} AFTER UPDATE ON {parent} FOR EACH ROW WHEN (pg_catalog.record_image_ne({old}, {new})) EXECUTE FUNCTION {function}();\n",
        quote_literal(&body)
    )
}

/// Nobody but the owner writes or reads the log, or puts its function on a table of their own, whatever default privileges say.
fn close() -> String {
    let body = format!(
        "DECLARE grantee text; BEGIN
            FOR grantee IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
                FROM (SELECT nspacl AS acl, nspowner AS owner FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}'
                    UNION ALL SELECT relacl, relowner FROM pg_catalog.pg_class WHERE relnamespace = '{SCHEMA}'::pg_catalog.regnamespace
                    UNION ALL SELECT coalesce(proacl, pg_catalog.acldefault('f', proowner)), proowner FROM pg_catalog.pg_proc WHERE pronamespace = '{SCHEMA}'::pg_catalog.regnamespace) AS o,
                    pg_catalog.aclexplode(o.acl) a WHERE a.grantee <> o.owner
            LOOP
                EXECUTE 'REVOKE ALL ON SCHEMA {SCHEMA} FROM ' || grantee;
                EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA {SCHEMA} FROM ' || grantee;
                EXECUTE 'REVOKE ALL ON ALL SEQUENCES IN SCHEMA {SCHEMA} FROM ' || grantee;
                EXECUTE 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {SCHEMA} FROM ' || grantee;
            END LOOP;
        END"
    );
    format!("DO {};\n", quote_literal(&body))
}
