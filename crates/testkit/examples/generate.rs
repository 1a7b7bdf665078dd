//! Writes a large snapshot for benchmarks:
//!
//! ```text
//! generate FILE strings COUNT [VALUE_BYTES] [half-expiring]
//! generate FILE objects COUNT OBJECT_BYTES [PART_BYTES]
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use testkit::generate::{Expiring, Objects, Strings, Workload, generate};

const SEED: u64 = 20_261_121;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, workload)) = parse(&arguments) else {
        let usage = "usage: generate FILE strings COUNT [VALUE_BYTES] [half-expiring]\n       \
                     generate FILE objects COUNT OBJECT_BYTES [PART_BYTES]";
        return report(&mut io::stderr(), usage, ExitCode::from(2));
    };
    let begun = Instant::now();
    match File::create(path).and_then(|file| generate(&workload, file)) {
        Ok(generated) => {
            let seconds = begun.elapsed().as_secs_f64();
            let line = format!("{path}: {generated:?} in {seconds:.1} s");
            report(&mut io::stdout(), &line, ExitCode::SUCCESS)
        }
        Err(error) => report(
            &mut io::stderr(),
            &format!("{path}: {error}"),
            ExitCode::FAILURE,
        ),
    }
}

fn parse(arguments: &[String]) -> Option<(&str, Workload)> {
    let (path, kind, rest) = match arguments {
        [path, kind, rest @ ..] => (path, kind.as_str(), rest),
        _ => return None,
    };
    let number = |index: usize| rest.get(index)?.parse::<u64>().ok();
    let workload = match kind {
        "strings" => Workload::Strings(Strings {
            count: number(0)?,
            value_bytes: usize::try_from(number(1).unwrap_or(100)).ok()?,
            expiring: match rest.iter().any(|word| word == "half-expiring") {
                true => Expiring::Half,
                false => Expiring::None,
            },
            seed: SEED,
        }),
        "objects" => Workload::Objects(Objects {
            count: number(0)?,
            object_bytes: number(1)?,
            part_bytes: number(2),
            seed: SEED,
        }),
        _ => return None,
    };
    Some((path, workload))
}

fn report(out: &mut impl Write, line: &str, code: ExitCode) -> ExitCode {
    match writeln!(out, "{line}") {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}
