//! Acting at the child as the owner of its table, as the actions of a real key do: triggers, checks and whatever else the change calls
//! are code of that role, and must not run with the operator's rights.
//!
//! `SET ROLE` would not do: the code it is meant for could say RESET ROLE. Inside a function that is SECURITY DEFINER, PostgreSQL
//! refuses SET ROLE and SET SESSION AUTHORIZATION, as it does inside a key's action ("SET ROLE", Notes). The function is made for one
//! call, because its owner could change it, and goes in the same transaction.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::reading::reach;
use super::{Key, Table};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::frame::nothing_deferred;
use crate::pg::quoting::{do_block, quote_identifier, quote_literal};

const FUNCTION: &str = "pg_temp.pgkeep_act";
/// Stands for the child.
pub(super) const VIEW: &str = "pg_temp.pgkeep_child";

/// What the change's code may have set in the session, as far as it decides what later statements mean. No statement here has an
/// operator or a type to be found by a search path. A cursor WITH HOLD that it has left would be run at the end, as the operator.
const SETTLED: &str = "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET row_security = off;
    SET search_path = pg_catalog, pg_temp; SET quote_all_identifiers = off; SET \"DateStyle\" = 'ISO'; SET \"IntervalStyle\" = 'postgres';
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
    CLOSE ALL;\n";

/// How statements reach the rows of a key's child for the length of a transaction.
pub struct Acting {
    rows: String,
    /// What is denied was denied to the owner, not to the operator.
    pub superuser: bool,
}

impl Acting {
    /// A key's action sees all rows, though a table may force its policies on its owner. There a view stands for it: see `view`.
    pub async fn begin(session: &Session, key: &Key) -> Result<Self, Error> {
        let sql = "SELECT c.relrowsecurity AND c.relforcerowsecurity AND NOT r.rolbypassrls AND NOT r.rolsuper,
                pg_catalog.current_setting('is_superuser') = 'on'
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
            WHERE n.nspname = $1 AND c.relname = $2";
        let row = session.client().query_opt(sql, &[&key.child.schema, &key.child.name]).await;
        let row = row.map_err(|error| session.fault("whether a table hides rows", error))?;
        let (hides, superuser) = row.map_or((false, false), |row| (row.get(0), row.get(1)));
        if !(hides && superuser) {
            return Ok(Self { rows: key.child.rows(), superuser });
        }
        session.run("reading all rows of a table", &view(&key.child)).await?;
        Ok(Self { rows: VIEW.into(), superuser })
    }

    /// For FROM, UPDATE and DELETE.
    pub(super) fn rows(&self) -> &str {
        &self.rows
    }

    /// Runs the body of a PL/pgSQL function with these arguments as the child's owner, where the session's role may act as that one.
    /// It returns `(place, number, now)`.
    pub(super) async fn call(
        &self,
        session: &Session,
        key: &Key,
        context: &str,
        body: &str,
        arguments: &[Argument<'_>],
    ) -> Result<Vec<Row>, Error> {
        let kinds: Vec<&str> = arguments.iter().map(|argument| argument.kind).collect();
        let signature = format!("{FUNCTION}({})", kinds.join(", "));
        let make = make(&signature, &key.child, body);
        session.run(context, &format!("DROP FUNCTION IF EXISTS {signature}; {make}")).await?;
        let given: Vec<String> = kinds.iter().enumerate().map(|(n, kind)| format!("${}::{kind}", n + 1)).collect();
        let sql = format!("SELECT place, number, now FROM {FUNCTION}({}) AS r (place, number, now)", given.join(", "));
        let values: Vec<&(dyn ToSql + Sync)> = arguments.iter().map(|argument| argument.value).collect();
        let rows = session.client().query(&sql, &values).await.map_err(|error| session.fault(context, error))?;
        let unmake = format!("{SETTLED}{}DROP FUNCTION IF EXISTS {signature}", nothing_deferred());
        session.run(context, &unmake).await?;
        Ok(rows)
    }

    /// For the last statement of the transaction.
    pub async fn end(&self, session: &Session) -> Result<(), Error> {
        if self.rows != VIEW {
            return Ok(());
        }
        session.run("dropping a view", &format!("DROP VIEW IF EXISTS {VIEW}")).await
    }
}

/// A value for a function, and its type as SQL writes it.
pub(super) struct Argument<'a> {
    pub kind: &'static str,
    pub value: &'a (dyn ToSql + Sync),
}

/// Statements that make a view of the operator's, which sees all rows of the table whatever its policies say; what is done through it
/// runs the code of the table as whoever does it. A column's default is that of the view.
fn view(table: &Table) -> String {
    let literal = quote_literal(&table.quoted());
    let rest = do_block(&format!(
        "DECLARE d record; BEGIN
            FOR d IN SELECT a.attname, pg_catalog.pg_get_expr(x.adbin, x.adrelid) AS value FROM pg_catalog.pg_attrdef x
                JOIN pg_catalog.pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum
                WHERE x.adrelid = {literal}::pg_catalog.regclass AND a.attgenerated = '' LOOP
                EXECUTE pg_catalog.format('ALTER VIEW {VIEW} ALTER COLUMN %I SET DEFAULT %s', d.attname, d.value);
            END LOOP;
            EXECUTE (SELECT pg_catalog.format('GRANT SELECT, UPDATE, DELETE ON {VIEW} TO %I', pg_catalog.pg_get_userbyid(relowner))
                FROM pg_catalog.pg_class WHERE oid = {literal}::pg_catalog.regclass);
        END"
    ));
    format!("DROP VIEW IF EXISTS {VIEW}; CREATE VIEW {VIEW} AS SELECT * FROM {};\n{rest}", table.rows())
}

/// Statements that make the function and give it to the table's owner. Where the session's role may not give it away, it acts itself.
fn make(signature: &str, table: &Table, body: &str) -> String {
    let give = do_block(&format!(
        "DECLARE owner pg_catalog.name; BEGIN
            SELECT pg_catalog.pg_get_userbyid(relowner) INTO owner FROM pg_catalog.pg_class WHERE oid = {}::pg_catalog.regclass;
            EXECUTE pg_catalog.format('ALTER FUNCTION {signature} OWNER TO %I', owner);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END",
        quote_literal(&table.quoted()),
    ));
    format!(
        "CREATE FUNCTION {signature} RETURNS TABLE (pgkeep_place pg_catalog.int8, pgkeep_rows pg_catalog.int8, pgkeep_now pg_catalog.text[])
            LANGUAGE plpgsql SECURITY DEFINER SET row_security = on AS {};\n{give}",
        quote_literal(body),
    )
}

/// Statements that run a body as the table's owner. Its one argument is a jsonb, which `todo` gives to the session's role; it reaches
/// the table through [`VIEW`].
pub(super) fn at_once(key: &Key, todo: &str, body: &str) -> String {
    let signature = format!("{FUNCTION}(pg_catalog.jsonb)");
    let body = format!("#variable_conflict use_column\n{body}");
    format!(
        "{}DROP FUNCTION IF EXISTS {signature};\n{}SELECT FROM {FUNCTION}(({todo})::pg_catalog.jsonb);
        {SETTLED}{}DROP FUNCTION IF EXISTS {signature};\nDROP VIEW IF EXISTS {VIEW};\n",
        view(&key.child),
        make(&signature, &key.child, &body),
        nothing_deferred(),
    )
}

/// The referencing table, as its database has it.
pub struct Child {
    pub table: Table,
    /// It has another name by now, and this is another table under the old one, whose rows nothing follows.
    pub namesake: Option<String>,
}

/// The child as this database has it: by its OID where that is known, otherwise by its name; none where there is no such table.
pub async fn child(session: &Session, key: &Key) -> Result<Option<Child>, Error> {
    let sql = "SELECT n.nspname::text, c.relname::text, c.relkind = 'p', c.oid, coalesce(c.oid = $3, false)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND (c.oid = $3 OR n.nspname = $1 AND c.relname = $2) ORDER BY 5 DESC";
    let Table { schema, name, oid, .. } = &key.child;
    let rows = session.rows("looking for a table", sql, &[schema, name, oid]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let table = Table { schema: row.get(0), name: row.get(1), reach: reach(row.get(2)), oid: Some(row.get(3)) };
    Ok(Some(Child { table, namesake: (rows.len() > 1).then(|| key.child.to_string()) }))
}

/// A key's columns as an argument list: names quoted where SQL wants them.
pub(super) fn assignments(columns: &[&str], value: &str) -> String {
    columns.iter().map(|column| format!("{} = {value}", quote_identifier(column))).collect::<Vec<_>>().join(", ")
}
