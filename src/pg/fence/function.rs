//! The function that refuses, and what it says.

use super::super::quoting::{do_block, quote_literal};
use super::{LOCK, SCHEMA, SEAL_LOCK, Strength};

/// Its source, as `pg_proc.prosrc` has it.
pub fn body(strength: Strength, destination: &str) -> String {
    let condition = match strength {
        // A shared lock can be had only when nobody holds the other; it goes with the writer's transaction.
        Strength::Held => format!(
            "IF pg_catalog.pg_try_advisory_xact_lock_shared({LOCK}) AND pg_catalog.pg_try_advisory_xact_lock_shared({SEAL_LOCK}) THEN RETURN NULL; END IF;"
        ),
        Strength::Sealed => String::new(),
    };
    let message = match strength {
        Strength::Held => "%.% is being moved to the database %: writes are refused until that is done",
        Strength::Sealed => "%.% has moved to the database %: writes are refused here",
    };
    format!(
        "
        BEGIN
            {condition}
            RAISE EXCEPTION {}, TG_TABLE_SCHEMA, TG_TABLE_NAME, {}
                USING ERRCODE = 'read_only_sql_transaction', HINT = 'pgkeep split put this fence up; `pgkeep split status` says more.';
        END ",
        quote_literal(message),
        quote_literal(destination),
    )
}

/// Statements that make the function, or put this one in its place. `CREATE OR REPLACE` keeps an owner, so that it is asked first whose
/// the old one is: see [`ours::guard`](super::super::ours::guard).
pub fn refusing(strength: Strength, destination: &str) -> String {
    let word = match strength {
        Strength::Held => "held",
        Strength::Sealed => "sealed",
    };
    made(&body(strength, destination), word)
}

/// The same for one that lets everything pass.
pub fn open() -> String {
    made("BEGIN RETURN NULL; END", "open")
}

fn made(body: &str, word: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION {SCHEMA}.refuse() RETURNS pg_catalog.trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS {};
        COMMENT ON FUNCTION {SCHEMA}.refuse() IS '{word}';\n{}",
        quote_literal(body),
        // What default privileges gave.
        do_block(&format!(
            "DECLARE grantee text; BEGIN
                FOR grantee IN SELECT DISTINCT a.grantee::pg_catalog.regrole FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
                    WHERE p.oid = '{SCHEMA}.refuse()'::pg_catalog.regprocedure AND a.grantee NOT IN (0, p.proowner)
                LOOP EXECUTE 'REVOKE ALL ON FUNCTION {SCHEMA}.refuse() FROM ' || grantee; END LOOP;
            END"
        )),
    )
}
