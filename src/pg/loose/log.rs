//! The log, as the reaper reads it in the parent's database.

use super::acting::Acting;
use super::itself::reach;
use super::reading::exists;
use super::{Happened, Key, Pair, Referential, SCHEMA, TRIGGER, Table};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::fence::{self, Holder};
use crate::pg::place::Place;
use crate::pg::quoting::do_block;

/// One reaper at a time does the work of a key: the entries of a key are done in their order, because a key that was changed twice is
/// found by its first change alone, and two reapers that skipped each other's locked entries would lose it on the way. `pker` and the
/// key's number, as an advisory lock that goes with the transaction, so that a pooler between is no harm. It is to be taken in a session in
/// which no code of users runs.
const LOCK: i32 = 1_886_086_514;

/// A key of the list, and between which databases it was made.
pub struct Stored {
    pub key: Key,
    /// `split_state::identity` of both databases when it was made.
    pub parent_identity: String,
    pub child_identity: String,
    pub child_database: String,
    /// Why what happens to the parent is not written down, or not all of it; none where it is.
    unwatched: Option<String>,
    /// Why the parent is not the table that the key was made for. Then it is not read.
    pub estranged: Option<String>,
    /// Where both were when they were last seen; none in a list that an earlier program made.
    pub parent_place: Option<Place>,
    pub child_place: Option<Place>,
}

impl Stored {
    /// A rollback has brought its child back into the parent's database, and could not replay the log.
    pub fn is_home(&self) -> bool {
        self.parent_identity == self.child_identity
    }

    /// Why not all of what happens to the parent is written down, or read.
    pub fn unwatched(&self) -> Option<String> {
        match (&self.unwatched, &self.estranged) {
            // The foreign key is there again.
            (_, estranged) if self.is_home() => estranged.clone(),
            (Some(unwatched), Some(estranged)) if unwatched != estranged => Some(format!("{unwatched}; {estranged}")),
            (unwatched, estranged) => unwatched.clone().or_else(|| estranged.clone()),
        }
    }
}

/// Something that happened to a row of the parent.
#[derive(Clone, Debug)]
pub struct Entry {
    pub entry: i64,
    pub happened: Happened,
    /// The key that is gone, column by column; none is null.
    pub gone: Vec<Option<String>>,
    /// What it has become, of an update.
    pub become_: Vec<Option<String>>,
}

/// What of a key's log is still to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub key: String,
    pub entries: u64,
    /// Since the oldest of them was written, in seconds.
    pub oldest_seconds: Option<u64>,
}

/// Why a key's trigger `t` for deletions does not write down all that the key was about; null where it does. A statement that goes through a
/// parent fires no statement trigger of its partitions and children.
const UNWATCHED: &str = "CASE WHEN t.oid IS NULL THEN 'its trigger is gone, or its table'
        WHEN t.tgenabled NOT IN ('O', 'A') OR NOT EXISTS (SELECT FROM pg_catalog.pg_trigger u WHERE u.tgrelid = t.tgrelid
            AND u.tgname = 'pgkeep_loose_' || k.key || '_update' AND u.tgenabled IN ('O', 'A')) THEN 'a trigger of it is gone or disabled'
        WHEN t.tgtype & 1 = 0 THEN (SELECT pg_catalog.format('%s belongs to %s now, and what goes through that is not written down: '
                'DROP TRIGGER %I ON %s; CREATE TRIGGER %I AFTER DELETE ON %s FOR EACH ROW EXECUTE FUNCTION pgkeep_loose.note_%s()',
                t.tgrelid::pg_catalog.regclass, pg_catalog.min(i.inhparent::pg_catalog.regclass::text), t.tgname, t.tgrelid::pg_catalog.regclass,
                t.tgname, t.tgrelid::pg_catalog.regclass, k.key)
            FROM pg_catalog.pg_inherits i WHERE i.inhrelid = t.tgrelid HAVING pg_catalog.count(*) > 0) END";

/// Which table `c` is the parent of a key `k`: the one with its trigger `t`, which nobody else may put on a table; otherwise the one for
/// which the key was made (`known`); of a list that an earlier program made, the one with its name. `is` is of which types its key is now.
pub(super) fn parents() -> String {
    format!(
        "LEFT JOIN pg_catalog.pg_trigger t ON t.tgname = '{TRIGGER}' || k.key || '_delete' AND t.tgparentid = 0 AND t.tgfoid = (
            SELECT f.oid FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace
            WHERE fn.nspname = '{SCHEMA}' AND f.proname = 'note_' || k.key AND f.pronargs = 0)
        LEFT JOIN LATERAL (SELECT pg_catalog.split_part(r.text, '/', 3)::pg_catalog.oid AS oid, pg_catalog.split_part(r.text, '/', 4) AS types
            FROM (SELECT pg_catalog.to_jsonb(k) ->> 'parent_relation') AS r (text)
            WHERE pg_catalog.strpos(r.text, k.parent_identity || '/') = 1) AS known ON true
        LEFT JOIN pg_catalog.pg_class c ON c.oid = coalesce(t.tgrelid, known.oid, (
            SELECT b.oid FROM pg_catalog.pg_class b JOIN pg_catalog.pg_namespace bn ON bn.oid = b.relnamespace
            WHERE bn.nspname = k.parent_schema AND b.relname = k.parent_table))
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL ({}) AS \"is\" (types) ON true",
        key_types("c.oid", "k.parent_columns")
    )
}

/// Of the joins of [`parents`]: why that table is not read; null where it is.
pub(super) const ESTRANGED: &str = "CASE WHEN c.oid IS NULL THEN 'its trigger is gone, or its table'
        WHEN c.relkind NOT IN ('r', 'p') THEN pg_catalog.format('%s is no table any more, and is not read', c.oid::pg_catalog.regclass)
        WHEN c.oid = known.oid AND known.types IS DISTINCT FROM \"is\".types
            THEN pg_catalog.format('the columns of its key in %s are others, or of other types, and are not read', c.oid::pg_catalog.regclass) END";

/// A query for the OIDs of the types that columns of a relation have.
pub(super) fn key_types(relation: &str, columns: &str) -> String {
    format!(
        "SELECT pg_catalog.string_agg(a.atttypid::text, ',' ORDER BY u.place) FROM pg_catalog.unnest({columns}) WITH ORDINALITY AS u (name, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attname = u.name AND NOT a.attisdropped"
    )
}

/// The list of keys, with the name that each parent has now: it may have been renamed.
pub async fn keys(session: &Session) -> Result<Vec<Stored>, Error> {
    if !exists(session).await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT k.key, k.name, coalesce(n.nspname::text, k.parent_schema), coalesce(c.relname::text, k.parent_table), coalesce(c.relkind = 'p', false),
            k.child_schema, k.child_table, k.parent_columns, k.child_columns, k.types, k.own_operators, k.operators, k.on_delete, k.on_update,
            k.set_columns, k.parent_identity, k.child_identity, k.child_database, {UNWATCHED},
            -- What the table does not have is null in its JSON.
            pg_catalog.to_jsonb(k) ->> 'parent_place', pg_catalog.to_jsonb(k) ->> 'child_place',
            pg_catalog.to_jsonb(k) ->> 'child_relation', {ESTRANGED}, c.oid
        FROM {SCHEMA}.keys k {} ORDER BY k.key",
        parents()
    );
    let rows = session.rows("the list of loose keys", &sql, &[]).await?;
    let stored = |row: &tokio_postgres::Row| {
        let lists: [Vec<String>; 5] = [7, 8, 9, 10, 11].map(|at| row.get(at));
        let pair = |n: usize| {
            let [parent, child, kind, own, across] = [0, 1, 2, 3, 4].map(|list| lists[list].get(n).cloned());
            Some(Pair { parent: parent?, child: child?, kind: kind?, own: own?, across: across? })
        };
        // An OID means something in its own database alone: where the child is another one by now, its name counts.
        let oid = row.get::<_, Option<&str>>(21).and_then(|relation| relation.rsplit_once('/'));
        let oid = oid.filter(|(identity, _)| *identity == row.get::<_, &str>(16)).and_then(|(_, oid)| oid.parse().ok());
        Stored {
            key: Key {
                number: row.get(0),
                name: row.get(1),
                parent: Table { schema: row.get(2), name: row.get(3), reach: reach(row.get(4)), oid: row.get(23) },
                // How far its name reaches is asked at the child.
                child: Table { schema: row.get(5), name: row.get(6), reach: reach(false), oid },
                columns: (0..lists[0].len()).filter_map(pair).collect(),
                on_delete: Referential::of_word(row.get(12)),
                on_update: Referential::of_word(row.get(13)),
                set_columns: row.get(14),
            },
            parent_identity: row.get(15),
            child_identity: row.get(16),
            child_database: row.get(17),
            unwatched: row.get(18),
            estranged: row.get(22),
            parent_place: place(row.get(19)),
            child_place: place(row.get(20)),
        }
    };
    Ok(rows.iter().map(stored).collect())
}

fn place(text: Option<&str>) -> Option<Place> {
    serde_json::from_str(text?).ok()
}

/// Writes down where both databases are, durably or not: it is read again before it is needed.
pub async fn keep_places(session: &Session, keys: &[i32], parent: &Place, child: &Place) -> Result<(), Error> {
    let failed = |error| session.fault("recording where the databases are", error);
    let text = |place: &Place| serde_json::to_string(place).unwrap_or_default();
    session.client().batch_execute(&place_columns()).await.map_err(failed)?;
    let sql = format!("UPDATE {SCHEMA}.keys SET parent_place = $2, child_place = $3 WHERE key = ANY ($1)");
    let kept = session.client().execute(&sql, &[&keys, &text(parent), &text(child)]).await;
    kept.map(drop).map_err(failed)
}

/// Of tables that an earlier program made.
pub(super) fn place_columns() -> String {
    do_block(&format!("BEGIN {} END", alter_columns()))
}

/// The same in PL/pgSQL.
pub(super) fn alter_columns() -> String {
    format!(
        "IF (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = '{SCHEMA}' AND c.relname = 'keys' AND a.attname IN ('parent_place', 'child_place', 'child_relation', 'parent_relation')) < 4 THEN
                ALTER TABLE {SCHEMA}.keys ADD COLUMN IF NOT EXISTS parent_place text, ADD COLUMN IF NOT EXISTS child_place text,
                    ADD COLUMN IF NOT EXISTS child_relation text, ADD COLUMN IF NOT EXISTS parent_relation text;
            END IF;"
    )
}

/// What waits, key by key; none where there is no log.
pub async fn waiting(session: &Session) -> Result<Vec<Waiting>, Error> {
    if !exists(session).await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT k.name, pg_catalog.count(l.entry), pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.min(l.at))::bigint
        FROM {SCHEMA}.keys k LEFT JOIN {SCHEMA}.log l ON l.key = k.key AND l.reaped IS NULL GROUP BY k.key, k.name ORDER BY k.key"
    );
    let rows = session.rows("what waits in the log", &sql, &[]).await?;
    let waiting = |row: &tokio_postgres::Row| Waiting {
        key: row.get(0),
        entries: row.get::<_, i64>(1).unsigned_abs(),
        oldest_seconds: row.get::<_, Option<i64>>(2).map(|seconds| seconds.max(0).unsigned_abs()),
    };
    Ok(rows.iter().map(waiting).collect())
}

/// Begins a transaction in which locks are waited for at most so long. At the child it is REPEATABLE READ: what is done there is done
/// to rows that were there before the parent was asked whether their key is back.
pub async fn begin(session: &Session, isolation: &str, lock_timeout_ms: u64) -> Result<(), Error> {
    let sql = format!("BEGIN ISOLATION LEVEL {isolation}; SET LOCAL lock_timeout = {lock_timeout_ms}");
    session.run("starting a transaction", &sql).await
}

/// Ends a transaction with what it did.
pub async fn commit(session: &Session) -> Result<(), Error> {
    session.run("ending a transaction", "COMMIT").await
}

/// Ends a transaction that is not to be; a session that is lost has none.
pub async fn roll_back(session: &Session) {
    let _ = session.run("ending a transaction", "ROLLBACK").await;
}

/// Takes the key's lock for the transaction; false where another reaper has it.
pub async fn take(session: &Session, key: &Key) -> Result<bool, Error> {
    let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock($1, $2)";
    let row = session.client().query_one(sql, &[&LOCK, &key.number]).await;
    Ok(row.map_err(|error| session.fault("the lock of a loose key", error))?.get(0))
}

/// Who has it, but for this session.
pub async fn holders(session: &Session, key: &Key) -> Result<Vec<Holder>, Error> {
    let owner = format!("SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = '{SCHEMA}'");
    fence::holders_of(session, &format!("{LOCK}, {}", key.number), &owner).await
}

/// The next entries after this one, in their order. What a transaction of a writer has not committed yet comes later, and cannot be
/// about a key that a later entry is about: it would hold that row's lock.
pub async fn entries(session: &Session, key: &Key, after: i64, at_most: u32) -> Result<Vec<Entry>, Error> {
    let sql = format!(
        "SELECT entry, happened = 'update', gone, coalesce(become, '{{}}') FROM {SCHEMA}.log
        WHERE key = $1 AND entry > $2 AND reaped IS NULL ORDER BY entry LIMIT $3"
    );
    let rows = session.rows("the log of a loose key", &sql, &[&key.number, &after, &i64::from(at_most)]).await?;
    let entry = |row: &tokio_postgres::Row| Entry {
        entry: row.get(0),
        happened: if row.get(1) { Happened::Update } else { Happened::Delete },
        gone: row.get(2),
        become_: row.get(3),
    };
    Ok(rows.iter().map(entry).collect())
}

/// Which of the keys, by their places in the list, the parent has, as its owner sees it. They are locked (FOR KEY SHARE), so that they stay as long as the
/// transaction; one that is just being deleted is waited for.
pub async fn existing(
    session: &Session,
    key: &Key,
    acting: &Acting,
    gone: &[Vec<Option<String>>],
) -> Result<Vec<usize>, Error> {
    let sql = format!(
        "SELECT g.n FROM pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb) AS g (n pg_catalog.int8, {})
        JOIN {} AS p ON {} FOR KEY SHARE OF p",
        key.typed(),
        acting.rows(),
        key.at_parent()
    );
    let record = |(place, values): (usize, &Vec<Option<String>>)| {
        let columns = values.iter().enumerate().map(|(n, value)| (format!("k{n}"), serde_json::json!(value)));
        serde_json::Value::Object(columns.chain([("n".to_owned(), place.into())]).collect())
    };
    let records = serde_json::Value::Array(gone.iter().enumerate().map(record).collect()).to_string();
    acting.places(session, "checking which parent rows exist again", &sql, &records).await
}

/// What becomes of entries that are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Forget,
    /// The old rows of the child may come back, and have seen nothing of them.
    Mark,
}

/// Ends the transaction with these entries done.
pub async fn settle(session: &Session, key: &Key, done: &[i64], how: Settled) -> Result<(), Error> {
    let sql = match how {
        Settled::Forget => format!("DELETE FROM {SCHEMA}.log WHERE key = $1 AND entry = ANY ($2)"),
        Settled::Mark => {
            format!("UPDATE {SCHEMA}.log SET reaped = pg_catalog.now() WHERE key = $1 AND entry = ANY ($2)")
        }
    };
    session
        .client()
        .execute(&sql, &[&key.number, &done])
        .await
        .map_err(|error| session.fault("deleting log entries", error))?;
    commit(session).await
}

/// Forgets entries that were marked.
pub async fn purge(session: &Session, key: &Key) -> Result<(), Error> {
    let sql = format!("DELETE FROM {SCHEMA}.log WHERE key = $1 AND reaped IS NOT NULL");
    let purged = session.client().execute(&sql, &[&key.number]).await;
    purged.map(drop).map_err(|error| session.fault("deleting log entries", error))
}
