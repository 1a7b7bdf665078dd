//! Chooses faults for streams and requests, and counts them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Amount, Armed, Direction, Fault, Match, Plan, Rule, Script, Stream, Target};
use crate::hook::{Hook, RequestFacts, RequestFault, Struck};

/// How often a rule was chosen and did harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleReport {
    /// The rule's name.
    pub name: String,
    /// Streams or requests that fitted it.
    pub matched: u64,
    /// Of these, the ones it was armed for.
    pub armed: u64,
    /// Times it struck.
    pub fired: u64,
}

/// The script in force and its counters. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    seed: u64,
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    index: u64,
    matched: u64,
    armed: u64,
    fired: Struck,
}

impl Faults {
    /// Puts a script in force. Counters begin at zero; streams that run keep the faults they have.
    pub fn set(&self, script: Script) {
        let mut state = self.lock();
        state.seed = script.seed;
        state.rules = script
            .rules
            .into_iter()
            .zip(0..)
            .map(|(rule, index)| Counted {
                rule,
                index,
                matched: 0,
                armed: 0,
                fired: Struck::default(),
            })
            .collect();
    }

    /// Says how often each rule struck.
    #[must_use]
    pub fn report(&self) -> Vec<RuleReport> {
        self.lock()
            .rules
            .iter()
            .map(|counted| RuleReport {
                name: counted.rule.name.clone(),
                matched: counted.matched,
                armed: counted.armed,
                fired: counted.fired.times(),
            })
            .collect()
    }

    /// Names the rules that never struck: a test that ends with one tested nothing.
    #[must_use]
    pub fn unfired(&self) -> Vec<String> {
        let report = self.report().into_iter();
        report
            .filter(|rule| rule.fired == 0)
            .map(|rule| rule.name)
            .collect()
    }

    /// Chooses the faults of a stream that begins.
    #[must_use]
    pub fn stream(&self, target: Target, stream: &Stream<'_>) -> Plan {
        let joined = stream.command.join(" ");
        let fits = |matching: &Match| {
            equal(matching.namespace.as_ref(), stream.namespace)
                && begins(matching.name.as_ref(), stream.pod)
                && equal(matching.container.as_ref(), stream.container)
                && holds(matching.command.as_ref(), &joined)
                && matching.verb.is_none()
                && matching.resource.is_none()
                && matching.path.is_none()
        };
        Plan::new(self.lock().choose(target, fits))
    }

    /// Chooses the faults of a request.
    #[must_use]
    pub fn request(&self, facts: &RequestFacts<'_>) -> Plan {
        let fits = |matching: &Match| {
            equal(matching.namespace.as_ref(), facts.namespace)
                && begins(matching.name.as_ref(), facts.name)
                && equal(matching.verb.as_ref(), facts.verb)
                && equal(matching.resource.as_ref(), facts.resource)
                && begins(matching.path.as_ref(), facts.path)
                && matching.container.is_none()
                && matching.command.is_none()
        };
        Plan::new(self.lock().choose(Target::Request, fits))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hook for Faults {
    fn on_request(&self, facts: &RequestFacts<'_>) -> RequestFault {
        let plan = self.request(facts);
        let delay = plan.request_delay();
        if let Some(answer) = plan.answer() {
            // Nothing else comes of it, so nothing else is counted.
            return RequestFault {
                delay,
                answer: Some(answer),
                ..RequestFault::default()
            };
        }
        let restart_api = plan.restarts_api();
        RequestFault {
            delay,
            answer: None,
            swallow_answer: restart_api.is_none() && plan.loses_answer(),
            restart_api,
            cut_request: plan.cut(Direction::In),
            cut_answer: plan.cut(Direction::Out),
        }
    }
}

impl State {
    fn choose(&mut self, target: Target, fits: impl Fn(&Match) -> bool) -> Vec<Armed> {
        let seed = self.seed;
        let rules = self.rules.iter_mut();
        rules
            .filter(|counted| counted.rule.on == target && fits(&counted.rule.matching))
            .filter_map(|counted| counted.arm(seed))
            .collect()
    }
}

impl Counted {
    /// Counts a match, and arms the fault unless it is to be let pass.
    fn arm(&mut self, seed: u64) -> Option<Armed> {
        let turn = self.matched;
        self.matched += 1;
        if turn < self.rule.skip || (self.rule.times > 0 && self.armed >= self.rule.times) {
            return None;
        }
        let lot = Lot::new(seed, self.index, turn);
        if lot.draw(0, 0, 99) >= u64::from(self.rule.percent) {
            return None;
        }
        self.armed += 1;
        let at = match amount(&self.rule.fault) {
            Amount::Exactly(at) => at,
            Amount::Between { from, to } => lot.draw(1, from, to),
        };
        Some(Armed::new(self.rule.fault.clone(), at, self.fired.clone()))
    }
}

fn amount(fault: &Fault) -> Amount {
    match fault {
        Fault::Cut { after, .. }
        | Fault::Stall { after, .. }
        | Fault::EndStdin { after }
        | Fault::LoseEndOfInput { after }
        | Fault::Kill { after }
        | Fault::FillVolume { after }
        | Fault::ReadOnlyVolume { after }
        | Fault::DeletePod { after }
        | Fault::OutOfMemory { after }
        | Fault::EndLog { after }
        | Fault::RestartApi { after, .. } => *after,
        Fault::LoseStdoutTail { .. }
        | Fault::LoseStatus {}
        | Fault::NeverEnd {}
        | Fault::Drip {}
        | Fault::RefuseV5 {}
        | Fault::Delay { .. }
        | Fault::Answer { .. }
        | Fault::LoseAnswer {} => Amount::Exactly(0),
    }
}

/// Chance that depends on nothing but seed, rule and turn, so that other traffic does not disturb it.
struct Lot(u64);

impl Lot {
    fn new(seed: u64, rule: u64, turn: u64) -> Self {
        Self(mix(mix(mix(seed) ^ rule) ^ turn))
    }

    fn draw(&self, use_of_it: u64, from: u64, to: u64) -> u64 {
        let span = to.saturating_sub(from).saturating_add(1);
        from + mix(self.0 ^ use_of_it) % span
    }
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn equal(wanted: Option<&String>, is: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == is)
}

fn begins(wanted: Option<&String>, is: &str) -> bool {
    wanted.is_none_or(|wanted| is.starts_with(wanted.as_str()))
}

fn holds(wanted: Option<&String>, is: &str) -> bool {
    wanted.is_none_or(|wanted| is.contains(wanted.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Faults {
        let faults = Faults::default();
        faults.set(Script::parse(text).unwrap());
        faults
    }

    fn stream(command: &[String]) -> Stream<'_> {
        Stream {
            namespace: "ns",
            pod: "stage-1",
            container: "stage",
            command,
        }
    }

    #[test]
    fn skip_and_times_choose_the_occurrence() {
        let faults =
            faults("rules: [{name: x, on: exec, skip: 1, times: 2, fault: {lose_status: {}}}]");
        let hits: Vec<bool> = (0..5)
            .map(|_| faults.stream(Target::Exec, &stream(&[])).loses_status())
            .collect();
        assert_eq!(hits, [false, true, true, false, false]);
        let report = faults.report();
        assert_eq!(
            (report[0].matched, report[0].armed, report[0].fired),
            (5, 2, 2)
        );
    }

    #[test]
    fn a_fault_that_was_not_reached_did_not_fire() {
        let faults =
            faults("rules: [{name: x, on: exec, fault: {cut: {direction: in, after: 10}}}]");
        let plan = faults.stream(Target::Exec, &stream(&[]));
        let mut meter = plan.meter(Direction::In);
        assert_eq!(meter.room(100), 10);
        meter.pass(9);
        assert!(meter.due().is_none());
        assert_eq!(faults.unfired(), ["x"]);
        meter.pass(1);
        assert!(matches!(meter.due(), Some(crate::fault::Effect::Cut)));
        assert!(meter.due().is_none());
        assert!(faults.unfired().is_empty());
        assert!(plan.meter(Direction::Out).room(5) == 5);
    }

    #[test]
    fn what_does_not_match_is_not_struck() {
        let faults = faults(
            "rules:
  - {name: a, on: exec, times: 0, match: {command: sha256sum}, fault: {lose_status: {}}}
  - {name: b, on: log, times: 0, fault: {drip: {}}}
  - {name: c, on: exec, times: 0, match: {namespace: other}, fault: {never_end: {}}}",
        );
        let other = [
            "sh".to_owned(),
            "-c".to_owned(),
            "exec sha256sum x".to_owned(),
        ];
        let plan = faults.stream(Target::Exec, &stream(&other));
        assert!(plan.loses_status());
        assert!(!plan.drip().is_on() && !plan.never_ends());
        assert!(!faults.stream(Target::Exec, &stream(&[])).loses_status());
    }

    #[test]
    fn one_seed_one_story() {
        let script = "seed: 5
rules: [{name: x, on: exec, times: 0, percent: 40, fault: {cut: {direction: in, after: {from: 1, to: 1000}}}}]";
        let draw = |text: &str| -> Vec<usize> {
            let faults = faults(text);
            (0..200)
                .map(|_| {
                    let plan = faults.stream(Target::Exec, &stream(&[]));
                    plan.meter(Direction::In).room(5000)
                })
                .collect()
        };
        let first = draw(script);
        assert_eq!(first, draw(script));
        assert_ne!(first, draw(&script.replace("seed: 5", "seed: 6")));
        let struck = first.iter().filter(|room| **room < 5000).count();
        assert!((50..110).contains(&struck), "{struck} of 200 at 40 %");
        assert!(
            first
                .iter()
                .all(|room| (1..=1000).contains(room) || *room == 5000)
        );
    }
}
