//! From what was measured on copies to what is to be expected of the operator's servers: a range, and why.

use serde::Serialize;

use crate::command::split::plan::Estimate;

/// Where less than this was read on either side, the two times say more about chance than about the machines.
const COMPARABLE_BYTES: u64 = 8 << 20;
/// The upper end of the range over the lower one, for what nobody has measured.
const MARGIN: u64 = 2;

/// What a rehearsal has come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured<'a> {
    pub runs: &'a [Timed],
    /// How long neither side took writes on the way back.
    pub rollback_ms: u64,
    pub jobs: u64,
    /// How fast one session read the operator's source; none where that was not asked.
    pub source: Option<&'a Estimate>,
    /// The same of the copy.
    pub copy: Option<&'a Estimate>,
}

/// One run on the copies.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// From the fence to the switch.
    pub downtime_ms: u64,
    /// The part of it in which rows came.
    pub data_ms: u64,
}

/// What is to be expected. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Writes are refused for so long: from the fence to the switch.
    pub downtime_low_ms: u64,
    pub downtime_high_ms: u64,
    /// Neither side takes writes for so long when it is taken back.
    pub rollback_low_ms: u64,
    pub rollback_high_ms: u64,
    /// As it was here, in each run.
    pub measured_downtime_ms: Vec<u64>,
    pub measured_rollback_ms: u64,
    /// Where both were measured: the sessions' rates of reading the same tables.
    pub source_bytes_per_second: Option<u64>,
    pub copy_bytes_per_second: Option<u64>,
    /// How the range was come to.
    pub reasons: Vec<String>,
}

/// The copying part is taken at the slower of both rates; the upper end is twice that, because neither the target's writing nor
/// the way to it was measured.
pub fn predict(measured: &Measured<'_>) -> Prediction {
    let comparable = |estimate: &&Estimate| estimate.measured_bytes >= COMPARABLE_BYTES;
    let rate = |estimate: Option<&Estimate>| estimate.filter(comparable).and_then(|estimate| estimate.bytes_per_second);
    let rates = rate(measured.source).zip(rate(measured.copy));
    let mut reasons = vec![match measured.runs.len() {
        1 => "the run was timed once".to_owned(),
        n => format!("the run was timed {n} times"),
    }];
    // What all sessions together need to read the rows, at the least; and how many times longer they may take.
    let (mut read_ms, mut slower) = (0, (1, 1));
    match (rates, measured.source) {
        (Some((source, copy)), Some(estimate)) if source < copy => {
            read_ms = scaled(estimate.bytes, 1000, source.saturating_mul(measured.jobs.max(1)));
            slower = (copy, source);
            reasons.push(format!(
                "the source was read at {} MB/s and its copy at {} MB/s, one session each: times of rows are scaled by that",
                source / 1_000_000,
                copy / 1_000_000
            ));
        }
        (Some((source, copy)), _) => reasons.push(format!(
            "the source was read at {} MB/s and its copy at {} MB/s, one session each: times of rows are as measured",
            source / 1_000_000,
            copy / 1_000_000
        )),
        (None, Some(_)) => {
            reasons.push("there are too few rows to compare the read speed of the source and its copy".to_owned());
        }
        (None, None) => reasons.push("the read speed of the source was not measured".to_owned()),
    }
    reasons.push(format!(
        "the upper end is {MARGIN} times that: the speed of the target and of the network to it cannot be measured without writing there"
    ));
    let rest_ms = |run: &Timed| run.downtime_ms.saturating_sub(run.data_ms);
    let low = measured.runs.iter().map(|run| rest_ms(run) + run.data_ms.max(read_ms)).min();
    let high =
        measured.runs.iter().map(|run| rest_ms(run) + scaled(run.data_ms, slower.0, slower.1).max(read_ms)).max();
    Prediction {
        downtime_low_ms: low.unwrap_or_default(),
        downtime_high_ms: MARGIN * high.unwrap_or_default(),
        rollback_low_ms: measured.rollback_ms,
        rollback_high_ms: MARGIN * scaled(measured.rollback_ms, slower.0, slower.1),
        measured_downtime_ms: measured.runs.iter().map(|run| run.downtime_ms).collect(),
        measured_rollback_ms: measured.rollback_ms,
        source_bytes_per_second: rates.map(|(source, _)| source),
        copy_bytes_per_second: rates.map(|(_, copy)| copy),
        reasons,
    }
}

/// `value * by / of`, rounded up.
fn scaled(value: u64, by: u64, of: u64) -> u64 {
    (u128::from(value) * u128::from(by)).div_ceil(u128::from(of.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn read(bytes_per_second: u64, measured_bytes: u64) -> Estimate {
        Estimate { bytes: 1000 * MB, measured_bytes, bytes_per_second: Some(bytes_per_second), ..Estimate::default() }
    }

    fn measured<'a>(source: Option<&'a Estimate>, copy: Option<&'a Estimate>) -> Measured<'a> {
        Measured { runs: &[Timed { downtime_ms: 10_000, data_ms: 6000 }], rollback_ms: 2000, jobs: 2, source, copy }
    }

    fn range(prediction: &Prediction) -> (u64, u64) {
        (prediction.downtime_low_ms, prediction.downtime_high_ms)
    }

    #[test]
    fn a_slower_source_lengthens_the_copying_part_and_no_other() {
        let (source, copy) = (read(100 * MB, 30 * MB), read(300 * MB, 30 * MB));
        let prediction = predict(&measured(Some(&source), Some(&copy)));
        // 1000 MB over two sessions of 100 MB/s are 5 s, less than the 6 s that it took; at a third of the speed it is 18 s.
        assert_eq!(range(&prediction), (10_000, 2 * (4000 + 18_000)));
        assert_eq!((prediction.rollback_low_ms, prediction.rollback_high_ms), (2000, 12_000));
        let source = read(50 * MB, 30 * MB);
        let prediction = predict(&measured(Some(&source), Some(&copy)));
        assert_eq!(range(&prediction), (14_000, 2 * (4000 + 36_000)), "reading alone takes 10 s");
        assert!(prediction.reasons[1].contains("50 MB/s") && prediction.reasons[1].contains("300 MB/s"));
    }

    #[test]
    fn of_two_runs_the_quicker_is_the_lower_end_and_the_slower_the_upper() {
        let runs = [Timed { downtime_ms: 900, data_ms: 400 }, Timed { downtime_ms: 1100, data_ms: 300 }];
        let prediction = predict(&Measured { runs: &runs, ..Measured::default() });
        assert_eq!((range(&prediction), &prediction.measured_downtime_ms[..]), ((900, 2200), &[900, 1100][..]));
    }

    #[test]
    fn a_faster_source_promises_nothing() {
        let (source, copy) = (read(900 * MB, 30 * MB), read(300 * MB, 30 * MB));
        assert_eq!(range(&predict(&measured(Some(&source), Some(&copy)))), (10_000, 20_000));
    }

    #[test]
    fn times_of_a_few_rows_are_not_compared() {
        let (source, copy) = (read(MB, 1000), read(300 * MB, 1000));
        let prediction = predict(&measured(Some(&source), Some(&copy)));
        assert_eq!((range(&prediction), prediction.source_bytes_per_second), ((10_000, 20_000), None));
        assert!(prediction.reasons[1].contains("too few rows"));
        let prediction = predict(&measured(None, Some(&copy)));
        assert!(prediction.reasons[1].contains("was not measured"), "{prediction:?}");
    }
}
