//! Tables whose rows hang together: in which order they are loaded.

use std::collections::{BTreeSet, HashMap};

use super::super::{Job, Loading};
use crate::command::Error;
use crate::command::runtime::worker_runtime;
use crate::pg::target::keys_among;
use crate::pg::wire::Wire;
use crate::schema::restore::{Circles, without_circles};
use crate::stop::{Stop, in_parallel};

/// For each relation of the job those that are loaded before it. Keys that are in the target before its rows are an extension's, which
/// it makes with its tables: the target is asked for them. What functions look up is known from the snapshot.
pub fn order(loading: &Loading, job: &Job, stop: &Stop) -> Result<Circles, Error> {
    let failed = || Error::target_database("reading the keys of configuration tables");
    let mut sure = vec![Vec::new(); job.relations.len()];
    let configuration: Vec<usize> =
        (0..job.relations.len()).filter(|n| job.relations[*n].configuration.is_some()).collect();
    // One refers to itself alone, and COPY looks at keys when all rows are there.
    if configuration.len() > 1 {
        let relations = configuration.iter().map(|n| &job.relations[*n]);
        let names: Vec<(&str, &str)> = relations.map(|r| (r.schema.as_str(), r.name.as_str())).collect();
        // From a thread: the caller may be inside a runtime, where no other may be waited for.
        let keys = in_parallel(1, stop, |_| {
            let mut wire =
                Wire::connect(&loading.target, "pgkeep restore", worker_runtime()?, stop).map_err(failed())?;
            keys_among(&mut wire, &names).map_err(failed())
        })?;
        for (from, to) in keys.into_iter().flatten() {
            sure[configuration[from]].push(configuration[to]);
        }
    }
    let number: HashMap<u32, usize> = job.relations.iter().enumerate().map(|(n, relation)| (relation.oid, n)).collect();
    // A load of a family may put rows into any of its tables.
    let named = |n: usize| {
        let oids = job.plan.data_after.get(&job.relations[n].oid).into_iter().flatten();
        oids.filter_map(|oid| number.get(oid)).flat_map(|before| job.families.relatives(*before)).collect::<Vec<_>>()
    };
    let before = |n: usize| {
        let relatives = job.families.relatives(n);
        let before: BTreeSet<usize> = relatives.iter().flat_map(|relative| named(*relative)).collect();
        before.into_iter().filter(|before| *before == n || !relatives.contains(before)).collect()
    };
    let guessed: Vec<Vec<usize>> = (0..job.relations.len()).map(before).collect();
    Ok(without_circles(&sure, &guessed))
}
