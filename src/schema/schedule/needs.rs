//! What steps wait for: other steps, rows, proofs, and the end of the waves before theirs. Counted, so that an end costs what it frees.

use std::collections::HashMap;

use super::{Proof, Task};
use crate::schema::archive::Oid;
use crate::schema::restore::{PostDataStep, Wave};

const WAVES: [Wave; 6] = [Wave::Main, Wave::Calls, Wave::Domains, Wave::Grants, Wave::Refresh, Wave::Last];

pub(super) struct Needs {
    /// How many steps, loads and proofs each step still waits for.
    unmet: Vec<usize>,
    /// Which steps wait for each step, each load and each proof, in ascending order.
    after_step: Vec<Vec<usize>>,
    after_load: Vec<Vec<usize>>,
    after_proof: Vec<Vec<usize>>,
    waves: Vec<Wave>,
    /// The wave that is under way, as a position in [`WAVES`].
    wave: usize,
    /// Of each wave, the steps that have not ended, and those that need nothing but that their wave comes.
    left: [usize; WAVES.len()],
    early: [Vec<usize>; WAVES.len()],
    loads_left: usize,
}

impl Needs {
    /// Also returns the steps that need nothing.
    pub fn new(
        steps: &[PostDataStep],
        load_of: &HashMap<Oid, usize>,
        loads: usize,
        proof: Proof,
    ) -> (Self, Vec<usize>) {
        let mut needs = Self {
            unmet: vec![0; steps.len()],
            after_step: vec![Vec::new(); steps.len()],
            after_load: vec![Vec::new(); loads],
            after_proof: vec![Vec::new(); loads],
            waves: steps.iter().map(|step| step.wave).collect(),
            wave: 0,
            left: [0; WAVES.len()],
            early: Default::default(),
            loads_left: loads,
        };
        for (n, step) in steps.iter().enumerate() {
            needs.left[step.wave as usize] += 1;
            for before in step.after.iter().filter(|before| **before < steps.len()) {
                needs.after_step[*before].push(n);
                needs.unmet[n] += 1;
            }
            for load in step.after_rows.iter().filter_map(|oid| load_of.get(oid)) {
                needs.after_load[*load].push(n);
                needs.unmet[n] += 1;
            }
            let proven = step.after_proof.iter().filter(|_| proof == Proof::Make);
            for load in proven.filter_map(|oid| load_of.get(oid)) {
                needs.after_proof[*load].push(n);
                needs.unmet[n] += 1;
            }
        }
        let idle: Vec<usize> = (0..steps.len()).filter(|n| needs.unmet[*n] == 0).collect();
        let mut free = needs.in_time(idle);
        free.extend(needs.open_waves());
        (needs, free)
    }

    /// The wave whose steps may run.
    pub fn wave(&self) -> Wave {
        WAVES[self.wave]
    }

    /// The steps that cannot be done without the task. A proof is waited for and no more: whoever it finds wrong, rows are to be
    /// as safe as they were.
    pub fn followers(&self, task: Task) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let followers = match task {
            Task::Step(n) => self.after_step[n].clone(),
            Task::Load(n) => self.after_load[n].clone(),
            Task::Prove(_) | Task::Analyze(_) => Vec::new(),
        };
        followers.into_iter()
    }

    /// These and the following return the steps that may run now.
    pub fn load_ended(&mut self, n: usize) -> Vec<usize> {
        self.loads_left -= 1;
        self.meet(self.after_load[n].clone())
    }

    /// Or will never be made.
    pub fn proof_ended(&mut self, n: usize) -> Vec<usize> {
        self.meet(self.after_proof[n].clone())
    }

    pub fn step_ended(&mut self, n: usize, wave: Wave) -> Vec<usize> {
        self.left[wave as usize] -= 1;
        self.meet(self.after_step[n].clone())
    }

    /// A wave begins when all rows are loaded and the waves before it are over.
    pub fn open_waves(&mut self) -> Vec<usize> {
        let mut free = Vec::new();
        while self.loads_left == 0 && self.left[self.wave] == 0 && self.wave + 1 < WAVES.len() {
            self.wave += 1;
            free.append(&mut self.early[self.wave]);
        }
        free
    }

    fn meet(&mut self, waiting: Vec<usize>) -> Vec<usize> {
        let mut met = Vec::new();
        for n in waiting {
            self.unmet[n] -= 1;
            if self.unmet[n] == 0 {
                met.push(n);
            }
        }
        self.in_time(met)
    }

    /// Those whose wave has come; the others are kept for it.
    fn in_time(&mut self, idle: Vec<usize>) -> Vec<usize> {
        let (free, early): (Vec<usize>, Vec<usize>) =
            idle.into_iter().partition(|n| self.waves[*n] as usize <= self.wave);
        for n in early {
            self.early[self.waves[n] as usize].push(n);
        }
        free
    }
}
