//! Progress: bars on a terminal, elsewhere a line for each phase and one every ten seconds, nothing where `--quiet` or
//! `--json` asks for it.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::display::{bytes, duration};
use super::{moment, output, visible};
use crate::command::progress::Progress;

const TICK: Duration = Duration::from_millis(200);
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Shows progress until it is dropped.
pub struct Display {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Normal,
}

impl Display {
    pub fn start(progress: &Arc<Progress>, verbosity: Verbosity) -> Self {
        let progress = progress.clone();
        if verbosity == Verbosity::Quiet {
            return Self { progress, thread: None };
        }
        let show = if stderr().is_terminal() { bars } else { plain };
        let shown = progress.clone();
        Self { progress, thread: Some(std::thread::spawn(move || show(&shown))) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.progress.finish();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Every phase has its line, however short it was: what a log shows does not depend on when somebody looked.
fn plain(progress: &Progress) {
    let start = Instant::now();
    let (mut phase, mut seen) = (String::new(), 0);
    // A log's lines have their time each.
    let told = |line: String| match output::is_file(stderr()) {
        true => moment::dated(&line),
        false => line + "\n",
    };
    loop {
        let (begun, over) = progress.wait(seen, PLAIN_EVERY);
        if over && begun.is_empty() {
            return;
        }
        if begun.is_empty() && seen > 0 {
            output::to_stderr(&told(line(progress, &phase, start.elapsed())));
        }
        for next in begun {
            let next = visible::line(&next);
            output::to_stderr(&told(next.clone()));
            (phase, seen) = (next, seen + 1);
        }
    }
}

fn line(progress: &Progress, phase: &str, elapsed: Duration) -> String {
    let (read, total) = (progress.bytes.load(Ordering::Relaxed), progress.bytes_total.load(Ordering::Relaxed));
    if progress.lanes().iter().all(Option::is_none) {
        return phase.to_owned();
    }
    let rate = read as f64 / elapsed.as_secs_f64().max(0.001);
    let rows = progress.rows.load(Ordering::Relaxed);
    let text = format!("{phase}: {} of about {}, {rows} rows", bytes(read), bytes(total.max(read)));
    // Before anything was read, and once all of it was, there is nothing to reckon.
    match total.saturating_sub(read) {
        left if left > 0 && read > 0 => {
            let left = duration(Duration::from_secs_f64((left as f64 / rate).min(1e7)));
            format!("{text}, {}/s, about {left} left", bytes(rate as u64))
        }
        _ => text,
    }
}

fn bars(progress: &Progress) {
    let style =
        |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let total = multi.add(ProgressBar::new(0));
    let phase_only = style("{msg} {spinner}");
    let with_bytes = style("{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left");
    let lane_style = style("  {msg:40!} {bytes}/{total_bytes}");
    total.set_style(phase_only);
    let mut lanes: Vec<ProgressBar> = Vec::new();
    let mut counting = false;
    let mut phases = 0;
    loop {
        let (begun, over) = progress.wait(phases, TICK);
        if over {
            break;
        }
        phases += begun.len();
        if let Some(phase) = begun.into_iter().next_back() {
            total.set_message(visible::line(&phase));
        }
        let (read, expected) = (progress.bytes.load(Ordering::Relaxed), progress.bytes_total.load(Ordering::Relaxed));
        if expected > 0 && !counting {
            counting = true;
            total.set_style(with_bytes.clone());
            total.reset_eta();
        }
        if counting {
            total.set_length(expected.max(read));
            total.set_position(read);
        } else {
            total.tick();
        }
        for (n, lane) in progress.lanes().into_iter().enumerate() {
            if lanes.len() <= n {
                lanes.push(multi.add(ProgressBar::new(0).with_style(lane_style.clone())));
            }
            match lane {
                Some(lane) => {
                    let read = lane.bytes.load(Ordering::Relaxed);
                    lanes[n].set_message(visible::line(&lane.label));
                    lanes[n].set_length(lane.bytes_total.max(read));
                    lanes[n].set_position(read);
                }
                None => lanes[n].set_message(""),
            }
        }
    }
    lanes.iter().for_each(ProgressBar::finish_and_clear);
    total.finish_and_clear();
}
