//! With whose rights steps are run. PostgreSQL runs code of users while it makes some definitions, as whoever makes them: it computes
//! generated columns and keys of partitions as far as they are constant, it checks literals of domains, and rows where a constraint is
//! added. Such a step is its owner's to run.

use std::collections::BTreeSet;

use super::calls::Calls;
use super::{Owners, RestoreOptions, RestorePlan, Wave};
use crate::schema::archive::{Archive, Entry, Kind, Oid, SqlText};
use crate::schema::facts::Facts;
use crate::schema::lexer::{Token, quoted, tokens};
use crate::schema::not_valid;

/// As whom a step is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActsAs {
    /// By its name in the target; none where the server itself runs such code as its owner, and only must not let it define anything.
    pub role: Option<String>,
    /// Schemas that the step may name.
    pub uses: Vec<String>,
    /// Where it makes something.
    pub makes_in: Vec<String>,
    /// Foreign servers that the step needs.
    pub servers: Vec<String>,
    pub tablespaces: Vec<String>,
    /// What comes to the same as the step's statements, where not all of it need be the role's to run.
    pub instead: Option<Vec<SqlText>>,
    /// Tables of others, quoted, that must be its own for it; and their owners.
    pub borrows: Vec<(String, String)>,
}

pub(super) struct Acting<'a> {
    archive: &'a Archive,
    calls: &'a Calls<'a>,
    options: &'a RestoreOptions,
    /// Of the archive, and those in which its extensions are; as SQL writes them, without the quotes around.
    schemas: Vec<(String, String)>,
    /// Whether columns of foreign keys may be cast by code of users, which nothing says of a key.
    casts: bool,
    /// Tables, by their OID, whose statistics cannot be gathered without code of users.
    pub gathered_with_code: BTreeSet<Oid>,
    /// Whether there is any code of users.
    pub has_code: bool,
}

impl<'a> Acting<'a> {
    pub fn new(archive: &'a Archive, facts: &Facts, calls: &'a Calls<'a>, options: &'a RestoreOptions) -> Self {
        let own = archive.entries().iter().filter_map(|entry| match entry.kind {
            Kind::Schema => Some(entry.tag.clone()),
            _ => entry.namespace.clone(),
        });
        let mut schemas: Vec<String> = own.chain(facts.extensions.values().map(|facts| facts.schema.clone())).collect();
        schemas.sort_unstable();
        schemas.dedup();
        let schemas = schemas.into_iter().map(|name| (name.replace('"', "\"\""), name)).collect();
        let decides =
            |entry: &Entry| matches!(entry.kind, Kind::Cast | Kind::Index | Kind::Constraint | Kind::Statistics);
        let entries = || archive.entries().iter().enumerate();
        let found = entries().filter(|(_, entry)| decides(entry)).map(|(position, _)| position);
        let found: Vec<usize> = found.filter(|position| calls.may_run_code(*position)).collect();
        Acting {
            archive,
            calls,
            options,
            schemas,
            casts: found.iter().any(|position| archive.entries()[*position].kind == Kind::Cast),
            gathered_with_code: found.iter().filter_map(|position| calls.table_of(*position)).collect(),
            has_code: entries().any(|(position, entry)| {
                matches!(entry.kind, Kind::Function | Kind::Procedure) && !calls.is_compiled(position)
            }),
        }
    }

    /// None where nobody's code can run, or where it would run as the restorer later as well.
    pub fn of(&self, position: usize, statements: &[SqlText]) -> Option<ActsAs> {
        let entry = &self.archive.entries()[position];
        let owner = entry.owner.as_deref().filter(|_| self.options.owners == Owners::Keep)?;
        let may_run = match entry.kind {
            // Rows are looked up in both tables, which runs code of their indexes.
            Kind::FkConstraint => {
                let mut tables = self.calls.tables_of_key(position);
                self.casts
                    || tables.any(|table| self.gathered_with_code.contains(&table))
                    || self.calls.may_run_code(position)
            }
            _ => holds_expressions(entry) && self.calls.may_run_code(position),
        };
        if !may_run {
            return None;
        }
        let names = |name: &str| statements.iter().any(|sql| contains(sql.as_bytes(), name.as_bytes()));
        let uses = self.schemas.iter().filter(|(written, _)| names(written)).map(|(_, name)| name.clone());
        Some(ActsAs {
            role: Some(self.options.roles.name(owner).to_owned()),
            uses: uses.collect(),
            makes_in: entry.namespace.iter().cloned().collect(),
            servers: server_of(entry).into_iter().collect(),
            tablespaces: self.tablespace_of(entry).into_iter().collect(),
            instead: statements.first().filter(|_| entry.kind == Kind::FkConstraint).and_then(checked_later),
            borrows: self
                .calls
                .partitioned(position)
                .and_then(|above| self.borrowed(above, owner))
                .into_iter()
                .collect(),
        })
    }
}

/// A foreign key that is made first and checked then: only the check looks at rows, and only whoever makes one must be allowed to refer
/// to the other table. None for keys that are made with others or cannot be had unchecked (of partitioned tables).
fn checked_later(sql: &SqlText) -> Option<Vec<SqlText>> {
    let tokens = tokens(sql.as_bytes());
    let [alter, table, only, schema, dot, name, add, constraint, key, ..] = &tokens[..] else { return None };
    let is_one = alter.is_word("ALTER") && table.is_word("TABLE") && only.is_word("ONLY") && dot.is_symbol(".");
    if !is_one || !add.is_word("ADD") || !constraint.is_word("CONSTRAINT") || commands(sql.as_bytes()).len() != 1 {
        return None;
    }
    let relation = format!("{}.{}", quoted(&schema.name()?), quoted(&name.name()?));
    let check = format!("ALTER TABLE ONLY {relation} VALIDATE CONSTRAINT {};", quoted(&key.name()?));
    Some(vec![not_valid::statement(sql)?, SqlText::new(check)])
}

/// `CREATE FOREIGN TABLE a.t (...) SERVER other`
fn server_of(entry: &Entry) -> Option<String> {
    let tokens = tokens(entry.defn.as_bytes());
    let server =
        tokens.windows(2).rev().find(|two| two[0].is_word("SERVER")).filter(|_| entry.kind == Kind::ForeignTable);
    server.and_then(|two| two[1].name())
}

impl Acting<'_> {
    fn tablespace_of(&self, entry: &Entry) -> Option<String> {
        let place = entry.tablespace.as_deref().and_then(|name| self.options.tablespaces.place(name));
        place.map(str::to_owned)
    }

    /// Whoever attaches a partition must own both tables.
    fn borrowed(&self, above: &Entry, owner: &str) -> Option<(String, String)> {
        let other = above.owner.as_deref().filter(|other| *other != owner)?;
        let name = format!("{}.{}", quoted(above.namespace.as_deref()?), quoted(&above.tag));
        Some((name, self.options.roles.name(other).to_owned()))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// Whether the definition may hold values, or what is computed. A superuser's alone are not among these: operator classes, languages.
fn holds_expressions(entry: &Entry) -> bool {
    let has = |word: &str| tokens(entry.defn.as_bytes()).iter().any(|token| token.is_word(word));
    match entry.kind {
        Kind::Table
        | Kind::ForeignTable
        | Kind::View
        | Kind::MaterializedView
        | Kind::Domain
        | Kind::Aggregate
        | Kind::TableAttach
        | Kind::Default
        | Kind::Index
        | Kind::Constraint
        | Kind::CheckConstraint
        | Kind::Rule
        | Kind::Policy
        | Kind::Statistics => true,
        // Values of parameters, and a body that is no string.
        Kind::Function | Kind::Procedure => has("DEFAULT") || has("ATOMIC") || has("RETURN"),
        Kind::Trigger => has("WHEN"),
        Kind::PublicationTable => has("WHERE"),
        _ => false,
    }
}

/// What a command is to whoever keeps code of users from defining something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// PostgreSQL fires `ddl_command_start` for it, and it may run code.
    Definition,
    /// It runs nobody's code: it gives what was made to somebody, or makes a key that looks at no rows.
    Plain,
    /// It sets something for what follows.
    Setting,
}

/// The commands of the text.
pub fn commands(sql: &[u8]) -> Vec<(CommandKind, &[u8])> {
    let tokens = tokens(sql);
    // The statements of a body that is no string are its own.
    let one_body = tokens.windows(2).any(|two| two[0].is_word("BEGIN") && two[1].is_word("ATOMIC"));
    let mut depth = 0usize;
    let ends = |token: &Token<'_>| {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        !one_body && depth == 0 && token.is_symbol(";")
    };
    let command = |part: &[Token<'_>]| {
        let (first, last) = (part.first()?, part.last()?);
        let is_plain = match part {
            [alter, .., owner, to, _] if owner.is_word("OWNER") && to.is_word("TO") => alter.is_word("ALTER"),
            [alter, .., not, valid] if not.is_word("NOT") && valid.is_word("VALID") => alter.is_word("ALTER"),
            _ => false,
        };
        let kind = match () {
            () if first.is_word("SET") || first.is_word("SELECT") => CommandKind::Setting,
            () if is_plain => CommandKind::Plain,
            () => CommandKind::Definition,
        };
        Some((kind, &sql[first.range.start..last.range.end]))
    };
    tokens.split(ends).filter_map(command).collect()
}

/// A grant that comes last in a restore, and that code which rows call may need while they are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlyGrant {
    /// `None` is `PUBLIC`.
    pub role: Option<String>,
    pub sql: String,
}

impl RestorePlan {
    /// Grants of owners, to roles by their names in the target. To PUBLIC only what opens no table to anybody.
    pub fn early_grants(&self) -> Vec<EarlyGrant> {
        let grants = self.post_data.iter().filter(|step| step.wave == Wave::Grants);
        grants.flat_map(|step| &step.step.statements).flat_map(|sql| grants_of(sql.as_bytes())).collect()
    }
}

fn grants_of(sql: &[u8]) -> Vec<EarlyGrant> {
    let tokens = tokens(sql);
    let mut of_owner = true;
    let mut grants = Vec::new();
    for statement in tokens.split(|token| token.is_symbol(";")) {
        let (Some(first), Some(last)) = (statement.first(), statement.last()) else { continue };
        let session = statement.windows(2).any(|two| two[0].is_word("SESSION") && two[1].is_word("AUTHORIZATION"));
        if session {
            of_owner = first.is_word("RESET");
        }
        let to = statement.windows(2).rev().find(|two| two[0].is_word("TO"));
        let on = statement.windows(2).find(|two| two[0].is_word("ON"));
        let (Some(to), Some(on), true) = (to, on, of_owner && first.is_word("GRANT")) else { continue };
        let role = match to[1].is_word("PUBLIC") {
            true => None,
            false => to[1].name(),
        };
        let is_of_no_table = ["SCHEMA", "FUNCTION", "PROCEDURE", "TYPE"].iter().any(|kind| on[1].is_word(kind));
        if role.is_some() || to[1].is_word("PUBLIC") && is_of_no_table {
            let text = &sql[first.range.start..last.range.end];
            grants.push(EarlyGrant { role, sql: String::from_utf8_lossy(text).into_owned() });
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_server() {
        use CommandKind::{Definition, Plain, Setting};
        let kinds = |sql: &str| commands(sql.as_bytes()).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        let table = "CREATE TABLE a.t (s text DEFAULT ';');\nALTER TABLE a.t ALTER s SET STORAGE MAIN;\n\nALTER TABLE a.t OWNER TO \"O;\";";
        assert_eq!(kinds(table), [Definition, Definition, Plain]);
        assert_eq!(commands(table.as_bytes())[0].1, b"CREATE TABLE a.t (s text DEFAULT ';')");
        assert_eq!(kinds("SET default_tablespace = fast;"), [Setting]);
        assert_eq!(kinds("CREATE RULE r AS ON INSERT TO a.t DO (DELETE FROM a.u; DELETE FROM a.v);"), [Definition]);
        assert_eq!(kinds("CREATE FUNCTION a.f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;"), [Definition]);
        assert_eq!(kinds("CREATE FUNCTION a.f() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2; $$;"), [Definition]);
    }

    #[test]
    fn a_key_is_checked_after_it_is_made() {
        let key =
            "ALTER TABLE ONLY a.\"T\"\n    ADD CONSTRAINT k FOREIGN KEY (i) REFERENCES b.u(i) ON DELETE CASCADE;\n";
        let later = checked_later(&SqlText::new(key)).unwrap();
        let texts: Vec<String> = later.iter().map(SqlText::to_display).collect();
        assert!(texts[0].ends_with("ON DELETE CASCADE NOT VALID;\n"), "{texts:?}");
        assert_eq!(texts[1], "ALTER TABLE ONLY \"a\".\"T\" VALIDATE CONSTRAINT \"k\";");
        let kinds: Vec<CommandKind> =
            later.iter().flat_map(|sql| commands(sql.as_bytes())).map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [CommandKind::Plain, CommandKind::Definition]);
        assert_eq!(checked_later(&SqlText::new(key.replace("ONLY ", ""))), None);
        assert_eq!(checked_later(&SqlText::new(key.replace(";", " NOT VALID;"))), None);
    }

    #[test]
    fn grants_of_others_than_the_owner_are_left_for_later() {
        let sql = b"REVOKE ALL ON FUNCTION a.f() FROM PUBLIC;\nGRANT ALL ON FUNCTION a.f() TO \"Al\";\n\
            SET SESSION AUTHORIZATION bo;\nGRANT ALL ON FUNCTION a.f() TO cy;\nRESET SESSION AUTHORIZATION;\n\
            GRANT SELECT(n) ON TABLE a.t TO di WITH GRANT OPTION;\nGRANT SELECT ON TABLE a.t TO PUBLIC;\nGRANT USAGE ON SCHEMA a TO PUBLIC;\n";
        let grants: Vec<(Option<String>, String)> =
            grants_of(sql).into_iter().map(|grant| (grant.role, grant.sql)).collect();
        let expected = [
            (Some("Al"), "GRANT ALL ON FUNCTION a.f() TO \"Al\""),
            (Some("di"), "GRANT SELECT(n) ON TABLE a.t TO di WITH GRANT OPTION"),
            (None, "GRANT USAGE ON SCHEMA a TO PUBLIC"),
        ];
        assert_eq!(grants, expected.map(|(role, sql)| (role.map(str::to_owned), sql.to_owned())));
    }
}
