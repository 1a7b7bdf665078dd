//! A look at the far side before anything is sent.

use super::answer::Answer;
use super::error::{Failure, told};
use super::verbs::{Said, ask};
use super::{Setup, TransferError, command};
use crate::far::Far;

/// What a look at the volume found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Everything that would stop a push: missing programs, that for [`Setup::compression`] included, a volume that cannot be written
    /// to, data at the destination, an ingest that runs.
    pub findings: Vec<TransferError>,
    /// Bytes that may still be written.
    pub free_bytes: Option<u64>,
    /// Files that may still be made; `None` where that is not counted.
    pub free_inodes: Option<u64>,
    /// What the holder of the lock says of itself. It may be dead.
    pub held: Option<String>,
    /// What earlier runs left of this table.
    pub leftovers: Vec<String>,
    /// Programs there that could undo compression.
    pub compressors: Vec<String>,
    /// The record beside the data, empty if there is none.
    pub record: String,
}

impl Probe {
    /// Takes a line; `None` if it is none of a probe.
    fn take(&mut self, words: &[String]) -> Option<()> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["finding", id, rest @ ..] => match told(id, &rest.join(" ")) {
                Failure::Final(error) => self.findings.push(error),
                Failure::Broken(_) => return None,
            },
            ["space", blocks, block_bytes, free, all] => {
                let number = |word: &str| word.parse::<u64>().ok();
                self.free_bytes = number(blocks)
                    .zip(number(block_bytes))
                    .and_then(|(blocks, bytes)| blocks.checked_mul(bytes));
                // File systems that make inodes as they need them count none.
                self.free_inodes = number(free).filter(|_| number(all) > Some(0));
            }
            ["held", rest @ ..] => self.held = Some(rest.join(" ")),
            ["leftover", name] => self.leftovers.push((*name).to_owned()),
            ["compressor", name] => self.compressors.push((*name).to_owned()),
            _ => return None,
        }
        Some(())
    }
}

/// Looks at the volume as a pod sees it. Takes no lock, and leaves nothing.
pub async fn probe(far: &dyn Far, setup: &Setup) -> Result<Probe, TransferError> {
    let mut probe = look(far, setup).await?;
    // A shell without the programs that it needs always was not asked for more.
    let is_known = !(probe.findings.iter())
        .any(|finding| matches!(finding, TransferError::MissingProgram { .. }));
    if let Some(wanted) = setup.compression
        && is_known
        && !probe
            .compressors
            .iter()
            .any(|name| name == wanted.program())
    {
        let program = wanted.program().to_owned();
        let missing = TransferError::MissingCompressor { program };
        probe.findings.push(missing);
    }
    Ok(probe)
}

async fn look(far: &dyn Far, setup: &Setup) -> Result<Probe, TransferError> {
    let mut probe = Probe::default();
    let command = command::probe(setup);
    ask(far, setup, command, 0, |answer| match answer {
        Answer::Run(record) => {
            probe.record = String::from_utf8_lossy(record).into_owned();
            Said::Part
        }
        Answer::Other(words) if *words == ["begin"] => {
            probe = Probe::default();
            Said::Part
        }
        Answer::Other(words) if *words == ["done"] => Said::All(std::mem::take(&mut probe)),
        Answer::Other(words) if probe.take(words).is_some() => Said::Part,
        _ => Said::Nonsense,
    })
    .await
}
