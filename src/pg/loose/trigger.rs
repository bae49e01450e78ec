//! What a loose key is made of in the parent's database.

use super::log::place_columns;
use super::{Key, SCHEMA};
use crate::pg::ours;
use crate::pg::place::Place;
use crate::pg::quoting::{quote_identifier, quote_literal};

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
        UPDATE {SCHEMA}.keys SET parent_place = {}, child_place = {}, child_relation = {} WHERE key = {number};\n",
        values.join(", "),
        place(parent),
        place(child),
        // With the database whose OID it is.
        key.child.oid.map_or("NULL".to_owned(), |oid| quote_literal(&format!("{}/{oid}", child.identity()))),
        number = key.number,
    )
}

/// Runs as its owner, whoever writes the parent, with settings under which a value's text is always the same. A key with a null in
/// it is referred to by nobody.
fn function(key: &Key) -> String {
    let column = |row: &str, n: usize| format!("{row}.{}", quote_identifier(&key.columns[n].parent));
    let all = 0..key.columns.len();
    // concat writes a value as its type's output function does; a cast to text may be something else.
    let text = |row: &str| {
        let values: Vec<String> = all
            .clone()
            .map(|n| {
                let value = column(row, n);
                format!("CASE WHEN {value} IS NOT NULL THEN pg_catalog.concat({value}) END")
            })
            .collect();
        format!("ARRAY[{}]", values.join(", "))
    };
    let set = |row: &str| {
        let all: Vec<String> = all.clone().map(|n| format!("{} IS NOT NULL", column(row, n))).collect();
        all.join(" AND ")
    };
    let number = key.number;
    let insert = format!("INSERT INTO {SCHEMA}.log (key, happened, gone");
    let truncated = quote_literal(&format!("{insert}) SELECT {number}, 'delete', {} FROM ONLY ", text("g")));
    let condition = quote_literal(&format!(" AS g WHERE {}", set("g")));
    let body = format!(
        "BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                EXECUTE {truncated} || pg_catalog.quote_ident(TG_TABLE_SCHEMA) || '.' || pg_catalog.quote_ident(TG_TABLE_NAME) || {condition};
            ELSIF TG_OP = 'UPDATE' THEN
                {insert}, become) SELECT {number}, 'update', {old}, {new} WHERE {old_set};
            ELSIF TG_LEVEL = 'ROW' THEN
                {insert}) SELECT {number}, 'delete', {old} WHERE {old_set};
            ELSE
                {insert}) SELECT {number}, 'delete', {gone} FROM gone AS g WHERE {gone_set};
            END IF;
            RETURN NULL;
        END",
        old = text("OLD"),
        new = text("NEW"),
        old_set = set("OLD"),
        gone = text("g"),
        gone_set = set("g"),
    );
    format!(
        "CREATE OR REPLACE FUNCTION {}() RETURNS pg_catalog.trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = '' SET row_security = off SET \"DateStyle\" = 'ISO' SET \"IntervalStyle\" = 'postgres' SET \"TimeZone\" = 'UTC'
            SET extra_float_digits = 3 SET bytea_output = 'hex' SET lc_monetary = 'C' AS {};\n",
        key.function(),
        quote_literal(&body),
    )
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
