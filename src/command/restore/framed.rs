//! Steps that may run code of users, as their owners.

use std::collections::BTreeSet;

use crate::pg::frame::Frame;
use crate::schema::archive::SqlText;
use crate::schema::restore::{ActsAs, CommandKind, Step, commands};

/// The steps, all of which the same role is to run, as one message; none where they are the operator's to run. `settings` are the
/// session's. One step is run command by command, so that code which a definition runs cannot take the place of the next one.
pub fn framed(steps: &[Step], settings: &[u8]) -> Option<Vec<u8>> {
    let acting: Vec<&ActsAs> = steps.iter().filter_map(|step| step.acts_as.as_ref()).collect();
    let first = acting.first()?;
    let all = |schemas: fn(&ActsAs) -> &Vec<String>| -> Vec<String> {
        let distinct: BTreeSet<&String> = acting.iter().flat_map(|acts_as| schemas(acts_as)).collect();
        distinct.into_iter().cloned().collect()
    };
    let (uses, makes_in) = (all(|acts_as| &acts_as.uses), all(|acts_as| &acts_as.makes_in));
    let borrows: Vec<_> = acting.iter().flat_map(|acts_as| acts_as.borrows.clone()).collect();
    let frame = |statements: &[&[u8]], definitions| {
        let frame = Frame {
            role: first.role.as_deref(),
            uses: &uses,
            makes_in: &makes_in,
            borrows: &borrows,
            statements,
            definitions,
        };
        [&*frame.sql(), settings].concat()
    };
    let commands: Vec<(CommandKind, &[u8])> =
        steps.iter().flat_map(|step| &step.statements).map(SqlText::as_bytes).flat_map(commands).collect();
    if steps.len() > 1 {
        let definitions = commands.iter().filter(|(kind, _)| *kind != CommandKind::Setting).count();
        return Some(frame(&commands.iter().map(|(_, sql)| *sql).collect::<Vec<_>>(), definitions));
    }
    let (mut message, mut set) = (Vec::new(), Vec::new());
    for (kind, sql) in commands {
        match kind {
            CommandKind::Setting => set.push(sql),
            CommandKind::Definition => {
                let statements: Vec<&[u8]> = set.iter().copied().chain([sql]).collect();
                message.extend(frame(&statements, 1));
            }
            CommandKind::Owner => message.extend([sql, b";\n"].concat()),
        }
    }
    Some(message)
}

/// A command that defines nothing, and for which the server runs code as its owner.
pub fn guarded(command: &str, settings: &[u8]) -> Vec<u8> {
    let statements = [command.as_bytes()];
    let frame =
        Frame { role: None, uses: &[], makes_in: &[], borrows: &[], statements: &statements, definitions: 0 };
    [&*frame.sql(), settings].concat()
}
