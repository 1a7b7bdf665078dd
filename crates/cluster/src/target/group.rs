//! A program in a process group of its own, which ends as a whole.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The group of a program and of what it has started. Dropping it kills them all.
///
/// The number of a group is given away again once its leader has been waited for: [let it go](Group::let_go) before anything else.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// Has the program start as the leader of a group.
    ///
    /// A terminal then counts it to the background: Ctrl-C does not reach it, and it is stopped when it reads from there.
    pub(super) fn lead(command: &mut Command) {
        command.process_group(0);
    }

    /// Takes the group of a program that was started as its leader, and has not been waited for.
    pub(super) fn of(leader: &Child) -> Self {
        let number = leader.id().and_then(|id| i32::try_from(id).ok());
        Self(number.and_then(Pid::from_raw))
    }

    /// Leaves them alone from now on.
    pub(super) fn let_go(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Only a group that is gone refuses it.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}
