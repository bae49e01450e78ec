//! Progress: bars on a terminal, a plain line now and then elsewhere, nothing where `--quiet` or `--json` asks for it.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::display::{bytes, duration};
use crate::command::progress::Progress;

const TICK: Duration = Duration::from_millis(200);
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Shows progress until it is dropped.
pub struct Display {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Normal,
}

impl Display {
    pub fn start(progress: &Arc<Progress>, verbosity: Verbosity) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        if verbosity == Verbosity::Quiet {
            return Self { done, thread: None };
        }
        let (progress, until) = (progress.clone(), done.clone());
        let show = if stderr().is_terminal() { bars } else { plain };
        Self { done, thread: Some(std::thread::spawn(move || show(&progress, &until))) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn plain(progress: &Progress, done: &AtomicBool) {
    let start = Instant::now();
    let mut last_phase = String::new();
    let mut last_line = Instant::now();
    while !done.load(Ordering::SeqCst) {
        let phase = progress.phase();
        if phase != last_phase || last_line.elapsed() >= PLAIN_EVERY {
            eprintln!("{}", line(progress, &phase, start.elapsed()));
            last_phase = phase;
            last_line = Instant::now();
        }
        std::thread::park_timeout(TICK);
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

fn bars(progress: &Progress, done: &AtomicBool) {
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
    while !done.load(Ordering::SeqCst) {
        total.set_message(progress.phase());
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
                    lanes[n].set_message(lane.label.clone());
                    lanes[n].set_length(lane.bytes_total.max(read));
                    lanes[n].set_position(read);
                }
                None => lanes[n].set_message(""),
            }
        }
        std::thread::park_timeout(TICK);
    }
    lanes.iter().for_each(ProgressBar::finish_and_clear);
    total.finish_and_clear();
}
