//! Acting at a table as its owner, as the actions and checks of a real key do: triggers, checks, conditions of indexes and whatever else
//! a statement with the table's name calls are code of that role, and must not run with the operator's rights. Planning it is enough.
//!
//! `SET ROLE` would not do: the code it is meant for could say RESET ROLE. Inside a function that is SECURITY DEFINER, PostgreSQL
//! refuses SET ROLE and SET SESSION AUTHORIZATION, as it does inside a key's action ("SET ROLE", Notes). The function is made for one
//! call, because its owner could change it, and goes in the same transaction.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::itself::{called, reach, read_by};
use super::{Key, Table};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::frame::{clear_left_over, nothing_deferred};
use crate::pg::quoting::{do_block, quote_identifier, quote_literal};

const FUNCTION: &str = "pg_temp.pgkeep_act";
/// Stands for the table.
pub(super) const VIEW: &str = "pg_temp.pgkeep_child";

/// What the change's code may have set in the session, as far as it decides what later statements mean. No statement here has an
/// operator or a type to be found by a search path. A cursor WITH HOLD that it has left would be run at the end, as the operator.
/// What is done with at the parent must be on the disk at the child.
const SETTLED: &str = "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET row_security = off;
    SET search_path = pg_catalog, pg_temp; SET quote_all_identifiers = off; SET \"DateStyle\" = 'ISO'; SET \"IntervalStyle\" = 'postgres';
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET statement_timeout = 0; RESET constraint_exclusion;
    RESET default_transaction_read_only; RESET default_transaction_isolation; RESET default_transaction_deferrable; SET idle_in_transaction_session_timeout = 0;
    DO $$ BEGIN IF pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 170000 THEN SET transaction_timeout = 0; END IF; END $$;
    RESET plpgsql.extra_errors; RESET plpgsql.extra_warnings; SET synchronous_commit = on; CLOSE ALL;\n";

/// What the code has made under names that a frame, or another key, is to have.
const NOTHING_TEMPORARY: &str = "DISCARD TEMP;\n";

/// How statements reach a table's rows for the length of a transaction.
pub struct Acting {
    table: Table,
    rows: String,
    /// What is denied was denied to the owner, not to the operator.
    pub superuser: bool,
    way: Way,
}

/// As whom a table is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Owner,
    /// As the session's role, which is no superuser, and may make nothing temporary, or would not see all rows as the owner.
    Itself,
}

/// What is known of a table before anything is done to it.
struct Sight {
    hides: bool,
    superuser: bool,
    temporary: bool,
}

impl Acting {
    /// At a child. A key's action sees all rows, though a table may force its policies on its owner. So a view stands for it where there
    /// can be one: see `view`.
    pub async fn begin(session: &Session, key: &Key) -> Result<Self, Error> {
        let sight = sight(session, &key.child).await?;
        Self::at(session, &key.child, &sight).await
    }

    /// At a parent, to ask for its keys: its owner may have no right to read it, or to use its schema.
    pub async fn reading(session: &Session, key: &Key) -> Result<Self, Error> {
        let sight = sight(session, &key.parent).await?;
        Self::at(session, &key.parent, &sight).await
    }

    async fn at(session: &Session, table: &Table, sight: &Sight) -> Result<Self, Error> {
        let by_view = sight.superuser;
        let itself = if by_view { view(table) } else { called(table) };
        session.run("reaching the rows of a table", &itself).await?;
        let rows = if by_view { VIEW.into() } else { table.rows() };
        let owner = sight.superuser || sight.temporary && !sight.hides;
        let way = if owner { Way::Owner } else { Way::Itself };
        Ok(Self { table: table.clone(), rows, superuser: sight.superuser, way })
    }

    /// For FROM, UPDATE and DELETE.
    pub(super) fn rows(&self) -> &str {
        &self.rows
    }

    /// Whether a view stands for the table. It has none of its defaults.
    pub(super) fn is_by_view(&self) -> bool {
        self.rows == VIEW
    }

    /// Whether the session's role could act as somebody else at all.
    pub(super) fn is_as_owner(&self) -> bool {
        self.way == Way::Owner
    }

    /// The places that a query finds, whose one parameter `$1` is a text.
    pub(super) async fn places(
        &self,
        session: &Session,
        context: &str,
        query: &str,
        given: &str,
    ) -> Result<Vec<usize>, Error> {
        let rows = match self.way {
            Way::Itself => {
                let query = query.replace("$1", "$1::pg_catalog.text");
                session.client().query(&query, &[&given]).await.map_err(|error| session.fault(context, error))?
            }
            Way::Owner => {
                let body = format!(
                    "DECLARE pgkeep_found record; BEGIN
                        FOR pgkeep_found IN {query} LOOP pgkeep_place := pgkeep_found.n; RETURN NEXT; END LOOP;
                        SET CONSTRAINTS ALL IMMEDIATE;
                    END"
                );
                self.call(session, context, &body, &[Argument { kind: "pg_catalog.text", value: &given }]).await?
            }
        };
        Ok(rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs() as usize).collect())
    }

    /// Runs the body of a PL/pgSQL function with these arguments as the table's owner, where the session's role may act as that one.
    /// It returns `(place, number, now)`.
    pub(super) async fn call(
        &self,
        session: &Session,
        context: &str,
        body: &str,
        arguments: &[Argument<'_>],
    ) -> Result<Vec<Row>, Error> {
        let kinds: Vec<&str> = arguments.iter().map(|argument| argument.kind).collect();
        let signature = format!("{FUNCTION}({})", kinds.join(", "));
        let make = make(&signature, &self.table, &format!("#variable_conflict use_column\n{body}"));
        session.run(context, &format!("DROP FUNCTION IF EXISTS {signature}; {make}")).await?;
        let given: Vec<String> = kinds.iter().enumerate().map(|(n, kind)| format!("${}::{kind}", n + 1)).collect();
        let sql = format!("SELECT place, number, now FROM {FUNCTION}({}) AS r (place, number, now)", given.join(", "));
        let values: Vec<&(dyn ToSql + Sync)> = arguments.iter().map(|argument| argument.value).collect();
        let rows = session.client().query(&sql, &values).await.map_err(|error| session.fault(context, error))?;
        let unmake = format!("{SETTLED}{}{}DROP FUNCTION IF EXISTS {signature}", clear_left_over(), nothing_deferred());
        session.run(context, &unmake).await?;
        Ok(rows)
    }

    /// For the last statement of the transaction.
    pub async fn end(&self, session: &Session) -> Result<(), Error> {
        let last = if self.is_by_view() { format!("DROP VIEW IF EXISTS {VIEW}") } else { called(&self.table) };
        session.run("the last look at a table", &last).await
    }
}

/// A value for a function, and its type as SQL writes it.
pub(super) struct Argument<'a> {
    pub kind: &'static str,
    pub value: &'a (dyn ToSql + Sync),
}

async fn sight(session: &Session, table: &Table) -> Result<Sight, Error> {
    let sql = "SELECT c.relrowsecurity AND c.relforcerowsecurity AND NOT r.rolbypassrls AND NOT r.rolsuper,
            pg_catalog.current_setting('is_superuser') = 'on', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
        WHERE c.relkind IN ('r', 'p') AND CASE WHEN $3::oid IS NULL THEN n.nspname = $1 AND c.relname = $2 ELSE c.oid = $3::oid END";
    let row = session.client().query_opt(sql, &[&table.schema, &table.name, &table.oid]).await;
    let row = row.map_err(|error| session.fault("whether a table hides rows", error))?;
    let none = Sight { hides: false, superuser: false, temporary: true };
    Ok(row.map_or(none, |row| Sight { hides: row.get(0), superuser: row.get(1), temporary: row.get(2) }))
}

/// Statements that make a view of the operator's, which sees all rows of the table whatever its policies say; what is done through it
/// runs the code of the table as whoever does it. It stays with the table, whatever that is called from then on.
fn view(table: &Table) -> String {
    let relation = table.relation();
    let rest = do_block(&format!(
        "BEGIN
            EXECUTE (SELECT pg_catalog.format('GRANT SELECT, UPDATE, DELETE ON {VIEW} TO %I', pg_catalog.pg_get_userbyid(relowner))
                FROM pg_catalog.pg_class WHERE oid = {relation});
        END"
    ));
    let itself = read_by(VIEW, table);
    format!("DROP VIEW IF EXISTS {VIEW}; CREATE VIEW {VIEW} AS SELECT * FROM {};\n{itself}{rest}", table.rows())
}

/// For a body: an expression that is a list for `UPDATE ... SET`, in which each of the columns gets its default. A view has none of its
/// table's, and whoever made it to have them would read literals of the owner's types.
pub(super) fn defaults(table: &Table, columns: &[&str]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quote_literal(column)).collect();
    let relation = table.relation();
    format!(
        "(SELECT pg_catalog.string_agg(pg_catalog.format('%I = %s', a.attname,
                CASE WHEN x.adbin IS NULL THEN 'DEFAULT' ELSE pg_catalog.format('(%s)', pg_catalog.pg_get_expr(x.adbin, x.adrelid)) END), ', ')
            FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef x ON x.adrelid OPERATOR(pg_catalog.=) a.attrelid AND x.adnum OPERATOR(pg_catalog.=) a.attnum
            WHERE a.attrelid OPERATOR(pg_catalog.=) {relation} AND a.attname OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::pg_catalog.name[]))",
        names.join(", ")
    )
}

/// Statements that make the function and give it to the table's owner. Where the session's role may not give it away, it acts itself.
fn make(signature: &str, table: &Table, body: &str) -> String {
    let give = do_block(&format!(
        "DECLARE owner pg_catalog.name; BEGIN
            SELECT pg_catalog.pg_get_userbyid(relowner) INTO owner FROM pg_catalog.pg_class WHERE oid = {};
            EXECUTE pg_catalog.format('ALTER FUNCTION {signature} OWNER TO %I', owner);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END",
        table.relation(),
    ));
    format!(
        "CREATE FUNCTION {signature} RETURNS TABLE (pgkeep_place pg_catalog.int8, pgkeep_rows pg_catalog.int8, pgkeep_now pg_catalog.text[])
            LANGUAGE plpgsql SECURITY DEFINER SET row_security = on AS {};\n{give}",
        quote_literal(body),
    )
}

/// Statements that run a body as the table's owner, who reaches the table through [`VIEW`]. Its one argument is a jsonb, which `given`
/// gives to the session's role. `taken` is the list of a SELECT that has what it returns, of the session's role as well. Nothing temporary is
/// left in the session.
pub(super) fn at_once(table: &Table, given: &str, body: &str, taken: &str) -> String {
    let signature = format!("{FUNCTION}(pg_catalog.jsonb)");
    let body = format!("#variable_conflict use_column\n{body}");
    format!(
        "{}DROP FUNCTION IF EXISTS {signature};\n{}SELECT {taken} FROM {FUNCTION}(({given})::pg_catalog.jsonb) AS r (place, number, now);
        {SETTLED}{}{}{NOTHING_TEMPORARY}",
        view(table),
        make(&signature, table, &body),
        clear_left_over(),
        nothing_deferred(),
    )
}

/// The referencing table, as its database has it.
pub struct Child {
    pub table: Table,
    /// It has another name by now, and this is another table under the old one, whose rows nothing follows.
    pub namesake: Option<String>,
}

/// The child as this database has it: by its OID where that is known, otherwise by its name; none where there is no such table. Another
/// table under its name is not read.
pub async fn child(session: &Session, key: &Key) -> Result<Option<Child>, Error> {
    let sql = "SELECT n.nspname::text, c.relname::text, c.relkind = 'p', c.oid, coalesce(c.oid = $3, false)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND (c.oid = $3 OR n.nspname = $1 AND c.relname = $2) ORDER BY 5 DESC";
    let Table { schema, name, oid, .. } = &key.child;
    let rows = session.rows("looking for a table", sql, &[schema, name, oid]).await?;
    let Some(row) = rows.first().filter(|row| oid.is_none() || row.get(4)) else { return Ok(None) };
    let table = Table { schema: row.get(0), name: row.get(1), reach: reach(row.get(2)), oid: Some(row.get(3)) };
    Ok(Some(Child { table, namesake: (rows.len() > 1).then(|| key.child.to_string()) }))
}

/// A key's columns as an argument list: names quoted where SQL wants them.
pub(super) fn assignments(columns: &[&str], value: &str) -> String {
    columns.iter().map(|column| format!("{} = {value}", quote_identifier(column))).collect::<Vec<_>>().join(", ")
}
