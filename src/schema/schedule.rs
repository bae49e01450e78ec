//! Which piece of a restore runs next: rows, indexes and constraints along their graph, proofs, statistics.
//!
//! Loading is held back by the write-ahead log, building an index by the processor; so while one worker loads, another builds
//! what is ready. No I/O here: workers ask for a task and say when it is done.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::Oid;
use super::restore::{Lock, LockMode, PostDataStep, Wave};

/// A relation whose rows are loaded.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub oid: Oid,
    /// Bytes of rows, to begin with the largest.
    pub bytes: u64,
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

/// Whether loaded tables are compared with the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Make,
    Leave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Running,
    Well,
    Skipped,
}

pub struct Schedule<'a> {
    jobs: usize,
    loads: Vec<Load>,
    steps: &'a [PostDataStep],
    /// Bytes of the rows that a step reads, in order to begin with the longest.
    step_bytes: Vec<u64>,
    load_of: BTreeMap<Oid, usize>,
    state: BTreeMap<Task, State>,
    running: BTreeSet<Task>,
    skipped: Vec<usize>,
    /// Steps that have not ended, by wave, those of the main wave by what they lock too, and loads; so that nobody need look at all
    /// others.
    steps_left: BTreeMap<Wave, usize>,
    steps_left_on: BTreeMap<Oid, usize>,
    loads_left: usize,
}

impl<'a> Schedule<'a> {
    pub fn new(jobs: usize, loads: Vec<Load>, steps: &'a [PostDataStep], proof: Proof) -> Self {
        let load_of: BTreeMap<Oid, usize> = loads.iter().enumerate().map(|(n, load)| (load.oid, n)).collect();
        let bytes = |step: &PostDataStep| {
            step.after_rows.iter().filter_map(|oid| load_of.get(oid)).map(|n| loads[*n].bytes).sum()
        };
        let step_bytes = steps.iter().map(bytes).collect();
        let mut state = BTreeMap::new();
        for n in 0..loads.len() {
            state.insert(Task::Load(n), State::Open);
            state.insert(Task::Analyze(n), State::Open);
            if proof == Proof::Make {
                state.insert(Task::Prove(n), State::Open);
            }
        }
        state.extend((0..steps.len()).map(|n| (Task::Step(n), State::Open)));
        let mut steps_left = BTreeMap::new();
        steps.iter().for_each(|step| *steps_left.entry(step.wave).or_default() += 1);
        let mut steps_left_on = BTreeMap::new();
        let locks = steps.iter().flat_map(main_locks);
        locks.for_each(|lock| *steps_left_on.entry(lock.object).or_default() += 1);
        let loads_left = loads.len();
        let (running, skipped) = (BTreeSet::new(), Vec::new());
        Self { jobs, loads, steps, step_bytes, load_of, state, running, skipped, steps_left, steps_left_on, loads_left }
    }

    /// How many tasks are being done.
    pub fn running(&self) -> usize {
        self.running.len()
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
        let Some(task) = self.choose() else {
            let open = self.state.values().any(|state| *state == State::Open);
            return if open || !self.running.is_empty() { Next::Wait } else { Next::Finished };
        };
        self.state.insert(task, State::Running);
        self.running.insert(task);
        Next::Run(task)
    }

    pub fn end(&mut self, task: Task, ended: Ended) {
        self.running.remove(&task);
        match ended {
            Ended::Well => self.set_ended(task, State::Well),
            Ended::Badly => self.skip(task),
        }
    }

    fn set_ended(&mut self, task: Task, state: State) {
        self.state.insert(task, state);
        match task {
            Task::Load(_) => self.loads_left -= 1,
            Task::Step(n) => {
                let step = &self.steps[n];
                *self.steps_left.entry(step.wave).or_default() -= 1;
                main_locks(step).iter().for_each(|lock| *self.steps_left_on.entry(lock.object).or_default() -= 1);
            }
            Task::Prove(_) | Task::Analyze(_) => {}
        }
    }

    /// Marks a failed task and everything that waits for it.
    fn skip(&mut self, task: Task) {
        self.set_ended(task, State::Skipped);
        let waits = |n: usize| match task {
            Task::Step(failed) => self.steps[n].after.contains(&failed),
            Task::Load(failed) => self.steps[n].after_rows.contains(&self.loads[failed].oid),
            Task::Prove(_) | Task::Analyze(_) => false,
        };
        let waiting: Vec<usize> =
            (0..self.steps.len()).filter(|n| self.is(Task::Step(*n), State::Open) && waits(*n)).collect();
        if let Task::Load(n) = task {
            for follower in [Task::Prove(n), Task::Analyze(n)] {
                if self.is(follower, State::Open) {
                    self.state.insert(follower, State::Skipped);
                }
            }
        }
        for n in waiting {
            // Another path may have reached it meanwhile.
            if self.is(Task::Step(n), State::Open) {
                self.skipped.push(n);
                self.skip(Task::Step(n));
            }
        }
    }

    fn is(&self, task: Task, state: State) -> bool {
        self.state.get(&task) == Some(&state)
    }

    fn choose(&self) -> Option<Task> {
        let load =
            (0..self.loads.len()).filter(|n| self.is(Task::Load(*n), State::Open)).max_by_key(|n| self.loads[*n].bytes);
        let step = self.best_step();
        let loading = self.running.iter().filter(|task| matches!(task, Task::Load(_))).count();
        // Loads come first until half of the workers have one; then whatever is ready besides.
        let first =
            if loading < self.jobs.div_ceil(2) { (load.map(Task::Load), step) } else { (step, load.map(Task::Load)) };
        first.0.or(first.1).or_else(|| self.proof()).or_else(|| self.statistics())
    }

    fn best_step(&self) -> Option<Task> {
        let ready = (0..self.steps.len()).filter(|n| self.is(Task::Step(*n), State::Open) && self.is_ready(*n));
        ready.max_by_key(|n| (self.step_bytes[*n], self.steps[*n].chain, std::cmp::Reverse(*n))).map(Task::Step)
    }

    fn is_ready(&self, n: usize) -> bool {
        let step = &self.steps[n];
        let ended = |state: Option<&State>| matches!(state, None | Some(State::Well | State::Skipped));
        let step_ended = |n: &usize| ended(self.state.get(&Task::Step(*n)));
        let rows_ended = |oid: &Oid| self.load_of.get(oid).is_none_or(|n| ended(self.state.get(&Task::Load(*n))));
        if !step.after.iter().all(step_ended) || !step.after_rows.iter().all(rows_ended) {
            return false;
        }
        if step.wave != Wave::Main {
            let earlier = self.steps_left.range(..step.wave).any(|(_, left)| *left > 0);
            if self.loads_left > 0 || earlier {
                return false;
            }
        }
        let serial = matches!(step.wave, Wave::Grants | Wave::Last);
        let same_wave_runs = self.running_steps().any(|m| self.steps[m].wave == step.wave);
        let waits_its_turn = serial && same_wave_runs;
        !waits_its_turn && step.locks.iter().all(|lock| !self.is_locked_against(*lock))
    }

    fn running_steps(&self) -> impl Iterator<Item = usize> {
        self.running.iter().filter_map(|task| match task {
            Task::Step(n) => Some(*n),
            _ => None,
        })
    }

    fn is_locked_against(&self, wanted: Lock) -> bool {
        let clash = |held: &Lock| {
            held.object == wanted.object && (held.mode == LockMode::Exclusive || wanted.mode == LockMode::Exclusive)
        };
        self.running.iter().any(|task| match task {
            Task::Step(n) => self.steps[*n].locks.iter().any(clash),
            // Both only read; what wants the table for itself would wait inside the server, and hold up its worker.
            Task::Prove(n) | Task::Analyze(n) => clash(&Lock { object: self.loads[*n].oid, mode: LockMode::Shared }),
            Task::Load(_) => false,
        })
    }

    /// A loaded table that is not proven yet, and that no running step holds.
    fn proof(&self) -> Option<Task> {
        let open = |n: &usize| self.is(Task::Prove(*n), State::Open) && self.is(Task::Load(*n), State::Well);
        let free = |n: &usize| !self.is_locked_against(Lock { object: self.loads[*n].oid, mode: LockMode::Shared });
        (0..self.loads.len()).filter(|n| open(n) && free(n)).max_by_key(|n| self.loads[*n].bytes).map(Task::Prove)
    }

    /// Statistics of a table come when all its indexes are built, for an expression's statistics need its index.
    fn statistics(&self) -> Option<Task> {
        let open = |n: &usize| self.is(Task::Analyze(*n), State::Open) && self.is(Task::Load(*n), State::Well);
        let is_built = |n: &usize| self.steps_left_on.get(&self.loads[*n].oid).is_none_or(|left| *left == 0);
        let ready = (0..self.loads.len()).filter(|n| open(n) && is_built(n));
        ready.max_by_key(|n| self.loads[*n].bytes).map(Task::Analyze)
    }
}

/// What a step of the main wave locks.
fn main_locks(step: &PostDataStep) -> &[Lock] {
    if step.wave == Wave::Main { &step.locks } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::super::restore::{Step, Transaction};
    use super::*;
    use proptest::prelude::*;

    fn step(wave: Wave, after: Vec<usize>, after_rows: Vec<Oid>, locks: Vec<Lock>) -> PostDataStep {
        let step = Step {
            dump_id: 1,
            label: "x".into(),
            statements: Vec::new(),
            transaction: Transaction::Allowed,
            acts_as: None,
        };
        PostDataStep { step, wave, after, after_rows, locks, sorts: false, followers: 0, chain: 0 }
    }

    fn loads(n: u32) -> Vec<Load> {
        (0..n).map(|oid| Load { oid, bytes: u64::from(oid) * 100 }).collect()
    }

    proptest! {
        /// Whatever the graph and the order in which workers finish: everything runs once, nothing before what it needs, and no
        /// two tasks that exclude each other run together.
        #[test]
        fn every_task_runs_once_and_in_time(
            seeds in prop::collection::vec((0usize..4, 0usize..1000, 0u32..6, any::<bool>()), 0..30),
            jobs in 1usize..5,
            picks in prop::collection::vec(0usize..100, 200),
        ) {
            let mut waves: Vec<usize> = seeds.iter().map(|s| s.0).collect();
            waves.sort_unstable();
            let steps: Vec<PostDataStep> = seeds.iter().enumerate().map(|(n, (_, after, table, exclusive))| {
                let wave = [Wave::Main, Wave::Grants, Wave::Refresh, Wave::Last][waves[n]];
                let after = if n > 0 { vec![after % n] } else { vec![] };
                let mode = if *exclusive { LockMode::Exclusive } else { LockMode::Shared };
                step(wave, after, vec![*table], vec![Lock { object: *table, mode }])
            }).collect();
            let mut schedule = Schedule::new(jobs, loads(6), &steps, Proof::Make);
            let mut running: Vec<Task> = Vec::new();
            let mut done: Vec<Task> = Vec::new();
            let mut picks = picks.into_iter().cycle();
            loop {
                while running.len() < jobs {
                    match schedule.assign() {
                        Next::Run(task) => {
                            if let Task::Step(n) = task {
                                for needed in &steps[n].after { prop_assert!(done.contains(&Task::Step(*needed))); }
                                prop_assert!(done.contains(&Task::Load(steps[n].after_rows[0] as usize)));
                                for other in &running {
                                    if let Task::Step(m) = other {
                                        let (a, b) = (steps[n].locks[0], steps[*m].locks[0]);
                                        prop_assert!(a.object != b.object || (a.mode == LockMode::Shared && b.mode == LockMode::Shared));
                                    }
                                }
                            }
                            running.push(task);
                        }
                        Next::Wait => { prop_assert!(!running.is_empty(), "waits for nothing"); break; }
                        Next::Finished => { prop_assert!(running.is_empty()); break; }
                    }
                }
                if running.is_empty() { break; }
                let task = running.remove(picks.next().unwrap_or(0) % running.len());
                prop_assert!(!done.contains(&task));
                done.push(task);
                schedule.end(task, Ended::Well);
            }
            prop_assert_eq!(done.len(), 6 * 3 + steps.len());
        }
    }

    #[test]
    fn a_worker_builds_while_another_loads() {
        let steps = [step(Wave::Main, vec![], vec![2], vec![])];
        let mut schedule = Schedule::new(2, loads(3), &steps, Proof::Leave);
        assert_eq!(schedule.assign(), Next::Run(Task::Load(2)));
        assert_eq!(schedule.assign(), Next::Run(Task::Load(1)));
        schedule.end(Task::Load(2), Ended::Well);
        assert_eq!(schedule.assign(), Next::Run(Task::Step(0)));
    }

    #[test]
    fn statistics_wait_for_the_indexes_of_their_table_alone() {
        let index_on = |oid| step(Wave::Main, vec![], vec![oid], vec![Lock { object: oid, mode: LockMode::Shared }]);
        let grant = step(Wave::Grants, vec![], vec![], vec![Lock { object: 1, mode: LockMode::Exclusive }]);
        let steps = [index_on(0), index_on(1), grant];
        let mut schedule = Schedule::new(2, loads(2), &steps, Proof::Leave);
        let mut assigned = |ended: Option<Task>| {
            ended.into_iter().for_each(|task| schedule.end(task, Ended::Well));
            schedule.assign()
        };
        assert_eq!(assigned(None), Next::Run(Task::Load(1)));
        assert_eq!(assigned(None), Next::Run(Task::Load(0)));
        assert_eq!(assigned(Some(Task::Load(1))), Next::Run(Task::Step(1)));
        assert_eq!(assigned(Some(Task::Load(0))), Next::Run(Task::Step(0)));
        assert_eq!(
            assigned(Some(Task::Step(1))),
            Next::Run(Task::Analyze(1)),
            "the other table's index is being built"
        );
        assert_eq!(assigned(Some(Task::Step(0))), Next::Run(Task::Analyze(0)), "the grant waits for the statistics");
        assert_eq!(assigned(Some(Task::Analyze(1))), Next::Run(Task::Step(2)));
    }

    #[test]
    fn what_needs_a_failed_step_is_skipped_and_named() {
        let steps = [
            step(Wave::Main, vec![], vec![0], vec![]),
            step(Wave::Main, vec![0], vec![], vec![]),
            step(Wave::Last, vec![1], vec![], vec![]),
        ];
        let mut schedule = Schedule::new(1, loads(1), &steps, Proof::Leave);
        let Next::Run(load) = schedule.assign() else { panic!("nothing to load") };
        schedule.end(load, Ended::Well);
        assert_eq!(schedule.assign(), Next::Run(Task::Step(0)));
        schedule.end(Task::Step(0), Ended::Badly);
        assert_eq!(schedule.skipped(), [1, 2]);
        assert_eq!(schedule.assign(), Next::Run(Task::Analyze(0)));
        schedule.end(Task::Analyze(0), Ended::Well);
        assert_eq!(schedule.assign(), Next::Finished);
    }
}
