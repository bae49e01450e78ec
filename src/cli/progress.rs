//! Progress: bars on a terminal, elsewhere a line for each phase and one every ten seconds, nothing where `--quiet` or
//! `--json` asks for it.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::tcgetwinsize;

use super::status::{Doing, Status};
use super::{moment, output, visible};
use crate::command::progress::{Lane, Progress};

const TICK: Duration = Duration::from_millis(200);
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// In a log nothing is cut off.
const PLAIN_WIDTH: usize = 300;

/// The bars, as long as they are on the terminal. Who holds it has the terminal for himself.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Nothing is drawn while this lives.
pub struct Undisturbed {
    _bars: MutexGuard<'static, Option<MultiProgress>>,
}

fn shown() -> MutexGuard<'static, Option<MultiProgress>> {
    BARS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the bars off the terminal, for a question or a message: what they drew would stand over it.
pub fn undisturbed() -> Undisturbed {
    let bars = shown();
    if let Some(bars) = &*bars {
        let _ = bars.clear();
    }
    Undisturbed { _bars: bars }
}

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
    let (mut watch, mut seen) = (Watch::default(), 0);
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
            output::to_stderr(&told(watch.status(progress).line(PLAIN_WIDTH)));
        }
        for next in begun {
            let next = visible::line(&next);
            output::to_stderr(&told(next.clone()));
            watch.begin(&next);
            seen += 1;
        }
    }
}

/// Measures since when the bytes of a phase are waited for.
#[derive(Default)]
struct Watch {
    phase: String,
    since: Option<Instant>,
}

impl Watch {
    fn begin(&mut self, phase: &str) {
        *self = Self { phase: phase.to_owned(), since: None };
    }

    fn status(&mut self, progress: &Progress) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let bytes_total = read(&progress.bytes_total);
        if bytes_total > 0 {
            self.since.get_or_insert_with(Instant::now);
        }
        Status {
            phase: self.phase.clone(),
            bytes: read(&progress.bytes),
            bytes_total,
            steps: read(&progress.steps),
            steps_total: read(&progress.steps_total),
            elapsed: self.since.map(|since| since.elapsed()).unwrap_or_default(),
        }
    }
}

fn doing(lane: &Lane) -> Doing {
    Doing {
        label: visible::line(&lane.label),
        bytes: lane.bytes.load(Ordering::Relaxed),
        bytes_total: lane.bytes_total,
        elapsed: lane.since.elapsed(),
    }
}

/// Of the terminal that standard error is.
fn width() -> usize {
    const COMMON: usize = 80;
    tcgetwinsize(stderr()).map_or(COMMON, |size| if size.ws_col == 0 { COMMON } else { size.ws_col.into() })
}

/// A line for the command, and one for each worker.
fn bars(progress: &Progress) {
    let style =
        |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let total = multi.add(ProgressBar::new_spinner().with_style(style("{msg} {spinner}")));
    *shown() = Some(multi.clone());
    let mut lanes: Vec<ProgressBar> = Vec::new();
    let mut watch = Watch::default();
    let mut phases = 0;
    loop {
        let (begun, over) = progress.wait(phases, TICK);
        if over {
            break;
        }
        phases += begun.len();
        if let Some(phase) = begun.into_iter().next_back() {
            watch.begin(&visible::line(&phase));
        }
        let _shown = shown();
        // The spinner and the space before it.
        let width = width().saturating_sub(2);
        total.set_message(watch.status(progress).line(width));
        total.tick();
        for (n, lane) in progress.lanes().into_iter().enumerate() {
            if lanes.len() <= n {
                lanes.push(multi.add(ProgressBar::new_spinner().with_style(style("{msg}"))));
            }
            lanes[n].set_message(lane.map_or(String::new(), |lane| doing(&lane).line(width)));
        }
    }
    let mut shown = shown();
    lanes.iter().for_each(ProgressBar::finish_and_clear);
    total.finish_and_clear();
    *shown = None;
}
