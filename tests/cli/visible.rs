//! No name moves a terminal: whatever a database, a path or a file holds, what is written has letters and line ends in it.

use std::process::Command;

use crate::interleave::{World, back_up};
use crate::pgkeep::Said;

/// A title, a bell, a colour by the one-byte CSI, a line that looks like ours, and marks that turn the writing.
const HOSTILE: &str = "sh\u{1b}]0;gone\u{7}op\u{9b}31m\r\nerror: nothing\u{202e}\u{2028}\u{8}";

fn assert_tame(what: &str, text: &str) {
    let obeyed =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let found: Vec<char> = text.chars().filter(|c| obeyed(*c)).collect();
    assert!(found.is_empty(), "{what} writes {found:?}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: nothing")), "{what} has a line of its own: {text}");
}

#[test]
fn no_name_reaches_the_terminal_as_it_is() {
    let mut world = World::new();
    world.database = HOSTILE.to_owned();
    back_up(&mut world, [1, 2]);
    let repo = &world.repo;
    let policy = repo.root().with_file_name("nightly.toml");
    let text = format!(
        "source.dsn = \"host=/nonexistent user=u dbname=x\"\nrepository.url = {:?}\nbackup.pg_bin = {HOSTILE:?}\nselection.tables = [{HOSTILE:?}]\n",
        repo.root()
    );
    // TOML spells them its own way.
    let text = text.replace("\\u{1b}", "\\u001b").replace("\\u{7}", "\\u0007").replace("\\u{9b}", "\\u009b");
    let text = text.replace("\\u{202e}", "\\u202e").replace("\\u{2028}", "\\u2028").replace("\\u{8}", "\\u0008");
    std::fs::write(&policy, text).unwrap();
    let policy = policy.to_str().unwrap();
    let latest = format!("latest:{HOSTILE}");
    let dsn = format!("postgresql://u@localhost:1/{}", HOSTILE.replace('%', "%25").replace(' ', "%20"));
    let commands: &[&[&str]] = &[
        &["list"],
        &["show", "latest"],
        &["show", &latest],
        &["show", &latest[..20]],
        &["show", HOSTILE],
        &["verify"],
        &["verify", "latest"],
        &["prune", "--keep-last", "1", "--dry-run"],
        &["prune", "--keep-last", "1"],
        &["restore", "latest", "-d", &dsn],
        &["restore", HOSTILE, "-d", &dsn],
        &["backup", "-d", &dsn],
        &["backup", "-d", HOSTILE],
        &["backup", "-d", "x", "-n", HOSTILE],
        &["backup", "-d", "x", "-t", &format!("a.b.{HOSTILE}")],
        &["run", "--check", policy],
        &["run", policy],
        &["run", HOSTILE],
        &["key", "list"],
        &["key", "add-recipient", HOSTILE],
        &["list", "--repo", HOSTILE],
        &["list", "--writer-key", HOSTILE],
        &["split", "--plan", "--schemas", HOSTILE, "--from", &dsn, "--to", &dsn],
        // What the grammar refuses.
        &[HOSTILE],
        &["backup", &format!("--{HOSTILE}")],
        &["backup", "-j", HOSTILE],
        &["show", "a", HOSTILE],
    ];
    for args in commands {
        for form in [&[][..], &["--json"], &["-q"], &["-q", "--json"]] {
            let mut command = pgkeep_at(&world, args);
            let said = Said::of(command.args(form).env("TZ", "UTC"));
            for (stream, text) in [("standard output", &said.stdout), ("standard error", &said.stderr)] {
                assert_tame(&format!("{args:?} {form:?} on {stream}"), text);
            }
            // Escaped, and still the name.
            if form.contains(&"--json") {
                assert!(said.document().is_object() || said.document().is_array());
            }
        }
    }
    assert_eq!(world.repo.json(["list"])[0]["database"], HOSTILE);
}

fn pgkeep_at(world: &World, args: &[&str]) -> Command {
    let mut command = crate::pgkeep::pgkeep();
    command.env("PGKEEP_REPO", world.repo.root()).env("PGKEEP_WRITER_KEY", world.repo.writer_key());
    if args[0] != "key" {
        command.env("PGKEEP_RESTORE_KEY", world.repo.restore_key());
    }
    command.args(args);
    command
}
