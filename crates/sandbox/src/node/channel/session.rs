//! One exec, from the upgrade to the close frame.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadHalf, WriteHalf};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::input::{self, Feed, Valve};
use super::output::{self, Disturbance, Stopped};
use super::{Exit, Protocol};
use crate::fault::{Damage, Direction, Drip, Effect, Meter, Plan};
use crate::hook::Struck;
use crate::node::websocket::{Broken, Opcode, Reader, Writer};

/// Longest message, channel byte included.
const MESSAGE_BYTES: u64 = 32 << 20;

/// How long the server goes on reading after its close frame, so that what the client has on its way does not reset the connection
/// before the client has read the status.
const LINGER: Duration = Duration::from_secs(2);

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const END_OF_CHANNEL: u8 = 255;

/// A process that was started for a client.
pub struct Process {
    /// Its input, if the client asked for it.
    pub stdin: Option<ChildStdin>,
    /// Its output, if the client asked for it.
    pub stdout: Option<ChildStdout>,
    /// Its errors, if the client asked for them.
    pub stderr: Option<ChildStderr>,
    /// Holds how it ended, once it has.
    pub exit: watch::Receiver<Option<Exit>>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

/// What a fault can do beyond the connection.
pub trait Harm: Send + Sync {
    /// Kills processes, fills volumes, deletes pods, restarts the API server; counts what was really done.
    fn strike(&self, damage: Damage, struck: Struck) -> BoxFuture<'_, ()>;
}

/// What a session needs to know.
pub struct Session {
    /// What is spoken.
    pub protocol: Protocol,
    /// What it has to suffer.
    pub plan: Plan,
    /// Who makes it suffer.
    pub harm: Arc<dyn Harm>,
    /// Cancelled when the container is gone: then a session ends that would hang.
    pub gone: CancellationToken,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// How the connection's part of a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client left, or the connection is to be dropped without a word.
    Gone,
    /// Everything was said.
    Said,
    /// A frame was too long: closed in order, without a status.
    TooLong,
    /// The client is told of a success that nobody knows anything about.
    FalseSuccess,
}

/// Serves one client. `already` is what was read of the connection beyond the request.
///
/// Returns when process and client have both ended; a process outlives its client.
pub async fn serve<Io>(io: Io, already: &[u8], mut process: Process, session: Session)
where
    Io: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reading, writing) = tokio::io::split(io);
    let mut reader = Reader::new(reading, already);
    let writer = Mutex::new(Writer::new(writing));
    let (feed, valve, pump) = match process.stdin.take() {
        Some(stdin) => {
            let (feed, valve, pump) = input::connect(stdin);
            (Some(feed), Some(valve), Some(tokio::spawn(pump)))
        }
        None => (None, None, None),
    };
    let drip = session.plan.drip();
    let end = {
        let mut incoming = Incoming {
            reader: &mut reader,
            writer: &writer,
            feed,
            meter: session.plan.meter(Direction::In),
            session: &session,
            valve: valve.as_ref(),
            drip: drip.clone(),
        };
        tokio::select! {
            end = incoming.run() => end,
            end = outgoing(&mut process, &writer, &session, valve.as_ref(), &drip) => end,
        }
    };
    part(end, &mut reader, writer.into_inner()).await;
    drop(reader);
    outlive(process).await;
    // Until here it may have held an input open that must not end.
    if let Some(pump) = pump {
        pump.abort();
    }
}

/// Tells a client that there is no process, in order.
pub async fn refuse<Io>(io: Io, status: &Value)
where
    Io: AsyncRead + AsyncWrite,
{
    let (reading, writing) = tokio::io::split(io);
    let mut writer = Writer::new(writing);
    if goodbye(&mut writer, Some(status)).await.is_ok() {
        let mut reader = Reader::new(reading, &[]);
        // As after every close frame.
        drop(tokio::time::timeout(LINGER, drain(&mut reader)).await);
    }
}

/// Says what is left to say and ends the connection.
async fn part<Io>(end: End, reader: &mut Reader<ReadHalf<Io>>, mut writer: Writer<WriteHalf<Io>>)
where
    Io: AsyncRead + AsyncWrite,
{
    let said = match end {
        End::Gone => return,
        End::Said => Ok(()),
        End::TooLong => writer.close(1000).await,
        End::FalseSuccess => {
            let status = Exit { code: 0 }.status();
            goodbye(&mut writer, Some(&status)).await
        }
    };
    if said.is_ok() {
        // The client may be slow, gone, or still sending: none of it matters any more.
        drop(tokio::time::timeout(LINGER, drain(reader)).await);
    }
}

async fn drain<R: AsyncRead + Unpin>(reader: &mut Reader<R>) -> Result<(), Broken> {
    loop {
        while reader.piece().await?.is_some() {}
        if reader.head().await?.opcode == Opcode::Close {
            return Ok(());
        }
    }
}

async fn goodbye<W>(writer: &mut Writer<W>, status: Option<&Value>) -> std::io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    if let Some(status) = status {
        let text = status.to_string();
        writer
            .frame(Opcode::Binary, &[STATUS], text.as_bytes())
            .await?;
    }
    writer.close(1000).await
}

/// Nobody listens any more: the process goes on, and what it says is thrown away.
async fn outlive(process: Process) {
    let Process {
        stdout,
        stderr,
        mut exit,
        ..
    } = process;
    tokio::join!(ended(&mut exit), discard(stdout), discard(stderr));
}

/// Waits for the end of a process. One whose keeper is gone was killed.
async fn ended(exit: &mut watch::Receiver<Option<Exit>>) -> Exit {
    let known = exit.wait_for(Option::is_some).await;
    known.ok().and_then(|exit| *exit).unwrap_or(Exit::KILLED)
}

async fn discard<R: AsyncRead + Unpin>(output: Option<R>) {
    if let Some(mut output) = output {
        let mut sink = vec![0; 8192];
        while output.read(&mut sink).await.is_ok_and(|read| read > 0) {}
    }
}

/// What comes from the client.
struct Incoming<'a, Io> {
    reader: &'a mut Reader<ReadHalf<Io>>,
    writer: &'a Mutex<Writer<WriteHalf<Io>>>,
    /// `None` once input has ended.
    feed: Option<Feed>,
    meter: Meter,
    session: &'a Session,
    valve: Option<&'a Valve>,
    drip: Drip,
}

impl<Io: AsyncRead + AsyncWrite> Incoming<'_, Io> {
    /// Reads until the client is gone or a fault ends the session. One loop, as in a real server: while the process does not
    /// take its input, pings wait too.
    async fn run(&mut self) -> End {
        self.frames().await.unwrap_or(End::Gone)
    }

    async fn frames(&mut self) -> Result<End, Broken> {
        loop {
            if let Some(end) = self.suffer().await {
                return Ok(end);
            }
            let head = self.reader.head().await?;
            match head.opcode {
                Opcode::Close => return Ok(End::Gone),
                Opcode::Ping => {
                    let payload = self.reader.rest(125).await?;
                    let mut writer = self.writer.lock().await;
                    writer.frame(Opcode::Pong, &payload, &[]).await?;
                }
                Opcode::Pong => drop(self.reader.rest(125).await?),
                _ if head.length > MESSAGE_BYTES => return Ok(End::TooLong),
                // Each frame is taken for a message, parts of one included.
                Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                    if let Some(end) = self.message().await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    async fn message(&mut self) -> Result<Option<End>, Broken> {
        let mut channel = None;
        while let Some(mut piece) = self.reader.piece().await? {
            if channel.is_none() {
                channel = piece.first().copied();
                bytes::Buf::advance(&mut piece, 1);
            }
            match channel {
                Some(STDIN) => {
                    if let Some(end) = self.stdin(piece).await {
                        return Ok(Some(end));
                    }
                }
                Some(END_OF_CHANNEL)
                    if self.session.protocol == Protocol::V5 && piece.first() == Some(&STDIN) =>
                {
                    self.feed = None;
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Passes input on, and stops where a fault is due.
    async fn stdin(&mut self, mut bytes: bytes::Bytes) -> Option<End> {
        while !bytes.is_empty() {
            if let Some(end) = self.suffer().await {
                return Some(end);
            }
            let most = self.drip.most(bytes.len());
            let now = bytes.split_to(self.meter.room(most));
            self.meter.pass(now.len());
            if let Some(feed) = &self.feed {
                feed.send(now).await;
            }
            if self.drip.is_on() {
                tokio::task::yield_now().await;
            }
        }
        self.suffer().await
    }

    /// Lets happen what is due.
    async fn suffer(&mut self) -> Option<End> {
        while let Some(effect) = self.meter.due() {
            match effect {
                Effect::Cut => return Some(End::Gone),
                Effect::EndStdin => return Some(End::FalseSuccess),
                Effect::LoseEndOfInput => {
                    if let Some(feed) = self.feed.take() {
                        feed.abandon();
                    }
                    return Some(End::FalseSuccess);
                }
                Effect::Stall(Some(time)) => tokio::time::sleep(time).await,
                Effect::Stall(None) => std::future::pending().await,
                Effect::Damage(damage, struck) => {
                    let kills = matches!(damage, Damage::Kill | Damage::OutOfMemory);
                    if let Some(valve) = self.valve.filter(|_| kills) {
                        // With input on its way a real session ends with 137 or, more often, hangs; a script says which.
                        valve.discard();
                    }
                    self.session.harm.strike(damage, struck).await;
                }
                // Of log streams only.
                Effect::EndLog => {}
            }
        }
        None
    }
}

/// What goes to the client: both outputs, and the status when both have ended and the process has too.
async fn outgoing<W>(
    process: &mut Process,
    writer: &Mutex<Writer<W>>,
    session: &Session,
    valve: Option<&Valve>,
    drip: &Drip,
) -> End
where
    W: AsyncWrite + Unpin,
{
    let meter = Mutex::new(session.plan.meter(Direction::Out));
    let cut = || {
        if let Some(valve) = valve {
            valve.cut();
        }
    };
    let stdout = async {
        if let Some(output) = &mut process.stdout {
            let disturbance = Disturbance {
                meter: &meter,
                drip,
                tail: session.plan.stdout_tail(),
            };
            if output::copy(output, STDOUT, writer, disturbance).await? {
                session.plan.lost_stdout_tail();
            }
            cut();
        }
        Ok(())
    };
    let stderr = async {
        if let Some(output) = &mut process.stderr {
            let disturbance = Disturbance {
                meter: &meter,
                drip,
                tail: 0,
            };
            output::copy(output, STDERR, writer, disturbance).await?;
            cut();
        }
        Ok(())
    };
    let exit = async { Ok(ended(&mut process.exit).await) };
    let exit = match futures_util::try_join!(exit, stdout, stderr) {
        Ok((exit, (), ())) => exit,
        Err(Stopped) => return End::Gone,
    };
    say_status(exit, writer, session, valve).await
}

async fn say_status<W>(
    exit: Exit,
    writer: &Mutex<Writer<W>>,
    session: &Session,
    valve: Option<&Valve>,
) -> End
where
    W: AsyncWrite + Unpin,
{
    if valve.is_some_and(Valve::is_unread) {
        session.gone.cancelled().await;
    }
    if session.plan.never_ends() {
        return std::future::pending().await;
    }
    let status = exit.status();
    let status = (!session.plan.loses_status()).then_some(&status);
    let mut writer = writer.lock().await;
    match goodbye(&mut writer, status).await {
        Ok(()) => End::Said,
        Err(_) => End::Gone,
    }
}
