//! What should come after what, where the answers may contradict each other.

use std::collections::BTreeSet;

/// An order that can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circles {
    /// For each node those that come before it. Without a circle.
    pub after: Vec<Vec<usize>>,
    /// Nodes that are sure to come after each other, directly or not, which no order grants.
    pub in_circle: BTreeSet<usize>,
}

/// Joins what is sure with what is guessed, both as lists of those that come before each node. What is guessed yields to what is sure,
/// and whatever stands in a circle is left out.
pub fn without_circles(sure: &[Vec<usize>], guessed: &[Vec<usize>]) -> Circles {
    let component = components(sure);
    let mut sizes = vec![0usize; sure.len()];
    component.iter().for_each(|n| sizes[*n] += 1);
    let in_circle = (0..sure.len()).filter(|n| sizes[component[*n]] > 1).collect();
    let apart = |lists: &[Vec<usize>], component: &[usize]| -> Vec<Vec<usize>> {
        let others = |(n, befores): (usize, &Vec<usize>)| {
            befores.iter().copied().filter(|before| component[*before] != component[n]).collect()
        };
        lists.iter().enumerate().map(others).collect()
    };
    let mut after = apart(sure, &component);
    let both: Vec<Vec<usize>> = after.iter().zip(guessed).map(|(a, b)| [a.as_slice(), b].concat()).collect();
    let guessed = apart(guessed, &components(&both));
    for (after, guessed) in after.iter_mut().zip(guessed) {
        after.extend(guessed);
        after.sort_unstable();
        after.dedup();
    }
    Circles { after, in_circle }
}

impl Circles {
    /// All nodes, each after those that come before it.
    pub fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.after.len()).collect();
        let component = components(&self.after);
        order.sort_by_key(|n| component[*n]);
        order
    }
}

/// For each node the number of its strongly connected component; a component that is reached from another has the smaller number.
///
/// Tarjan, "Depth-first search and linear graph algorithms", 1972; with a stack of its own, for chains may be long.
fn components(edges: &[Vec<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let mut index = vec![UNSEEN; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut component = vec![UNSEEN; edges.len()];
    let (mut seen, mut found) = (0, 0);
    let mut open = Vec::new();
    for root in 0..edges.len() {
        if index[root] != UNSEEN {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            if *next == 0 && index[node] == UNSEEN {
                (index[node], low[node]) = (seen, seen);
                seen += 1;
                open.push(node);
            }
            if let Some(&to) = edges[node].get(*next) {
                *next += 1;
                if index[to] == UNSEEN {
                    path.push((to, 0));
                } else if component[to] == UNSEEN {
                    low[node] = low[node].min(index[to]);
                }
                continue;
            }
            path.pop();
            if let Some((above, _)) = path.last() {
                low[*above] = low[*above].min(low[node]);
            }
            if low[node] == index[node] {
                while let Some(member) = open.pop() {
                    component[member] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_guessed_yields_to_what_is_sure() {
        // 0 after 1 for sure, 1 after 0 by a guess; 2 after 1 by a guess.
        let circles = without_circles(&[vec![1], vec![], vec![]], &[vec![], vec![0], vec![1]]);
        assert_eq!(circles, Circles { after: vec![vec![1], vec![], vec![1]], in_circle: BTreeSet::new() });
        assert_eq!(circles.in_order(), [1, 0, 2]);
    }

    #[test]
    fn a_circle_of_sure_ones_is_named_and_what_hangs_on_it_waits() {
        let circles = without_circles(&[vec![1], vec![0], vec![0, 2]], &[vec![], vec![], vec![]]);
        assert_eq!(circles, Circles { after: vec![vec![], vec![], vec![0]], in_circle: BTreeSet::from([0, 1]) });
    }

    proptest! {
        /// Whatever the graph: the order holds what is left of it, and what is sure is left wherever an order can hold it.
        #[test]
        fn the_order_can_be_kept(edges in prop::collection::vec((0usize..12, 0usize..12, any::<bool>()), 0..30)) {
            let mut lists = [vec![Vec::new(); 12], vec![Vec::new(); 12]];
            for (from, to, sure) in &edges {
                lists[usize::from(*sure)][*from].push(*to);
            }
            let [guessed, sure] = lists;
            let circles = without_circles(&sure, &guessed);
            let order = circles.in_order();
            let place = |n: usize| order.iter().position(|m| *m == n).unwrap();
            for (n, sure) in sure.iter().enumerate() {
                prop_assert!(circles.after[n].iter().all(|before| place(*before) < place(n)));
                let lost = sure.iter().find(|before| !circles.after[n].contains(before));
                prop_assert!(lost.is_none_or(|before| *before == n || circles.in_circle.contains(&n)));
            }
        }
    }
}
