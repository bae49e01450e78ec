use std::collections::BTreeSet;

use super::oracle::Oracle;
use super::*;
use crate::schema::restore::{Lock, LockMode, Step, Transaction};
use proptest::prelude::*;

fn step(wave: Wave, after: Vec<usize>, after_rows: Vec<Oid>, locks: Vec<Lock>) -> PostDataStep {
    let step = Step {
        dump_id: 1,
        label: "x".into(),
        statements: Vec::new(),
        transaction: Transaction::Allowed,
        acts_as: None,
    };
    let after_proof = Vec::new();
    PostDataStep { step, wave, after, after_rows, after_proof, locks, sorts: false, followers: 0, chain: 0 }
}

fn load(oid: u32, bytes: u64) -> Load {
    Load { oid, bytes, after: Vec::new(), family: None }
}

fn loads(n: u32) -> Vec<Load> {
    (0..n).map(|oid| load(oid, u64::from(oid) * 100)).collect()
}

proptest! {
    /// Whatever the graph and the order in which workers finish: everything runs once, nothing before what it needs, and no
    /// two tasks that exclude each other run together. In whatever order is asked for.
    #[test]
    fn every_task_runs_once_and_in_time(
        seeds in prop::collection::vec((0usize..6, 0usize..1000, 0u32..6, any::<bool>()), 0..30),
        befores in prop::collection::vec(0usize..1000, 6),
        families in prop::collection::vec(prop::option::of(0usize..2), 6),
        order in prop::option::of(any::<u64>()),
        last in any::<bool>(),
        jobs in 1usize..5,
        picks in prop::collection::vec(0usize..100, 200),
    ) {
        let mut waves: Vec<usize> = seeds.iter().map(|s| s.0).collect();
        waves.sort_unstable();
        let steps: Vec<PostDataStep> = seeds.iter().enumerate().map(|(n, (_, after, table, exclusive))| {
            let wave = [Wave::Main, Wave::Calls, Wave::Domains, Wave::Grants, Wave::Refresh, Wave::Last][waves[n]];
            let proven = if after % 3 == 0 { vec![*table] } else { vec![] };
            let after = if n > 0 { vec![after % n] } else { vec![] };
            let mode = if *exclusive { LockMode::Exclusive } else { LockMode::Shared };
            PostDataStep { after_proof: proven, ..step(wave, after, vec![*table], vec![Lock { object: *table, mode }]) }
        }).collect();
        let mut loads = loads(6);
        // Each third one waits for one that comes before it.
        for (n, before) in befores.iter().enumerate().filter(|(n, before)| *n > 0 && *before % 3 == 0) {
            loads[n].after.push(before % n);
        }
        loads.iter_mut().zip(&families).for_each(|(load, family)| load.family = *family);
        let order = order.map_or(Order::LargestFirst, Order::Random);
        let proofs = if last { Proofs::Last } else { Proofs::Early };
        let mut schedule = Schedule::new(jobs, loads.clone(), &steps, Proof::Make, proofs, order);
        let mut running: Vec<Task> = Vec::new();
        let mut done: Vec<Task> = Vec::new();
        let mut picks = picks.into_iter().cycle();
        loop {
            while running.len() < jobs {
                match schedule.assign() {
                    Next::Run(task) => {
                        if let Task::Load(n) = task {
                            for needed in &loads[n].after { prop_assert!(done.contains(&Task::Load(*needed))); }
                        }
                        if let (Task::Prove(_), true) = (task, last) {
                            let others = done.iter().filter(|done| !matches!(done, Task::Prove(_))).count();
                            prop_assert_eq!(others, 2 * loads.len() + steps.len());
                        }
                        if let Task::Prove(n) | Task::Analyze(n) = task {
                            for (other, family) in families.iter().enumerate() {
                                let related = other == n || family.is_some() && *family == families[n];
                                prop_assert!(!related || done.contains(&Task::Load(other)));
                            }
                        }
                        if let Task::Step(n) = task {
                            for proven in steps[n].after_proof.iter().filter(|_| !last) { prop_assert!(done.contains(&Task::Prove(*proven as usize))); }
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

/// A step as it comes out of the generator: wave, what it waits for, loads, proofs, locks, chain.
type Seed = (usize, Vec<usize>, Vec<u32>, Vec<u32>, Vec<(u32, bool)>, usize);

const OBJECTS: u32 = 7;

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let after = prop::collection::vec(0usize..1000, 0..3);
    let locks = prop::collection::vec((0..OBJECTS, any::<bool>()), 0..4);
    let some = || prop::collection::vec(0..OBJECTS, 0..3);
    let seed = (0usize..8, after, some(), some(), locks, 0usize..3);
    prop::collection::vec(seed, 0..40)
}

fn graph(mut seeds: Vec<Seed>) -> Vec<PostDataStep> {
    let waves =
        [Wave::Main, Wave::Main, Wave::Main, Wave::Calls, Wave::Domains, Wave::Grants, Wave::Refresh, Wave::Last];
    seeds.sort_by_key(|seed| waves[seed.0]);
    let steps =
        seeds.into_iter().enumerate().map(|(n, (wave, after, mut after_rows, mut after_proof, mut locks, chain))| {
            let after: BTreeSet<usize> = after.into_iter().filter(|_| n > 0).map(|before| before % n).collect();
            for oids in [&mut after_rows, &mut after_proof] {
                oids.sort_unstable();
                oids.dedup();
            }
            locks.sort_unstable();
            locks.dedup_by_key(|(object, _)| *object);
            let lock = |(object, exclusive)| Lock {
                object,
                mode: if exclusive { LockMode::Exclusive } else { LockMode::Shared },
            };
            let locks = locks.into_iter().map(lock).collect();
            PostDataStep { chain, after_proof, ..step(waves[wave], after.into_iter().collect(), after_rows, locks) }
        });
    steps.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the graph, the order in which workers finish and what fails: the same tasks at the same moments, and the same steps
    /// skipped in the same order, as when everything is looked at each time.
    #[test]
    fn it_assigns_what_looking_at_everything_would(
        seeds in seeds(),
        bytes in prop::collection::vec((0u64..4, 0usize..20, prop::option::of(0usize..2)), 5),
        proof in any::<bool>(),
        jobs in 1usize..6,
        ends in prop::collection::vec((0usize..100, 0usize..8), 100),
    ) {
        let steps = graph(seeds);
        let after = |n: usize, before: usize| if before < n { vec![before] } else { vec![] };
        let of_seed = |(n, (bytes, before, family)): (usize, &(u64, usize, Option<usize>))| Load {
            after: after(n, *before),
            family: *family,
            ..load(n as u32, *bytes)
        };
        let loads = || bytes.iter().enumerate().map(of_seed).collect();
        let proof = if proof { Proof::Make } else { Proof::Leave };
        let mut schedule = Schedule::new(jobs, loads(), &steps, proof, Proofs::Early, Order::LargestFirst);
        let mut oracle = Oracle::new(jobs, loads(), &steps, proof);
        let mut running: Vec<Task> = Vec::new();
        let mut ends = ends.into_iter().cycle();
        loop {
            // One more than there are workers: one asks again before another's end is known.
            while running.len() <= jobs {
                let next = schedule.assign();
                prop_assert_eq!(next, oracle.assign());
                prop_assert_eq!(schedule.running(), running.len() + usize::from(matches!(next, Next::Run(_))));
                match next {
                    Next::Run(task) => running.push(task),
                    Next::Wait => { prop_assert!(!running.is_empty(), "waits for nothing"); break; }
                    Next::Finished => break,
                }
            }
            if running.is_empty() { break; }
            let (which, how) = ends.next().unwrap();
            let task = running.remove(which % running.len());
            let ended = if how == 0 { Ended::Badly } else { Ended::Well };
            schedule.end(task, ended);
            oracle.end(task, ended);
            prop_assert_eq!(schedule.skipped(), oracle.skipped());
        }
    }
}

/// An index and a grant on each table, and a key to one that all have in common: what looks at everything each time would need
/// many minutes.
#[test]
fn twenty_thousand_tables_are_a_matter_of_seconds() {
    const TABLES: u32 = 20_000;
    let exclusive = |object| Lock { object, mode: LockMode::Exclusive };
    let index = |oid| step(Wave::Main, vec![], vec![oid], vec![exclusive(oid)]);
    let key = |oid: u32| step(Wave::Main, vec![oid as usize], vec![oid, 0], vec![exclusive(0), exclusive(oid)]);
    let grant = |oid| step(Wave::Grants, vec![], vec![], vec![exclusive(oid)]);
    let steps: Vec<_> = (0..TABLES).map(index).chain((1..TABLES).map(key)).chain((0..TABLES).map(grant)).collect();
    let loads = (0..TABLES).map(|oid| load(oid, 0)).collect();
    let started = std::time::Instant::now();
    let mut schedule = Schedule::new(2, loads, &steps, Proof::Make, Proofs::Early, Order::LargestFirst);
    let mut running = std::collections::VecDeque::new();
    let mut tasks = 0;
    loop {
        while running.len() < 2
            && let Next::Run(task) = schedule.assign()
        {
            tasks += 1;
            running.push_back(task);
        }
        let Some(task) = running.pop_front() else { break };
        schedule.end(task, Ended::Well);
    }
    assert_eq!(tasks, 6 * TABLES - 1);
    assert!(started.elapsed().as_secs() < 15, "{:?}", started.elapsed());
}

/// Small tables are given out several at a time, in the order in which they would have been given one by one.
#[test]
fn further_tasks_come_in_their_order_as_long_as_they_fit() {
    let hold = step(Wave::Main, vec![], vec![1], vec![Lock { object: 1, mode: LockMode::Exclusive }]);
    let steps = [hold];
    let mut schedule = Schedule::new(4, loads(5), &steps, Proof::Make, Proofs::Early, Order::LargestFirst);
    assert_eq!(schedule.assign(), Next::Run(Task::Load(4)));
    assert_eq!(schedule.more(Task::Load(4), 9, |n| n > 2), [Task::Load(3)]);
    assert_eq!(schedule.more(Task::Load(4), 2, |_| true), [Task::Load(2), Task::Load(1)]);
    assert_eq!(schedule.assign(), Next::Run(Task::Load(0)));
    (0..5).for_each(|n| schedule.end(Task::Load(n), Ended::Well));
    assert_eq!(schedule.assign(), Next::Run(Task::Step(0)));
    assert_eq!(schedule.assign(), Next::Run(Task::Prove(4)));
    assert_eq!(schedule.more(Task::Prove(4), 9, |n| n > 5), []);
    let but_the_one_held = [Task::Prove(3), Task::Prove(2), Task::Prove(0)];
    assert_eq!(schedule.more(Task::Prove(4), 9, |_| true), but_the_one_held);
    schedule.end(Task::Step(0), Ended::Well);
    assert_eq!(schedule.assign(), Next::Run(Task::Prove(1)));
}

#[test]
fn a_worker_builds_while_another_loads() {
    let steps = [step(Wave::Main, vec![], vec![2], vec![])];
    let mut schedule = Schedule::new(2, loads(3), &steps, Proof::Leave, Proofs::Early, Order::LargestFirst);
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
    let mut schedule = Schedule::new(2, loads(2), &steps, Proof::Leave, Proofs::Early, Order::LargestFirst);
    let mut assigned = |ended: Option<Task>| {
        ended.into_iter().for_each(|task| schedule.end(task, Ended::Well));
        schedule.assign()
    };
    assert_eq!(assigned(None), Next::Run(Task::Load(1)));
    assert_eq!(assigned(None), Next::Run(Task::Load(0)));
    assert_eq!(assigned(Some(Task::Load(1))), Next::Run(Task::Step(1)));
    assert_eq!(assigned(Some(Task::Load(0))), Next::Run(Task::Step(0)));
    assert_eq!(assigned(Some(Task::Step(1))), Next::Run(Task::Analyze(1)), "the other table's index is being built");
    assert_eq!(assigned(Some(Task::Step(0))), Next::Run(Task::Analyze(0)), "the grant waits for the statistics");
    assert_eq!(assigned(Some(Task::Analyze(1))), Next::Run(Task::Step(2)));
}

/// The heaviest of those that wait for a lock begins, also where a lighter one was woken before it came.
#[test]
fn a_heavier_step_that_comes_later_to_a_lock_goes_first() {
    let on = |mode| vec![Lock { object: 99, mode }];
    let steps = [
        step(Wave::Main, vec![], vec![5], on(LockMode::Exclusive)),
        step(Wave::Main, vec![], vec![0], on(LockMode::Shared)),
        step(Wave::Main, vec![], vec![4], on(LockMode::Exclusive)),
        step(Wave::Main, vec![0], vec![3], vec![]),
        step(Wave::Main, vec![3], vec![1], vec![]),
        step(Wave::Main, vec![3], vec![2], on(LockMode::Shared)),
    ];
    let mut schedule = Schedule::new(9, loads(6), &steps, Proof::Leave, Proofs::Early, Order::LargestFirst);
    let loading: Vec<Next> = (0..6).map(|_| schedule.assign()).collect();
    assert!(loading.iter().all(|next| matches!(next, Next::Run(Task::Load(_)))), "{loading:?}");
    (0..6).for_each(|n| schedule.end(Task::Load(n), Ended::Well));
    let mut next_step = |ended: &[usize]| {
        ended.iter().for_each(|n| schedule.end(Task::Step(*n), Ended::Well));
        loop {
            match schedule.assign() {
                Next::Run(Task::Step(n)) => return Some(n),
                Next::Run(task) => schedule.end(task, Ended::Well),
                Next::Wait | Next::Finished => return None,
            }
        }
    };
    assert_eq!(next_step(&[]), Some(0));
    assert_eq!(next_step(&[]), None, "both others wait for the lock");
    assert_eq!((next_step(&[0]), next_step(&[])), (Some(2), Some(3)));
    // The last step comes to the lock that the third holds, while the second, which is lighter, is awake.
    assert_eq!(next_step(&[3]), Some(4));
    assert_eq!((next_step(&[2]), next_step(&[])), (Some(5), Some(1)));
}

#[test]
fn what_needs_a_failed_step_is_skipped_and_named() {
    let steps = [
        step(Wave::Main, vec![], vec![0], vec![]),
        step(Wave::Main, vec![0], vec![], vec![]),
        step(Wave::Last, vec![1], vec![], vec![]),
    ];
    let mut schedule = Schedule::new(1, loads(1), &steps, Proof::Leave, Proofs::Early, Order::LargestFirst);
    let Next::Run(load) = schedule.assign() else { panic!("nothing to load") };
    schedule.end(load, Ended::Well);
    assert_eq!(schedule.assign(), Next::Run(Task::Step(0)));
    schedule.end(Task::Step(0), Ended::Badly);
    assert_eq!(schedule.skipped(), [1, 2]);
    assert_eq!(schedule.assign(), Next::Run(Task::Analyze(0)));
    schedule.end(Task::Analyze(0), Ended::Well);
    assert_eq!(schedule.assign(), Next::Finished);
}

/// Rows that are against a key that is there before them: a table that refers to another comes after it, however large.
#[test]
fn a_load_waits_for_those_that_it_refers_to() {
    let loads = vec![load(0, 1), Load { after: vec![0], ..load(1, 100) }, load(2, 50)];
    let mut schedule = Schedule::new(2, loads, &[], Proof::Leave, Proofs::Early, Order::LargestFirst);
    assert_eq!(schedule.assign(), Next::Run(Task::Load(2)));
    assert_eq!(schedule.assign(), Next::Run(Task::Load(0)));
    assert_eq!(schedule.assign(), Next::Wait);
    // Its rows may be fine without the ones that failed.
    schedule.end(Task::Load(0), Ended::Badly);
    assert_eq!(schedule.assign(), Next::Run(Task::Load(1)));
}

#[test]
fn a_random_order_is_the_same_for_the_same_number_and_another_for_another() {
    let steps: Vec<_> = (0..4).map(|oid| step(Wave::Main, vec![], vec![oid], vec![])).collect();
    let order = |seed| {
        let mut schedule = Schedule::new(1, loads(4), &steps, Proof::Make, Proofs::Early, Order::Random(seed));
        let mut order = Vec::new();
        while let Next::Run(task) = schedule.assign() {
            order.push(task);
            schedule.end(task, Ended::Well);
        }
        order
    };
    let orders: BTreeSet<Vec<Task>> = (0..100).map(order).collect();
    assert_eq!(orders.len(), 100, "of 16 tasks");
    assert_eq!(order(7), order(7));
}
