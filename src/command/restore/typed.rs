//! Commands that a hint prints. Each works as it stands, in the shell that the restore was typed in; there is none where a terminal would
//! not show it as it is.

use super::Creation;
use crate::command::typed::{can_be_copied, word};
use crate::pg::catalog::{quote_identifier, quote_literal};
use crate::pg::conninfo::Conninfo;
use crate::pg::target::comes_with_servers;

/// How a restore was asked for, but for its snapshot, its target and `--create`.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// As it was called.
    pub program: String,
    /// Switches that lead to the repository and its keys.
    pub common: Vec<String>,
    /// Those of the verb.
    pub switches: Vec<String>,
}

impl Typed {
    pub fn restore(&self, snapshot: &str, target: &Conninfo, creation: Creation) -> Option<String> {
        let mut words = vec![self.program.as_str(), "restore", snapshot];
        if creation == Creation::Create {
            words.push("--create");
        }
        let target = target.written_again();
        words.extend(["-d", &target]);
        line(words.into_iter().chain(self.switches.iter().chain(&self.common).map(String::as_str)))
    }

    pub fn verify(&self, snapshot: &str, against: &Conninfo) -> Option<String> {
        let against = against.written_again();
        let words = [self.program.as_str(), "verify", snapshot, "--against", &against];
        line(words.into_iter().chain(self.common.iter().map(String::as_str)))
    }

    /// The restore into a new database, between its backquotes, with what has to be known of it.
    pub fn restore_beside(&self, snapshot: &str, beside: &Conninfo) -> Option<String> {
        let command = self.restore(snapshot, beside, Creation::Create)?;
        Some(format!("`{command}`{}", without_password(beside)))
    }
}

/// What a command lacks, for the end of a hint.
pub fn without_password(target: &Conninfo) -> &'static str {
    if target.has_typed_password() { " (the password is not printed: use PGPASSWORD or a password file)" } else { "" }
}

/// The server's own client drops the database from another one, as it must, whoever is still connected. Never one that servers come with.
pub fn drop_database(target: &Conninfo, from: &str) -> Option<String> {
    if comes_with_servers(target.database()) {
        return None;
    }
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_identifier(target.database()));
    line(["psql", "-d", &target.with_database(from).written_again(), "-c", &sql])
}

/// A database cannot be dropped while it has them. Their slots are those of the original, and stay.
pub fn drop_subscriptions(target: &Conninfo, names: &[String]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| quote_literal(name)).collect();
    let body = format!(
        "DECLARE s name; BEGIN FOR s IN SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid \
         WHERE datname = current_database() AND subname IN ({}) LOOP \
         EXECUTE format($f$ALTER SUBSCRIPTION %I DISABLE$f$, s); \
         EXECUTE format($f$ALTER SUBSCRIPTION %I SET (slot_name = NONE)$f$, s); \
         EXECUTE format($f$DROP SUBSCRIPTION %I$f$, s); END LOOP; END",
        names.join(", ")
    );
    line(["psql", "-d", &target.written_again(), "-c", &format!("DO {}", quote_literal(&body))])
}

/// For an administrator, at the prompt of a client: the database as it was given to the role.
pub fn remake_database(target: &Conninfo) -> Option<String> {
    let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE);", quote_identifier(target.database()));
    Some(format!("{drop} {}", make_database(target)?))
}

pub fn make_database(target: &Conninfo) -> Option<String> {
    let [database, user] = [target.database(), target.user()].map(quote_identifier);
    Some(format!("CREATE DATABASE {database} OWNER {user};")).filter(|sql| can_be_copied(sql))
}

fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let line = words.into_iter().map(word).collect::<Vec<_>>().join(" ");
    Some(line).filter(|line| can_be_copied(line))
}
