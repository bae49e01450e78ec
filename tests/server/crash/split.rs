//! Splits that are killed, interrupted, or whose servers crash, again and again, while others write and make things.
//!
//! What counts is what the others were told: each row and number that a server acknowledged is in the one place that takes writes in the
//! end, once, and so is each thing that was made; where it is not, `finish` names it and drops nothing.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use pgkeep::pg::cluster::Durability;
use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::{Client, NoTls};

use super::*;
use crate::pgkeep::pgkeep;

/// As an application makes it: a schema that moves, one that stays, a key between them, and a type, a view, a function.
const MADE: &str = "
    CREATE SCHEMA people; CREATE TABLE people.person (id int PRIMARY KEY); INSERT INTO people.person SELECT generate_series(1, 50);
    GRANT USAGE ON SCHEMA people TO shopkeeper; GRANT SELECT, REFERENCES ON people.person TO shopkeeper;
    CREATE SCHEMA goods AUTHORIZATION shopkeeper;
    SET ROLE shopkeeper;
    CREATE TYPE goods.mood AS ENUM ('glad', 'sad');
    CREATE TABLE goods.told (id bigserial PRIMARY KEY, n bigint, mood varchar(10) CHECK (mood IN ('glad', 'sad')), person int REFERENCES people.person);
    CREATE INDEX ON goods.told (lower(mood)) WHERE mood IN ('glad');
    CREATE TABLE goods.counter (id int PRIMARY KEY, v bigint NOT NULL); INSERT INTO goods.counter VALUES (1, 0);
    CREATE TABLE goods.grown (id int PRIMARY KEY, feels goods.mood);
    CREATE TABLE goods.filled AS SELECT g AS id, repeat(md5(g::text), 20) AS text FROM generate_series(1, 20000) g;
    CREATE SEQUENCE goods.number;
    CREATE VIEW goods.glad AS SELECT * FROM goods.told WHERE mood = 'glad';
    CREATE FUNCTION goods.one() RETURNS int LANGUAGE sql AS 'SELECT 1'";

/// Who takes what the others write. They ask before each statement, as an application does that is told where its database is.
const OLD: u8 = 0;
const NEW: u8 = 1;
const NOBODY: u8 = 2;
const END: u8 = 3;

/// What a statement came to, as far as its sender knows.
enum Answer {
    Told,
    /// The server said no: it is not there.
    Refused(String),
    /// The connection is gone: it may be there, or not.
    Lost,
}

/// What the others were told, of both places together.
#[derive(Default)]
struct Told {
    rows: Vec<i64>,
    maybe_rows: Vec<i64>,
    counted: i64,
    maybe_counted: i64,
    numbers: Vec<i64>,
    /// What was made, and how it is asked whether it is there.
    made: Vec<(String, String)>,
    refused: BTreeMap<String, usize>,
}

#[derive(Clone)]
struct Others {
    place: Arc<AtomicU8>,
    told: Arc<Mutex<Told>>,
    ends: [String; 2],
}

/// One of the others: a connection to the place that takes writes, made anew when it is lost or the place is another.
struct Somebody {
    others: Others,
    runtime: tokio::runtime::Runtime,
    at: u8,
    client: Option<Client>,
}

impl Others {
    fn begin(&self, does: impl Fn(&mut Somebody, i64) + Send + 'static) -> JoinHandle<()> {
        let others = self.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut somebody = Somebody { others, runtime, at: NOBODY, client: None };
            for n in 1.. {
                if somebody.others.place.load(Ordering::SeqCst) == END {
                    break;
                }
                does(&mut somebody, n);
            }
        })
    }

    /// `pace`: how long a split takes; so that some go through without a change.
    fn all(&self, seed: u64, pace: Duration) -> Vec<JoinHandle<()>> {
        let inserts = self.begin(|somebody, n| {
            let person = 1 + n % 50;
            let answer = somebody
                .says(&format!("INSERT INTO goods.told (n, mood, person) VALUES ({n}, 'glad', {person}) RETURNING id"));
            let mut told = somebody.others.told.lock().unwrap();
            match answer {
                (Answer::Told, _) => told.rows.push(n),
                (Answer::Lost, _) => told.maybe_rows.push(n),
                (Answer::Refused(why), _) => told.refuse(&why),
            }
        });
        let counts = self.begin(|somebody, n| {
            let answer = somebody.says(&format!("UPDATE goods.counter SET v = {n}"));
            {
                let mut told = somebody.others.told.lock().unwrap();
                match answer {
                    (Answer::Told, _) => (told.counted, told.maybe_counted) = (n, n),
                    (Answer::Lost, _) => told.maybe_counted = n,
                    (Answer::Refused(why), _) => told.refuse(&why),
                }
            }
            if let (Answer::Told, Some(number)) = somebody.says("SELECT nextval('goods.number')") {
                somebody.others.told.lock().unwrap().numbers.push(number);
            }
        });
        let makes = self.begin(move |somebody, n| {
            let mut dice = Dice { seed, state: seed ^ n as u64 };
            std::thread::sleep(Duration::from_millis(300) + pace.mul_f64((dice.next() % 100) as f64 / 20.0));
            let (what, sql, is_there) = made(dice.next() % 6, n);
            match somebody.says(&sql).0 {
                Answer::Told => somebody.others.told.lock().unwrap().made.push((what, is_there)),
                Answer::Refused(why) => somebody.others.told.lock().unwrap().refuse(&why),
                Answer::Lost => {}
            }
        });
        vec![inserts, counts, makes]
    }
}

/// Something to make: its name, the statement, and the question whether it is there.
fn made(kind: u64, n: i64) -> (String, String, String) {
    let (name, sql, is_there) = match kind {
        0 => (
            format!("made_{n}"),
            format!("CREATE TABLE goods.made_{n} AS SELECT {n} AS n"),
            format!("SELECT count(*) = 1 FROM goods.made_{n}"),
        ),
        1 => (
            "table goods.grown".to_owned(),
            format!("ALTER TABLE goods.grown ADD COLUMN grown_{n} int DEFAULT {n}"),
            format!(
                "SELECT count(*) = 1 FROM pg_attribute WHERE attrelid = 'goods.grown'::regclass AND attname = 'grown_{n}'"
            ),
        ),
        2 => (
            "view goods.glad".to_owned(),
            format!(
                "GRANT SELECT, UPDATE ({column}) ON goods.{table} TO visitor_{n}",
                column = "id",
                table = "glad",
                n = n % 8
            ),
            format!("SELECT has_table_privilege('visitor_{}', 'goods.glad', 'SELECT')", n % 8),
        ),
        3 => (
            "type goods.mood".to_owned(),
            format!("ALTER TYPE goods.mood ADD VALUE 'mood_{n}'"),
            format!("SELECT count(*) = 1 FROM pg_enum WHERE enumlabel = 'mood_{n}'"),
        ),
        4 => (
            format!("by_{n}"),
            format!("CREATE INDEX by_{n} ON goods.grown (id, feels)"),
            format!("SELECT to_regclass('goods.by_{n}') IS NOT NULL"),
        ),
        _ => (
            format!("said_{n}"),
            format!("CREATE FUNCTION goods.said_{n}() RETURNS int LANGUAGE sql AS 'SELECT {n}'"),
            format!("SELECT to_regproc('goods.said_{n}') IS NOT NULL"),
        ),
    };
    (name, sql, is_there)
}

impl Told {
    fn refuse(&mut self, why: &str) {
        *self.refused.entry(why.to_owned()).or_default() += 1;
    }
}

impl Somebody {
    fn says(&mut self, sql: &str) -> (Answer, Option<i64>) {
        let place = self.others.place.load(Ordering::SeqCst);
        if place >= NOBODY {
            std::thread::sleep(Duration::from_millis(10));
            return (Answer::Refused("nobody takes writes".into()), None);
        }
        if self.at != place || self.client.as_ref().is_none_or(Client::is_closed) {
            let dsn = self.others.ends[usize::from(place)].clone();
            self.at = place;
            self.client = self.runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.ok()?;
                tokio::spawn(connection);
                Some(client)
            });
        }
        let Some(client) = &self.client else {
            std::thread::sleep(Duration::from_millis(20));
            return (Answer::Refused("not connected".into()), None);
        };
        match self.runtime.block_on(client.simple_query(sql)) {
            Ok(messages) => {
                let number = messages.iter().find_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).and_then(|text| text.parse().ok()),
                    _ => None,
                });
                (Answer::Told, number)
            }
            Err(error) => match error.as_db_error() {
                // Class 57: the server goes down. What it was doing then is not said.
                Some(said) if !said.code().code().starts_with("57P") => {
                    std::thread::sleep(Duration::from_millis(10));
                    (Answer::Refused(format!("{} {}", said.code().code(), said.message())), None)
                }
                _ => {
                    self.client = None;
                    (Answer::Lost, None)
                }
            },
        }
    }
}

/// What befalls a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Kill,
    Interrupt,
    CrashOld,
    CrashNew,
}

const EVENTS: [Event; 4] = [Event::Kill, Event::Interrupt, Event::CrashOld, Event::CrashNew];

/// Why a run that nothing befell may have to be tried again, beside others who change things and hold locks.
const IN_THE_WAY: [&str; 6] = [
    "has changed since the split was planned",
    "could not get the locks for the fence",
    "could not get the locks to seal the source",
    "could not get the locks to open the old database",
    "another split of the database",
    "could not get a lock",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Split,
    Rollback,
}

struct Ground {
    old: Server,
    new: Server,
}

fn crash(server: &Server) {
    let pid = || {
        let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
        psql(&server.binaries, &server.dsn("postgres"), sql)
    };
    let before = pid().unwrap();
    kill_process(Pid::from_raw(before.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    let since = Instant::now();
    while pid().map_or(true, |now| now == before) {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not come back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Ground {
    fn new() -> Self {
        let options = || ClusterOptions {
            // What was acknowledged outlives a crash.
            durability: Durability::Durable,
            settings: vec![("autovacuum_naptime".into(), "1s".into())],
            ..ClusterOptions::default()
        };
        let (old, new) = (Server::start(15, options()), Server::start(15, options()));
        for server in [&old, &new] {
            server.ask("CREATE ROLE shopkeeper LOGIN");
            (0..8).for_each(|n| drop(server.ask(&format!("CREATE ROLE visitor_{n}"))));
        }
        old.ask("CREATE DATABASE proto");
        psql(&old.binaries, &old.dsn("proto"), MADE).unwrap();
        Self { old, new }
    }

    fn begun(&self, step: Step) -> Child {
        let mut command = pgkeep();
        command.args(["split", "--json"]);
        match step {
            Step::Split => command.args(["--schemas", "goods", "--boundary", "drop"]),
            Step::Rollback => command.arg("rollback"),
        };
        command.args(["--from", &self.old.dsn("shop"), "--to", &self.new.dsn("goods")]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Whatever befalls it, a run ends by itself.
    fn ended(&self, mut child: Child) -> Said {
        let since = Instant::now();
        while child.try_wait().unwrap().is_none() {
            let pid = child.id();
            assert!(since.elapsed() < Duration::from_secs(150), "the run {pid} does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        child.wait_with_output().unwrap().into()
    }

    fn disturbed(&self, step: Step, event: Event, moment: Duration) -> Said {
        let child = self.begun(step);
        std::thread::sleep(moment);
        let signalled = |signal| kill_process(Pid::from_child(&child), signal).unwrap_or(());
        match event {
            Event::Kill => signalled(Signal::KILL),
            Event::Interrupt => signalled(Signal::INT),
            Event::CrashOld => crash(&self.old),
            Event::CrashNew => crash(&self.new),
        }
        let since = Instant::now();
        let said = self.ended(child);
        // Files are large enough that an interrupted run that went on to its end would be seen.
        assert!(
            event != Event::Interrupt || since.elapsed() < Duration::from_secs(20),
            "Ctrl-C took {:?}",
            since.elapsed()
        );
        said
    }

    fn in_place(&self, place: u8, sql: &str) -> Result<String, String> {
        match place {
            OLD => psql(&self.old.binaries, &self.old.dsn("shop"), sql),
            _ => psql(&self.new.binaries, &self.new.dsn("goods"), sql),
        }
    }

    /// What was told is there, in this place, and there once.
    fn assert_kept(&self, round: &str, place: u8, told: &Told) {
        let there = self.in_place(place, "SELECT n FROM goods.told ORDER BY n").unwrap();
        let there: Vec<i64> = there.lines().map(|line| line.parse().unwrap()).collect();
        let doubled: Vec<i64> = there.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert!(doubled.is_empty(), "{round}: doubled {doubled:?}");
        let there: BTreeSet<i64> = there.into_iter().collect();
        let lost: Vec<&i64> = told.rows.iter().filter(|n| !there.contains(n)).collect();
        assert!(lost.is_empty(), "{round}: lost {lost:?}");
        let known: BTreeSet<&i64> = told.rows.iter().chain(&told.maybe_rows).collect();
        let unknown: Vec<&i64> = there.iter().filter(|n| !known.contains(n)).collect();
        assert!(unknown.is_empty(), "{round}: nobody was told of {unknown:?}");
        let counted: i64 = self.in_place(place, "SELECT v FROM goods.counter").unwrap().parse().unwrap();
        assert!(counted == told.counted || counted == told.maybe_counted, "{round}: {counted} is not {}", told.counted);
        let numbers: BTreeSet<i64> = told.numbers.iter().copied().collect();
        assert_eq!(numbers.len(), told.numbers.len(), "{round}: a number was given out twice");
        let next: i64 = self.in_place(place, "SELECT nextval('goods.number')").unwrap().parse().unwrap();
        assert!(numbers.last().is_none_or(|last| next > *last), "{round}: {next} was given out already");
    }

    /// Things that were made and are not in the place that counts.
    fn missing(&self, place: u8, told: &Told) -> Vec<String> {
        let is_missing = |is_there: &str| self.in_place(place, is_there).map_or(true, |answer| answer != "t");
        told.made.iter().filter(|(_, is_there)| is_missing(is_there)).map(|(name, _)| name.clone()).collect()
    }

    fn round(&self, n: usize, dice: &mut Dice, moment: f64, whole: Duration) -> (Event, &'static str) {
        self.old.ask("DROP DATABASE IF EXISTS shop WITH (FORCE)");
        self.old.ask("CREATE DATABASE shop TEMPLATE proto");
        self.new.ask("DROP DATABASE IF EXISTS goods WITH (FORCE)");
        let as_owner = |server: &Server, database: &str| server.dsn_as("shopkeeper", database);
        let others = Others {
            place: Arc::new(AtomicU8::new(OLD)),
            told: Arc::default(),
            ends: [as_owner(&self.old, "shop"), as_owner(&self.new, "goods")],
        };
        let threads = others.all(dice.next(), whole);
        std::thread::sleep(Duration::from_millis(200));
        let (first, event) = (Step::Split, EVENTS[(dice.next() % 4) as usize]);
        let mut history = vec![format!("{first:?} {event:?} at {moment:.3}")];
        let said = self.disturbed(first, event, whole.mul_f64(moment));
        history.push(format!("{} {}", said.code, said.stdout));
        let mut is_moved = said.code == 0;
        let mut steps = 0;
        let place = loop {
            // An application is sent to the new place where the run says so, and by nothing else.
            if is_moved {
                others.place.store(NEW, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(300));
                break NEW;
            }
            steps += 1;
            assert!(steps < 40, "round {n} comes to no end: {history:#?}");
            let step = if dice.next() % 5 < 3 { Step::Split } else { Step::Rollback };
            let again = (dice.next().is_multiple_of(4) && steps < 4).then(|| EVENTS[(dice.next() % 4) as usize]);
            let said = match again {
                Some(event) => self.disturbed(step, event, whole.mul_f64((dice.next() % 1000) as f64 / 1000.0)),
                None => self.ended(self.begun(step)),
            };
            history.push(format!("{step:?} {again:?}: {} {} {}", said.code, said.stdout, said.stderr));
            match (step, said.code) {
                (Step::Split, 0) => is_moved = true,
                (Step::Rollback, 0) => break OLD,
                // No split any more, or not yet.
                (Step::Rollback, 2) if again.is_none() => break OLD,
                (Step::Rollback, 8) if again.is_none() && said.stdout.contains("has no database goods") => break OLD,
                (Step::Rollback, 7) if again.is_none() && said.stdout.contains("the split is rolled back") => {
                    break OLD;
                }
                _ if again.is_some() => {}
                // Somebody made something meanwhile, or was in the way: the source takes writes, and it is tried again.
                (Step::Split | Step::Rollback, 4 | 7) if IN_THE_WAY.iter().any(|words| said.stdout.contains(words)) => {
                }
                _ => panic!("round {n}: {history:#?}"),
            }
        };
        if place == OLD {
            // Whoever writes is let through again, and is told so.
            let before = others.told.lock().unwrap().rows.len();
            let since = Instant::now();
            while others.told.lock().unwrap().rows.len() == before {
                assert!(
                    since.elapsed() < Duration::from_secs(10),
                    "round {n}: the source takes no writes: {history:#?}"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        others.place.store(END, Ordering::SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
        let told = others.told.lock().unwrap();
        let round = format!("round {n}: {history:#?} refused {:#?}", told.refused);
        self.assert_kept(&round, place, &told);
        let missing = self.missing(place, &told);
        if place == NEW {
            let refused = self.in_place(OLD, "UPDATE goods.counter SET v = v").unwrap_err();
            assert!(refused.contains("has moved"), "{round}: {refused}");
            if !missing.is_empty() {
                // Made between the last look and the seal's end, in the old place, by somebody who was told that it is there.
                let mut command = pgkeep();
                command.args([
                    "split",
                    "finish",
                    "--yes",
                    "--json",
                    "--from",
                    &self.old.dsn("shop"),
                    "--to",
                    &self.new.dsn("goods"),
                ]);
                let said = Said::of(&mut command);
                let is_named = |name: &String| said.stdout.contains(name.as_str());
                assert!(
                    matches!(said.code, 0 | 7) && missing.iter().all(is_named),
                    "{round}: silently lost {missing:?}: {said:?}"
                );
            }
            return (event, "moved");
        }
        assert!(missing.is_empty(), "{round}: lost {missing:?}");
        (event, "taken back")
    }
}

#[test]
fn whatever_befalls_a_split_nothing_that_anybody_was_told_is_lost_or_there_twice() {
    let (mut dice, ground) = (Dice::new(), Ground::new());
    let rounds = runs(8);
    ground.old.ask("CREATE DATABASE shop TEMPLATE proto");
    let since = Instant::now();
    let said = ground.ended(ground.begun(Step::Split));
    assert_eq!(said.code, 0, "{said:?}");
    let whole = since.elapsed();
    let said = ground.ended(ground.begun(Step::Rollback));
    assert_eq!(said.code, 0, "{said:?}");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (n, moment) in dice.moments(rounds).into_iter().enumerate() {
        let (event, came_to) = ground.round(n, &mut dice, moment * 1.1, whole);
        *seen.entry(format!("{event:?}, {came_to}")).or_default() += 1;
        if n % 10 == 9 {
            println!("{} rounds: {seen:?}", n + 1);
        }
    }
    println!("{rounds} rounds, a split takes {whole:?}: {seen:?}");
}
