//! What is done at the child.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::reading::reach;
use super::{Happened, Key, Referential, Table, by_column, given};
use crate::pg::Error;
use crate::pg::catalog::quote_identifier;
use crate::pg::connect::Session;

type Values = Vec<Option<String>>;

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
    /// The rows follow one key to another one.
    Follow(Values),
}

impl Effect {
    /// None where a key would have refused, which is too late now.
    pub fn of(key: &Key, happened: Happened, become_: &[Option<String>]) -> Option<Self> {
        match (key.action(happened), happened) {
            (Referential::NoAction | Referential::Restrict, _) => None,
            (Referential::Cascade, Happened::Delete) => Some(Effect::Delete),
            (Referential::Cascade, Happened::Update) => Some(Effect::Follow(become_.to_vec())),
            (Referential::SetNull, _) => Some(Effect::SetNull(happened)),
            (Referential::SetDefault, _) => Some(Effect::SetDefault(happened)),
        }
    }
}

pub(super) async fn query(
    session: &Session,
    context: &str,
    sql: &str,
    places: &[i64],
    columns: &[Values],
    more: &[Option<String>],
) -> Result<Vec<Row>, Error> {
    session.client().query(sql, &values(&places, columns, more)).await.map_err(|error| session.fault(context, error))
}

fn values<'a>(places: &'a &'a [i64], columns: &'a [Values], more: &'a [Option<String>]) -> Vec<&'a (dyn ToSql + Sync)> {
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![places];
    values.extend(columns.iter().map(|column| column as &(dyn ToSql + Sync)));
    values.extend(more.iter().map(|value| value as &(dyn ToSql + Sync)));
    values
}

fn numbered(gone: &[Values], key: &Key) -> (Vec<i64>, Vec<Values>) {
    ((0..gone.len() as i64).collect(), by_column(gone.iter().map(Vec::as_slice), key.columns.len()))
}

/// The child as this database has it; none where it has no such table.
pub async fn child(session: &Session, key: &Key) -> Result<Option<Table>, Error> {
    let sql =
        "SELECT c.relkind = 'p' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')";
    let Table { schema, name, .. } = &key.child;
    let row = session.client().query_opt(sql, &[schema, name]).await;
    let row = row.map_err(|error| session.fault("looking for a table", error))?;
    Ok(row.map(|row| Table { reach: reach(row.get(0)), ..key.child.clone() }))
}

fn lock_sql(key: &Key) -> String {
    let condition = key.at_child(|n| format!("g.k{n}"));
    let rows = format!("SELECT FROM {} JOIN {} AS c ON {condition} FOR UPDATE OF c", given_of(key), key.child.rows());
    format!("SELECT pg_catalog.count(*) FROM ({rows}) AS locked")
}

fn given_of(key: &Key) -> String {
    given(key.columns.len())
}

/// Locks the rows that refer to the keys. With the transaction's first statement its rows are chosen, too.
pub async fn lock(session: &Session, key: &Key, gone: &[Values]) -> Result<(), Error> {
    let (places, columns) = numbered(gone, key);
    query(session, "locking the rows of a loose key", &lock_sql(key), &places, &columns, &[]).await.map(drop)
}

/// How many rows refer to each of the keys, by their places in the list; those without any are left out.
pub async fn rows_left(session: &Session, key: &Key, gone: &[Values]) -> Result<Vec<(usize, u64)>, Error> {
    let condition = key.at_child(|n| format!("g.k{n}"));
    let sql = format!(
        "SELECT g.n, pg_catalog.count(*) FROM {} JOIN {} AS c ON {condition} GROUP BY g.n",
        given_of(key),
        key.child.rows()
    );
    let (places, columns) = numbered(gone, key);
    let rows = query(session, "the rows of a loose key", &sql, &places, &columns, &[]).await?;
    let count = |row: &Row| (row.get::<_, i64>(0).unsigned_abs() as usize, row.get::<_, i64>(1).unsigned_abs());
    Ok(rows.iter().map(count).collect())
}

/// Does to the rows that refer to these keys what the key would have done.
pub async fn apply(session: &Session, key: &Key, effect: &Effect, gone: &[Values]) -> Result<Changed, Error> {
    let rows = key.child.rows();
    let condition = key.at_child(|n| format!("g.k{n}"));
    let given = given_of(key);
    let (places, columns) = numbered(gone, key);
    let context = "the action of a loose key";
    let set = |happened: Happened, value: &str| {
        let columns = key.set(happened).into_iter().map(|column| format!("{} = {value}", quote_identifier(column)));
        columns.collect::<Vec<_>>().join(", ")
    };
    let (change, more) = match effect {
        Effect::Delete => (format!("DELETE FROM {rows} AS c USING {given} WHERE {condition}"), &[][..]),
        Effect::SetNull(happened) => {
            (format!("UPDATE {rows} AS c SET {} FROM {given} WHERE {condition}", set(*happened, "NULL")), &[][..])
        }
        Effect::Follow(become_) => {
            let one = |(n, pair): (usize, &super::Pair)| {
                let number = key.columns.len() + 2 + n;
                format!("{} = (${number}::text)::{}", quote_identifier(&pair.child), pair.kind)
            };
            let set = key.columns.iter().enumerate().map(one).collect::<Vec<_>>().join(", ");
            (format!("UPDATE {rows} AS c SET {set} FROM {given} WHERE {condition}"), become_.as_slice())
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
            let sql = format!(
                "WITH changed AS (UPDATE {rows} AS c SET {} FROM {given} WHERE {condition} RETURNING ARRAY[{}] AS now)
                SELECT now, pg_catalog.count(*) FROM changed GROUP BY now",
                set(*happened, "DEFAULT"),
                now.join(", ")
            );
            let rows = query(session, context, &sql, &places, &columns, &[]).await?;
            let counted: Vec<(Values, u64)> =
                rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect();
            return Ok(Changed {
                rows: counted.iter().map(|(_, rows)| rows).sum(),
                refer_now: counted.into_iter().filter(|(now, _)| now.iter().all(Option::is_some)).collect(),
            });
        }
    };
    let rows = session.client().execute(&change, &values(&places.as_slice(), &columns, more)).await;
    Ok(Changed { rows: rows.map_err(|error| session.fault(context, error))?, ..Changed::default() })
}

/// Whether this database, which has the child, knows the types and operators that the key compares with. Reads no row.
pub async fn check(session: &Session, key: &Key) -> Result<(), Error> {
    let none: Vec<Values> = vec![Vec::new(); key.columns.len()];
    let sql = format!("EXPLAIN {}", lock_sql(key));
    query(session, &format!("what the loose key {} needs", key.name), &sql, &[], &none, &[]).await.map(drop)
}
