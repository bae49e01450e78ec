//! What could end a run half-way, asked of both ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Timing;
use crate::pg;
use crate::pg::catalog::hindrances::{self as ask, KeyRows, Whose};
use crate::pg::catalog::{Reading, TableFacts};
use crate::pg::connect::Session;
use crate::split::facts::{
    Existence, ForeignKey, InnerKey, Orphans, Referencing, SourceFacts, SourceHindrances, TargetHindrances, Validity,
    Writing,
};

/// One key's rows are compared for as long as this, all keys' together for as long as that.
const KEY_TIME: Duration = Duration::from_secs(5);
const KEYS_TIME: Duration = Duration::from_secs(60);

/// The part of the source that is looked at.
pub struct Part<'a> {
    pub session: &'a Session,
    pub tables: &'a [TableFacts],
    /// Names of the moving schemas.
    pub schemas: &'a [String],
    /// `pg_class.oid` of tables.
    pub moving: &'a BTreeSet<u32>,
    pub writing: Writing,
}

pub async fn at_source(part: Part<'_>, keys: &[ForeignKey], timing: Timing) -> Result<SourceHindrances, pg::Error> {
    let Part { session, schemas, .. } = part;
    let reads = !matches!(part.writing, Writing::Standby { .. });
    let tables: Vec<u32> = part.moving.iter().copied().filter(|_| reads).collect();
    let whose = match timing {
        Timing::Measured => Whose::Trusted,
        Timing::LeftOut => Whose::All,
    };
    Ok(SourceHindrances {
        inner_keys: inner_keys(&part, keys, timing).await?,
        event_triggers: ask::event_triggers(session).await?,
        writing: part.writing.clone(),
        function_settings: ask::function_settings(session).await?,
        row_type_uses: ask::row_type_uses(session, schemas).await?,
        key_uses: ask::key_uses(session, schemas).await?,
        values_of_readers: ask::values_of_readers(session, schemas).await?,
        values_of_defaults: ask::values_of_defaults(session, schemas).await?,
        peculiar_uses: ask::peculiar_uses(session, schemas).await?,
        with_children: ask::with_children(session, schemas).await?,
        lock_table: ask::lock_table(session).await?,
        locked: ask::locked(session, schemas).await?,
        prepared: ask::prepared_transactions(session, schemas).await?,
        fence_rights: ask::fence_rights(session, schemas).await?,
        member_tables: ask::member_tables(session, schemas).await?,
        generated: ask::generated_by_functions(session, schemas).await?,
        cut_with_foreign: crate::pg::catalog::cut_with_foreign(session)
            .await?
            .into_iter()
            .filter(|(schema, _)| schemas.contains(schema))
            .map(|(schema, name)| format!("{schema}.{name}"))
            .collect(),
        name_columns: ask::name_columns(session, &tables, KEY_TIME, KEYS_TIME).await?,
        checked: ask::checked_rows(session, &tables, whose, KEY_TIME, KEYS_TIME).await?,
    })
}

/// A run asks only for keys that it could not make as NOT VALID: of the others it finds out by making them.
async fn inner_keys(part: &Part<'_>, keys: &[ForeignKey], timing: Timing) -> Result<Vec<InnerKey>, pg::Error> {
    if matches!(part.writing, Writing::Standby { .. }) {
        return Ok(Vec::new());
    }
    let moves = |key: &&ForeignKey| part.moving.contains(&key.relation) && part.moving.contains(&key.referenced);
    let inner: Vec<ForeignKey> = keys.iter().filter(moves).cloned().collect();
    let reading: BTreeMap<u32, Reading> = part.tables.iter().map(|table| (table.oid, table.reading)).collect();
    // A partitioned table is not in the list, and is asked for the rows of its partitions.
    let reads = |oid: &u32| reading.get(oid).is_none_or(|reading| *reading == Reading::Complete);
    let since = Instant::now();
    let mut found = Vec::new();
    for rows in ask::key_rows(part.session, &inner).await? {
        let Some(key) = inner.iter().find(|key| key.oid == rows.oid) else { continue };
        if timing == Timing::LeftOut && rows.referencing == Referencing::Table {
            continue;
        }
        let readable = reads(&key.relation) && reads(&key.referenced);
        let left = KEYS_TIME.saturating_sub(since.elapsed()).min(KEY_TIME);
        let orphans = match readable && !left.is_zero() {
            true => ask::orphans(part.session, &rows, left).await?,
            false => Orphans::NotCounted,
        };
        let KeyRows { validity, referencing, .. } = rows;
        let key = format!("{}.{}.{}", key.schema, key.table, key.name);
        if validity == Validity::Valid || orphans != Orphans::NotCounted {
            found.push(InnerKey { key, validity, referencing, orphans });
        }
    }
    Ok(found)
}

pub async fn at_target(
    session: &Session,
    existence: &Existence,
    source: &SourceFacts,
) -> Result<TargetHindrances, pg::Error> {
    let of_database = source.settings.iter().map(|setting| (setting.name.clone(), setting.value.clone()));
    let of_functions =
        source.hindrances.function_settings.iter().map(|setting| (setting.name.clone(), setting.value.clone()));
    let settings: BTreeSet<(String, String)> = of_database.chain(of_functions).collect();
    Ok(TargetHindrances {
        event_triggers: match existence {
            Existence::Exists { .. } => ask::event_triggers(session).await?,
            Existence::Absent => Vec::new(),
        },
        writing: ask::writing(session).await?,
        refused_settings: ask::refused_settings(session, &settings).await?,
        lock_table: ask::lock_table(session).await?,
    })
}
