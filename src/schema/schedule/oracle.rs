//! The schedule as it is said: each question is answered by a look at everything. Slow, and plain enough to be right: what the real
//! one is compared with.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ended, Load, Next, Proof, Task};
use crate::schema::archive::Oid;
use crate::schema::restore::{Lock, LockMode, PostDataStep, Wave};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Running,
    Well,
    Skipped,
}

pub struct Oracle<'a> {
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

impl<'a> Oracle<'a> {
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
            let relatives = self.family(n).into_iter().map(Task::Prove);
            for follower in relatives.chain([Task::Analyze(n)]) {
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

    /// The loads that put rows into the table.
    fn family(&self, n: usize) -> Vec<usize> {
        let of = |n: usize| self.loads[n].family;
        (0..self.loads.len()).filter(|other| *other == n || of(n).is_some() && of(*other) == of(n)).collect()
    }

    /// It went well, and all rows that the table will ever have are there.
    fn is_loaded(&self, n: usize) -> bool {
        let ended = |n: usize| self.is(Task::Load(n), State::Well) || self.is(Task::Load(n), State::Skipped);
        self.is(Task::Load(n), State::Well) && self.family(n).into_iter().all(ended)
    }

    fn choose(&self) -> Option<Task> {
        let load_ended = |n: &usize| self.is(Task::Load(*n), State::Well) || self.is(Task::Load(*n), State::Skipped);
        let may_load = |n: &usize| self.is(Task::Load(*n), State::Open) && self.loads[*n].after.iter().all(load_ended);
        let load = (0..self.loads.len()).filter(may_load).max_by_key(|n| self.loads[*n].bytes);
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
        let proof_ended = |oid: &Oid| self.load_of.get(oid).is_none_or(|n| ended(self.state.get(&Task::Prove(*n))));
        if !step.after.iter().all(step_ended)
            || !step.after_rows.iter().all(rows_ended)
            || !step.after_proof.iter().all(proof_ended)
        {
            return false;
        }
        if step.wave != Wave::Main {
            let earlier = self.steps_left.range(..step.wave).any(|(_, left)| *left > 0);
            if self.loads_left > 0 || earlier {
                return false;
            }
        }
        let serial = matches!(step.wave, Wave::Domains | Wave::Grants | Wave::Last);
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
        let open = |n: &usize| self.is(Task::Prove(*n), State::Open) && self.is_loaded(*n);
        let free = |n: &usize| !self.is_locked_against(Lock { object: self.loads[*n].oid, mode: LockMode::Shared });
        (0..self.loads.len()).filter(|n| open(n) && free(n)).max_by_key(|n| self.loads[*n].bytes).map(Task::Prove)
    }

    /// Statistics of a table come when all its indexes are built, for an expression's statistics need its index.
    fn statistics(&self) -> Option<Task> {
        let open = |n: &usize| self.is(Task::Analyze(*n), State::Open) && self.is_loaded(*n);
        let is_built = |n: &usize| self.steps_left_on.get(&self.loads[*n].oid).is_none_or(|left| *left == 0);
        let ready = (0..self.loads.len()).filter(|n| open(n) && is_built(n));
        ready.max_by_key(|n| self.loads[*n].bytes).map(Task::Analyze)
    }
}

/// What a step locks that builds something.
fn main_locks(step: &PostDataStep) -> &[Lock] {
    if matches!(step.wave, Wave::Main | Wave::Calls) { &step.locks } else { &[] }
}
