//! How long `longshore --help` takes from start to end, beside a program that does nothing: `cargo bench -p longshore`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 200;
const LIMIT: Duration = Duration::from_millis(10);

fn main() {
    let nothing = median(|| Command::new("/bin/true"));
    let help = median(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.arg("--help");
        command
    });
    let lines = [
        format!("a program that does nothing  {nothing:>10.2?}"),
        format!("longshore --help             {help:>10.2?}   limit {LIMIT:?}"),
    ];
    #[expect(clippy::print_stdout, reason = "a measurement prints its result")]
    for line in lines {
        println!("{line}");
    }
}

/// Each run is so short that the machine is the same for both programs.
fn median(command: impl Fn() -> Command) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| time(command())).collect();
    times.sort();
    times[RUNS / 2]
}

fn time(mut command: Command) -> Duration {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).status();
    assert!(status.expect("the program runs").success());
    began.elapsed()
}
