//! Listening: TLS, HTTP/1.1 with upgrades, and the means to cut every connection at once.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::header::{DATE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use crate::Sandbox;

use super::handle::{Cut, handle};

/// How long a client may take for its handshake, and for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// The API server's switch: it can be turned off and on again, as a restart does.
#[derive(Debug)]
pub struct Switch {
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    generation: Mutex<Generation>,
}

/// One life of the server.
#[derive(Clone, Debug, Default)]
struct Generation {
    /// Ends the listener, and connections once they have answered; streams of pods go on.
    draining: CancellationToken,
    /// Cuts every connection.
    alive: CancellationToken,
}

impl Switch {
    /// Makes a switch for a server at an address that is listened on already.
    #[must_use]
    pub fn new(address: SocketAddr, tls: Arc<ServerConfig>) -> Self {
        Self {
            address,
            tls,
            generation: Mutex::default(),
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a listener until the switch is turned off or the sandbox stops.
    pub fn serve(&self, sandbox: &Sandbox, listener: TcpListener) {
        let alive = sandbox.stopping().child_token();
        let generation = Generation {
            draining: alive.child_token(),
            alive,
        };
        *self.lock() = generation.clone();
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls));
        let sandbox = sandbox.clone();
        sandbox.clone().spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = generation.draining.cancelled() => return,
                };
                match accepted {
                    Ok((socket, _)) => {
                        accept(&sandbox, acceptor.clone(), socket, generation.clone())
                    }
                    // Out of descriptors, most likely: a moment's rest, or this loop would take the processor.
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
    }

    /// Refuses new connections and requests, as a server does that was asked to end.
    pub fn drain(&self) {
        self.lock().draining.cancel();
    }

    /// Cuts every connection and refuses new ones.
    pub fn turn_off(&self) {
        self.lock().alive.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, Generation> {
        self.generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens again at the same address. Objects are as they were.
    pub async fn turn_on(&self, sandbox: &Sandbox) -> io::Result<()> {
        let listener = bind(self.address).await?;
        self.serve(sandbox, listener);
        Ok(())
    }
}

/// Listens at an address, also right after another listener there has ended.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

fn accept(sandbox: &Sandbox, acceptor: TlsAcceptor, socket: TcpStream, generation: Generation) {
    let sandbox = sandbox.clone();
    sandbox.clone().spawn(async move {
        // Frames and status lines are small and waited for.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let socket = Severable {
            _twin: cut_when_severed(&socket, generation.alive.clone()),
            inner: socket,
            severed: Box::pin(generation.alive.cancelled_owned()),
            is_severed: false,
        };
        let stream = match tokio::time::timeout(HEAD_TIME, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "no TLS"),
            Err(_) => return,
        };
        let serving = sandbox.clone();
        let service = service_fn(move |request| {
            let sandbox = serving.clone();
            async move {
                let mut answer = handle(&sandbox, request).await?;
                date(&sandbox, answer.headers_mut());
                Ok::<_, Cut>(answer)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = generation.draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    });
}

/// Tells the time of the sandbox, which is also that of its objects.
fn date(sandbox: &Sandbox, headers: &mut HeaderMap) {
    let now = sandbox.clock().now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    if let Ok(now) = HeaderValue::from_str(&now.to_string()) {
        headers.insert(DATE, now);
    }
}

/// A socket that can be cut from outside, whoever holds it by then: upgraded connections too.
struct Severable {
    inner: TcpStream,
    severed: Pin<Box<WaitForCancellationFutureOwned>>,
    is_severed: bool,
    _twin: Option<DropGuard>,
}

/// Cuts a socket whose holder stands still and would not notice. It ends with the guard.
fn cut_when_severed(socket: &TcpStream, severed: CancellationToken) -> Option<DropGuard> {
    // Without a descriptor to spare it is cut when it is next used.
    let twin = std::net::TcpStream::from(socket.as_fd().try_clone_to_owned().ok()?);
    let over = CancellationToken::new();
    let ended = over.clone();
    tokio::spawn(async move {
        tokio::select! {
            // It may have been closed already.
            () = severed.cancelled() => drop(twin.shutdown(Shutdown::Both)),
            () = ended.cancelled() => {}
        }
    });
    Some(over.drop_guard())
}

impl Severable {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.is_severed || self.severed.as_mut().poll(context).is_ready() {
            self.is_severed = true;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Severable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Severable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
