//! Which piece of a restore runs next: rows, indexes and constraints along their graph, proofs, statistics.
//!
//! Loading is held back by the write-ahead log, building an index by the processor; so while one worker loads, another builds
//! what is ready. No I/O here: workers ask for a task and say when it is done.
//!
//! A database may have tens of thousands of tables, so no question looks at all tasks: each task counts what it still waits for,
//! and stands in a queue, by its rank, as soon as that is nothing (`tests.rs` holds this against an implementation that looks).

mod families;
mod loads;
mod locks;
mod needs;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::archive::Oid;
use super::restore::{PostDataStep, Wave};
use families::Families;
use loads::Loads;
use locks::Locks;
use needs::Needs;

/// A relation whose rows are loaded.
#[derive(Clone, Debug)]
pub struct Load {
    pub oid: Oid,
    /// Bytes of rows, to begin with the largest.
    pub bytes: u64,
    /// Loads that must have ended before, as positions in the list. Without a circle, which would be waited for without end.
    pub after: Vec<usize>,
    /// Loads of one number put rows into each other's tables: each is read, and compared, when all have ended.
    pub family: Option<usize>,
}

/// Which of the tasks that may begin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    LargestFirst,
    /// Any, as the number has it: the same number gives the same answers. Every order that the graph allows can come.
    Random(u64),
}

impl Order {
    /// Of tasks of one kind, the heaviest begins.
    fn weight(self, task: Task, bytes: u64) -> u64 {
        let (kind, n) = match task {
            Task::Load(n) => (0, n),
            Task::Step(n) => (1, n),
            Task::Prove(n) => (2, n),
            Task::Analyze(n) => (3, n),
        };
        match self {
            Order::LargestFirst => bytes,
            Order::Random(seed) => mixed(mixed(seed ^ kind) ^ n as u64),
        }
    }
}

/// The finalizer of SplitMix64: every bit of the number decides about every bit of the result.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// What a worker is given. The numbers are positions in the lists that the schedule was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    Load(usize),
    Step(usize),
    Prove(usize),
    Analyze(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Run(Task),
    /// Everything that is left waits for a task that is running.
    Wait,
    Finished,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Well,
    /// What needs it is skipped.
    Badly,
}

/// Whether a step that cannot be done was known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skipped {
    Now,
    Before,
}

/// Whether loaded tables are compared with the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Make,
    Leave,
}

/// When they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proofs {
    /// Each as soon as it is loaded: nothing changes its rows any more.
    Early,
    /// When nothing else is left: code of users may run until then, and change what it likes. Whoever compares may read everything by
    /// then as well.
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Running,
    Well,
    /// It failed, something that it needs did, or nobody asked for it.
    Skipped,
}

/// Of steps that are ready, the greatest begins: the one with the most rows, then the one with the longest chain behind it, then
/// the first. In a random order, a number stands for the rows.
type Rank = (u64, usize, Reverse<usize>);

pub struct Schedule<'a> {
    jobs: usize,
    loads: Vec<Load>,
    steps: &'a [PostDataStep],
    /// Bytes of the rows that a step reads, in order to begin with the longest.
    step_bytes: Vec<u64>,
    states: States,
    running: Running,
    /// Tasks that have not begun.
    open: usize,
    skipped: Vec<usize>,
    needs: Needs,
    locks: Locks,
    order: Order,
    proofs_come: Proofs,
    /// Of `open`, those that are proofs.
    proofs_open: usize,
    /// How many answers were given.
    answers: u64,
    loads_open: Loads,
    families: Families,
    /// Steps that need nothing more, or only locks.
    ready: BinaryHeap<Rank>,
    /// Loaded tables by their bytes: those that are not proven, and those without statistics whose indexes are all built. Statistics
    /// come after the indexes, for an expression's statistics need its index.
    proofs: BinaryHeap<(u64, usize)>,
    statistics: BinaryHeap<(u64, usize)>,
}

impl<'a> Schedule<'a> {
    pub fn new(
        jobs: usize,
        loads: Vec<Load>,
        steps: &'a [PostDataStep],
        proof: Proof,
        proofs: Proofs,
        order: Order,
    ) -> Self {
        let load_of: HashMap<Oid, usize> = loads.iter().enumerate().map(|(n, load)| (load.oid, n)).collect();
        let bytes = |step: &PostDataStep| {
            step.after_rows.iter().filter_map(|oid| load_of.get(oid)).map(|n| loads[*n].bytes).sum()
        };
        let step_bytes: Vec<u64> = steps.iter().map(bytes).collect();
        let loads_open = Loads::new(&loads, order);
        let families = Families::new(&loads);
        let waited_for = if proofs == Proofs::Last { Proof::Leave } else { proof };
        let (needs, free) = Needs::new(steps, &load_of, loads.len(), waited_for);
        let locks = Locks::new(steps, &loads);
        let states = States::new(loads.len(), steps.len(), proof);
        let proofs_open = states.proofs_open();
        let mut schedule = Self {
            jobs,
            open: states.open(),
            loads,
            steps,
            step_bytes,
            states,
            running: Running::default(),
            skipped: Vec::new(),
            needs,
            locks,
            order,
            proofs_come: proofs,
            proofs_open,
            answers: 0,
            loads_open,
            families,
            ready: BinaryHeap::new(),
            proofs: BinaryHeap::new(),
            statistics: BinaryHeap::new(),
        };
        schedule.make_ready(free);
        schedule
    }

    /// How many tasks are being done.
    pub fn running(&self) -> usize {
        self.running.all
    }

    /// Bytes of the rows that a step reads.
    pub fn step_bytes(&self, n: usize) -> u64 {
        self.step_bytes[n]
    }

    /// Positions of steps that were not run because something that they need failed.
    pub fn skipped(&self) -> &[usize] {
        &self.skipped
    }

    /// What the worker that asks should do.
    pub fn assign(&mut self) -> Next {
        match self.choose() {
            Some(task) => {
                self.begin(task);
                Next::Run(task)
            }
            None if self.open > 0 || self.running.all > 0 => Next::Wait,
            None => Next::Finished,
        }
    }

    /// Up to `most` further loads or proofs for the worker that was given one, as long as `fits` agrees to the next one: of small
    /// tables, several are done in one go. Each is ended like any other.
    pub fn more(&mut self, given: Task, most: usize, fits: impl Fn(usize) -> bool) -> Vec<Task> {
        let mut more = Vec::new();
        while more.len() < most {
            let next = match given {
                Task::Load(_) => self.loads_open.next(&fits).map(Task::Load),
                Task::Prove(_) => self.next_proof(&fits).map(Task::Prove),
                Task::Step(_) | Task::Analyze(_) => None,
            };
            let Some(next) = next else { break };
            self.begin(next);
            more.push(next);
        }
        more
    }

    fn begin(&mut self, task: Task) {
        *self.states.of(task) = State::Running;
        self.open -= 1;
        self.proofs_open -= usize::from(matches!(task, Task::Prove(_)));
        self.running.add(task);
        match task {
            Task::Load(_) => {}
            Task::Step(n) => self.locks.take(n, &mut self.ready),
            // Both only read; what wants the table for itself would wait inside the server, and hold up its worker.
            Task::Prove(n) | Task::Analyze(n) => self.locks.take_table(n),
        }
    }

    pub fn end(&mut self, task: Task, ended: Ended) {
        self.running.remove(task);
        let proofs = match task {
            Task::Load(_) => Vec::new(),
            Task::Step(n) => self.locks.release(n, &mut self.ready),
            Task::Prove(n) | Task::Analyze(n) => self.locks.release_table(n, &mut self.ready),
        };
        proofs.into_iter().for_each(|n| self.make_provable(n));
        match ended {
            Ended::Well => self.set_ended(task, State::Well),
            Ended::Badly => self.skip(task),
        }
        let free = self.needs.open_waves();
        self.make_ready(free);
    }

    fn set_ended(&mut self, task: Task, state: State) {
        *self.states.of(task) = state;
        match task {
            Task::Load(n) => {
                self.loads_open.ended(n);
                let free = self.needs.load_ended(n);
                self.make_ready(free);
                for complete in self.families.ended(n) {
                    if self.states.loads[complete] == State::Well {
                        if self.states.proofs[complete] == State::Open {
                            self.make_provable(complete);
                        }
                        self.look_at_statistics(complete);
                    }
                }
            }
            Task::Step(n) => {
                let free = self.needs.step_ended(n, self.steps[n].wave);
                self.make_ready(free);
                if self.steps[n].wave.builds() {
                    self.locks.built(n).into_iter().for_each(|load| self.look_at_statistics(load));
                }
            }
            Task::Prove(n) => {
                let free = self.needs.proof_ended(n);
                self.make_ready(free);
            }
            Task::Analyze(_) => {}
        }
    }

    fn make_provable(&mut self, n: usize) {
        self.proofs.push((self.order.weight(Task::Prove(n), self.loads[n].bytes), n));
    }

    fn look_at_statistics(&mut self, n: usize) {
        let loaded = self.states.loads[n] == State::Well && self.states.statistics[n] == State::Open;
        if loaded && self.families.is_loaded(n) && self.locks.is_built(n) {
            self.statistics.push((self.order.weight(Task::Analyze(n), self.loads[n].bytes), n));
        }
    }

    /// Steps that have all that they need, in a wave that has begun.
    fn make_ready(&mut self, free: Vec<usize>) {
        let rank = |n: usize| {
            let weight = self.order.weight(Task::Step(n), self.step_bytes[n]);
            (weight, self.steps[n].chain, Reverse(n))
        };
        self.ready.extend(free.into_iter().map(rank));
    }

    /// Marks a failed task and everything that waits for it.
    fn skip(&mut self, task: Task) {
        if let Task::Load(n) = task {
            // Where rows of a family are missing, none of its tables can be told to have all of theirs.
            let proofs = self.families.of(n).into_iter().map(Task::Prove);
            for follower in proofs.chain([Task::Analyze(n)]) {
                if *self.states.of(follower) == State::Open {
                    self.open -= 1;
                    self.proofs_open -= usize::from(matches!(follower, Task::Prove(_)));
                    self.set_ended(follower, State::Skipped);
                }
            }
        }
        self.set_ended(task, State::Skipped);
        // The next one last.
        let mut waiting: Vec<usize> = self.needs.followers(task).rev().collect();
        while let Some(n) = waiting.pop() {
            if self.skip_step(n) == Skipped::Now {
                waiting.extend(self.needs.followers(Task::Step(n)).rev());
            }
        }
    }

    fn skip_step(&mut self, n: usize) -> Skipped {
        // Another path may have reached it.
        if self.states.steps[n] != State::Open {
            return Skipped::Before;
        }
        self.open -= 1;
        self.skipped.push(n);
        self.set_ended(Task::Step(n), State::Skipped);
        Skipped::Now
    }

    /// Before anything is done: leaves the steps out, for what they need could not be made.
    pub fn leave(&mut self, steps: impl Iterator<Item = usize>) {
        for n in steps {
            self.skip_step(n);
        }
        let free = self.needs.open_waves();
        self.make_ready(free);
    }

    fn choose(&mut self) -> Option<Task> {
        self.turns().into_iter().find_map(|kind| match kind {
            Kind::Load => self.loads_open.next(|_| true).map(Task::Load),
            Kind::Step => self.next_step().map(Task::Step),
            Kind::Prove => self.next_proof(|_| true).map(Task::Prove),
            Kind::Analyze => self.next_statistics().map(Task::Analyze),
        })
    }

    /// Which kind of task is looked for first.
    fn turns(&mut self) -> [Kind; 4] {
        // Loads come first until half of the workers have one; then whatever is ready besides.
        let load_first = self.running.loads < self.jobs.div_ceil(2);
        let mut turns = [Kind::Load, Kind::Step, Kind::Prove, Kind::Analyze];
        match self.order {
            Order::LargestFirst if load_first => {}
            Order::LargestFirst => turns.swap(0, 1),
            Order::Random(seed) => {
                self.answers += 1;
                let number = mixed(seed ^ mixed(self.answers));
                turns.sort_by_key(|kind| mixed(number ^ *kind as u64));
            }
        }
        turns
    }

    fn next_step(&mut self) -> Option<usize> {
        // All steps that are ready are of one wave.
        let serial = matches!(self.needs.wave(), Wave::Domains | Wave::Grants | Wave::Last);
        if serial && self.running.steps > 0 {
            return None;
        }
        while let Some(rank) = self.ready.pop() {
            let Reverse(n) = rank.2;
            if self.states.steps[n] != State::Open {
                self.locks.give_up(n, &mut self.ready);
            } else if !self.locks.makes_wait(n, rank, &mut self.ready) {
                return Some(n);
            }
        }
        None
    }

    /// A loaded table that is not proven yet, and that no running step holds; none where the next does not fit.
    fn next_proof(&mut self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let others = self.open - self.proofs_open + self.running.all - self.running.proofs;
        if self.proofs_come == Proofs::Last && others > 0 {
            return None;
        }
        while self.proofs.peek().is_some_and(|(_, n)| fits(*n)) {
            let (_, n) = self.proofs.pop()?;
            if !self.locks.makes_proof_wait(n) {
                return Some(n);
            }
        }
        None
    }

    fn next_statistics(&mut self) -> Option<usize> {
        self.statistics.pop().map(|(_, n)| n)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Load,
    Step,
    Prove,
    Analyze,
}

/// How far each task is, by its number.
struct States {
    loads: Vec<State>,
    steps: Vec<State>,
    proofs: Vec<State>,
    statistics: Vec<State>,
}

impl States {
    fn new(loads: usize, steps: usize, proof: Proof) -> Self {
        let proof = if proof == Proof::Make { State::Open } else { State::Skipped };
        let open = |tasks| vec![State::Open; tasks];
        Self { loads: open(loads), steps: open(steps), proofs: vec![proof; loads], statistics: open(loads) }
    }

    fn open(&self) -> usize {
        self.loads.len() + self.steps.len() + self.statistics.len() + self.proofs_open()
    }

    fn proofs_open(&self) -> usize {
        self.proofs.iter().filter(|state| **state == State::Open).count()
    }

    fn of(&mut self, task: Task) -> &mut State {
        match task {
            Task::Load(n) => &mut self.loads[n],
            Task::Step(n) => &mut self.steps[n],
            Task::Prove(n) => &mut self.proofs[n],
            Task::Analyze(n) => &mut self.statistics[n],
        }
    }
}

/// How many tasks are being done.
#[derive(Default)]
struct Running {
    all: usize,
    loads: usize,
    steps: usize,
    proofs: usize,
}

impl Running {
    fn add(&mut self, task: Task) {
        self.all += 1;
        self.loads += usize::from(matches!(task, Task::Load(_)));
        self.steps += usize::from(matches!(task, Task::Step(_)));
        self.proofs += usize::from(matches!(task, Task::Prove(_)));
    }

    fn remove(&mut self, task: Task) {
        self.all -= 1;
        self.loads -= usize::from(matches!(task, Task::Load(_)));
        self.steps -= usize::from(matches!(task, Task::Step(_)));
        self.proofs -= usize::from(matches!(task, Task::Prove(_)));
    }
}
