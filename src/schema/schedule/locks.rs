//! What running tasks hold of the target's objects, and which steps wait for it.
//!
//! A step that finds an object held waits in a queue of that object. Of each queue at most one step, the first by rank, stands among
//! the ready ones again once the object is free; the next follows when that one has begun, or waits elsewhere. So the end of a task
//! wakes few, however many wait. Where one of a higher rank comes to wait meanwhile, the one that stands for the queue no longer
//! does: it stays among the ready ones, and the higher one is woken before it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Load, Rank};
use crate::schema::archive::Oid;
use crate::schema::restore::{LockMode, PostDataStep};

/// An object's number here, and how it is wanted.
type Wanted = (usize, LockMode);

pub(super) struct Locks {
    of_step: Vec<Vec<Wanted>>,
    /// The object that a load fills.
    of_load: Vec<usize>,
    objects: Vec<Object>,
    /// For which queue a step stands among the ready ones.
    stands_for: Vec<Option<Wanted>>,
}

#[derive(Default)]
struct Object {
    shared: usize,
    exclusive: usize,
    /// Steps that build on it and have not ended.
    unbuilt: usize,
    loads: Vec<usize>,
    for_shared: Queue,
    for_exclusive: Queue,
    /// Proofs of its rows that wait.
    proofs: Vec<usize>,
}

#[derive(Default)]
struct Queue {
    waiting: BinaryHeap<Rank>,
    /// The one of its steps that is among the ready ones.
    ready: Option<Rank>,
}

impl Object {
    fn is_free_for(&self, mode: LockMode) -> bool {
        self.exclusive == 0 && (mode == LockMode::Shared || self.shared == 0)
    }

    fn held(&mut self, mode: LockMode) -> &mut usize {
        match mode {
            LockMode::Shared => &mut self.shared,
            LockMode::Exclusive => &mut self.exclusive,
        }
    }

    fn queue(&mut self, mode: LockMode) -> &mut Queue {
        match mode {
            LockMode::Shared => &mut self.for_shared,
            LockMode::Exclusive => &mut self.for_exclusive,
        }
    }
}

impl Locks {
    pub fn new(steps: &[PostDataStep], loads: &[Load]) -> Self {
        let mut numbers: HashMap<Oid, usize> = HashMap::new();
        let mut number = |oid: Oid| {
            let next = numbers.len();
            *numbers.entry(oid).or_insert(next)
        };
        let of_load: Vec<usize> = loads.iter().map(|load| number(load.oid)).collect();
        let of_step: Vec<Vec<Wanted>> =
            steps.iter().map(|step| step.locks.iter().map(|lock| (number(lock.object), lock.mode)).collect()).collect();
        let mut objects: Vec<Object> = numbers.iter().map(|_| Object::default()).collect();
        for (load, object) in of_load.iter().enumerate() {
            objects[*object].loads.push(load);
        }
        for (locks, step) in of_step.iter().zip(steps) {
            if step.wave.builds() {
                locks.iter().for_each(|(object, _)| objects[*object].unbuilt += 1);
            }
        }
        Self { of_step, of_load, objects, stands_for: vec![None; steps.len()] }
    }

    /// Whether the step must wait for an object; then it does, in the object's queue.
    pub fn makes_wait(&mut self, step: usize, rank: Rank, ready: &mut BinaryHeap<Rank>) -> bool {
        let held = self.of_step[step].iter().find(|(object, mode)| !self.objects[*object].is_free_for(*mode));
        let Some(&(object, mode)) = held else { return false };
        let queue = self.objects[object].queue(mode);
        queue.waiting.push(rank);
        if let Some(lower) = queue.ready.take_if(|ready| *ready < rank) {
            let Reverse(lower) = lower.2;
            self.stands_for[lower] = None;
        }
        self.give_up(step, ready);
        true
    }

    /// The step begins.
    pub fn take(&mut self, step: usize, ready: &mut BinaryHeap<Rank>) {
        for &(object, mode) in &self.of_step[step] {
            *self.objects[object].held(mode) += 1;
        }
        self.give_up(step, ready);
    }

    /// The step is no longer among the ready ones: the next of the queue that it stood for may be.
    pub fn give_up(&mut self, step: usize, ready: &mut BinaryHeap<Rank>) {
        if let Some((object, mode)) = self.stands_for[step].take() {
            self.objects[object].queue(mode).ready = None;
            self.wake((object, mode), ready);
        }
    }

    /// The step has ended. Returns the loads whose proofs may run now.
    pub fn release(&mut self, step: usize, ready: &mut BinaryHeap<Rank>) -> Vec<usize> {
        let mut proofs = Vec::new();
        for at in 0..self.of_step[step].len() {
            let wanted = self.of_step[step][at];
            proofs.append(&mut self.let_go(wanted, ready));
        }
        proofs
    }

    pub fn take_table(&mut self, load: usize) {
        *self.objects[self.of_load[load]].held(LockMode::Shared) += 1;
    }

    pub fn release_table(&mut self, load: usize, ready: &mut BinaryHeap<Rank>) -> Vec<usize> {
        self.let_go((self.of_load[load], LockMode::Shared), ready)
    }

    /// Whether the table is held by a step; then its proof is among those that [`Locks::release`] returns.
    pub fn makes_proof_wait(&mut self, load: usize) -> bool {
        let table = &mut self.objects[self.of_load[load]];
        let held = !table.is_free_for(LockMode::Shared);
        if held {
            table.proofs.push(load);
        }
        held
    }

    /// The step has ended or never will run. Returns the loads of tables for which that was the last.
    pub fn built(&mut self, step: usize) -> Vec<usize> {
        let mut built = Vec::new();
        for (object, _) in &self.of_step[step] {
            let object = &mut self.objects[*object];
            object.unbuilt -= 1;
            if object.unbuilt == 0 {
                built.extend(&object.loads);
            }
        }
        built
    }

    /// Whether all indexes and constraints of the table are there.
    pub fn is_built(&self, load: usize) -> bool {
        self.objects[self.of_load[load]].unbuilt == 0
    }

    fn let_go(&mut self, (object, mode): Wanted, ready: &mut BinaryHeap<Rank>) -> Vec<usize> {
        *self.objects[object].held(mode) -= 1;
        self.wake((object, LockMode::Shared), ready);
        self.wake((object, LockMode::Exclusive), ready);
        let object = &mut self.objects[object];
        if object.is_free_for(LockMode::Shared) { std::mem::take(&mut object.proofs) } else { Vec::new() }
    }

    fn wake(&mut self, (object, mode): Wanted, ready: &mut BinaryHeap<Rank>) {
        let free = self.objects[object].is_free_for(mode);
        let queue = self.objects[object].queue(mode);
        if !free || queue.ready.is_some() {
            return;
        }
        if let Some(rank) = queue.waiting.pop() {
            queue.ready = Some(rank);
            let Reverse(step) = rank.2;
            self.stands_for[step] = Some((object, mode));
            ready.push(rank);
        }
    }
}
