//! What a backup uses again without a look at its bytes: all that its database had the last time, whatever else is in the repository.

use std::fs;

use chrono::{TimeDelta, Utc};

use crate::interleave::{Of, Shared, World, back_up_of, count_objects};

/// Chunks that no other number has, and the small one that ends them.
fn own(n: usize) -> [usize; 4] {
    [100 * n + 1, 100 * n + 2, 100 * n + 3, 100 * n + 4]
}

const ALL_AGAIN: Shared = Shared { new: 0, reused: 4 };

#[test]
fn thirty_databases_in_one_repository_are_each_known_the_next_night() {
    const DATABASES: usize = 30;
    let mut world = World::new();
    for night in 0..3 {
        for n in 0..DATABASES {
            let shared = back_up_of(&mut world, Of::database(&format!("db{n}")), own(n));
            let expected = if night == 0 { Shared { new: 4, reused: 0 } } else { ALL_AGAIN };
            assert_eq!(shared, expected, "night {night}, db{n}");
        }
    }
    // What other databases have is known as well: the newest of each.
    assert_eq!(back_up_of(&mut world, Of::database("clone"), own(7)), ALL_AGAIN);
}

/// Two policies of one database, one of which comes every hour.
#[test]
fn of_one_database_the_same_selection_counts_first_however_it_is_written() {
    let mut world = World::new();
    let of = |schemas: &[&str]| Of { schemas: schemas.iter().map(|s| s.to_string()).collect(), ..Of::database("shop") };
    back_up_of(&mut world, of(&["a", "b"]), own(1));
    for hour in 2..26 {
        back_up_of(&mut world, of(&["c"]), own(hour));
    }
    assert_eq!(back_up_of(&mut world, of(&["b", "a", "b"]), own(1)), ALL_AGAIN);
}

/// Genuine ones, of a host whose clock was wrong, and names that hold nothing.
#[test]
fn snapshots_from_the_future_and_junk_do_not_count() {
    let mut world = World::new();
    back_up_of(&mut world, Of::database("shop"), own(1));
    let later = Utc::now() + TimeDelta::days(20_000);
    for n in 0..12 {
        let of = |name: &str| Of { time: later + TimeDelta::seconds(n as i64), ..Of::database(name) };
        back_up_of(&mut world, of(&format!("other{n}")), own(10 + n));
        // The same database, with other rows.
        back_up_of(&mut world, of("shop"), own(30 + n));
        let junk = format!("snapshots/20991231T0000{n:02}.000Z-0123456789abcdef");
        fs::write(world.repo.root().join(junk), "nothing that anybody signed".repeat(20)).unwrap();
    }
    let before = count_objects(&world);
    assert_eq!(back_up_of(&mut world, Of::database("shop"), own(1)), ALL_AGAIN);
    assert_eq!(count_objects(&world), before, "nothing was stored");
}
