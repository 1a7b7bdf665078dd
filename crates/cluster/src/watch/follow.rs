//! The log of one container, over as many connections as it takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryFutureExt as _;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{LogParams, Request};
use kube::client::Body;
use kube::{Client, Resource as _};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::lines::Lines;
use super::seen::{Seen, stamped};
use crate::cause;
use crate::limits::Limits;

/// Lines on their way to whoever shows them.
const LINES_WAITING: usize = 256;

/// The pause before the first new connection, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The client that a log is read with, from its next connection on.
#[derive(Clone)]
pub(super) struct Current(Arc<Mutex<Client>>);

impl Current {
    pub(super) fn new(client: Client) -> Self {
        Self(Arc::new(Mutex::new(client)))
    }

    pub(super) fn set(&self, client: Client) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    fn get(&self) -> Client {
        let client = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        client.clone()
    }
}

/// Whose log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
}

/// What a log brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Logged {
    Line(Vec<u8>),
    /// A connection ended or failed; another one follows.
    Broken(String),
    /// The log may not be read.
    Forbidden(String),
    /// All of it was read.
    End,
}

/// A log that is being followed. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) logged: mpsc::Receiver<Logged>,
    /// Set once the container has ended: then a log that ends has really ended.
    ended: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Follower {
    pub(super) fn start(current: &Current, source: Source, limits: &Limits) -> Self {
        let (sender, logged) = mpsc::channel(LINES_WAITING);
        let (ended, has_ended) = watch::channel(false);
        let reading = Reading {
            current: current.clone(),
            source,
            limits: limits.clone(),
            sender,
            has_ended,
            seen: Seen::default(),
        };
        // An error means that nobody listens any more.
        let task = tokio::spawn(reading.run().unwrap_or_else(|Deaf| ()));
        Self {
            logged,
            ended,
            task,
        }
    }

    /// Says that the container has ended.
    pub(super) fn has_ended(&self) {
        self.ended.send_replace(true);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Nobody listens.
#[derive(Debug)]
struct Deaf;

struct Reading {
    current: Current,
    source: Source,
    limits: Limits,
    sender: mpsc::Sender<Logged>,
    has_ended: watch::Receiver<bool>,
    seen: Seen,
}

/// How one connection went.
enum Went {
    /// The server ended it in order.
    Ended,
    Broken(String),
    Forbidden(String),
    /// The pod is not there any more.
    Gone,
}

impl Reading {
    async fn run(mut self) -> Result<(), Deaf> {
        let mut pause = PAUSE.0;
        loop {
            // Only a connection that was made after the end can have shown all of it.
            let is_last = *self.has_ended.borrow();
            match self.connection(is_last).await? {
                Went::Ended if is_last => return self.tell(Logged::End).await,
                Went::Gone => return self.tell(Logged::End).await,
                Went::Forbidden(reason) => return self.tell(Logged::Forbidden(reason)).await,
                Went::Ended => {}
                Went::Broken(reason) => self.tell(Logged::Broken(reason)).await?,
            }
            // The end of the container is worth another look at once.
            let ended = self.has_ended.wait_for(|ended| *ended && !is_last);
            if tokio::time::timeout(pause, ended).await.is_err() {
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }

    async fn tell(&self, logged: Logged) -> Result<(), Deaf> {
        self.sender.send(logged).await.map_err(|_| Deaf)
    }

    async fn connection(&mut self, is_last: bool) -> Result<Went, Deaf> {
        let since = self.seen.reconnect();
        let client = self.current.get();
        let opening = open(&client, &self.source, since, !is_last);
        let body = match tokio::time::timeout(self.limits.request, opening).await {
            Ok(Ok(body)) => body,
            Ok(Err(went)) => return Ok(went),
            Err(_) => return Ok(Went::Broken("the log is not answered".to_owned())),
        };
        self.read(body, is_last).await
    }

    async fn read(&mut self, mut body: Body, is_last: bool) -> Result<Went, Deaf> {
        let mut lines = Lines::default();
        let mut silence = None;
        let went = loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                // A connection that was lost on the way says nothing; once the container has ended that is noticed.
                () = quiet(&mut self.has_ended, &mut silence, self.limits.log_tail) => {
                    break Went::Broken("the log fell silent".to_owned());
                }
            };
            silence = None;
            match frame {
                None => break Went::Ended,
                Some(Err(error)) => break Went::Broken(cause::chain(&error)),
                Some(Ok(frame)) => {
                    if let Some(piece) = frame.data_ref() {
                        let mut found = Vec::new();
                        lines.take(piece, |line| found.push(line.to_vec()));
                        for line in found {
                            self.line(&line).await?;
                        }
                    }
                }
            }
        };
        // Half a line comes again, whole; a server that dies ends its streams in order too.
        if is_last
            && matches!(went, Went::Ended)
            && let Some(rest) = lines.rest()
        {
            self.line(&rest).await?;
        }
        Ok(went)
    }

    async fn line(&mut self, line: &[u8]) -> Result<(), Deaf> {
        let text = match stamped(line) {
            Some((time, text)) if self.seen.is_new(time, text) => text,
            Some(_) => return Ok(()),
            None => line,
        };
        self.tell(Logged::Line(text.to_vec())).await
    }
}

/// Waits until the container has ended and nothing came for a while after.
async fn quiet(ended: &mut watch::Receiver<bool>, until: &mut Option<Instant>, tail: Duration) {
    // An error means that nobody listens; then this is dropped soon.
    if ended.wait_for(|ended| *ended).await.is_err() {
        std::future::pending::<()>().await;
    }
    let until = until.get_or_insert_with(|| Instant::now() + tail);
    tokio::time::sleep_until(*until).await;
}

async fn open(
    client: &Client,
    source: &Source,
    since: Option<Timestamp>,
    follow: bool,
) -> Result<Body, Went> {
    let wanted = LogParams {
        container: Some(source.container.clone()),
        follow,
        // Whole seconds: kube would round, and rounding up loses lines.
        since_time: since,
        timestamps: true,
        ..LogParams::default()
    };
    let request = Request::new(Pod::url_path(&(), Some(&source.namespace)));
    let request = request.logs(&source.pod, &wanted);
    let request = request.map_err(|error| Went::Broken(cause::chain(&error)))?;
    let answer = client.send(request.map(Body::from)).await;
    let answer = answer.map_err(|error| Went::Broken(cause::of_kube(&error)))?;
    match answer.status().as_u16() {
        200..=299 => Ok(answer.into_body()),
        403 => Err(Went::Forbidden("pods/log: get is not allowed".to_owned())),
        404 => Err(Went::Gone),
        code => Err(Went::Broken(format!("the log answers HTTP {code}"))),
    }
}
