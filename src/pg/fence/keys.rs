//! Foreign keys that the seal gave up come back, and their rows are checked. PostgreSQL compares the two tables as whoever asks, and may
//! call casts and functions of indexes: code of ordinary roles, which must not run as a superuser. So it asks as the owner of the
//! referencing table.

use serde::{Deserialize, Serialize};

use crate::pg::Error;
use crate::pg::catalog::{casts_of_users, planned_with_code};
use crate::pg::connect::Session;
use crate::pg::frame::{Frame, Lend, ORDINARY, Rights, SEARCH_PATH};
use crate::pg::quoting::{do_block, quote_identifier, quote_literal, quote_relation};
use crate::split::facts::ForeignKey;

/// Who makes a key, or checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The session's role.
    Session,
    Owner(Owner),
    /// A superuser's table is an end of it, and code of an ordinary role would run as that superuser; also when it is made without a check,
    /// where rows of an end are in partitions.
    Nobody {
        of_tree: bool,
    },
}

/// Of the referencing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    role: String,
    lends: Vec<Lend>,
    /// Whether a superuser may do it where the owner may not: no code is there that could run.
    or_session: bool,
    /// Whether as much as making the key, unchecked, computes where rows of partitions are.
    of_tree: bool,
}

/// The SQLSTATE of the error that says that a name meant another table.
pub const ANOTHER: &str = "PKG01";

/// What a key is, whatever its tables are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyItself {
    pub name: String,
    /// `pg_constraint.oid`, as long as it is there; what is made again has another one.
    pub constraint: u32,
    /// `pg_class.oid` of both tables.
    pub table: u32,
    pub referenced: u32,
}

impl KeyItself {
    /// After the key was dropped by the name of its table: a statement that fails where another table's went.
    pub fn is_gone(&self) -> String {
        let gone = format!(
            "NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = {}::pg_catalog.oid)",
            self.constraint
        );
        do_block(&format!("BEGIN {} END", self.or_another(&gone)))
    }

    /// After it was made by the names of its tables, in PL/pgSQL: the same where another table has it, or where it leads to another one.
    fn is_back(&self) -> String {
        let Self { name, table, referenced, .. } = self;
        let back = format!(
            "EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.conname = {} AND k.conrelid = {table}::pg_catalog.oid
                AND k.confrelid = {referenced}::pg_catalog.oid)",
            quote_literal(name)
        );
        self.or_another(&back)
    }

    fn or_another(&self, condition: &str) -> String {
        let told = quote_literal(&format!("another table was in the place of one of the foreign key {}", self.name));
        format!("IF NOT ({condition}) THEN RAISE EXCEPTION USING ERRCODE = '{ANOTHER}', MESSAGE = {told}; END IF;")
    }
}

/// What becomes of a key where another table has the name of one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// All is undone, so that the names can be looked for again.
    Ends,
    /// It is not made.
    LeavesOut,
}

/// A key that comes back: pg_dump's statement, without its end, and the one for its comment.
#[derive(Clone, Copy, Debug)]
pub struct Again<'a> {
    pub make: &'a str,
    pub comment: &'a str,
    /// None where an early record does not say.
    pub itself: Option<&'a KeyItself>,
    pub twin: Twin,
}

/// Why a key was not checked, or not made, by [`By::Nobody`].
pub const LEFT_ALONE: &str = "a superuser owns one of its tables, and code of an ordinary role would run as that one: look at the casts and indexes, then say";

/// A table at one end of a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyEnd<'a> {
    pub schema: &'a str,
    pub name: &'a str,
    /// What it is called as long as a foreign table stands in its place.
    pub aside: Option<&'a str>,
}

impl KeyEnd<'_> {
    fn quoted(&self) -> String {
        quote_relation(self.schema, self.name)
    }
}

/// By whom a key from the first table to the second one comes back.
pub async fn by(session: &Session, ends: (&KeyEnd<'_>, &KeyEnd<'_>)) -> Result<By, Error> {
    let context = "who owns the tables of a foreign key";
    let (from, to) = (ends.0.quoted(), ends.1.quoted());
    let [from_aside, to_aside] = [ends.0, ends.1].map(|end| end.aside.map(|aside| quote_relation(end.schema, aside)));
    let casts = casts_of_users(
        "SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid IN (c.oid, f.oid) AND a.attnum > 0 AND NOT a.attisdropped",
    );
    // What lies aside has its name again when the key comes back; what stands in its place by then is gone.
    let sql = format!(
        "SELECT pg_catalog.current_setting('is_superuser') = 'on', o.rolname::text, o.rolsuper, p.rolname::text, p.rolsuper, {casts},
            EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = o.oid AND {ORDINARY}), c.oid = ANY ($3), f.oid = ANY ($3),
            c.relkind <> 'r' OR c.relispartition OR f.relkind <> 'r' OR f.relispartition
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
        JOIN pg_catalog.pg_class f ON f.oid = coalesce(pg_catalog.to_regclass($5), pg_catalog.to_regclass($2)) JOIN pg_catalog.pg_roles p ON p.oid = f.relowner
        WHERE c.oid = coalesce(pg_catalog.to_regclass($4), pg_catalog.to_regclass($1))"
    );
    let planned = planned_with_code(session).await?;
    let rows = session.rows(context, &sql, &[&from, &to, &planned, &from_aside, &to_aside]).await?;
    // What is gone cannot come back, whoever tries.
    let Some(row) = rows.first().filter(|row| row.get(0)) else { return Ok(By::Session) };
    let (owner, other): (String, String) = (row.get(1), row.get(3));
    let (of_super, to_super): (bool, bool) = (row.get(2), row.get(4));
    let (casts, is_ordinary): (bool, bool) = (row.get(5), row.get(6));
    let (own_code, code_of_other): (bool, bool) = (row.get(7), row.get(8));
    let is_trusted = of_super || !is_ordinary && owner != other;
    let of_tree: bool = row.get(9);
    // For rows that the owner may not read, the other table's owner looks.
    if casts && (is_trusted || to_super) || code_of_other && is_trusted && !to_super {
        return Ok(By::Nobody { of_tree });
    }
    if of_super {
        return Ok(By::Session);
    }
    let mut lends = vec![Lend::Reference(to)];
    for schema in [ends.0.schema, ends.1.schema] {
        lends.push(Lend::Names(schema.to_owned()));
        lends.push(Lend::NamesTo(schema.to_owned(), other.clone()));
    }
    let or_session = !(casts || own_code || code_of_other);
    Ok(By::Owner(Owner { role: owner, lends, or_session, of_tree }))
}

impl Owner {
    /// The command, which defines something, as a message of its own.
    fn acting(&self, command: &str, rights: Rights) -> String {
        let frame = Frame {
            role: Some(&self.role),
            rights,
            lends: &self.lends,
            borrows: &[],
            statements: &[command.as_bytes()],
            definitions: 1,
        };
        // What is in there was text before.
        String::from_utf8_lossy(&frame.sql()).into_owned() + SEARCH_PATH
    }

    /// The same inside a block of PL/pgSQL, whose session goes on with its settings.
    fn within(&self, command: &str) -> String {
        format!(
            "DECLARE saved pg_catalog.text[]; pair pg_catalog.text[]; BEGIN
                SELECT pg_catalog.array_agg(ARRAY[s.name, s.setting]) INTO saved FROM pg_catalog.pg_settings s WHERE s.source = 'session'
                    AND s.name NOT IN ('role', 'session_authorization', 'search_path', 'session_replication_role') AND s.name !~ '^transaction_' AND s.name !~ '[.]';
                BEGIN EXECUTE {};
                EXCEPTION WHEN insufficient_privilege THEN EXECUTE {};
                END;
                IF saved IS NOT NULL THEN
                    FOREACH pair SLICE 1 IN ARRAY saved LOOP PERFORM pg_catalog.set_config(pair[1], pair[2], pair[1] = 'lock_timeout'); END LOOP;
                END IF;
            END;",
            quote_literal(&self.acting(command, Rights::Own)),
            quote_literal(&self.acting(command, Rights::AllOrdinary)),
        )
    }
}

/// Statements for [`take_down`](super::take_down): make a foreign key again that the seal gave up, unchecked where the server can; checked,
/// and left out where rows are against it, where it cannot; and not a second time. Where its tables or columns are others now, it does not
/// come back: a way back must not fail for it.
pub fn key_again(key: Again<'_>, by: &By) -> String {
    let Again { make, comment, itself, twin } = key;
    let itself = itself.map(KeyItself::is_back).unwrap_or_default();
    let ends = match twin {
        Twin::Ends => format!("lock_not_available OR deadlock_detected OR SQLSTATE '{ANOTHER}'"),
        Twin::LeavesOut => "lock_not_available OR deadlock_detected".to_owned(),
    };
    let unchecked = format!("{make} NOT VALID");
    let (unchecked, checked) = match by {
        By::Session => (format!("{unchecked};"), format!("{make};")),
        By::Owner(owner) if owner.of_tree => (owner.within(&unchecked), owner.within(make)),
        By::Owner(owner) => (format!("{unchecked};"), owner.within(make)),
        By::Nobody { of_tree: true } => return String::new(),
        By::Nobody { of_tree: false } => (format!("{unchecked};"), "RETURN;".to_owned()),
    };
    let body = format!(
        "BEGIN
            {unchecked} {itself} {comment}
        EXCEPTION WHEN {ends} THEN RAISE; WHEN wrong_object_type THEN
            BEGIN {checked} {itself} {comment} EXCEPTION WHEN {ends} THEN RAISE; WHEN OTHERS THEN NULL; END;
        WHEN OTHERS THEN NULL; END"
    );
    do_block(&body)
}

/// What became of a key's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    Valid,
    /// [`LEFT_ALONE`], and the statement that checks it.
    LeftAlone(String),
}

/// Checks the rows of a foreign key that came back unchecked. Nobody's writes wait for it.
pub async fn check_key(session: &Session, key: &ForeignKey, lock_timeout_ms: u64) -> Result<Checked, Error> {
    let from = KeyEnd { schema: &key.schema, name: &key.table, aside: None };
    let to = KeyEnd { schema: &key.referenced_schema, name: &key.referenced_table, aside: None };
    let table = quote_relation(&key.schema, &key.table);
    let command = format!("ALTER TABLE {table} VALIDATE CONSTRAINT {}", quote_identifier(&key.name));
    let ways: Vec<String> = match by(session, (&from, &to)).await? {
        By::Nobody { .. } => return Ok(Checked::LeftAlone(command)),
        By::Session => vec![format!("{command};")],
        By::Owner(owner) => {
            let own = [owner.acting(&command, Rights::Own), owner.acting(&command, Rights::AllOrdinary)];
            own.into_iter().chain(owner.or_session.then(|| format!("{command};"))).collect()
        }
    };
    let mut refused = None;
    for way in ways {
        let sql = format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms}; {way} COMMIT");
        let Err(error) = session.run("checking a foreign key", &sql).await else { return Ok(Checked::Valid) };
        session.run("the end of a transaction", "ROLLBACK").await?;
        if error.sqlstate() != Some("42501") {
            return Err(error);
        }
        refused.get_or_insert(error);
    }
    refused.map_or(Ok(Checked::Valid), Err)
}
