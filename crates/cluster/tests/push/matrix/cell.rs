//! What can break: every fault in every phase, over both subprotocols.

use super::lot::Lot;

/// The commands of the far side, which are the phases of a transfer.
const PHASES: [&str; 7] = [
    " probe ",
    " receive ",
    " publish ",
    " record ",
    " hold ",
    " release ",
    " reclaim ",
];

/// Faults of a command. `AFTER` becomes a range of bytes.
const COMMAND_FAULTS: [&str; 15] = [
    "cut: {direction: in, after: AFTER}",
    "cut: {direction: out, after: AFTER}",
    "end_stdin: {after: AFTER}",
    "lose_end_of_input: {after: AFTER}",
    "stall: {direction: in, after: AFTER}",
    "stall: {direction: out, after: AFTER}",
    "stall: {direction: out, after: AFTER, millis: 700}",
    "lose_stdout_tail: {bytes: 7}",
    "lose_status: {}",
    "never_end: {}",
    "kill: {after: AFTER}",
    "out_of_memory: {after: AFTER}",
    "delete_pod: {after: AFTER}",
    "restart_api: {after: AFTER, millis: 200}",
    "restart_api: {after: AFTER, millis: 100, grace_millis: 500}",
];

/// Faults of the volume, which last until the pod goes. They need mounts of the pod's own.
const VOLUME_FAULTS: [&str; 2] = [
    "fill_volume: {after: AFTER}",
    "read_only_volume: {after: AFTER}",
];

/// Faults of the tunnel through which a run is submitted.
const TUNNEL_FAULTS: [&str; 8] = [
    "cut: {direction: in, after: AFTER}",
    "cut: {direction: out, after: AFTER}",
    "stall: {direction: in, after: AFTER}",
    "stall: {direction: out, after: AFTER, millis: 500}",
    "never_end: {}",
    "drip: {}",
    "delay: {millis: 300}",
    "delete_pod: {after: AFTER}",
];

/// Faults of the log of the Job.
const LOG_FAULTS: [&str; 6] = [
    "cut: {direction: out, after: AFTER}",
    "end_log: {after: AFTER}",
    "stall: {direction: out, after: AFTER}",
    "never_end: {}",
    "delay: {millis: 300}",
    "answer: {code: 500}",
];

/// Requests that a push makes.
const REQUESTS: [&str; 10] = [
    "{resource: pods, verb: create}",
    "{resource: pods, verb: get}",
    "{resource: pods, verb: list}",
    "{resource: pods, verb: delete}",
    "{resource: pods/exec}",
    "{resource: pods/portforward}",
    "{resource: pods/log}",
    "{resource: serviceaccounts/token}",
    "{resource: services}",
    "{resource: jobs, verb: get}",
];

/// Faults of a request.
const REQUEST_FAULTS: [&str; 9] = [
    "answer: {code: 500}",
    "answer: {code: 503}",
    "answer: {code: 429, retry_after: 1}",
    "answer: {code: 403, empty: true}",
    "answer: {code: 502, empty: true}",
    "lose_answer: {}",
    "delay: {millis: 300}",
    "stall: {direction: in, millis: 700}",
    "restart_api: {millis: 200}",
];

/// One fault at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The traffic that it strikes.
    on: &'static str,
    /// What of it.
    matching: &'static str,
    fault: &'static str,
    /// Whether the server knows `v5.channel.k8s.io`.
    knows_v5: bool,
}

impl Cell {
    /// Says in which words the scenarios are counted.
    pub(super) fn place(&self) -> &'static str {
        match self.on {
            "exec" | "request" => self.matching,
            other => other,
        }
    }

    fn is_of_the_volume(&self) -> bool {
        VOLUME_FAULTS.contains(&self.fault)
    }
}

/// All of them, in an order in which neighbours differ.
pub(super) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for knows_v5 in [true, false] {
        for matching in PHASES {
            let faults = COMMAND_FAULTS.into_iter().chain(VOLUME_FAULTS);
            cells.extend(faults.map(|fault| Cell {
                on: "exec",
                matching,
                fault,
                knows_v5,
            }));
        }
    }
    let elsewhere = |on, matching| {
        move |fault| Cell {
            on,
            matching,
            fault,
            knows_v5: true,
        }
    };
    for matching in REQUESTS {
        cells.extend(REQUEST_FAULTS.map(elsewhere("request", matching)));
    }
    cells.extend(TUNNEL_FAULTS.map(elsewhere("port_forward", "")));
    cells.extend(LOG_FAULTS.map(elsewhere("log", "")));
    // A step that shares no divisor with their number visits each of them.
    let count = cells.len();
    let step = (count * 5 / 8..)
        .find(|step| divisor(*step, count) == 1)
        .unwrap();
    (0..count)
        .map(|index| cells[index * step % count])
        .collect()
}

fn divisor(one: usize, other: usize) -> usize {
    if other == 0 {
        one
    } else {
        divisor(other, one % other)
    }
}

/// What goes wrong in a scenario.
pub(super) struct Plan {
    /// The fault script.
    pub(super) text: String,
    /// Whether the volume is struck.
    pub(super) strikes_volume: bool,
    /// Where its own fault strikes, in a word.
    pub(super) place: &'static str,
}

/// Plans a scenario: its own cell by its number, and once in four a second one.
pub(super) fn plan(seed: u64, all: &[Cell], lot: &mut Lot) -> Plan {
    let own = all[usize::try_from(seed).unwrap() % all.len()];
    let mut rules = String::new();
    if !own.knows_v5 {
        rules.push_str("  - {name: old, on: exec, times: 0, fault: {refuse_v5: {}}}\n");
    }
    rules.push_str(&rule("first", own, lot));
    let mut strikes_volume = own.is_of_the_volume();
    if lot.once_in(4) {
        let second = lot.of(all);
        rules.push_str(&rule("second", second, lot));
        strikes_volume |= second.is_of_the_volume();
    }
    Plan {
        text: format!("seed: {}\nrules:\n{rules}", lot.draw(1 << 40)),
        strikes_volume,
        place: own.place(),
    }
}

fn rule(name: &str, cell: Cell, lot: &mut Lot) -> String {
    let times = match cell.on {
        // What never goes away is another test's matter.
        "request" => lot.of(&[1, 1, 2]),
        _ => lot.of(&[1, 1, 1, 2, 0]),
    };
    let matching = match cell.on {
        "exec" => format!("{{command: \"{}\"}}", cell.matching),
        "request" => cell.matching.to_owned(),
        _ => "{}".to_owned(),
    };
    // Only one command carries more than a few words.
    let most = match cell.matching {
        " receive " => lot.of(&[0, 10, 1_000, 100_000, 3_000_000]),
        _ => lot.of(&[0, 10, 40, 300]),
    };
    let fault = cell
        .fault
        .replace("AFTER", &format!("{{from: 0, to: {most}}}"));
    format!(
        "  - {{name: {name}, on: {}, times: {times}, match: {matching}, fault: {{{fault}}}}}\n",
        cell.on
    )
}
