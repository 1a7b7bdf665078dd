//! Port-forward over WebSocket: `v4.channel.k8s.io`.
//!
//! The n-th port has channels 2n for data and 2n+1 for errors. The first message of the server on each is the port, two bytes,
//! little end first. There is no half-close: when the last port has nothing more to say, the connection ends.
//!
//! kubectl's own way, SPDY inside a WebSocket, is not spoken.

use std::io;
use std::net::Ipv4Addr;

use bytes::Bytes;
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;

use super::channel::Harm as _;
use super::harm::PodHarm;
use super::pods::lock;
use super::stream::{PodRef, bad_request, disturbed};
use super::upgrade;
use super::websocket::{Broken, Opcode, Reader, Writer};
use crate::api::Body;
use crate::fault::{Direction, Drip, Effect, Meter, Plan, Stream, Target};
use crate::store::{str_at, uid_of};
use crate::{Failure, Sandbox};

const PROTOCOL: &str = "v4.channel.k8s.io";
const FRAME_BYTES: usize = 32 * 1024;

pub(super) async fn serve(
    sandbox: &Sandbox,
    pod: PodRef,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let wanted = ports(request.uri().query().unwrap_or_default())?;
    let stream = Stream {
        namespace: &pod.namespace,
        pod: &pod.name,
        container: "",
        command: &[],
    };
    let plan = sandbox
        .config()
        .node
        .faults
        .stream(Target::PortForward, &stream);
    if let Some(response) = disturbed(&plan).await {
        return Ok(response);
    }
    let is_known = upgrade::offered(request.headers())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == PROTOCOL);
    if !is_known {
        return Ok(upgrade::forbidden());
    }
    if str_at(&pod.object, "/status/phase") != "Running" {
        let phase = str_at(&pod.object, "/status/phase");
        return Err(bad_request(format!(
            "unable to forward port because pod is not running. Current status={phase}"
        )));
    }
    let live = sandbox.node().pod(uid_of(&pod.object));
    let real = lock(&live.ports).clone();
    let (response, upgraded) = upgrade::accept(request, Some(PROTOCOL))?;
    let harm = PodHarm {
        sandbox: sandbox.clone(),
        at: pod,
        pod: live,
        process: None,
    };
    sandbox.spawn(async move {
        if let Ok(io) = upgraded.await {
            let ports: Vec<(u16, u16)> = wanted
                .into_iter()
                .map(|port| (port, real.get(&port).copied().unwrap_or(port)))
                .collect();
            forward(TokioIo::new(io), &ports, &plan, &harm).await;
        }
    });
    Ok(response)
}

fn ports(query: &str) -> Result<Vec<u16>, Failure> {
    let values = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("ports="));
    let values = values
        .flat_map(|value| value.split("%2C"))
        .flat_map(|value| value.split(','));
    let ports: Option<Vec<u16>> = values
        .map(|port| port.parse().ok().filter(|port| *port > 0))
        .collect();
    let ports = ports.filter(|ports| !ports.is_empty() && ports.len() <= 64);
    ports.ok_or_else(|| bad_request("query parameter \"ports\" must name ports"))
}

/// Forwards between a client and ports: what the client calls them, and what they are on this machine.
async fn forward<Io>(io: Io, ports: &[(u16, u16)], plan: &Plan, harm: &PodHarm)
where
    Io: AsyncRead + AsyncWrite,
{
    let (reading, writing) = tokio::io::split(io);
    let mut reader = Reader::new(reading, &[]);
    let writer = Mutex::new(Writer::new(writing));
    let outgoing_meter = Mutex::new(plan.meter(Direction::Out));
    let drip = plan.drip();
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for (channel, (port, real)) in (0_u8..).step_by(2).zip(ports) {
        if announce(&writer, channel, *port).await.is_err() {
            return;
        }
        match TcpStream::connect((Ipv4Addr::LOCALHOST, *real)).await {
            Ok(stream) => {
                let (output, input) = stream.into_split();
                inputs.push(Some(input));
                outputs.push((channel, output));
            }
            Err(error) => {
                inputs.push(None);
                if refused(&writer, channel, *port, &error, harm)
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    }
    let said = async {
        let all = outputs
            .into_iter()
            .map(|(channel, output)| copy(output, channel, &writer, &outgoing_meter, &drip));
        if join_all(all).await.into_iter().any(|end| end.is_err()) {
            return;
        }
        if plan.never_ends() {
            return std::future::pending().await;
        }
        // The client may be gone.
        drop(writer.lock().await.close(1000).await);
    };
    let mut incoming = Forwarding {
        reader: &mut reader,
        writer: &writer,
        inputs,
        meter: plan.meter(Direction::In),
        drip: drip.clone(),
        harm,
    };
    tokio::select! {
        // Whatever ended it, the connections to the ports end with it.
        _ = incoming.run() => {}
        () = said => {}
    }
}

async fn announce<W>(writer: &Mutex<Writer<W>>, channel: u8, port: u16) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let mut writer = writer.lock().await;
    let port = port.to_le_bytes();
    writer.frame(Opcode::Binary, &[channel], &port).await?;
    writer.frame(Opcode::Binary, &[channel + 1], &port).await
}

async fn refused<W>(
    writer: &Mutex<Writer<W>>,
    channel: u8,
    port: u16,
    error: &io::Error,
    harm: &PodHarm,
) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let pod = &harm.at.name;
    let uid = uid_of(&harm.at.object);
    let text = format!(
        "error forwarding port {port} to pod {pod}, uid {uid}: failed to connect to localhost:{port}: {error}"
    );
    let mut writer = writer.lock().await;
    writer
        .frame(Opcode::Binary, &[channel + 1], text.as_bytes())
        .await
}

/// Copies what a port says to its channel. An error is a fault, or a client that is gone.
async fn copy<W>(
    mut output: OwnedReadHalf,
    channel: u8,
    writer: &Mutex<Writer<W>>,
    meter: &Mutex<Meter>,
    drip: &Drip,
) -> Result<(), ()>
where
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; FRAME_BYTES];
    loop {
        let read = output.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return Ok(());
        }
        let mut rest = buffer.get(..read).unwrap_or_default();
        while !rest.is_empty() {
            let mut meter = meter.lock().await;
            while let Some(effect) = meter.due() {
                match effect {
                    Effect::Stall(Some(time)) => tokio::time::sleep(time).await,
                    Effect::Stall(None) => std::future::pending().await,
                    _ => return Err(()),
                }
            }
            let most = drip.most(rest.len());
            let (now, later) = rest.split_at(meter.room(most));
            meter.pass(now.len());
            let mut writer = writer.lock().await;
            let sent = writer.frame(Opcode::Binary, &[channel], now).await;
            sent.map_err(drop)?;
            rest = later;
        }
    }
}

struct Forwarding<'a, Io> {
    reader: &'a mut Reader<ReadHalf<Io>>,
    writer: &'a Mutex<Writer<WriteHalf<Io>>>,
    inputs: Vec<Option<OwnedWriteHalf>>,
    meter: Meter,
    drip: Drip,
    harm: &'a PodHarm,
}

/// The session is over.
struct Over;

impl From<Broken> for Over {
    fn from(_: Broken) -> Self {
        Self
    }
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl<Io: AsyncRead + AsyncWrite> Forwarding<'_, Io> {
    async fn run(&mut self) -> Result<(), Over> {
        loop {
            self.suffer().await?;
            let head = self.reader.head().await?;
            match head.opcode {
                Opcode::Close => return Err(Over),
                Opcode::Ping => {
                    let payload = self.reader.rest(125).await?;
                    let mut writer = self.writer.lock().await;
                    writer.frame(Opcode::Pong, &payload, &[]).await?;
                }
                Opcode::Pong => drop(self.reader.rest(125).await?),
                Opcode::Continuation | Opcode::Text | Opcode::Binary => self.message().await?,
            }
        }
    }

    async fn message(&mut self) -> Result<(), Over> {
        let mut channel = None;
        while let Some(mut piece) = self.reader.piece().await? {
            if channel.is_none() {
                channel = piece.first().copied();
                bytes::Buf::advance(&mut piece, 1);
            }
            if let Some(channel) = channel.filter(|channel| channel % 2 == 0) {
                self.pass(usize::from(channel / 2), piece).await?;
            }
        }
        Ok(())
    }

    async fn pass(&mut self, index: usize, mut bytes: Bytes) -> Result<(), Over> {
        while !bytes.is_empty() {
            self.suffer().await?;
            let most = self.drip.most(bytes.len());
            let now = bytes.split_to(self.meter.room(most));
            self.meter.pass(now.len());
            if let Some(Some(input)) = self.inputs.get_mut(index) {
                // A port that takes nothing more may still have something to say.
                drop(input.write_all(&now).await);
            }
        }
        Ok(())
    }

    async fn suffer(&mut self) -> Result<(), Over> {
        while let Some(effect) = self.meter.due() {
            match effect {
                Effect::Cut => return Err(Over),
                Effect::Stall(Some(time)) => tokio::time::sleep(time).await,
                Effect::Stall(None) => std::future::pending().await,
                Effect::Damage(damage, struck) => self.harm.strike(damage, struck).await,
                // Of exec and of logs only.
                Effect::EndStdin | Effect::LoseEndOfInput | Effect::EndLog => {}
            }
        }
        Ok(())
    }
}
