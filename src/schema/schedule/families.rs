//! Loads that put rows into each other's tables: partitions that are loaded through the table above them. What reads such a table waits
//! until all of its family have ended.

use super::Load;

pub(super) struct Families {
    of_load: Vec<Option<usize>>,
    members: Vec<Vec<usize>>,
    /// How many loads of each have not ended.
    left: Vec<usize>,
}

impl Families {
    pub fn new(loads: &[Load]) -> Self {
        let count = loads.iter().filter_map(|load| load.family).map(|family| family + 1).max().unwrap_or_default();
        let mut members = vec![Vec::new(); count];
        for (n, load) in loads.iter().enumerate() {
            if let Some(family) = load.family {
                members[family].push(n);
            }
        }
        let left = members.iter().map(Vec::len).collect();
        Self { of_load: loads.iter().map(|load| load.family).collect(), members, left }
    }

    /// The loads whose rows may be in the table of this one, itself among them.
    pub fn of(&self, load: usize) -> Vec<usize> {
        self.of_load[load].map_or_else(|| vec![load], |family| self.members[family].clone())
    }

    /// However it ended. Returns the loads whose tables have all that they will have.
    pub fn ended(&mut self, load: usize) -> Vec<usize> {
        let Some(family) = self.of_load[load] else { return vec![load] };
        self.left[family] -= 1;
        if self.left[family] == 0 { self.members[family].clone() } else { Vec::new() }
    }

    pub fn is_loaded(&self, load: usize) -> bool {
        self.of_load[load].is_none_or(|family| self.left[family] == 0)
    }
}
