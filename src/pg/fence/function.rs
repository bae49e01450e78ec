//! The function that refuses, and what it says.

use super::super::quoting::{do_block, quote_literal};
use super::holder::holders;
use super::{Error, LOCK, SCHEMA, SEAL_LOCK, Session};

/// Whose locks keep a held fence shut. Whoever may connect can queue for a lock, and has it when the split's session is gone.
pub struct Keeper {
    /// The processes that have the lock of the split and that of the seal.
    split: i32,
    seal: i32,
    /// `pg_database.oid`: a snapshot of a writer may be of a time when the database had another name.
    database: u32,
}

impl Keeper {
    /// Of a fence that this session is about to put up, and will seal. Another one may have the lock for it.
    pub async fn here(session: &Session) -> Result<Self, Error> {
        let database = "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
        let row = session.row("who keeps the fence", database, &[]).await?;
        let seal = session.backend_pid();
        // Where it has ended by now, nobody has the lock whom the fence believes.
        let other = holders(session).await?.into_iter().find(|holder| holder.is_split() && holder.is_exclusive);
        Ok(Self { split: other.map_or(seal, |other| other.pid), seal, database: row.get(0) })
    }
}

/// The source of a sealed fence, as `pg_proc.prosrc` has it.
pub fn body(destination: &str) -> String {
    refusing("", "", "%.% has moved to the database %: writes are refused here", destination)
}

fn refusing(declared: &str, condition: &str, message: &str, destination: &str) -> String {
    format!(
        "{declared}
        BEGIN
            {condition}
            RAISE EXCEPTION {}, TG_TABLE_SCHEMA, TG_TABLE_NAME, {}
                USING ERRCODE = 'read_only_sql_transaction', HINT = 'pgkeep split put this fence up; `pgkeep split status` says more.';
        END ",
        quote_literal(message),
        quote_literal(destination),
    )
}

/// That of a held one. A shared lock can be had only when nobody holds the other; it goes with the writer's transaction. Where it is
/// not to be had, it matters who has it, which everybody may see: somebody else than the keeper keeps nobody out. What is asked is what is so at
/// that moment: of sessions and of catalogs a transaction goes on seeing what it saw before, of locks it does not.
fn held_body(keeper: &Keeper, destination: &str) -> String {
    let Keeper { split, seal, database } = keeper;
    let declared =
        format!("DECLARE split CONSTANT pg_catalog.int4 := {split}; seal CONSTANT pg_catalog.int4 := {seal};");
    let condition = format!(
        "IF pg_catalog.pg_try_advisory_xact_lock_shared({LOCK}) AND pg_catalog.pg_try_advisory_xact_lock_shared({SEAL_LOCK}) THEN RETURN NULL; END IF;
            BEGIN
                IF NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory'
                    AND ((l.classid, l.objid, l.objsubid, l.pid) = ({LOCK}, 2, split) OR (l.classid, l.objid, l.objsubid, l.pid) = ({SEAL_LOCK}, 2, seal))
                    AND l.mode = 'ExclusiveLock' AND l.granted AND l.database = {database}) THEN RETURN NULL; END IF;
            EXCEPTION WHEN insufficient_privilege THEN NULL;
            END;"
    );
    refusing(
        &declared,
        &condition,
        "%.% is being moved to the database %: writes are refused until that is done",
        destination,
    )
}

/// Whether a held fence refuses writes at this moment: as its function asks, or as that of an earlier program, which believed whoever has
/// one of the locks.
pub async fn is_owned(session: &Session) -> Result<bool, Error> {
    // Writers that a held fence asks have the same lock, shared. A lock by two numbers has objsubid 2.
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l LEFT JOIN (
                SELECT pg_catalog.substring(p.prosrc, 'DECLARE split CONSTANT pg_catalog.int4 := ([0-9]+);')::int4 AS split,
                    pg_catalog.substring(p.prosrc, ' seal CONSTANT pg_catalog.int4 := ([0-9]+);')::int4 AS seal
                FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = '{SCHEMA}' AND p.proname = 'refuse' AND p.pronargs = 0) f ON true
            WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted
            AND ((l.classid, l.objid, l.objsubid) = ({LOCK}, 2) AND l.pid = coalesce(f.split, l.pid)
                OR (l.classid, l.objid, l.objsubid) = ({SEAL_LOCK}, 2) AND l.pid = coalesce(f.seal, l.pid))
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))"
    );
    let row = session.client().query_one(&sql, &[]).await;
    Ok(row.map_err(|error| session.fault("the holder of the lock of a split", error))?.get(0))
}

/// Statements that make the function, or put this one in its place. `CREATE OR REPLACE` keeps an owner, so that it is asked first whose
/// the old one is: see [`ours::guard`](super::super::ours::guard).
pub fn held(keeper: &Keeper, destination: &str) -> String {
    made(&held_body(keeper, destination), "held")
}

/// The same for one that refuses until it is taken down.
pub fn sealed(destination: &str) -> String {
    made(&body(destination), "sealed")
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
