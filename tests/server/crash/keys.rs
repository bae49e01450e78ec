//! Keys that are exchanged by a program that is killed: the writer key and the restore key, in turns that nobody foresees.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::pgkeep::{folder, pgkeep};

/// Which key is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    Writer,
    Restore,
}

/// From when on the moment counts, as a fraction of a whole run or, where it is near the end, of a tenth of one.
#[derive(Clone, Copy, Debug)]
enum Since {
    Start,
    /// The new key lies on disk.
    Key,
    /// The new keyring is there.
    Keyring,
}

/// A repository whose keys are exchanged all the time.
struct Office {
    site: Site,
    folder: tempfile::TempDir,
    /// The restore keys that there were; the last one is in force.
    restore: Vec<PathBuf>,
}

impl Office {
    fn open() -> Self {
        let site = Site::of("CREATE TABLE note AS SELECT n, md5(n::text) AS word FROM generate_series(1, 1000) n");
        let mut office = Self { site, folder: folder(), restore: Vec::new() };
        office.begin_anew();
        office
    }

    /// With a new repository: every record of a long line of keys is read again and again.
    fn begin_anew(&mut self) {
        (self.site.repo, self.folder) = (Repo::new(), folder());
        self.restore = vec![self.site.repo.restore_key()];
        self.site.snapshots.clear();
        self.site.backup();
    }

    fn newest(&self) -> &Path {
        self.restore.last().unwrap()
    }

    fn next(&self) -> PathBuf {
        self.folder.path().join(format!("restore-{}.key", self.restore.len()))
    }

    fn with(&self, restore: &Path, args: &[&str]) -> Command {
        let mut command = pgkeep();
        command.arg("--repo").arg(self.site.repo.root()).arg("--restore-key").arg(restore).args(args);
        command
    }

    fn command(&self, exchange: Exchange) -> Command {
        match exchange {
            Exchange::Writer => {
                let mut command = self.with(self.newest(), &["key", "rotate", "--writer-key"]);
                command.arg(self.site.repo.writer_key());
                command
            }
            Exchange::Restore => {
                let mut command = self.with(self.newest(), &["key", "rotate-restore", "-o"]);
                command.arg(self.next());
                command
            }
        }
    }

    fn keyrings(&self) -> usize {
        fs::read_dir(self.site.repo.root().join("records/keyring")).map_or(0, Iterator::count)
    }

    fn beside(&self) -> PathBuf {
        self.site.repo.writer_key().with_extension("key.new")
    }

    fn killed(&self, exchange: Exchange, since: Since, moment: Duration) -> Ended {
        let (keyrings, new) = (self.keyrings(), [self.next(), self.beside()]);
        let is_come = || match since {
            Since::Start => true,
            Since::Key => new.iter().any(|new| new.exists()),
            Since::Keyring => self.keyrings() > keyrings,
        };
        let mut child = self.command(exchange).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !is_come() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        std::thread::sleep(moment);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() || status.signal() == Some(9), "{exchange:?} {since:?}: {status}");
        if status.success() { Ended::Finished } else { Ended::Killed }
    }

    #[track_caller]
    fn told(&self, mut command: Command) -> Value {
        let said = Said::of(command.arg("--json"));
        assert_eq!(said.code, 0, "{command:?}: {said:?}");
        said.document()
    }

    /// What a backup with this key file says before it would ask a server: exit code 4 where it may write.
    fn may_write(&self, writer: &Path) -> Said {
        let mut command = pgkeep();
        command.args(["backup", "-q", "-d", "host=/nonexistent dbname=shop user=me", "--repo"]);
        Said::of(command.arg(self.site.repo.root()).arg("--writer-key").arg(writer))
    }

    /// Which restore key is in force, as the last one says itself: it opens every byte, and `key list` and `verify` say the same of it
    /// with every key.
    fn in_force(&self) -> PathBuf {
        let listed = self.told(self.with(self.newest(), &["key", "list"]));
        assert!(listed.get("warnings").is_none(), "{listed}");
        let with_writer = self.site.repo.json(["verify"]);
        assert_eq!((&with_writer["ok"], &with_writer["findings"]), (&json!(true), &json!([])), "{with_writer}");
        if listed.get("replaced").is_none() {
            self.assert_reads(self.newest());
            return self.newest().to_owned();
        }
        let verified = self.told(self.with(self.newest(), &["verify"]));
        assert!(verified["warnings"].to_string().contains("was replaced"), "{listed} {verified}");
        let of_new = self.told(self.with(&self.next(), &["key", "list"]));
        assert_eq!(of_new["keyring"], listed["replaced"]["keyring"], "{listed} {of_new}");
        assert!(of_new.get("replaced").is_none() && of_new.get("warnings").is_none(), "{of_new}");
        self.assert_reads(&self.next());
        self.next()
    }

    /// The key opens every byte, of what the writers of all days have stored, and nothing says that it was replaced.
    fn assert_reads(&self, restore: &Path) {
        let report = self.told(self.with(restore, &["verify", "--read-data"]));
        assert_eq!((&report["ok"], &report["depth"]), (&json!(true), &json!("plaintext")), "{report}");
        assert_eq!(report["snapshots_checked"], self.site.snapshots.len(), "{report}");
        assert_eq!(report["warnings"], json!([]), "{report}");
    }

    /// What holds after any kill. Returns whether the keyring says already what the command was to say.
    fn assert_sound(&self, exchange: Exchange, writer_before: &[u8]) -> bool {
        let in_force = self.in_force();
        let writer = self.site.repo.writer_key();
        let said = self.may_write(&writer);
        match exchange {
            Exchange::Restore => {
                assert_eq!(said.code, 4, "{said:?}");
                in_force != self.newest()
            }
            Exchange::Writer if said.code == 4 => fs::read(&writer).unwrap() != writer_before,
            Exchange::Writer => {
                assert!(said.code == 6 && said.stderr.contains("a rotation that did not finish"), "{said:?}");
                let said = self.may_write(&self.beside());
                assert_eq!(said.code, 4, "{said:?}");
                true
            }
        }
    }

    /// The same command once more ends well, and leaves nothing to do.
    fn finish(&mut self, exchange: Exchange) -> Duration {
        let since = Instant::now();
        let done = self.told(self.command(exchange));
        let took = since.elapsed();
        if exchange == Exchange::Restore {
            self.restore.push(self.next());
        }
        let listed = self.told(self.with(self.newest(), &["key", "list"]));
        assert!(listed["keyring"] == done["keyring"] && listed.get("replaced").is_none(), "{done} {listed}");
        assert_eq!(self.may_write(&self.site.repo.writer_key()).code, 4);
        let folders = [self.folder.path(), self.site.repo.writer_key().parent().unwrap()].map(fs::read_dir);
        let names = folders.into_iter().flat_map(|folder| folder.unwrap().map(|entry| entry.unwrap().file_name()));
        let is_whole = |name: &std::ffi::OsString| name.to_str().unwrap().ends_with(".key");
        let left: Vec<_> = names.filter(|name| !is_whole(name)).collect();
        assert!(left.is_empty(), "{left:?}");
        took
    }
}

#[test]
fn keys_exchanged_by_a_program_killed_at_any_moment_are_never_lost_and_the_same_command_ends_well() {
    let (mut dice, mut office) = (Dice::new(), Office::open());
    let since = Instant::now();
    let done = Said::of(&mut office.command(Exchange::Writer));
    let mut whole = since.elapsed();
    assert_eq!(done.code, 0, "{done:?}");
    let (mut killed, mut begun) = (0, 0);
    for (n, moment) in dice.moments(runs(30)).into_iter().enumerate() {
        let exchange = if dice.next() % 2 == 0 { Exchange::Writer } else { Exchange::Restore };
        let writer_before = fs::read(office.site.repo.writer_key()).unwrap();
        let (since, share) = match dice.next() % 3 {
            0 => (Since::Start, 1.1),
            1 => (Since::Key, 0.1),
            _ => (Since::Keyring, 0.1),
        };
        let ended = office.killed(exchange, since, whole.mul_f64(moment * share));
        killed += usize::from(ended == Ended::Killed);
        begun += usize::from(office.assert_sound(exchange, &writer_before) && ended == Ended::Killed);
        let took = office.finish(exchange);
        whole = whole.mul_f64(0.7) + took.mul_f64(0.3);
        match n % 10 {
            4 | 7 => drop(office.site.backup()),
            9 => {
                office.in_force();
                office.begin_anew();
            }
            _ => {}
        }
    }
    println!("{killed} of {} were killed, {begun} of them when the keyring was written; one takes {whole:?}", runs(30));
    assert!(killed * 8 > runs(30), "only {killed} were killed before they had finished");
    // A few dozen may all be killed too early on a quick machine, where one takes 8 ms.
    assert!(begun > 0 || runs(30) < 100, "none came as far as to write a keyring");
}
