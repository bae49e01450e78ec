//! A restore as it was typed, for hints that print the next command.

use super::args::{Restore, Selection};
use super::common::{Common, Given};
use crate::command::restore::Typed;

/// All of it but the snapshot, the target and `--create`. What the environment says is there the next time as well.
pub fn restore(common: &Common, args: &Restore) -> Typed {
    // Named one by one: a new switch has to be thought of here.
    let Restore {
        snapshot: _,
        database: _,
        create: _,
        selection,
        map_role,
        no_owner,
        no_acl,
        map_tablespace,
        no_tablespaces,
        search_path,
        load_via_partition_root,
        no_proof,
        jobs,
    } = args;
    let Selection { schemas, exclude_schemas, tables, exclude_tables } = selection;
    let mut switches = Vec::new();
    let lists = [
        ("-n", schemas),
        ("-N", exclude_schemas),
        ("-t", tables),
        ("-T", exclude_tables),
        ("--map-role", map_role),
        ("--map-tablespace", map_tablespace),
    ];
    for (switch, values) in lists {
        switches.extend(values.iter().flat_map(|value| [switch.to_owned(), value.clone()]));
    }
    let flags = [
        ("--no-owner", no_owner),
        ("--no-acl", no_acl),
        ("--no-tablespaces", no_tablespaces),
        ("--load-via-partition-root", load_via_partition_root),
        ("--no-proof", no_proof),
    ];
    switches.extend(flags.iter().filter(|(_, given)| **given).map(|(switch, _)| (*switch).to_owned()));
    switches.extend(search_path.switch());
    if *jobs != Restore::JOBS_DEFAULT {
        switches.extend(["-j".to_owned(), jobs.to_string()]);
    }
    Typed { program: common.program.clone(), common: places(common), switches }
}

/// Repository and keys, as far as they were typed.
fn places(common: &Common) -> Vec<String> {
    let typed = |given| given == Given::Typed;
    let path = |path: &std::path::PathBuf| path.display().to_string();
    let mut words = Vec::new();
    let mut add = |switch: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [switch.to_owned(), value]));
    };
    add("--repo", common.repo.clone().filter(|_| typed(common.repo_given)));
    add("--restore-key", common.restore_key.as_ref().map(path).filter(|_| typed(common.restore_key_given)));
    common.identity.iter().for_each(|identity| add("-i", Some(path(identity))));
    add("--passphrase-file", common.passphrase_file.as_ref().map(path).filter(|_| typed(common.passphrase_file_given)));
    words
}
