//! What one stream has to suffer.

use std::sync::{Arc, Once};
use std::time::Duration;

use super::{Direction, Fault};
use crate::hook::{Answer, CutAfter, Struck};

/// What a script may look at when a stream begins.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// The pod.
    pub pod: &'a str,
    /// The container; empty with port-forward.
    pub container: &'a str,
    /// The command, or what there is instead of one.
    pub command: &'a [String],
}

/// A fault that waits for its moment.
#[derive(Clone, Debug)]
pub struct Armed {
    fault: Fault,
    /// The drawn `after`.
    at: u64,
    fired: Struck,
}

impl Armed {
    pub(super) fn new(fault: Fault, at: u64, fired: Struck) -> Self {
        Self { fault, at, fired }
    }

    fn fire(&self) {
        self.fired.count();
    }
}

/// What happens in the middle of a stream.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The connection is gone.
    Cut,
    /// Input ends, the answer is Success.
    EndStdin,
    /// Input never ends, the answer is Success.
    LoseEndOfInput,
    /// Nothing moves for that long, or for ever.
    Stall(Option<Duration>),
    /// The log ends in order.
    EndLog,
    /// Something beyond the stream. Whoever does it counts it, once it is done.
    Damage(Damage, Struck),
}

/// Harm beyond a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The process is killed.
    Kill,
    /// The volume is full.
    FillVolume,
    /// The volume cannot be written.
    ReadOnlyVolume,
    /// The pod is deleted.
    DeletePod,
    /// The pod's memory is used up.
    OutOfMemory,
    /// The API server goes away.
    RestartApi(Restart),
}

/// How the API server goes away and comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restart {
    /// How long streams go on while nothing new is taken.
    pub grace: Duration,
    /// How long it is away after that.
    pub pause: Duration,
}

impl Effect {
    fn of(fault: &Fault, struck: &Struck) -> Option<(Direction, Self)> {
        let damage = |damage| (Direction::In, Self::Damage(damage, struck.clone()));
        Some(match fault {
            Fault::Cut { direction, .. } => (*direction, Self::Cut),
            Fault::Stall {
                direction, millis, ..
            } => (*direction, Self::Stall(millis.map(Duration::from_millis))),
            Fault::EndStdin { .. } => (Direction::In, Self::EndStdin),
            Fault::LoseEndOfInput { .. } => (Direction::In, Self::LoseEndOfInput),
            Fault::Kill { .. } => damage(Damage::Kill),
            Fault::FillVolume { .. } => damage(Damage::FillVolume),
            Fault::ReadOnlyVolume { .. } => damage(Damage::ReadOnlyVolume),
            Fault::DeletePod { .. } => damage(Damage::DeletePod),
            Fault::OutOfMemory { .. } => damage(Damage::OutOfMemory),
            Fault::EndLog { .. } => (Direction::Out, Self::EndLog),
            Fault::RestartApi {
                millis,
                grace_millis,
                ..
            } => damage(Damage::RestartApi(restart(*millis, *grace_millis))),
            Fault::LoseStdoutTail { .. }
            | Fault::LoseStatus {}
            | Fault::NeverEnd {}
            | Fault::Drip {}
            | Fault::RefuseV5 {}
            | Fault::Delay { .. }
            | Fault::Answer { .. }
            | Fault::LoseAnswer {} => return None,
        })
    }
}

fn restart(millis: u64, grace_millis: u64) -> Restart {
    Restart {
        grace: Duration::from_millis(grace_millis),
        pause: Duration::from_millis(millis),
    }
}

/// All faults of one stream. The default is a stream without any.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    armed: Vec<Armed>,
}

impl Plan {
    pub(super) fn new(armed: Vec<Armed>) -> Self {
        Self { armed }
    }

    /// Finds a fault, counts it, and returns what `pick` made of it.
    fn fire<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.armed.iter().find_map(|armed| {
            let found = pick(&armed.fault)?;
            armed.fire();
            Some(found)
        })
    }

    /// Says how long the stream takes to begin, and counts it.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.fire(Fault::delay)
    }

    /// Says how long a request stands still, and counts it.
    #[must_use]
    pub fn request_delay(&self) -> Option<Duration> {
        self.fire(Fault::request_delay)
    }

    /// Returns the answer that is given instead of a stream, and counts it.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        self.fire(|fault| match fault {
            Fault::Answer {
                code,
                empty,
                retry_after,
                message,
            } => Some(Answer {
                code: *code,
                has_status: !empty,
                retry_after_seconds: *retry_after,
                message: message.clone(),
            }),
            _ => None,
        })
    }

    /// Says whether v5 is unknown, and counts it. Ask only when the client offered v5.
    #[must_use]
    pub fn refuses_v5(&self) -> bool {
        self.fire(|fault| matches!(fault, Fault::RefuseV5 {}).then_some(()))
            .is_some()
    }

    /// Returns what makes bytes come one at a time, if anything does. It counts itself with the first byte.
    #[must_use]
    pub fn drip(&self) -> Drip {
        let armed = self.armed.iter();
        let mut dripping = armed.filter(|armed| matches!(armed.fault, Fault::Drip {}));
        Drip(dripping.next().map(|armed| {
            let first = Once::new();
            Arc::new((armed.fired.clone(), first))
        }))
    }

    /// Says whether the status is lost, and counts it. Ask only when there is one to lose.
    #[must_use]
    pub fn loses_status(&self) -> bool {
        self.fire(|fault| matches!(fault, Fault::LoseStatus {}).then_some(()))
            .is_some()
    }

    /// Says whether the session stays open for ever, and counts it. Ask only when it would end.
    #[must_use]
    pub fn never_ends(&self) -> bool {
        self.fire(|fault| matches!(fault, Fault::NeverEnd {}).then_some(()))
            .is_some()
    }

    /// Says whether the answer to a request is lost, and counts it.
    #[must_use]
    pub fn loses_answer(&self) -> bool {
        self.fire(|fault| matches!(fault, Fault::LoseAnswer {}).then_some(()))
            .is_some()
    }

    /// Returns after how many bytes of a body the connection ends, without counting it: a shorter body is never cut.
    #[must_use]
    pub fn cut(&self, side: Direction) -> Option<CutAfter> {
        let armed = self.armed.iter().find(
            |armed| matches!(armed.fault, Fault::Cut { direction, .. } if direction == side),
        )?;
        Some(CutAfter {
            bytes: armed.at,
            struck: armed.fired.clone(),
        })
    }

    /// Returns how the API server goes away, and counts it.
    #[must_use]
    pub fn restarts_api(&self) -> Option<Restart> {
        self.fire(|fault| match fault {
            Fault::RestartApi {
                millis,
                grace_millis,
                ..
            } => Some(restart(*millis, *grace_millis)),
            _ => None,
        })
    }

    /// Returns how many of the last bytes of stdout are to be lost, without counting it.
    #[must_use]
    pub fn stdout_tail(&self) -> u64 {
        self.armed
            .iter()
            .find_map(|armed| match armed.fault {
                Fault::LoseStdoutTail { bytes } => Some(bytes),
                _ => None,
            })
            .unwrap_or(0)
    }

    /// Counts that a tail of stdout was lost.
    pub fn lost_stdout_tail(&self) {
        let _: Option<()> =
            self.fire(|fault| matches!(fault, Fault::LoseStdoutTail { .. }).then_some(()));
    }

    /// Makes the meter that counts one direction's bytes.
    #[must_use]
    pub fn meter(&self, direction: Direction) -> Meter {
        let mut waiting: Vec<_> = self
            .armed
            .iter()
            .filter_map(|armed| {
                let (side, effect) = Effect::of(&armed.fault, &armed.fired)?;
                (side == direction).then(|| (effect, armed.clone()))
            })
            .collect();
        waiting.sort_by_key(|(_, armed)| std::cmp::Reverse(armed.at));
        Meter { passed: 0, waiting }
    }
}

/// One byte at a time, or as many as there are. Clones count together, once.
#[derive(Clone, Debug, Default)]
pub struct Drip(Option<Arc<(Struck, Once)>>);

impl Drip {
    /// Returns how many of `bytes` may go at once.
    #[must_use]
    pub fn most(&self, bytes: usize) -> usize {
        let Some(dripping) = &self.0 else {
            return bytes;
        };
        let (struck, first) = &**dripping;
        first.call_once(|| struck.count());
        bytes.min(1)
    }

    /// Says whether it is one at a time.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

/// Counts the bytes of one direction and says when something happens.
#[derive(Debug, Default)]
pub struct Meter {
    passed: u64,
    /// The next one last.
    waiting: Vec<(Effect, Armed)>,
}

impl Meter {
    /// Returns what happens now, and counts it unless it is somebody else's to do.
    pub fn due(&mut self) -> Option<Effect> {
        if self.waiting.last()?.1.at > self.passed {
            return None;
        }
        let (effect, armed) = self.waiting.pop()?;
        if !matches!(effect, Effect::Damage(..)) {
            armed.fire();
        }
        Some(effect)
    }

    /// Returns how many of `bytes` may pass before something happens.
    #[must_use]
    pub fn room(&self, bytes: usize) -> usize {
        let Some((_, next)) = self.waiting.last() else {
            return bytes;
        };
        let left = next.at.saturating_sub(self.passed);
        usize::try_from(left).map_or(bytes, |left| left.min(bytes))
    }

    /// Counts bytes that passed.
    pub fn pass(&mut self, bytes: usize) {
        self.passed = self.passed.saturating_add(bytes as u64);
    }
}
