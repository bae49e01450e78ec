//! Which table is loaded next: most wait for nothing, some for the rows of others.

use std::collections::BinaryHeap;

use super::{Load, Order, Task};

pub(super) struct Loads {
    weights: Vec<u64>,
    /// How many others each still waits for, and who waits for each.
    unmet: Vec<usize>,
    followers: Vec<Vec<usize>>,
    /// Those that may begin, by weight.
    open: BinaryHeap<(u64, usize)>,
}

impl Loads {
    pub fn new(loads: &[Load], order: Order) -> Self {
        let mut followers = vec![Vec::new(); loads.len()];
        for (n, load) in loads.iter().enumerate() {
            load.after.iter().for_each(|before| followers[*before].push(n));
        }
        let unmet: Vec<usize> = loads.iter().map(|load| load.after.len()).collect();
        let weights: Vec<u64> =
            loads.iter().enumerate().map(|(n, load)| order.weight(Task::Load(n), load.bytes)).collect();
        let open = (0..loads.len()).filter(|n| unmet[*n] == 0).map(|n| (weights[n], n)).collect();
        Self { weights, unmet, followers, open }
    }

    /// The heaviest one, where `fits` agrees to it.
    pub fn next(&mut self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let (_, n) = *self.open.peek()?;
        fits(n).then(|| self.open.pop())?.map(|(_, n)| n)
    }

    /// However it ended: rows that need those of a table that failed say so themselves.
    pub fn ended(&mut self, n: usize) {
        for follower in std::mem::take(&mut self.followers[n]) {
            self.unmet[follower] -= 1;
            if self.unmet[follower] == 0 {
                self.open.push((self.weights[follower], follower));
            }
        }
    }
}
