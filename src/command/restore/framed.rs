//! Steps that may run code of users, as their owners.

use std::collections::BTreeSet;

use crate::command::some::some_of;
use crate::pg;
use crate::pg::frame::{Ability, Frame, Lend, Rights, SEARCH_PATH};
use crate::schema::archive::SqlText;
use crate::schema::restore::{ActsAs, CommandKind, Step, commands};

/// The steps, all of which the same role is to run, as one message; none where they are the operator's to run, or the session can make no
/// frame. `settings` are the session's. One step is run command by command, so that code which a definition runs cannot take the place of the next one.
pub fn framed(steps: &[Step], settings: &[u8], ability: Ability, rights: Rights) -> Option<Vec<u8>> {
    let acting: Vec<&ActsAs> = steps.iter().filter_map(|step| step.acts_as.as_ref()).collect();
    let first = acting.first().filter(|_| ability.temporary)?;
    let lends: BTreeSet<Lend> = acting.iter().flat_map(|acts_as| lends(acts_as)).collect();
    let lends: Vec<Lend> = lends.into_iter().collect();
    let borrows: Vec<_> = acting.iter().flat_map(|acts_as| acts_as.borrows.clone()).collect();
    let frame = |statements: &[&[u8]], definitions| {
        let frame =
            Frame { role: first.role.as_deref(), rights, lends: &lends, borrows: &borrows, statements, definitions };
        [&*frame.sql(), settings, SEARCH_PATH.as_bytes()].concat()
    };
    let commands: Vec<(CommandKind, &[u8])> =
        steps.iter().flat_map(|step| &step.statements).map(SqlText::as_bytes).flat_map(commands).collect();
    if steps.len() > 1 {
        let framed: Vec<&[u8]> = commands.iter().map(|(_, sql)| *sql).collect();
        let definitions = commands.iter().filter(|(kind, _)| *kind != CommandKind::Setting).count();
        return Some(frame(&framed, definitions));
    }
    let (mut message, mut set) = (Vec::new(), Vec::new());
    for (kind, sql) in commands {
        match kind {
            CommandKind::Setting => set.push(sql),
            CommandKind::Definition => {
                let statements: Vec<&[u8]> = set.iter().copied().chain([sql]).collect();
                message.extend(frame(&statements, 1));
            }
            CommandKind::Plain => message.extend([sql, b";\n"].concat()),
        }
    }
    Some(message)
}

fn lends(acts_as: &ActsAs) -> Vec<Lend> {
    let names = acts_as.uses.iter().cloned().map(Lend::Names);
    let make = acts_as.makes_in.iter().cloned().map(Lend::Make);
    let servers = acts_as.servers.iter().cloned().map(Lend::Server);
    let calls = acts_as.calls.iter().cloned().map(Lend::Trigger);
    let tablespaces = acts_as.tablespaces.iter().cloned().map(Lend::Tablespace);
    let to = |role: &String| {
        acts_as.uses.iter().map(|schema| Lend::NamesTo(schema.clone(), role.clone())).collect::<Vec<_>>()
    };
    let others = acts_as.also.iter().flat_map(to);
    let refers_to = acts_as.refers_to.iter().cloned().map(Lend::Reference);
    names.chain(make).chain(servers).chain(calls).chain(tablespaces).chain(others).chain(refers_to).collect()
}

/// How a step goes on that was refused as its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// It meets no code: as the restorer.
    Restorer,
    /// With the rights of all ordinary roles, in a frame: what the owner lacks may be granted later, or never was its own.
    AllOrdinary,
}

/// None where the refusal stands: it was not for want of a privilege, or there is nobody to turn to.
pub fn onward(step: &Step, error: &pg::Error, ability: Ability) -> Option<Onward> {
    let acts_as =
        step.acts_as.as_ref().filter(|_| error.sqlstate() == Some(INSUFFICIENT_PRIVILEGE) && ability.temporary)?;
    // Code can say that it lacks a privilege, so that a superuser's are kept for what has no code at all.
    match ability.superuser {
        false => Some(Onward::Restorer),
        true if acts_as.or_restorer && acts_as.is_routine => Some(Onward::Restorer),
        true => acts_as.role.is_some().then_some(Onward::AllOrdinary),
    }
}

pub const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// So many names a warning has at most.
const NAMES_MAX: usize = 10;

/// None for no steps. They are named by their labels.
pub fn told_of_all_rights(mut labels: Vec<String>) -> Option<String> {
    labels.sort_unstable();
    let names = some_of(&labels, NAMES_MAX)?;
    Some(format!("the owner's privileges were not enough, so the code ran with those of all ordinary roles: {names}"))
}

/// A command of a superuser that defines nothing, and for which the server runs code as its owner.
pub fn guarded(command: &str, settings: &[u8]) -> Vec<u8> {
    let statements = [command.as_bytes()];
    let frame =
        Frame { role: None, rights: Rights::Own, lends: &[], borrows: &[], statements: &statements, definitions: 0 };
    [&*frame.sql(), settings, SEARCH_PATH.as_bytes()].concat()
}
