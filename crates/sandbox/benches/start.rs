//! How long a sandbox inside of a test takes, from nothing to its first answer over TLS.
//!
//! `cargo bench -p sandbox --bench start`

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::time::{Duration, Instant};

use lab::Lab;

const TURNS: usize = 51;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut times = Vec::new();
        for _ in 0..TURNS {
            let begun = Instant::now();
            let lab = Lab::start().await;
            assert_eq!(lab.get("/version").await.0, 200);
            times.push(begun.elapsed());
            lab.running.stop().await;
        }
        times.sort();
        print("median", times[TURNS / 2]);
        print("slowest", times[TURNS - 1]);
    });
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn print(what: &str, time: Duration) {
    println!("{what:8} {:.1} ms", time.as_secs_f64() * 1e3);
}
