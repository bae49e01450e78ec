//! How long the copy may take, from rows that are read now.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::command::error::Error;
use crate::command::source::Source;
use crate::pg;
use crate::pg::catalog::TableFacts;
use crate::pg::copy::{PartRange, RowsOf, copy_table};
use crate::pg::wire::{RowPiece, RowSink, Wire};
use crate::split::facts::SourceFacts;
use crate::stop::Stop;

/// So much is read at most, of the largest tables.
const SAMPLE_BYTES: u64 = 32 << 20;
const SAMPLE_TABLES: usize = 3;
const SAMPLE_TIME: Duration = Duration::from_secs(3);
const BLOCK_BYTES: u64 = 8192;
/// Loading writes the log and builds indexes: this many times what reading takes, at the least and at the most.
const LOADING: (u64, u64) = (2, 6);

/// What was measured, and what follows for all rows. One session reads; a run uses several.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Estimate {
    /// The tables whose beginnings were read, timed.
    pub measured: Vec<String>,
    pub measured_bytes: u64,
    pub measured_ms: u64,
    /// None where there was too little to measure.
    pub bytes_per_second: Option<u64>,
    /// What moves: tables and TOAST, without indexes.
    pub bytes: u64,
    pub read_ms: Option<u64>,
    /// With loading and indexes, which a plan cannot measure because it writes nothing: twice to six times the reading.
    pub low_ms: Option<u64>,
    pub high_ms: Option<u64>,
}

/// Counts, and keeps nothing.
struct Counter {
    bytes: u64,
}

impl RowSink for Counter {
    type Error = pg::Error;

    fn row(&mut self, row: &[u8]) -> Result<(), pg::Error> {
        self.bytes += row.len() as u64;
        Ok(())
    }

    fn large_row(&mut self, piece: RowPiece<'_>) -> Result<(), pg::Error> {
        if let RowPiece::Bytes(bytes) = piece {
            self.bytes += bytes.len() as u64;
        }
        Ok(())
    }
}

pub fn estimate(source: &Source, tables: &[&TableFacts], facts: &SourceFacts, stop: &Stop) -> Result<Estimate, Error> {
    let bytes = tables.iter().filter_map(|table| facts.sizes.get(&table.oid)).map(|size| size.bytes).sum();
    let mut largest: Vec<&&TableFacts> = tables.iter().filter(|table| table.has_parts && table.blocks > 0).collect();
    largest.sort_by_key(|table| std::cmp::Reverse(table.bytes));
    largest.truncate(SAMPLE_TABLES);
    let mut estimate = Estimate { bytes, ..Estimate::default() };
    if largest.is_empty() {
        return Ok(estimate);
    }
    // Sizes in the table count, not bytes on the wire: free space and TOAST's compression are in both sides of the rule.
    let (stored, took) = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut wire = source.reader(stop)?;
            let started = Instant::now();
            let mut stored = 0;
            for table in &largest {
                if started.elapsed() < SAMPLE_TIME {
                    stored += read_beginning(&mut wire, table, &source.encoding)?;
                    estimate.measured.push(format!("{}.{}", table.schema, table.name));
                }
            }
            let took = started.elapsed();
            let ended = wire.execute("ending a transaction", b"ROLLBACK");
            ended.map_err(Error::source_database("measuring"))?;
            Ok::<_, Error>((stored, took))
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let took_us = took.as_micros().max(1) as u64;
    estimate.measured_bytes = stored;
    estimate.measured_ms = took.as_millis() as u64;
    if stored > 0 {
        let rate = (u128::from(stored) * 1_000_000 / u128::from(took_us)).max(1) as u64;
        let read_ms = (u128::from(bytes) * 1000 / u128::from(rate)) as u64;
        estimate.bytes_per_second = Some(rate);
        estimate.read_ms = Some(read_ms);
        estimate.low_ms = Some(read_ms * LOADING.0);
        estimate.high_ms = Some(read_ms * LOADING.1);
    }
    Ok(estimate)
}

/// Reads the first blocks of a table; returns how many bytes of the table that was, TOAST in proportion.
fn read_beginning(wire: &mut Wire, table: &TableFacts, encoding: &str) -> Result<u64, Error> {
    let share = SAMPLE_BYTES / SAMPLE_TABLES as u64;
    let bytes_per_block = (table.bytes / table.blocks).max(BLOCK_BYTES);
    let blocks = (share / bytes_per_block).clamp(1, table.blocks);
    let rows = RowsOf {
        schema: &table.schema,
        name: &table.name,
        columns: &table.columns,
        format: table.format,
        configuration: None,
    };
    let mut counter = Counter { bytes: 0 };
    let read = copy_table(wire, rows, PartRange::Blocks { first: 0, end: blocks }, encoding, &mut counter);
    read.map_err(Error::source_database(format!("reading {}.{}", table.schema, table.name)))?;
    Ok(blocks * bytes_per_block)
}
