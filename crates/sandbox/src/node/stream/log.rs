//! `log`: what a container has said, and says.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use jiff::{SignedDuration, Timestamp};

use super::query::Query;
use super::{PodRef, bad_request, container, disturbed, waiting_reason};
use crate::api::body::{self, Body};
use crate::fault::{Direction, Drip, Effect, Meter, Plan, Stream, Target};
use crate::node::channel::Harm as _;
use crate::node::harm::PodHarm;
use crate::node::logs::{Entry, Log};
use crate::store::uid_of;
use crate::{Failure, Sandbox};

/// Given to the connection for sending what came before a cut.
const FLUSH: Duration = Duration::from_millis(20);

pub(super) async fn serve(
    sandbox: &Sandbox,
    pod: &PodRef,
    query: &Query,
) -> Result<Response<Body>, Failure> {
    let name = container(pod, query.text("container"))?;
    let plan = sandbox.config().node.faults.stream(
        Target::Log,
        &Stream {
            namespace: &pod.namespace,
            pod: &pod.name,
            container: &name,
            command: &[],
        },
    );
    if let Some(response) = disturbed(&plan).await {
        return Ok(response);
    }
    let live = sandbox.node().pod(uid_of(&pod.object));
    let log = find(pod, &live, &name, query.is_on("previous"))?;
    let (entries, next) = log.all();
    let reader = Reader {
        ready: select(entries, query, sandbox.clock().now())?,
        next: (query.is_on("follow") && !query.is_on("previous")).then_some(next),
        log,
        timestamps: query.is_on("timestamps"),
        left: query.number("limitBytes").unwrap_or(u64::MAX),
        drip: plan.drip(),
        meter: plan.meter(Direction::Out),
        before: plan.meter(Direction::In),
        harm: PodHarm {
            sandbox: sandbox.clone(),
            at: pod.clone(),
            pod: live,
            process: None,
        },
        plan,
        waiting: Bytes::new(),
    };
    let mut response = Response::new(body::stream(stream::unfold(reader, |mut reader| async {
        let chunk = reader.chunk().await?;
        Some((chunk, reader))
    })));
    let plain = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Ok(response)
}

fn find(
    pod: &PodRef,
    live: &crate::node::pods::Pod,
    name: &str,
    previous: bool,
) -> Result<Log, Failure> {
    let instance = live.instance(name);
    if previous {
        let log = instance.and_then(|instance| instance.previous);
        return log.ok_or_else(|| {
            bad_request(format!(
                "previous terminated container \"{name}\" in pod \"{}\" not found",
                pod.name
            ))
        });
    }
    match instance {
        Some(instance) => Ok(instance.log),
        None => {
            let reason = waiting_reason(&pod.object, name);
            let reason = reason.as_deref().unwrap_or("ContainerCreating");
            Err(bad_request(format!(
                "container \"{name}\" in pod \"{}\" is waiting to start: {reason}",
                pod.name
            )))
        }
    }
}

/// Leaves what `tailLines`, `sinceSeconds` and `sinceTime` ask for.
fn select(
    entries: Vec<Entry>,
    query: &Query,
    now: Timestamp,
) -> Result<std::vec::IntoIter<Entry>, Failure> {
    let mut since = None;
    if let Some(seconds) = query.number("sinceSeconds") {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        since = now.checked_sub(SignedDuration::from_secs(seconds)).ok();
    }
    if !query.text("sinceTime").is_empty() {
        let time = query.text("sinceTime").parse();
        since = Some(time.map_err(|_| bad_request("sinceTime is no RFC 3339 time"))?);
    }
    let mut kept: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| since.is_none_or(|since| entry.time >= since))
        .collect();
    if let Some(lines) = query.number("tailLines") {
        let begins = kept.iter().enumerate().filter(|(_, entry)| entry.begins);
        let begins: Vec<usize> = begins.map(|(index, _)| index).collect();
        let lines = usize::try_from(lines).unwrap_or(usize::MAX);
        let first = match begins.len().checked_sub(lines) {
            None | Some(0) => 0,
            Some(skipped) => begins.get(skipped).copied().unwrap_or(kept.len()),
        };
        kept.drain(..first);
    }
    Ok(kept.into_iter())
}

struct Reader {
    ready: std::vec::IntoIter<Entry>,
    /// The entry that comes next, when following.
    next: Option<u64>,
    log: Log,
    timestamps: bool,
    left: u64,
    drip: Drip,
    plan: Plan,
    meter: Meter,
    /// What else waits for bytes; a client says none here, so those of the log are counted.
    before: Meter,
    harm: PodHarm,
    waiting: Bytes,
}

impl Reader {
    /// Returns the next piece of the body; `None` is its proper end, an error cuts the connection.
    async fn chunk(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if let Some(effect) = self.before.due().or_else(|| self.meter.due()) {
                match effect {
                    Effect::EndLog => return None,
                    Effect::Cut => {
                        // What was read before is on its way only when the connection has had time to send it.
                        tokio::time::sleep(FLUSH).await;
                        return Some(Err(io::ErrorKind::ConnectionReset.into()));
                    }
                    Effect::Stall(Some(time)) => tokio::time::sleep(time).await,
                    Effect::Stall(None) => std::future::pending().await,
                    Effect::Damage(damage, struck) => self.harm.strike(damage, struck).await,
                    // Of inputs only.
                    Effect::EndStdin | Effect::LoseEndOfInput => {}
                }
                continue;
            }
            if !self.waiting.is_empty() {
                let most = self.drip.most(self.waiting.len());
                let most = self.meter.room(self.before.room(most));
                let piece = self.waiting.split_to(most);
                self.meter.pass(piece.len());
                self.before.pass(piece.len());
                return Some(Ok(piece));
            }
            match self.entry().await {
                Some(entry) => self.waiting = self.render(&entry),
                None if self.plan.never_ends() => std::future::pending().await,
                None => return None,
            }
        }
    }

    async fn entry(&mut self) -> Option<Entry> {
        if self.left == 0 {
            return None;
        }
        if let Some(entry) = self.ready.next() {
            return Some(entry);
        }
        let number = self.next?;
        self.next = Some(number + 1);
        self.log.entry(number).await
    }

    fn render(&mut self, entry: &Entry) -> Bytes {
        let mut text = BytesMut::new();
        if self.timestamps && entry.begins {
            let time = entry.time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ ").to_string();
            text.extend_from_slice(time.as_bytes());
        }
        text.extend_from_slice(&entry.bytes);
        text.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= text.len() as u64;
        text.freeze()
    }
}
