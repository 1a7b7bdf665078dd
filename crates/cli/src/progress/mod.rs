//! Progress: quiet until slow, one line on a terminal, a plain line now and then elsewhere.

mod line;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::output::Output;
use line::Reading;

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// On a terminal after a quarter of a second; elsewhere a line every ten seconds.
    Auto,
    /// Not at all.
    None,
}

/// Counts work and shows how far it is, until it is dropped.
///
/// Counting is an atomic addition; one thread of its own looks at the counters and draws.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    display: Option<Display>,
    output: Arc<Output>,
    /// Begins with the first phase, so that commands without any have no thread.
    ticker: OnceLock<Option<JoinHandle<()>>>,
}

struct Shared {
    done: AtomicU64,
    /// Of a transfer; see [`Reading::ahead`].
    sent: AtomicU64,
    landed: AtomicU64,
    phase: Mutex<Phase>,
    /// Set once, when the work is over; the ticker waits on it.
    over: Mutex<bool>,
    wake: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct Phase {
    label: &'static str,
    total: Option<u64>,
    began: Instant,
    is_transfer: bool,
}

/// How and when lines appear.
#[derive(Clone, Copy, Debug)]
enum Display {
    /// One line that replaces itself.
    Terminal,
    /// A line of its own each time, for logs.
    Plain,
}

impl Display {
    /// Before the first line: work that is quick says nothing.
    fn patience(self) -> Duration {
        match self {
            Self::Terminal => Duration::from_millis(250),
            Self::Plain => Duration::from_secs(10),
        }
    }

    /// Between two lines; at most thirty a second on a terminal.
    fn interval(self) -> Duration {
        match self {
            Self::Terminal => Duration::from_millis(100),
            Self::Plain => Duration::from_secs(10),
        }
    }
}

impl Progress {
    /// Makes a progress that is shown on standard error once a phase has begun.
    pub(crate) fn new(mode: Mode, redraws: bool, output: &Arc<Output>) -> Self {
        let display = match mode {
            Mode::None => None,
            Mode::Auto if redraws => Some(Display::Terminal),
            Mode::Auto => Some(Display::Plain),
        };
        Self {
            shared: Arc::new(Shared::new()),
            display,
            output: Arc::clone(output),
            ticker: OnceLock::new(),
        }
    }

    /// Begins a phase, which counts bytes, and sets its count back to nothing.
    pub(crate) fn phase(&self, label: &'static str, total: Option<u64>) {
        let mut phase = self
            .shared
            .phase
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *phase = Phase {
            label,
            total,
            began: Instant::now(),
            is_transfer: false,
        };
        self.shared.done.store(0, Ordering::Relaxed);
        drop(phase);
        self.ticker.get_or_init(|| self.start());
    }

    /// Begins a phase of which a log should tell at once, because it can take long without anything to count.
    pub(crate) fn begin(&self, label: &'static str, total: Option<u64>) {
        if matches!(self.display, Some(Display::Plain)) {
            self.output.message(&format!("{label}\n"));
        }
        self.phase(label, total);
    }

    /// Sets how far a transfer is, which makes a transfer of the phase.
    pub(crate) fn carried(&self, total: u64, sent: u64, landed: u64, verified: u64) {
        let mut phase = self
            .shared
            .phase
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (phase.total, phase.is_transfer) = (Some(total), true);
        drop(phase);
        self.shared.sent.store(sent, Ordering::Relaxed);
        self.shared.landed.store(landed, Ordering::Relaxed);
        self.set(verified);
    }

    /// Progress is a comfort: where the system gives no thread for it, the work goes on without.
    fn start(&self) -> Option<JoinHandle<()>> {
        let display = self.display?;
        let (shared, output) = (Arc::clone(&self.shared), Arc::clone(&self.output));
        let thread = std::thread::Builder::new().name("progress".to_owned());
        thread.spawn(move || shared.draw(display, &output)).ok()
    }

    /// Ends the display; what is printed afterwards stands alone.
    pub(crate) fn stop(&mut self) {
        *self
            .shared
            .over
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_all();
        if let Some(ticker) = self.ticker.take().flatten() {
            // The ticker only draws; whatever ended it does not concern the work.
            drop(ticker.join());
        }
    }

    /// Counts more of the phase as done.
    pub(crate) fn add(&self, done: u64) {
        self.shared.done.fetch_add(done, Ordering::Relaxed);
    }

    /// Sets how much of the phase is done.
    pub(crate) fn set(&self, done: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn new() -> Self {
        let phase = Phase {
            label: "working",
            total: None,
            began: Instant::now(),
            is_transfer: false,
        };
        Self {
            done: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            landed: AtomicU64::new(0),
            phase: Mutex::new(phase),
            over: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    fn draw(&self, display: Display, output: &Output) {
        if self.is_over_after(display.patience()) {
            return;
        }
        loop {
            let line = self.reading().to_string();
            match display {
                Display::Terminal => output.progress_line(&line),
                Display::Plain => output.message(&format!("{line}\n")),
            }
            if self.is_over_after(display.interval()) {
                break;
            }
        }
        if matches!(display, Display::Terminal) {
            output.progress_line("");
        }
    }

    fn is_over_after(&self, patience: Duration) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(over, patience, |over| !*over);
        let (over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *over
    }

    fn reading(&self) -> Reading {
        let phase = *self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        Reading {
            label: phase.label,
            done: self.done.load(Ordering::Relaxed),
            total: phase.total,
            elapsed: phase.began.elapsed(),
            ahead: phase.is_transfer.then(|| {
                let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
                (read(&self.sent), read(&self.landed))
            }),
        }
    }
}
