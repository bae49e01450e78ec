//! The function that refuses, and what it says.

use super::super::catalog::quote_literal;
use super::{LOCK, SCHEMA, Strength};

/// Fails where something of ours belongs to somebody else, in the transaction that is about to trust it: `CREATE OR REPLACE` keeps an
/// owner, who could replace it again.
const OURS: &str = "DECLARE strange text; BEGIN
        SELECT pg_catalog.string_agg(o.what || ' belongs to ' || pg_catalog.pg_get_userbyid(o.owner), ', ') INTO strange FROM (
            SELECT 'the schema pgkeep_split' AS what, n.nspowner AS owner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgkeep_split'
            UNION ALL SELECT 'the function pgkeep_split.' || p.proname, p.proowner FROM pg_catalog.pg_proc p
                JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'pgkeep_split') AS o
            JOIN pg_catalog.pg_roles r ON r.oid = o.owner
        WHERE NOT r.rolsuper AND r.rolname <> current_user;
        IF strange IS NOT NULL THEN RAISE EXCEPTION '%', strange USING ERRCODE = 'insufficient_privilege'; END IF;
    END";

/// Statements that make the schema, or fail where it is somebody else's.
pub fn schema() -> String {
    format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}; DO {};\n", quote_literal(OURS))
}

/// Statements that make the function, or put this one in its place. Whoever owned its place is asked first: see [`schema`].
pub fn refusing(strength: Strength, destination: &str) -> String {
    let (condition, word) = match strength {
        // A shared lock can be had only when nobody holds the other; it goes with the writer's transaction.
        Strength::Held => {
            (format!("IF pg_catalog.pg_try_advisory_xact_lock_shared({LOCK}) THEN RETURN NULL; END IF;"), "held")
        }
        Strength::Sealed => (String::new(), "sealed"),
    };
    let message = match strength {
        Strength::Held => "%.% is being moved to the database %: writes are refused until that is done",
        Strength::Sealed => "%.% has moved to the database %: writes are refused here",
    };
    let body = format!(
        "BEGIN
            {condition}
            RAISE EXCEPTION {}, TG_TABLE_SCHEMA, TG_TABLE_NAME, {}
                USING ERRCODE = 'read_only_sql_transaction', HINT = 'pgkeep split put this fence up; `pgkeep split status` says more.';
        END",
        quote_literal(message),
        quote_literal(destination),
    );
    made(&body, word)
}

/// A statement for the body of a `DO` that fails where something of ours is somebody else's.
pub fn ours() -> String {
    format!("{OURS};")
}

/// The same for one that lets everything pass.
pub fn open() -> String {
    made("BEGIN RETURN NULL; END", "open")
}

fn made(body: &str, word: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION {SCHEMA}.refuse() RETURNS pg_catalog.trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS {};
        COMMENT ON FUNCTION {SCHEMA}.refuse() IS '{word}';\n",
        quote_literal(body),
    )
}
