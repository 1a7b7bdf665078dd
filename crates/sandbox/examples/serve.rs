//! Runs a sandbox for the client tests: `serve DIRECTORY` writes the kubeconfig there and serves until its input ends.

use std::error::Error;
use std::sync::Arc;

use sandbox::hook::NoFaults;
use sandbox::{Config, Sandbox};
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory =
        std::path::PathBuf::from(std::env::args_os().nth(1).ok_or("usage: serve DIRECTORY")?);
    let data = directory.join("data");
    std::fs::create_dir_all(&data)?;
    let running = Sandbox::start(Config::new(&data), Arc::new(NoFaults)).await?;
    let staged = directory.join("kubeconfig.new");
    std::fs::write(&staged, running.kubeconfig())?;
    std::fs::rename(&staged, directory.join("kubeconfig"))?;
    // Whoever started this holds the other end: when it dies, so does the sandbox.
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    running.stop().await;
    Ok(())
}
