//! Whether what a hook runs is there: as far as its first word says.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Hook;

/// What the first word of a hook leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    Found,
    /// The shell knows it itself, or it is more than a word.
    OfTheShell,
    Missing(String),
    NotExecutable(PathBuf),
}

/// What a shell does without a program, and what begins something longer.
const SHELL_WORDS: [&str; 45] = [
    "!", "(", ".", ":", "[", "alias", "bg", "case", "cd", "command", "echo", "eval", "exec", "exit", "export", "false",
    "fc", "fg", "for", "getopts", "hash", "if", "jobs", "kill", "local", "printf", "pwd", "read", "readonly", "return",
    "set", "shift", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "until", "wait",
    "while", "{",
];

impl Hook {
    /// Runs nothing. A relative name is that of this process's folder, in which the hook will run.
    pub fn program(&self) -> Program {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        look_for(&self.command, &folders)
    }
}

fn look_for(command: &str, folders: &[PathBuf]) -> Program {
    let is_variable = |word: &&str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    if command.split_whitespace().take_while(is_variable).any(|word| word.starts_with("PATH=")) {
        return Program::OfTheShell;
    }
    let Some(word) = command.split_whitespace().find(|word| !is_variable(word)) else { return Program::OfTheShell };
    let word = word.trim_end_matches(';');
    // What the shell would still change is not guessed at.
    let plain = word.chars().all(|c| c.is_alphanumeric() || "/._-+@:,%".contains(c));
    if !plain || SHELL_WORDS.contains(&word) {
        return Program::OfTheShell;
    }
    if word.contains('/') {
        return match executable(Path::new(word)) {
            None => Program::Missing(word.to_owned()),
            Some(false) => Program::NotExecutable(word.into()),
            Some(true) => Program::Found,
        };
    }
    match folders.iter().any(|folder| executable(&folder.join(word)) == Some(true)) {
        true => Program::Found,
        false => Program::Missing(word.to_owned()),
    }
}

/// None where there is no such file.
fn executable(path: &Path) -> Option<bool> {
    let metadata = path.metadata().ok().filter(|metadata| metadata.is_file())?;
    Some(metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_looked_for_where_the_shell_would() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good.sh"), folder.path().join("bad.sh"));
        std::fs::write(&good, "").unwrap();
        std::fs::write(&bad, "").unwrap();
        std::fs::set_permissions(&good, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(&bad, std::fs::Permissions::from_mode(0o644)).unwrap();
        let folders = [folder.path().to_owned()];
        let look = |command: &str| look_for(command, &folders);
        let missing = |word: &str| Program::Missing(word.into());
        assert_eq!(look("good.sh now"), Program::Found);
        assert_eq!(look(&format!("A=1 B_2='x' {} now", good.display())), Program::Found);
        assert_eq!(look(&format!("{} now", bad.display())), Program::NotExecutable(bad));
        assert_eq!(look("bad.sh"), missing("bad.sh"));
        assert_eq!(look("no-such-command --now; true"), missing("no-such-command"));
        assert_eq!(look("/nonexistent/x.sh"), missing("/nonexistent/x.sh"));
        for shell in [
            "cd /srv && ./x",
            "ulimit -n 9; x",
            "PATH=/srv/bin x",
            "if true; then x; fi",
            "$HOME/x.sh",
            "\"a b\" c",
            "(x)",
            "",
            "true;",
        ] {
            assert_eq!(look(shell), Program::OfTheShell, "{shell}");
        }
    }
}
