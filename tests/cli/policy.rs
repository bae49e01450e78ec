//! `pgkeep run` without a server: which policies are refused, in which words, and whose word counts.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use pgkeep::policy::Policy;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with `nightly.toml`; the program runs in it, without the settings of whoever runs the tests.
struct Place {
    folder: TempDir,
}

const WHOLE: &str = "[source]\ndsn = \"host=/nowhere user=backup dbname=shop\"\n\
                     [repository]\nurl = \"repo\"\nwriter_key = \"keys/writer.key\"\n";

impl Place {
    fn with(policy: impl AsRef<[u8]>) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write("nightly.toml", policy, 0o644);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) {
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn pgkeep(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgkeep"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path()).current_dir(self.folder.path()).args(args);
        command
    }

    /// Runs the policy, as text and with `--json`: both refuse with this code and these words.
    #[track_caller]
    fn assert_refused(&self, args: &[&str], code: i32, text: &str) {
        let args: Vec<&str> = ["run", "nightly.toml"].iter().chain(args).copied().collect();
        let said = self.pgkeep(&args).output().unwrap();
        assert_eq!((told(&said.stderr).as_str(), said.status.code()), (text, Some(code)));
        assert_eq!(told(&said.stdout), "");
        let said = self.pgkeep(&args).arg("--json").output().unwrap();
        assert_eq!((told(&said.stderr).as_str(), said.status.code()), ("", Some(code)));
        let document: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(document["exit_code"], code);
        assert_eq!(format!("pgkeep: {}", document["error"].as_str().unwrap()), text.lines().next().unwrap());
    }

    fn init(&self) {
        let Output { status, stderr, .. } =
            self.pgkeep(&["init", "--repo", "repo", "--keys", "keys"]).output().unwrap();
        assert!(status.success(), "{}", told(&stderr));
    }

    fn outline(&self, command: &mut Command) -> Value {
        // Whatever becomes of the files: the names are what is looked at here.
        let said = command.args(["run", "--check", "nightly.toml", "--json"]).output().unwrap();
        assert!([Some(0), Some(3)].contains(&said.status.code()), "{said:?}");
        serde_json::from_slice(&said.stdout).unwrap()
    }
}

fn told(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_likely_one() {
    Place::with(format!("{WHOLE}[backup]\njbos = 4\n")).assert_refused(
        &[],
        2,
        "pgkeep: the policy nightly.toml cannot be used\n  because: line 7: [backup] has no key `jbos`\n  hint: Did you mean `jobs`?\n",
    );
}

#[test]
fn a_wrong_type_is_named_with_its_line() {
    Place::with(format!("{WHOLE}[backup]\njobs = \"four\"\n")).assert_refused(
        &["--check"],
        2,
        "pgkeep: the policy nightly.toml cannot be used\n  because: line 7: jobs must be a number from 1 to 256, not a string\n",
    );
}

#[test]
fn a_repository_must_be_named_somewhere() {
    Place::with("[source]\ndsn = \"shop\"\n").assert_refused(
        &[],
        2,
        "pgkeep: the policy nightly.toml has no repository\n  \
         hint: Write url = \"file:///path\" or \"s3://bucket/prefix\" under [repository], or use --repo URL or PGKEEP_REPO.\n",
    );
}

#[test]
fn a_password_in_the_connection_string_is_refused_and_not_repeated() {
    Place::with("[source]\ndsn = \"postgresql://backup:hunter2@db/shop\"\n").assert_refused(
        &[],
        2,
        "pgkeep: the policy nightly.toml cannot be used\n  because: line 2: a policy must not contain a password\n  \
         hint: Use a file (password_file), a program that prints it (password_command), ~/.pgpass or PGPASSWORD.\n",
    );
}

#[test]
fn a_policy_that_others_can_write_is_refused() {
    let place = Place::with(WHOLE);
    for (mode, shown) in [(0o664, "664"), (0o646, "646")] {
        place.write("nightly.toml", WHOLE, mode);
        place.assert_refused(
            &["--check"],
            2,
            &format!(
                "pgkeep: other users can write the policy nightly.toml (mode {shown})\n  \
                 hint: It can name a program to run, so only its owner may write it: chmod go-w nightly.toml\n"
            ),
        );
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    Place::with("").assert_refused(
        &[],
        2,
        "pgkeep: the policy nightly.toml cannot be used\n  because: the policy is empty\n  \
         hint: It needs a [source] with dsn and a [repository] at least.\n",
    );
    Place::with(b"[source]\ndsn = \"caf\xe9\"\n").assert_refused(
        &[],
        2,
        "pgkeep: the policy nightly.toml cannot be used\n  because: line 2: it is not UTF-8\n  hint: Save the file as UTF-8.\n",
    );
    let place = Place::with("");
    fs::remove_file(place.path("nightly.toml")).unwrap();
    place.assert_refused(
        &[],
        2,
        "pgkeep: cannot read the policy nightly.toml\n  because: No such file or directory (os error 2)\n",
    );
}

#[test]
fn a_switch_comes_before_the_policy_and_the_policy_before_the_environment() {
    let place = Place::with(WHOLE);
    let environment = [("PGKEEP_REPO", "env-repo"), ("PGKEEP_WRITER_KEY", "env.key"), ("PGKEEP_PG_BIN", "env-bin")];
    let named = |outline: &Value| {
        let name = |key: &str| outline[key].as_str().unwrap().to_owned();
        (name("repository"), name("writer_key"), name("pg_bin"))
    };
    let own = |names: (&str, &str, &str)| (names.0.to_owned(), names.1.to_owned(), names.2.to_owned());
    let outline = place.outline(place.pgkeep(&[]).envs(environment));
    assert_eq!(named(&outline), own(("repo", "keys/writer.key", "env-bin")));

    let switches = ["--repo", "typed-repo", "--writer-key", "typed.key"];
    let outline = place.outline(place.pgkeep(&switches).envs(environment));
    assert_eq!(named(&outline), own(("typed-repo", "typed.key", "env-bin")));

    // After the verb, too.
    let mut after = place.pgkeep(&["run", "nightly.toml", "--check", "--json"]);
    let said = after.envs(environment).args(switches).output().unwrap();
    assert_eq!(named(&serde_json::from_slice(&said.stdout).unwrap()), own(("typed-repo", "typed.key", "env-bin")));

    place.write("nightly.toml", "[source]\ndsn = \"shop\"\n[backup]\npg_bin = \"/own/bin\"\n", 0o600);
    let outline = place.outline(place.pgkeep(&[]).envs(environment));
    assert_eq!(named(&outline), own(("env-repo", "env.key", "/own/bin")));
}

#[test]
fn a_check_says_what_would_be_done_and_does_none_of_it() {
    let place = Place::with(
        "[source]\ndsn = \"host=db.invalid port=6000 user=backup dbname=shop\"\npassword_command = [\"touch\", \"trace\"]\n\
         [selection]\nschemas = [\"core\", \"workspace_*\"]\nexclude_tables = [\"core.log\"]\n\
         [repository]\nurl = \"repo\"\nwriter_key = \"keys/writer.key\"\n[backup]\njobs = 1\nlock_wait_timeout = 0\n",
    );
    place.init();
    let said = place.pgkeep(&["run", "--check", "nightly.toml"]).output().unwrap();
    assert_eq!((told(&said.stderr).as_str(), said.status.code()), ("", Some(0)));
    let expected = "policy      nightly.toml is valid; no connection was made\n\
                    database    shop on db.invalid:6000 as backup\n\
                    password    from password_command touch\n\
                    holds       schemas core, workspace_*; without tables core.log\n\
                    repository  repo\n\
                    writer key  keys/writer.key\n\
                    reading     1 job, zstd level 1, waits for locks forever\n\
                    roles       without password hashes\n\
                    pg_dump     a suitable one on this machine\n";
    assert_eq!(told(&said.stdout), expected);
    let mut names: Vec<_> =
        fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["keys", "nightly.toml", "repo"]);
}

/// Whatever is wrong with a file that the policy names is found before the night.
#[test]
fn a_check_looks_at_the_files_and_keys_that_the_policy_names() {
    let source = |line: &str| WHOLE.replace("[repository]", &format!("{line}\n[repository]"));
    type Harm = fn(&Place);
    let cases: &[(&str, String, Harm, &str)] = &[
        ("sound", WHOLE.into(), |_| {}, ""),
        (
            "no key",
            WHOLE.into(),
            |p| fs::remove_file(p.path("keys/writer.key")).unwrap(),
            "cannot read the key file keys/writer.key",
        ),
        (
            "open key",
            WHOLE.into(),
            |p| fs::set_permissions(p.path("keys/writer.key"), Permissions::from_mode(0o644)).unwrap(),
            "other users can read the key file",
        ),
        (
            "half a key",
            WHOLE.into(),
            |p| p.write("keys/writer.key", "# pgkeep-key: writer\n", 0o600),
            "is not a writer key of pgkeep",
        ),
        (
            "another key",
            WHOLE.into(),
            |p| {
                drop(
                    p.pgkeep(&["init", "--repo", "other", "--keys", "others"])
                        .status()
                        .map(|_| fs::rename(p.path("others/writer.key"), p.path("keys/writer.key")).unwrap()),
                )
            },
            "the key belongs to the repository",
        ),
        (
            "no repository",
            WHOLE.into(),
            |p| fs::rename(p.path("repo"), p.path("away")).unwrap(),
            "there is no repository folder repo",
        ),
        (
            "not mounted",
            WHOLE.into(),
            |p| {
                fs::rename(p.path("repo"), p.path("away")).unwrap();
                fs::create_dir(p.path("repo")).unwrap()
            },
            "the folder repo is empty",
        ),
        (
            "no config",
            WHOLE.into(),
            |p| fs::remove_file(p.path("repo/config")).unwrap(),
            "there is no repository at repo",
        ),
        ("no password file", source("password_file = 'secret'"), |_| {}, "cannot read secret"),
        (
            "open password file",
            source("password_file = 'secret'"),
            |p| p.write("secret", "x", 0o644),
            "other users can read secret",
        ),
        (
            "empty password file",
            source("password_file = 'secret'"),
            |p| p.write("secret", "", 0o600),
            "password_file secret gives no password",
        ),
        ("password file", source("password_file = 'secret'"), |p| p.write("secret", "x", 0o600), ""),
        ("no program", source("password_command = ['no-such-program']"), |_| {}, "cannot run no-such-program"),
        ("no program of ours", source("password_command = ['./ask']"), |_| {}, "cannot run ./ask: entity not found"),
        (
            "a program that may not run",
            source("password_command = ['./ask']"),
            |p| p.write("ask", "", 0o600),
            "cannot run ./ask: permission denied",
        ),
        ("a program", source("password_command = ['./ask']"), |p| p.write("ask", "#!/bin/sh\ntouch trace", 0o700), ""),
        ("no pg_dump", format!("{WHOLE}[backup]\npg_bin = 'bin'\n"), |_| {}, "bin/pg_dump does not exist"),
    ];
    for (case, policy, harm, expected) in cases {
        let place = Place::with(policy);
        place.init();
        harm(&place);
        let said = place.pgkeep(&["run", "--check", "nightly.toml"]).output().unwrap();
        let text = told(&said.stdout);
        assert_eq!(said.status.code(), Some(if expected.is_empty() { 0 } else { 3 }), "{case}: {said:?}");
        assert_eq!(text.contains("\nPROBLEM: "), !expected.is_empty(), "{case}: {text}");
        assert!(text.contains(expected), "{case}: {text}");
        assert_eq!(text.contains("cannot be run: 1 problem"), !expected.is_empty(), "{case}: {text}");
        assert!(!place.path("trace").exists(), "{case}: the program was run");
        let said = place.pgkeep(&["run", "--check", "nightly.toml", "--json"]).output().unwrap();
        let document: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(
            document["problems"].as_array().unwrap().len(),
            usize::from(!expected.is_empty()),
            "{case}: {document}"
        );
    }
}

#[test]
fn without_a_password_nothing_is_connected_to() {
    let source = |line: &str| WHOLE.replace("[repository]", &format!("{line}\n[repository]"));
    let place = Place::with(source("password_file = \"secret\""));
    place.init();
    place.write("secret", "hunter2\n", 0o640);
    place.assert_refused(
        &[],
        2,
        "pgkeep: cannot get the password for the source database\n  because: other users can read secret (mode 640)\n  \
         hint: chmod 600 secret\n",
    );
    place.write("secret", "hunter2\nhunter3\n", 0o600);
    place.assert_refused(
        &[],
        2,
        "pgkeep: cannot get the password for the source database\n  because: password_file secret gives more than one line\n  \
         hint: It must be one line with only the password.\n",
    );
    place.write("nightly.toml", source("password_command = [\"false\"]"), 0o600);
    place.assert_refused(
        &[],
        2,
        "pgkeep: cannot get the password for the source database\n  because: false failed: exit status: 1\n  \
         hint: Its own messages are on standard error.\n",
    );
    place.write("nightly.toml", source("password_command = [\"no-such-program\"]"), 0o600);
    place.assert_refused(
        &[],
        2,
        "pgkeep: cannot get the password for the source database\n  because: cannot run no-such-program\n  \
         because: No such file or directory (os error 2)\n  \
         hint: password_command is a list of a program and its arguments, without a shell; [\"sh\", \"-c\", \"...\"] runs one.\n",
    );
    // With a password it goes on, to the server that is not there.
    place.write("nightly.toml", source("password_command = [\"echo\", \"hunter2\"]"), 0o600);
    assert_eq!(place.pgkeep(&["run", "nightly.toml"]).output().unwrap().status.code(), Some(4));
}

/// A program may leave an agent behind that holds its output: the password is there all the same.
#[test]
fn what_a_password_command_leaves_behind_is_not_waited_for() {
    let source = "[source]\ndsn = \"host=/nowhere user=backup dbname=shop\"\n\
                  password_command = [\"sh\", \"-c\", \"sleep 300 2>/dev/null & echo $! > agent; echo hunter2\"]\n\
                  [repository]\nurl = \"repo\"\nwriter_key = \"keys/writer.key\"\n";
    let place = Place::with(source);
    place.init();
    place.write("nightly.toml", source, 0o600);
    let began = Instant::now();
    let said = place.pgkeep(&["run", "nightly.toml"]).output().unwrap();
    // It had to log in with the password: nobody is there.
    assert_eq!(said.status.code(), Some(4), "{}", told(&said.stderr));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let agent = fs::read_to_string(place.path("agent")).unwrap();
    let agent = Pid::from_raw(agent.trim().parse().unwrap()).unwrap();
    assert_eq!(kill_process(agent, Signal::TERM), Ok(()), "what it left on purpose goes on");
}

/// `timeout` signals the process and then its group; a service manager and a terminal may both have their say.
#[test]
fn two_signals_right_after_each_other_are_one_request() {
    for signals in ["TERM INT", "INT TERM"] {
        let script: String = signals.split(' ').map(|signal| format!("kill -{signal} $PPID; ")).collect();
        let source = format!(
            "[source]\ndsn = \"host=/nowhere user=backup dbname=shop\"\n\
             password_command = [\"sh\", \"-c\", \"{script} exec sleep 25\"]\n\
             [repository]\nurl = \"repo\"\nwriter_key = \"keys/writer.key\"\n"
        );
        let place = Place::with(&source);
        place.init();
        place.write("nightly.toml", &source, 0o600);
        let said = place.pgkeep(&["run", "nightly.toml", "--quiet"]).output().unwrap();
        assert_eq!(
            (said.status.code(), told(&said.stderr).as_str()),
            (Some(130), "pgkeep: interrupted\n"),
            "{signals}"
        );
    }
}

#[test]
fn a_writer_key_must_be_named_somewhere() {
    let place = Place::with("[source]\ndsn = \"shop\"\n[repository]\nurl = \"repo\"\n");
    let said = place.pgkeep(&["run", "nightly.toml"]).output().unwrap();
    assert_eq!(said.status.code(), Some(6));
    assert!(told(&said.stderr).starts_with("pgkeep: no writer key was given\n"), "{said:?}");
}

#[test]
fn every_policy_of_the_project_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let policies: Vec<&PathBuf> = files.iter().filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    assert!(policies.len() >= 2, "{policies:?}");
    for path in policies {
        let policy = Policy::parse(&fs::read(path).unwrap(), &folder);
        let policy = policy.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(policy.repository.is_some() && policy.writer_key.is_some(), "{}", path.display());
    }
}
