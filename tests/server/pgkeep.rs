//! The program as its user meets it: started with arguments, judged by its exit code and by what it writes.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use rustix::fs::{StatVfsMountFlags, statvfs};
use serde_json::Value;
use tempfile::TempDir;

/// The binary, without the settings of whoever runs the tests: no `PG*`, no `PGKEEP_*`, no password file.
pub fn pgkeep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgkeep"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("PGPASSFILE", "/nonexistent/pgpass").env("PGSERVICEFILE", "/nonexistent/service").env("LC_ALL", "C");
    // What splits remember; not in the home of whoever runs the tests.
    command.env("PGKEEP_STATE", concat!(env!("CARGO_TARGET_TMPDIR"), "/split-state"));
    command.env("PGKEEP_TMPDIR", base());
    command
}

/// Free bytes of the file system in memory, and of memory, above which the tests work there.
const ROOM_BYTES: u64 = 4 << 30;

/// Where the tests make their folders and clusters: in memory where there is room, because most of them would wait for the disk and
/// prove nothing by it. `PGKEEP_TEST_FOLDER` names another place.
pub fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let in_memory = Path::new("/dev/shm");
        let usual = if has_room(in_memory) { in_memory } else { Path::new("/tmp") };
        std::env::var_os("PGKEEP_TEST_FOLDER").map_or_else(|| usual.to_owned(), PathBuf::from)
    })
}

fn has_room(folder: &Path) -> bool {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available =
        meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.strip_suffix("kB")?.trim().parse().ok());
    let is_free = |bytes: u64| bytes >= ROOM_BYTES;
    // Tests write scripts and run them.
    statvfs(folder).is_ok_and(|of| is_free(of.f_bavail * of.f_frsize) && !of.f_flag.contains(StatVfsMountFlags::NOEXEC))
        && available.is_some_and(|kilobytes: u64| is_free(kilobytes * 1024))
        && tempfile::tempdir_in(folder).is_ok()
}

/// A repository and its two keys, in a folder that goes with it.
pub struct Repo {
    folder: TempDir,
    root: PathBuf,
}

impl Repo {
    /// Made by `pgkeep init`.
    pub fn new() -> Self {
        let folder = folder();
        let root = folder.path().join("repo");
        Self::init(folder, root)
    }

    /// The same, in a folder of the caller's; the keys stay apart.
    #[allow(dead_code, reason = "the tests without a server have no use for it")]
    pub fn in_folder(outer: &Path) -> Self {
        Self::init(folder(), outer.join("repo"))
    }

    fn init(folder: TempDir, root: PathBuf) -> Self {
        let mut init = pgkeep();
        init.arg("init").arg("--repo").arg(&root).arg("--keys").arg(folder.path().join("keys"));
        let said = Said::of(&mut init);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""));
        Self { folder, root }
    }

    /// Where the objects lie.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn writer_key(&self) -> PathBuf {
        self.folder.path().join("keys/writer.key")
    }

    pub fn restore_key(&self) -> PathBuf {
        self.folder.path().join("keys/restore.key")
    }

    /// The program with this repository and its writer key.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = pgkeep();
        command.arg("--repo").arg(&self.root).arg("--writer-key").arg(self.writer_key()).args(args);
        command
    }

    /// What a command that succeeds prints with `--json`.
    #[track_caller]
    pub fn json<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        let said = Said::of(self.command(args).arg("--json"));
        assert_eq!(said.code, 0, "{said:?}");
        said.document()
    }
}

#[allow(dead_code, reason = "the tests without a server restore nothing")]
impl Repo {
    /// `pgkeep restore`, with the restore key.
    pub fn restore<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = pgkeep();
        command.arg("--repo").arg(&self.root).arg("--restore-key").arg(self.restore_key()).arg("restore").args(args);
        command
    }

    /// What a restore that succeeds prints with `--json`.
    #[track_caller]
    pub fn restored<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        let said = Said::of(self.restore(args).arg("--json"));
        assert_eq!(said.code, 0, "{said:?}");
        said.document()
    }
}

/// A folder that every account may enter.
pub fn folder() -> TempDir {
    folder_in(base())
}

/// The same where the file system is what a test is about.
#[allow(dead_code, reason = "the tests without a server have no use for it")]
pub fn folder_on_disk() -> TempDir {
    folder_in(Path::new("/tmp"))
}

fn folder_in(base: &Path) -> TempDir {
    let folder = tempfile::Builder::new().prefix("pgkeep-test-").tempdir_in(base).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Writes a program. Another process does: of what this one has open for writing, a process that another test begins in that moment
/// has a copy, and the system runs no program that somebody may still write to (ETXTBSY).
pub fn executable(path: &Path, content: &[u8]) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("a shell runs");
    shell.stdin.take().unwrap().write_all(content).unwrap();
    assert!(shell.wait().unwrap().success(), "{}", path.display());
}

/// How a run ended.
#[derive(Debug)]
pub struct Said {
    /// -1 where a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Said {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("pgkeep writes UTF-8");
        Self { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Said {
    pub fn of(command: &mut Command) -> Self {
        command.output().expect("pgkeep runs").into()
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the command as it is and with `--json`, and holds both to the same `code` and words: `text` on standard error,
/// then its parts in one document on standard output.
#[track_caller]
pub fn assert_refused(command: &mut Command, code: i32, text: &str) {
    let said = Said::of(command.arg("--quiet"));
    assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{said:?}");
    assert_eq!(said.stderr, text);

    // What is wrong goes to standard error whatever the form, where nobody wants progress.
    let said = Said::of(command.arg("--json"));
    assert_eq!((said.code, said.stderr.as_str()), (code, text), "{said:?}");
    let told = said.document();
    let mut again = format!("pgkeep: {}\n", told["error"].as_str().unwrap());
    for cause in told["causes"].as_array().unwrap() {
        again += &format!("  because: {}\n", cause.as_str().unwrap());
    }
    if let Some(hint) = told["hint"].as_str() {
        again += &format!("  hint: {hint}\n");
    }
    assert_eq!(again, text);
    assert_eq!(told["exit_code"], code);
    assert_eq!(told.as_object().unwrap().len(), 4, "{told}");
}
