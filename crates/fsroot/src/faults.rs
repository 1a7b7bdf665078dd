//! Faults on demand, for tests (feature `faults`).
//!
//! Every system call of this crate is a *step*. A [`Plan`] says what happens at the Nth one, and
//! [`arm`] puts it into force for one thread or for the whole process until its guard is dropped.
//! A test that first runs an empty plan learns from [`Armed::steps`] how many steps there are, and
//! can then put a fault at each.
//!
//! Reads through a [`File`](std::fs::File) that was handed out are no steps.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens at the chosen step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with this error number; later ones succeed.
    Errno(i32),
    /// From here on nothing that needs space succeeds, removing does.
    DiskFull,
    /// If the call is a write, it takes only half of the bytes.
    Short,
    /// Neither this call nor any later one has an effect, as if the process had been killed.
    ///
    /// All of them fail, so clean-up code runs but changes nothing, and dropping the handles gives
    /// up the locks as the end of a process would.
    Kill,
    /// The process aborts.
    Abort,
}

/// Which faults to inject.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The fault and the step, counted from 0, at which it happens.
    pub at: Option<(u64, Fault)>,
    /// Calls that this system does not have, by the name in the step log: they fail with ENOSYS.
    pub unsupported: &'static [&'static str],
}

/// Where a plan is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In the calling thread; tests beside it are not disturbed.
    Thread,
    /// In every thread that has no plan of its own. Belongs into a test binary of its own.
    Process,
}

/// Keeps a plan in force until it is dropped, and remembers the steps.
#[derive(Debug)]
pub struct Armed {
    scope: Scope,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    log: Vec<&'static str>,
    fired: Option<Fault>,
}

thread_local! {
    static THREAD: RefCell<Option<Arc<Mutex<State>>>> = const { RefCell::new(None) };
}
static PROCESS: Mutex<Option<Arc<Mutex<State>>>> = Mutex::new(None);

/// Puts a plan into force. An earlier one of the same scope is replaced.
pub fn arm(scope: Scope, plan: Plan) -> Armed {
    let state = Arc::new(Mutex::new(State {
        plan,
        log: Vec::new(),
        fired: None,
    }));
    install(scope, Some(Arc::clone(&state)));
    Armed { scope, state }
}

fn install(scope: Scope, state: Option<Arc<Mutex<State>>>) {
    match scope {
        Scope::Thread => THREAD.with(|plan| *plan.borrow_mut() = state),
        Scope::Process => *locked(&PROCESS) = state,
    }
}

impl Armed {
    /// Returns how many steps were taken so far.
    pub fn steps(&self) -> u64 {
        locked(&self.state).log.len() as u64
    }

    /// Returns the names of the steps taken so far.
    pub fn log(&self) -> Vec<&'static str> {
        locked(&self.state).log.clone()
    }

    /// Tells whether the planned step was reached.
    pub fn fired(&self) -> bool {
        locked(&self.state).fired.is_some()
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        install(self.scope, None);
    }
}

/// A panicking test must not take the plans of others with it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn in_force() -> Option<Arc<Mutex<State>>> {
    THREAD
        .with(|plan| plan.borrow().clone())
        .or_else(|| locked(&PROCESS).clone())
}

pub(crate) fn step(call: &'static str) -> io::Result<()> {
    match in_force() {
        Some(state) => locked(&state).step(call),
        None => Ok(()),
    }
}

pub(crate) fn write(bytes: &[u8]) -> io::Result<&[u8]> {
    let Some(state) = in_force() else {
        return Ok(bytes);
    };
    let mut state = locked(&state);
    let before = state.fired;
    state.step("write")?;
    let shortened = before.is_none() && state.fired == Some(Fault::Short) && bytes.len() > 1;
    Ok(if shortened {
        &bytes[..bytes.len() / 2]
    } else {
        bytes
    })
}

impl State {
    fn step(&mut self, call: &'static str) -> io::Result<()> {
        let number = self.log.len() as u64;
        self.log.push(call);
        match self.plan.at {
            Some((at, fault)) if at == number => self.fire(fault, call)?,
            _ => self.aftermath(call)?,
        }
        if self.plan.unsupported.contains(&call) {
            return Err(errno(rustix::io::Errno::NOSYS.raw_os_error()));
        }
        Ok(())
    }

    fn fire(&mut self, fault: Fault, call: &'static str) -> io::Result<()> {
        self.fired = Some(fault);
        match fault {
            Fault::Errno(number) => Err(errno(number)),
            Fault::Abort => std::process::abort(),
            Fault::Short => Ok(()),
            Fault::DiskFull | Fault::Kill => self.aftermath(call),
        }
    }

    fn aftermath(&self, call: &'static str) -> io::Result<()> {
        match self.fired {
            Some(Fault::Kill) => Err(errno(rustix::io::Errno::IO.raw_os_error())),
            Some(Fault::DiskFull) if needs_space(call) => {
                Err(errno(rustix::io::Errno::NOSPC.raw_os_error()))
            }
            _ => Ok(()),
        }
    }
}

fn needs_space(call: &str) -> bool {
    matches!(
        call,
        "create file" | "create directory" | "create scratch file" | "write"
    )
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
