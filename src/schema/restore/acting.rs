//! With whose rights steps are run. PostgreSQL runs code of users while it makes some definitions, as whoever makes them: it computes
//! generated columns and keys of partitions as far as they are constant, it checks literals of domains, and rows where a constraint is
//! added. There are more ways than a list can hold. So where there is any code of users, each step that can meet it is its owner's to run.

use std::collections::BTreeSet;

use super::calls::Calls;
use super::{Owners, RestoreOptions, RestorePlan, Wave};
use crate::schema::archive::{Archive, Entry, Kind, Oid, Section, SqlText};
use crate::schema::facts::Facts;
use crate::schema::lexer::{Token, quoted, tokens};

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
    /// Of a trigger, its function: by its quoted name.
    pub calls: Vec<String>,
    pub tablespaces: Vec<String>,
    /// Relations, quoted, that a key of the role refers to, and roles that look names up in `uses` while its rows are checked.
    pub refers_to: Vec<String>,
    pub also: Vec<String>,
    /// Whether the restorer may run it where the role's rights do not suffice: nothing that it needs is code.
    pub or_restorer: bool,
    /// A function may want what superusers alone may say: a language, that it leaks nothing, a setting.
    pub is_routine: bool,
    /// Tables of others, quoted, that must be its own for it; and their owners.
    pub borrows: Vec<(String, String)>,
}

pub(super) struct Acting<'a> {
    archive: &'a Archive,
    calls: &'a Calls<'a>,
    options: &'a RestoreOptions,
    /// Of the archive, and those in which its extensions are; as SQL writes them, without the quotes around.
    schemas: Vec<(String, String)>,
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
        let mut entries = archive.entries().iter().enumerate();
        // A check that is added after the rows reads them, and some of the server's own functions run what text says.
        let has_code = entries.any(|(position, entry)| {
            calls.is_code(position) || matches!(entry.kind, Kind::Domain | Kind::Cast | Kind::CheckConstraint)
        });
        Acting { archive, calls, options, schemas, has_code }
    }

    /// Tables, by their OID, whose statistics cannot be gathered without code of users.
    pub fn gathered_with_code(&self) -> BTreeSet<Oid> {
        let entries = self.archive.entries().iter().enumerate();
        let tables = entries.filter(|(_, entry)| self.has_code && entry.kind == Kind::Table);
        let with_code = tables.filter(|(position, _)| self.calls.may_run_code_of_statistics(*position));
        with_code.map(|(_, entry)| entry.catalog_id.oid).collect()
    }

    /// None where nobody's code can run, or where it would run as the restorer later as well.
    pub fn of(&self, position: usize, statements: &[SqlText]) -> Option<ActsAs> {
        let entry = &self.archive.entries()[position];
        let owner = entry.owner.as_deref().filter(|_| self.options.owners == Owners::Keep)?;
        if !self.has_code || !may_meet_code(entry) {
            return None;
        }
        let may_run_code = match entry.kind {
            _ if entry.section == Section::PostData && self.calls.is_of_a_tree(position) => true,
            // All rows are held to it, and functions of the server's own run text.
            Kind::CheckConstraint if entry.section == Section::PostData => true,
            Kind::FkConstraint => self.calls.may_run_code_of_key(position),
            _ => self.calls.may_run_code(position),
        };
        // Of the others many are made at once, in one frame. These come one by one.
        if entry.section == Section::PostData && !may_run_code {
            return None;
        }
        let of_key = self.calls.others_of_key(position);
        let role = |owner: &str| self.options.roles.name(owner).to_owned();
        let names = |name: &str| statements.iter().any(|sql| contains(sql.as_bytes(), name.as_bytes()));
        let uses = self.schemas.iter().filter(|(written, _)| names(written)).map(|(_, name)| name.clone());
        Some(ActsAs {
            role: Some(self.options.roles.name(owner).to_owned()),
            uses: uses.collect(),
            makes_in: entry.namespace.iter().cloned().collect(),
            servers: server_of(entry).into_iter().collect(),
            calls: function_of(entry).into_iter().collect(),
            tablespaces: self.tablespace_of(entry).into_iter().collect(),
            refers_to: of_key.iter().filter_map(|table| relation(table)).collect(),
            also: of_key.iter().filter_map(|table| table.owner.as_deref()).map(role).collect(),
            or_restorer: !may_run_code,
            is_routine: matches!(entry.kind, Kind::Function | Kind::Procedure),
            borrows: self
                .calls
                .partitioned(position)
                .and_then(|above| self.borrowed(above, owner))
                .into_iter()
                .collect(),
        })
    }
}

fn relation(entry: &Entry) -> Option<String> {
    Some(format!("{}.{}", quoted(entry.namespace.as_deref()?), quoted(&entry.tag)))
}

/// `CREATE TRIGGER t BEFORE INSERT ON a.t FOR EACH ROW EXECUTE FUNCTION b.f('x')`
fn function_of(entry: &Entry) -> Option<String> {
    let tokens = tokens(entry.defn.as_bytes());
    let at = tokens.windows(2).rposition(|two| two[0].is_word("EXECUTE") && two[1].is_word("FUNCTION"));
    let at = at.filter(|_| entry.kind == Kind::Trigger)?;
    // pg_dump writes every name with its schema.
    Some(format!("{}.{}()", quoted(&tokens.get(at + 2)?.name()?), quoted(&tokens.get(at + 4)?.name()?)))
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
        Some((relation(above)?, self.options.roles.name(other).to_owned()))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// Whether the definition may hold values, or what is computed, or be about a table whose rows are put where a computation says. What
/// superusers alone make is not among these: operator classes, languages.
fn may_meet_code(entry: &Entry) -> bool {
    let has = |word: &str| tokens(entry.defn.as_bytes()).iter().any(|token| token.is_word(word));
    match entry.kind {
        Kind::Table
        | Kind::ForeignTable
        | Kind::View
        | Kind::MaterializedView
        | Kind::Domain
        | Kind::Aggregate
        | Kind::TableAttach
        | Kind::IndexAttach
        | Kind::Default
        | Kind::Index
        | Kind::Constraint
        | Kind::CheckConstraint
        | Kind::FkConstraint
        | Kind::Trigger
        | Kind::Rule
        | Kind::Policy
        | Kind::RowSecurity
        | Kind::Statistics => true,
        // Values of parameters, and a body that is no string.
        Kind::Function | Kind::Procedure => has("DEFAULT") || has("ATOMIC") || has("RETURN"),
        Kind::PublicationTable => has("WHERE"),
        _ => false,
    }
}

/// What a command is to whoever keeps code of users from defining something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// PostgreSQL fires `ddl_command_start` for it, and it may run code.
    Definition,
    /// It says who may have what was made, and runs nobody's code.
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
        let is_plain = matches!(part, [alter, .., owner, to, _]
            if alter.is_word("ALTER") && owner.is_word("OWNER") && to.is_word("TO"));
        let kind = match () {
            () if first.is_word("SET") || first.is_word("SELECT") => CommandKind::Setting,
            () if is_plain || first.is_word("REVOKE") || first.is_word("DO") => CommandKind::Plain,
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
        let last = || self.post_data.iter().filter(|step| step.wave == Wave::Grants);
        let statements = || last().flat_map(|step| &step.step.statements).map(SqlText::as_bytes);
        let hiding: BTreeSet<Vec<u8>> = statements().filter_map(|sql| table_after(sql, "ALTER")).collect();
        let hides = |grant: &EarlyGrant| {
            table_after(grant.sql.as_bytes(), "GRANT").is_some_and(|table| hiding.contains(&table))
        };
        // Policies come as late as grants: nobody reads what they are to hide.
        statements().flat_map(grants_of).filter(|grant| !hides(grant)).collect()
    }
}

/// `ALTER TABLE ONLY a.t ENABLE ROW LEVEL SECURITY`, `GRANT SELECT(n) ON TABLE a.t TO di`: the name as it is written there.
fn table_after(sql: &[u8], command: &str) -> Option<Vec<u8>> {
    let tokens = tokens(sql);
    tokens.first().filter(|first| first.is_word(command))?;
    let at = tokens.iter().position(|token| token.is_word("TABLE"))?;
    let name = tokens[at + 1..].iter().filter(|token| !token.is_word("ONLY"));
    let ends = |token: &&Token<'_>| !["ENABLE", "FORCE", "TO"].iter().any(|word| token.is_word(word));
    Some(name.take_while(ends).flat_map(|token| token.text.iter().copied()).collect())
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
