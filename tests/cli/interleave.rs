//! A prune beside backups, step by step: either the backup refuses, or every byte of its snapshot can be read.
//!
//! No host's clock counts, so time is made to pass by setting back the times that the store gave its objects; what a backup or a
//! prune measures by itself is counted along.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SubsecRound, Utc};
use pgkeep::repo::condemned::Sight;
use pgkeep::repo::layout::ChunkKind;
use pgkeep::repo::manifest::{Database, FORMAT, Manifest, Relation, Request, Server, SliceList, Totals};
use pgkeep::repo::objects::PendingSlice;
use pgkeep::repo::prune::{Deleted, Plan, References};
use pgkeep::repo::slice_list::store_slice_list;
use pgkeep::repo::{
    ChunkWriter, Lookout, Objects, ReadingKey, RepoError, Repository, RestoreKey, SnapshotId, SnapshotName, WriterKey,
};
use pgkeep::retention::Grace;
use pgkeep::store::{Access, ObjectKey};
use pgkeep::stream::{Digest, RowFormat};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::pgkeep::Repo;

pub const HOUR: Duration = Duration::from_secs(3600);

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A repository, and how much time has passed in it.
pub struct World {
    pub repo: Repo,
    /// Of what the next snapshot is.
    pub database: String,
    writer: WriterKey,
    passed: Cell<Duration>,
    /// What each snapshot must hold.
    contents: HashMap<SnapshotId, Vec<Vec<u8>>>,
}

impl World {
    pub fn new() -> Self {
        let repo = Repo::new();
        let writer = WriterKey::read(&repo.writer_key()).unwrap();
        Self { repo, database: "shop".into(), writer, passed: Cell::new(Duration::ZERO), contents: HashMap::new() }
    }

    fn open(&self, key: ReadingKey) -> Repository {
        wait(Repository::open(self.repo.root().to_str().unwrap(), key, Access::Write)).unwrap()
    }

    fn writing(&self) -> Repository {
        self.open(ReadingKey::from(&self.writer))
    }

    /// Lets time pass, by the store's clock.
    pub fn pass(&self, time: Duration) {
        fn set_back(folder: &Path, by: Duration) {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                // What is being written is not stored yet.
                if entry.ends_with("tmp") {
                    continue;
                }
                if entry.is_dir() {
                    set_back(&entry, by);
                } else {
                    let file = File::options().write(true).open(&entry).unwrap();
                    file.set_modified(file.metadata().unwrap().modified().unwrap() - by).unwrap();
                }
            }
        }
        set_back(self.repo.root(), time);
        self.passed.set(self.passed.get() + time);
    }

    /// Reads every byte of every snapshot whose backup has said that it succeeded.
    pub fn assert_whole(&self, said: &str) {
        let repository = self.open(ReadingKey::from(&RestoreKey::read(&self.repo.restore_key()).unwrap()));
        for name in wait(repository.snapshots()).unwrap() {
            let Some(contents) = self.contents.get(&name.id) else { continue };
            let manifest = wait(repository.manifest(&name)).unwrap();
            wait(repository.metadata(&manifest, &manifest.archive)).unwrap_or_else(|e| panic!("{said}: {e}"));
            let slices = wait(repository.slices(&manifest, &manifest.relations[0].slices))
                .unwrap_or_else(|e| panic!("{said}: {e}"));
            assert_eq!(slices.len(), contents.len());
            let mut reader = repository.reader(ChunkKind::Data, manifest.chunk_key()).unwrap();
            for (slice, content) in slices.iter().zip(contents) {
                let read = wait(reader.slice(slice)).unwrap_or_else(|error| panic!("{said}: {}: {error}", name.id));
                assert_eq!(read, content, "{said}");
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begin,
    Chunk(usize),
    Settle,
    Metadata,
    Look,
    Manifest,
    Confirm,
    Done,
    Refused,
}

/// What a backup says that it is of.
#[derive(Clone, Debug)]
pub struct Of {
    pub database: String,
    pub schemas: Vec<String>,
    pub time: DateTime<Utc>,
}

impl Of {
    pub fn database(name: &str) -> Self {
        Self { database: name.into(), schemas: Vec::new(), time: Utc::now().trunc_subsecs(3) }
    }

    fn request(&self) -> Request {
        Request { schemas: self.schemas.clone(), ..Request::default() }
    }
}

/// A backup of rows that nobody has, made in the order of the real one.
struct Backup {
    of: Of,
    repository: Repository,
    contents: Vec<Vec<u8>>,
    stage: Stage,
    began: Duration,
    looked: Duration,
    sight: Sight,
    watch: Option<Lookout>,
    objects: Option<Arc<Objects>>,
    data: Option<ChunkWriter>,
    pending: Vec<PendingSlice>,
    manifest: Option<Manifest>,
}

impl Backup {
    fn new(world: &World, contents: Vec<Vec<u8>>) -> Self {
        Self {
            of: Of::database("shop"),
            repository: world.writing(),
            contents,
            stage: Stage::Begin,
            began: Duration::ZERO,
            looked: Duration::ZERO,
            sight: Sight::Clear,
            watch: None,
            objects: None,
            data: None,
            pending: Vec::new(),
            manifest: None,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Refused)
    }

    fn step(&mut self, world: &mut World) {
        let now = world.passed.get();
        self.stage = match self.stage {
            Stage::Begin => {
                self.began = now;
                let (watch, absent) = wait(Lookout::begin(&self.repository)).unwrap();
                let index = wait(self.repository.index(&self.of.database, &self.of.request(), absent)).unwrap().index;
                let objects = Arc::new(Objects::new(&self.repository, index));
                self.data = Some(ChunkWriter::new(objects.clone(), ChunkKind::Data, &world.writer, 1).unwrap());
                (self.watch, self.objects) = (Some(watch), Some(objects));
                Stage::Chunk(0)
            }
            Stage::Chunk(n) => {
                let writer = self.data.as_mut().unwrap();
                // The last is small, and shares its object with nobody but the next backup's.
                let is_last = n + 1 == self.contents.len();
                let added = if is_last {
                    wait(writer.add_rest(&self.contents[n], 1))
                } else {
                    wait(writer.add(&self.contents[n], 1))
                };
                self.pending.push(added.unwrap());
                if is_last { Stage::Settle } else { Stage::Chunk(n + 1) }
            }
            Stage::Settle => {
                wait(self.data.as_mut().unwrap().finish()).unwrap();
                wait(self.objects.as_ref().unwrap().settle()).unwrap();
                Stage::Metadata
            }
            Stage::Metadata => {
                self.manifest = Some(wait(self.describe(world)));
                Stage::Look
            }
            Stage::Look => {
                self.looked = now;
                let (watch, objects) = (self.watch.as_ref().unwrap(), self.objects.as_ref().unwrap());
                match wait(watch.look(&self.repository, objects, now - self.began)) {
                    Ok(sight) => {
                        self.sight = sight;
                        Stage::Manifest
                    }
                    Err(error) => refused(&error),
                }
            }
            Stage::Manifest => {
                wait(self.repository.write_manifest(&world.writer, self.manifest.as_ref().unwrap())).unwrap();
                if self.sight == Sight::Clear && now - self.looked < HOUR / 2 {
                    self.done(world)
                } else {
                    Stage::Confirm
                }
            }
            Stage::Confirm => {
                let (watch, objects) = (self.watch.as_ref().unwrap(), self.objects.as_ref().unwrap());
                match wait(watch.confirm(&self.repository, self.manifest.as_ref().unwrap(), objects, now - self.began))
                {
                    Ok(()) => self.done(world),
                    Err(error) => refused(&error),
                }
            }
            over => over,
        };
    }

    fn done(&self, world: &mut World) -> Stage {
        world.contents.insert(self.manifest.as_ref().unwrap().snapshot.clone(), self.contents.clone());
        Stage::Done
    }

    async fn describe(&self, world: &World) -> Manifest {
        let objects = self.objects.as_ref().unwrap();
        let mut meta = ChunkWriter::new(objects.clone(), ChunkKind::Meta, &world.writer, 1).unwrap();
        let archive = vec![meta.add(b"the same archive each night", 0).await.unwrap()];
        let slices = self.data.as_ref().unwrap().resolve(&self.pending);
        let list = store_slice_list(&mut meta, slices).await.unwrap();
        objects.settle().await.unwrap();
        manifest(world, &self.of, meta.resolve(&archive), list.resolve(&meta))
    }
}

fn refused(error: &RepoError) -> Stage {
    assert!(matches!(error, RepoError::Overtaken { .. }), "{error}");
    Stage::Refused
}

fn manifest(world: &World, of: &Of, archive: Vec<pgkeep::repo::manifest::Slice>, slices: SliceList) -> Manifest {
    let database = Database {
        name: of.database.clone(),
        owner: "me".into(),
        encoding: "UTF8".into(),
        locale_provider: "c".into(),
        collate: "C".into(),
        ctype: "C".into(),
        icu_locale: None,
        icu_rules: None,
        collation_version: None,
        connection_limit: -1,
        is_template: false,
        comment: None,
        settings: Vec::new(),
        grants: None,
    };
    let relation = Relation {
        oid: 1,
        schema: "public".into(),
        name: "t".into(),
        columns: vec!["c".into()],
        format: RowFormat::Text,
        configuration: None,
        digest: Digest::default(),
        slices,
    };
    let time = of.time;
    Manifest {
        format: FORMAT,
        snapshot: SnapshotId::random(),
        time,
        finished: time,
        parent: None,
        pgkeep: "0".into(),
        chunk_key: world.writer.chunk_key.0,
        digest_key: world.writer.digest_key.0,
        server: Server { version_num: 180_000, version: "18".into() },
        database,
        request: of.request(),
        tags: Vec::new(),
        suspicious: Vec::new(),
        accepted: Vec::new(),
        settings: None,
        archive,
        pg_dump_version: "18".into(),
        facts: Vec::new(),
        entries: None,
        left_out: Vec::new(),
        roles: Vec::new(),
        memberships: Vec::new(),
        role_settings: Vec::new(),
        relations: vec![relation],
        sequences: Vec::new(),
        populated: Vec::new(),
        large_objects: None,
        totals: Totals::default(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Clock,
    Forget,
    Plan,
    Condemn,
    Sweep,
    Done,
}

/// A prune in the order of the real one, which may stand still between any two steps.
struct Prune {
    repository: Repository,
    phase: Phase,
    /// Which of the snapshots that it finds it forgets, as bits, oldest first.
    forgets: u64,
    /// The store's time, and when it was asked.
    clock: Option<(SystemTime, Duration, ObjectKey)>,
    planned: Option<(Duration, References, Plan)>,
}

impl Prune {
    fn new(world: &World, forgets: u64) -> Self {
        Self { repository: world.writing(), phase: Phase::Clock, forgets, clock: None, planned: None }
    }

    fn step(&mut self, world: &World) {
        let (now, repository, grace) = (world.passed.get(), &self.repository, Grace::default());
        self.phase = match self.phase {
            Phase::Clock => {
                let (time, marker) = wait(repository.store_time(grace)).unwrap();
                self.clock = Some((time, now, marker));
                Phase::Forget
            }
            Phase::Forget => {
                let names = wait(repository.snapshots()).unwrap();
                let forgotten = |n: usize| self.forgets >> (n % 64) & 1 == 1;
                let names: Vec<SnapshotName> =
                    names.into_iter().enumerate().filter(|(n, _)| forgotten(*n)).map(|(_, name)| name).collect();
                wait(repository.forget(&names, &mut Deleted::default()));
                Phase::Plan
            }
            Phase::Plan => {
                let references = wait(repository.references(&wait(repository.snapshots()).unwrap())).unwrap();
                assert!(references.are_whole());
                let (time, asked, marker) = self.clock.clone().unwrap();
                // What it was told is as far in the past now as everything else.
                let mut plan = wait(repository.plan_prune(&references, time - (now - asked), grace)).unwrap();
                plan.finished.push(marker);
                self.planned = Some((now, references, plan));
                Phase::Condemn
            }
            Phase::Condemn => {
                wait(repository.condemn(&self.planned.as_ref().unwrap().2, grace)).unwrap();
                Phase::Sweep
            }
            Phase::Sweep => {
                let (began, references, plan) = self.planned.as_mut().unwrap();
                // The real one measures this itself.
                if now - *began < grace.duration() / 2 {
                    wait(repository.sweep(plan, references, &mut Deleted::default())).unwrap();
                }
                Phase::Done
            }
            Phase::Done => Phase::Done,
        };
    }

    fn run(mut self, world: &World) {
        while self.phase != Phase::Done {
            self.step(world);
        }
    }
}

/// Chunks by their numbers; equal numbers are equal chunks.
fn contents(numbers: impl IntoIterator<Item = usize>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(|n| format!("row {n}\n").repeat(200 + n).into_bytes()).collect()
}

pub fn back_up(world: &mut World, numbers: impl IntoIterator<Item = usize>) {
    let of = Of::database(&world.database);
    back_up_of(world, of, numbers);
}

/// How many data objects it has stored, and how many it has used again without a look at their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    pub new: u64,
    pub reused: u64,
}

pub fn back_up_of(world: &mut World, of: Of, numbers: impl IntoIterator<Item = usize>) -> Shared {
    let mut backup = Backup::new(world, contents(numbers));
    backup.of = of;
    while !backup.is_over() {
        backup.step(world);
    }
    assert_eq!(backup.stage, Stage::Done);
    let objects = backup.objects.as_ref().unwrap();
    Shared { new: objects.data_objects_new(), reused: objects.data_objects_reused() }
}

const OLDEST: u64 = 1;
const NONE: u64 = 0;

/// A backup counts on the chunks of a snapshot that is forgotten while it runs, at every step, for every length of time before the
/// second phase, which comes at every later step.
#[test]
fn a_backup_with_a_prune_at_every_step_refuses_or_is_whole() {
    const STEPS: usize = 9;
    let (mut refused, mut done, mut deleted) = (0, 0, 0);
    for first in 0..=STEPS {
        for second in first..=STEPS {
            for hours in [0, 13, 25] {
                let said = format!("phase 1 before step {first}, phase 2 before step {second}, {hours} h between");
                let mut world = World::new();
                back_up(&mut world, [1, 2, 3, 4]);
                back_up(&mut world, [5]);
                world.pass(48 * HOUR);
                let objects = count_objects(&world);
                let mut backup = Backup::new(&world, contents([1, 2, 3, 4]));
                for step in 0..=STEPS {
                    if step == first {
                        Prune::new(&world, OLDEST).run(&world);
                    }
                    if step == second {
                        world.pass(hours * HOUR);
                        Prune::new(&world, NONE).run(&world);
                    }
                    backup.step(&mut world);
                }
                assert!(backup.is_over(), "{said}");
                match backup.stage {
                    Stage::Done => done += 1,
                    _ => refused += 1,
                }
                world.assert_whole(&said);
                // Whatever comes later.
                for _ in 0..3 {
                    world.pass(25 * HOUR);
                    Prune::new(&world, NONE).run(&world);
                    world.assert_whole(&said);
                }
                deleted += usize::from(count_objects(&world) < objects);
                assert_eq!(fs::read_dir(world.repo.root().join("records/condemned")).unwrap().count(), 0, "{said}");
                // A refused backup succeeds when it is run again.
                back_up(&mut world, [1, 2, 3, 4]);
                world.assert_whole(&said);
            }
        }
    }
    println!("{done} backups were whole, {refused} refused; objects went in {deleted}");
    assert!(
        done > 0 && refused > 0 && deleted > 0,
        "{done} {refused} {deleted}: the schedule does not reach what it should"
    );
}

pub fn count_objects(world: &World) -> usize {
    let mut count = 0;
    wait(world.writing().each_chunk(|_, _| count += 1)).unwrap();
    count
}

/// Between the list of a prune and its deleting nothing is missing yet: the record alone tells the backup.
#[test]
fn a_backup_that_looks_while_a_prune_is_about_to_delete_refuses() {
    let mut world = World::new();
    back_up(&mut world, [1, 2, 3, 4]);
    back_up(&mut world, [5]);
    world.pass(48 * HOUR);
    let mut backup = Backup::new(&world, contents([1, 2, 3, 4]));
    while backup.stage != Stage::Look {
        backup.step(&mut world);
    }
    Prune::new(&world, OLDEST).run(&world);
    world.pass(25 * HOUR);
    let mut second = Prune::new(&world, NONE);
    while second.phase != Phase::Sweep {
        second.step(&world);
    }
    while !backup.is_over() {
        backup.step(&mut world);
    }
    assert_eq!(backup.stage, Stage::Refused);
    second.run(&world);
    world.assert_whole("after the second phase");
}

/// Two prunes list the same; one deletes, a backup stores the chunks anew, and the other deletes only then.
#[test]
fn a_slower_prune_never_deletes_what_was_stored_anew() {
    let mut world = World::new();
    back_up(&mut world, [1, 2, 3, 4]);
    back_up(&mut world, [5]);
    world.pass(48 * HOUR);
    Prune::new(&world, OLDEST).run(&world);
    world.pass(25 * HOUR);
    let mut slow = Prune::new(&world, NONE);
    while slow.phase != Phase::Sweep {
        slow.step(&world);
    }
    let before = count_objects(&world);
    Prune::new(&world, NONE).run(&world);
    assert!(count_objects(&world) < before);
    Prune::new(&world, NONE).run(&world);
    back_up(&mut world, [1, 2, 3, 4]);
    slow.run(&world);
    world.assert_whole("after the slower prune");
}

#[derive(Clone, Debug)]
enum Move {
    Backup(usize),
    Prune(usize),
    Pass(u32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (0..3usize).prop_map(Move::Backup),
        5 => (0..2usize).prop_map(Move::Prune),
        1 => prop_oneof![Just(1), Just(20), Just(61), Just(660), Just(780), Just(1500), Just(3000)].prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 40..160)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    /// Three backups and two prunes, each of which may stand still anywhere for any time, and begins anew when it is over.
    #[test]
    fn hosts_that_stand_still_anywhere_lose_nothing(moves in moves(), choices in prop::collection::vec(any::<u64>(), 200)) {
        let mut world = World::new();
        let mut choices = choices.into_iter().cycle();
        let picked = |choice: u64| contents((0..6).filter(move |n| choice >> n & 1 == 1).chain([7 + (choice % 3) as usize]));
        let mut backups: Vec<Backup> = (0..3).map(|_| Backup::new(&world, picked(choices.next().unwrap()))).collect();
        let mut prunes: Vec<Prune> = (0..2).map(|_| Prune::new(&world, choices.next().unwrap())).collect();
        for (n, step) in moves.iter().enumerate() {
            match step {
                Move::Backup(host) => {
                    backups[*host].step(&mut world);
                    if backups[*host].is_over() {
                        backups[*host] = Backup::new(&world, picked(choices.next().unwrap()));
                    }
                }
                Move::Prune(host) => {
                    prunes[*host].step(&world);
                    if prunes[*host].phase == Phase::Done {
                        world.assert_whole(&format!("after {:?}", &moves[..=n]));
                        prunes[*host] = Prune::new(&world, choices.next().unwrap());
                    }
                }
                Move::Pass(minutes) => world.pass(*minutes * HOUR / 60),
            }
        }
        world.assert_whole("at the end");
    }
}

/// What may lie under a name that a backup is about to use.
#[derive(Clone, Copy, Debug)]
enum Planted {
    Noise,
    Nothing,
    /// A genuine object of another chunk.
    Another,
    Pipe,
    Folder,
}

/// Whoever writes into the bucket knows the names of chunks that were there before. He lets a backup begin, which sees them free, and
/// leaves something under each, and under the next generations: no byte of that is signed, and the snapshot is whole.
#[test]
fn what_somebody_leaves_under_a_name_while_a_backup_runs_is_never_taken_for_its_chunk() {
    for planted in [Planted::Noise, Planted::Nothing, Planted::Another, Planted::Pipe, Planted::Folder] {
        for generations in [1, 3] {
            for step in 1..6 {
                let said = format!("{planted:?}, {generations} generations, before step {step}");
                let mut world = World::new();
                back_up(&mut world, [1, 2, 3, 4]);
                let root = world.repo.root().to_owned();
                let mut names = Vec::new();
                for folder in ["data", "meta", "snapshots", "records/unfinished"] {
                    files_below(&root.join(folder), &mut names);
                }
                names.iter().for_each(|path| fs::remove_file(path).unwrap());
                world.contents.clear();
                let mut backup = Backup::new(&world, contents([1, 2, 3, 4]));
                for n in 0.. {
                    if n == step {
                        let genuine = fs::read(first_file(&root.join("data")).unwrap_or(root.join("config"))).unwrap();
                        for name in names.iter().filter(|name| !name.starts_with(root.join("snapshots"))) {
                            for generation in 0..generations {
                                let suffix = if generation == 0 { String::new() } else { format!(".{generation}") };
                                plant(&PathBuf::from(format!("{}{suffix}", name.display())), planted, &genuine);
                            }
                        }
                    }
                    if backup.is_over() {
                        break;
                    }
                    backup.step(&mut world);
                }
                assert_eq!(backup.stage, Stage::Done, "{said}");
                world.assert_whole(&said);
            }
        }
    }
}

/// Leaves alone what is there: the store may be giving an object this name at the same moment.
fn plant(path: &Path, planted: Planted, genuine: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = |bytes: &[u8]| File::create_new(path).and_then(|mut file| file.write_all(bytes));
    let planted = match planted {
        Planted::Noise => file(&[7; 5000]),
        Planted::Nothing => file(&[]),
        Planted::Another => file(genuine),
        Planted::Pipe => mknodat(CWD, path, FileType::Fifo, Mode::from(0o666), 0).map_err(io::Error::from),
        Planted::Folder => fs::create_dir(path),
    };
    assert!(planted.is_ok() || planted.is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists));
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files_below(&entry, files) } else { files.push(entry) }
    }
}

fn first_file(folder: &Path) -> Option<PathBuf> {
    let mut files = Vec::new();
    files_below(folder, &mut files);
    files.into_iter().next()
}
