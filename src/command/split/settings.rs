//! Settings of the old database in the new one: what the new server does not take is left out and named, and ends no run.

use std::collections::BTreeSet;

use super::holding::at_target;
use crate::command::Error;
use crate::command::restore::{Job, target as destination};
use crate::pg::catalog::hindrances::refused_settings_apart;
use crate::pg::catalog::quote_identifier;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::split_state::{self, Statement};
use crate::pg::target::setting;
use crate::schema::archive::SqlText;
use crate::schema::lexer::{Token, tokens};
use crate::schema::restore::Step;
use crate::schema::statements::statements;
use crate::split::facts::SettingRefused;

/// Takes settings of roles that would be made with them out of `job` where the server has none of that name, or does not take the value.
/// Roles that are there keep theirs.
pub async fn leave_out(target: &Conninfo, job: &mut Job) -> Result<Vec<String>, Error> {
    let pairs = |texts: &[String]| -> Vec<(String, String)> {
        let pairs = texts.iter().filter_map(|text| text.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let of_roles = job.manifest.role_settings.iter().filter(|role| !role.in_database);
    let settings: BTreeSet<(String, String)> = of_roles.flat_map(|role| pairs(&role.settings)).collect();
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    let session = destination::connect_for_maintenance(target).await?;
    let refused = refused_settings_apart(&session, &settings).await.map_err(at_target("trying settings"))?;
    session.close().await.map_err(at_target("the end of the session"))?;
    let mut left = Vec::new();
    for role in job.manifest.role_settings.iter_mut().filter(|role| !role.in_database) {
        let name = role.role.clone();
        role.settings.retain(|text| {
            let Some((setting, value)) = text.split_once('=') else { return true };
            let why = match refused.get(&(setting.to_owned(), value.to_owned())) {
                None => return true,
                Some(SettingRefused::Unknown) => "the server has no such setting".to_owned(),
                Some(SettingRefused::Value(message)) => message.clone(),
                Some(SettingRefused::Denied) => "the connected role may not set it".to_owned(),
            };
            left.push(format!("the setting {setting} of the role {name} was left out: {why}"));
            false
        });
    }
    Ok(left)
}

/// Takes the settings out of the steps that make the database: they are no reason for it not to be made.
pub fn set_apart(steps: &mut [Step]) -> Vec<Statement> {
    let mut apart = Vec::new();
    for text in steps.iter_mut().flat_map(|step| &mut step.statements) {
        let all = statements(&text.to_display());
        let (settings, rest): (Vec<_>, Vec<_>) = all.iter().partition(|statement| label(&statement.sql).is_some());
        if settings.is_empty() {
            continue;
        }
        apart.extend(
            settings
                .iter()
                .filter_map(|statement| Some(Statement { label: label(&statement.sql)?, sql: statement.sql.clone() })),
        );
        let rest: String = rest.iter().map(|statement| format!("{};\n", statement.sql)).collect();
        *text = SqlText::new(rest);
    }
    for step in steps {
        step.statements.retain(|text| !text.is_empty());
    }
    apart
}

/// What of pg_dump's statements on a database is a setting: `ALTER DATABASE d SET x TO 'y'`, `ALTER ROLE r IN DATABASE d SET x TO 'y'`.
fn label(sql: &str) -> Option<String> {
    let tokens = tokens(sql.as_bytes());
    let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(word));
    let (role, at) =
        match (word(0, "ALTER") && word(1, "DATABASE"), word(0, "ALTER") && word(1, "ROLE") && word(3, "IN")) {
            (true, _) => (None, 3),
            (_, true) => (tokens.get(2).and_then(Token::name), 6),
            _ => return None,
        };
    // SET TABLESPACE is none.
    if !word(at, "SET") || word(at + 1, "TABLESPACE") {
        return None;
    }
    let name: Vec<String> =
        tokens[at + 1..].iter().take_while(|token| !token.is_word("TO")).filter_map(Token::name).collect();
    Some(match role {
        None => format!("the setting {} of the database", name.join(".")),
        Some(role) => format!("the setting {} of the role {role} in the database", name.join(".")),
    })
}

/// Gives the session's database what `pg_dump -n` leaves behind: the settings of the old one and of roles in it, and the right of the
/// schemas' owners to make more schemas. Returns what the server did not take.
pub async fn equip(
    session: &Session,
    owners: &BTreeSet<String>,
    job: &Job,
    mut apart: Vec<Statement>,
) -> Result<Vec<String>, Error> {
    let database = quote_identifier(session.conninfo().database());
    let of_database = job.manifest.database.settings.iter().filter_map(|pair| pair.split_once('='));
    apart.extend(of_database.map(|(name, value)| Statement {
        label: format!("the setting {name} of the database"),
        sql: format!("ALTER DATABASE {database} SET {}", setting(name, value)),
    }));
    for in_database in job.manifest.role_settings.iter().filter(|setting| setting.in_database) {
        let role = &in_database.role;
        let pairs = in_database.settings.iter().filter_map(|pair| pair.split_once('='));
        apart.extend(pairs.map(|(name, value)| Statement {
            label: format!("the setting {name} of the role {role} in the database"),
            sql: format!("ALTER ROLE {} IN DATABASE {database} SET {}", quote_identifier(role), setting(name, value)),
        }));
    }
    let failed = || at_target("setting the database up");
    split_state::let_make_schemas(session, owners).await.map_err(failed())?;
    let mut left = BTreeSet::new();
    for statement in &apart {
        if let Some(message) = split_state::set(session, statement).await.map_err(failed())? {
            left.insert(format!("{} was left out: {message}", statement.label));
        }
    }
    Ok(left.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::restore::Transaction;

    #[test]
    fn settings_are_set_apart_from_what_else_is_said_of_a_database() {
        let sql = "ALTER DATABASE \"New; Place\" CONNECTION LIMIT = 7;\nALTER DATABASE \"New; Place\" SET \"a.b\" TO 'x;y';\n\
                   ALTER ROLE \"SET\" IN DATABASE \"New; Place\" SET work_mem TO '1MB';\nALTER DATABASE d SET TABLESPACE t;\n";
        let step = |statements| Step {
            dump_id: 1,
            label: "DATABASE PROPERTIES d".into(),
            statements,
            transaction: Transaction::Allowed,
        };
        let mut steps = vec![step(vec![SqlText::new(sql)]), step(vec![SqlText::new("ALTER DATABASE d SET a TO 'b';")])];
        let apart: Vec<String> = set_apart(&mut steps).into_iter().map(|s| format!("{}: {}", s.label, s.sql)).collect();
        assert_eq!(
            apart,
            [
                "the setting a.b of the database: ALTER DATABASE \"New; Place\" SET \"a.b\" TO 'x;y'",
                "the setting work_mem of the role SET in the database: ALTER ROLE \"SET\" IN DATABASE \"New; Place\" SET work_mem TO '1MB'",
                "the setting a of the database: ALTER DATABASE d SET a TO 'b'",
            ]
        );
        assert_eq!(
            steps[0].statements[0].to_display(),
            "ALTER DATABASE \"New; Place\" CONNECTION LIMIT = 7;\nALTER DATABASE d SET TABLESPACE t;\n"
        );
        assert!(steps[1].statements.is_empty());
    }
}
