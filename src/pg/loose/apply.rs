//! What is done at the child, as its owner.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::acting::{Acting, Argument, assignments, defaults};
use super::{Happened, Key, Referential, by_column, given};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::quoting::{quote_identifier, quote_literal};

type Values = Vec<Option<String>>;

const PLACES: &str = "pg_catalog.int8[]";
const TEXTS: &str = "pg_catalog.text[]";

/// Rows that were changed.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    pub rows: u64,
    /// Of SET DEFAULT: the keys that rows refer to now, and how many. The parent may not have them.
    pub refer_now: Vec<(Values, u64)>,
}

/// What is done for keys of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Delete,
    SetNull(Happened),
    SetDefault(Happened),
    /// The rows follow each key to another one.
    Follow(Vec<Values>),
}

impl Effect {
    /// For keys to which the same happened, one after the other. None where a key would have refused, which is too late now.
    pub fn of(key: &Key, happened: Happened, become_: Vec<Values>) -> Option<Self> {
        match (key.action(happened), happened) {
            (Referential::NoAction | Referential::Restrict, _) => None,
            (Referential::Cascade, Happened::Delete) => Some(Effect::Delete),
            (Referential::Cascade, Happened::Update) => Some(Effect::Follow(become_)),
            (Referential::SetNull, _) => Some(Effect::SetNull(happened)),
            (Referential::SetDefault, _) => Some(Effect::SetDefault(happened)),
        }
    }
}

pub(super) async fn query(
    session: &Session,
    context: &str,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    session.client().query(sql, values).await.map_err(|error| session.fault(context, error))
}

fn numbered(gone: &[Values], key: &Key) -> (Vec<i64>, Vec<Values>) {
    ((0..gone.len() as i64).collect(), by_column(gone.iter().map(Vec::as_slice), key.columns.len()))
}

/// `given` joined with the child's rows that refer to the keys in it.
fn referring(key: &Key, rows: &str) -> String {
    format!("{} JOIN {rows} AS c ON {}", given(key.columns.len()), key.at_child(|n| format!("g.k{n}")))
}

/// Those of a body: the keys' places and their columns.
fn arguments(key: &Key) -> Vec<String> {
    (1..=key.columns.len() + 1).map(|n| format!("${n}")).collect()
}

/// Where an expression's text goes.
pub(super) const SPLICE: &str = "\u{1}";

/// A command of PL/pgSQL that runs a statement with the value of an expression in it, and these arguments.
pub(super) fn spliced(command: &str, statement: &str, expression: &str, using: &[String]) -> String {
    let parts: Vec<String> = statement.split(SPLICE).map(quote_literal).collect();
    let text = parts.join(&format!(" OPERATOR(pg_catalog.||) {expression} OPERATOR(pg_catalog.||) "));
    format!("{command} {text} USING {}", using.join(", "))
}

fn lock_sql(key: &Key, rows: &str) -> String {
    format!("pg_catalog.count(*) FROM (SELECT FROM {} FOR UPDATE OF c) AS locked", referring(key, rows))
}

/// Calls a body whose first arguments are the keys' places and, column by column, their values.
async fn call(
    acting: &Acting,
    session: &Session,
    key: &Key,
    context: &str,
    body: &str,
    gone: &[Values],
    more: &[Values],
) -> Result<Vec<Row>, Error> {
    let (places, columns) = numbered(gone, key);
    let mut arguments = vec![Argument { kind: PLACES, value: &places }];
    arguments.extend(columns.iter().chain(more).map(|column| Argument { kind: TEXTS, value: column }));
    acting.call(session, context, body, &arguments).await
}

/// Locks the rows that refer to the keys. With the transaction's first statement its rows are chosen, too.
pub async fn lock(acting: &Acting, session: &Session, key: &Key, gone: &[Values]) -> Result<(), Error> {
    let body = format!("BEGIN PERFORM {}; END", lock_sql(key, acting.rows()));
    call(acting, session, key, "locking the rows of a loose key", &body, gone, &[]).await.map(drop)
}

/// How many rows refer to each of the keys, by their places in the list; those without any are left out.
pub async fn rows_left(
    acting: &Acting,
    session: &Session,
    key: &Key,
    gone: &[Values],
) -> Result<Vec<(usize, u64)>, Error> {
    let body = format!(
        "BEGIN RETURN QUERY SELECT g.n, pg_catalog.count(*), NULL::pg_catalog.text[] FROM {} GROUP BY g.n; END",
        referring(key, acting.rows())
    );
    let rows = call(acting, session, key, "the rows of a loose key", &body, gone, &[]).await?;
    let count = |row: &Row| (row.get::<_, i64>(0).unsigned_abs() as usize, row.get::<_, i64>(1).unsigned_abs());
    Ok(rows.iter().map(count).collect())
}

/// Does to the rows that refer to these keys what the key would have done.
pub async fn apply(
    acting: &Acting,
    session: &Session,
    key: &Key,
    effect: &Effect,
    gone: &[Values],
) -> Result<Changed, Error> {
    let (rows, given, width) = (acting.rows(), given(key.columns.len()), key.columns.len());
    let condition = key.at_child(|n| format!("g.k{n}"));
    // What is deferred is the change's as well: at the end of the transaction it would run as somebody else.
    let counted = |change: String| {
        format!(
            "BEGIN {change}; GET DIAGNOSTICS pgkeep_rows = ROW_COUNT; SET CONSTRAINTS ALL IMMEDIATE; RETURN NEXT; END"
        )
    };
    let (body, more) = match effect {
        Effect::Delete => (counted(format!("DELETE FROM {rows} AS c USING {given} WHERE {condition}")), Vec::new()),
        Effect::SetNull(happened) => {
            let set = assignments(&key.set(*happened), "NULL");
            (counted(format!("UPDATE {rows} AS c SET {set} FROM {given} WHERE {condition}")), Vec::new())
        }
        Effect::Follow(become_) => {
            let one = |(n, pair): (usize, &super::Pair)| {
                format!("{} = (${}[pgkeep_n])::{}", quote_identifier(&pair.child), width + 2 + n, pair.kind)
            };
            let set = key.columns.iter().enumerate().map(one).collect::<Vec<_>>().join(", ");
            let body = format!(
                "DECLARE pgkeep_changed pg_catalog.int8; BEGIN
                    pgkeep_rows := 0;
                    FOR pgkeep_n IN 1 .. pg_catalog.cardinality($1) LOOP
                        UPDATE {rows} AS c SET {set} WHERE {};
                        GET DIAGNOSTICS pgkeep_changed = ROW_COUNT;
                        pgkeep_rows := pgkeep_rows OPERATOR(pg_catalog.+) pgkeep_changed;
                    END LOOP;
                    SET CONSTRAINTS ALL IMMEDIATE; RETURN NEXT;
                END",
                key.at_child(|n| format!("${}[pgkeep_n]", n + 2))
            );
            (body, by_column(become_.iter().map(Vec::as_slice), width))
        }
        Effect::SetDefault(happened) => {
            let now: Vec<String> = key
                .columns
                .iter()
                .map(|pair| {
                    let column = format!("c.{}", quote_identifier(&pair.child));
                    format!("CASE WHEN {column} IS NOT NULL THEN pg_catalog.concat({column}) END")
                })
                .collect();
            let set = key.set(*happened);
            let update = |set: &str| {
                format!(
                    "WITH changed AS (UPDATE {rows} AS c SET {set} FROM {given} WHERE {condition} RETURNING ARRAY[{}] AS now)
                    SELECT NULL::pg_catalog.int8, pg_catalog.count(*), changed.now FROM changed GROUP BY changed.now",
                    now.join(", ")
                )
            };
            let change = match acting.is_by_view() {
                false => format!("RETURN QUERY {}", update(&assignments(&set, "DEFAULT"))),
                true => spliced("RETURN QUERY EXECUTE", &update(SPLICE), &defaults(&key.child, &set), &arguments(key)),
            };
            let body = format!("BEGIN {change}; SET CONSTRAINTS ALL IMMEDIATE; END");
            (body, Vec::new())
        }
    };
    let rows = call(acting, session, key, "the action of a loose key", &body, gone, &more).await?;
    let count = |row: &Row| row.get::<_, i64>(1).unsigned_abs();
    let now = rows.iter().filter_map(|row| Some((row.get::<_, Option<Values>>(2)?, count(row))));
    Ok(Changed {
        rows: rows.iter().map(count).sum(),
        refer_now: now.filter(|(now, _)| now.iter().all(Option::is_some)).collect(),
    })
}

/// In which transaction something is tried, of which nothing stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    One,
    /// One that the session is in already.
    Another,
}

/// Whether this database, which has the child, knows the types and operators that the key compares with. Reads no row.
pub async fn check(session: &Session, key: &Key, within: Within) -> Result<(), Error> {
    let (begin, end) = match within {
        Within::One => ("BEGIN", "ROLLBACK"),
        Within::Another => {
            ("SAVEPOINT pgkeep_check", "ROLLBACK TO SAVEPOINT pgkeep_check; RELEASE SAVEPOINT pgkeep_check")
        }
    };
    session.run("trying a loose key", begin).await?;
    let checked = check_within(session, key).await;
    session.run("trying a loose key", end).await?;
    checked
}

async fn check_within(session: &Session, key: &Key) -> Result<(), Error> {
    let acting = Acting::begin(session, key).await?;
    let context = format!("what the loose key {} needs", key.name);
    let explain = format!("EXPLAIN SELECT {}", lock_sql(key, acting.rows()));
    if acting.is_as_owner() {
        let body = format!("BEGIN {}; END", spliced("EXECUTE", &explain, "''", &arguments(key)));
        return call(&acting, session, key, &context, &body, &[], &[]).await.map(drop);
    }
    let (places, none): (Vec<i64>, Values) = (Vec::new(), Vec::new());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&places];
    values.extend(key.columns.iter().map(|_| &none as &(dyn ToSql + Sync)));
    query(session, &context, &explain, &values).await.map(drop)
}
