//! Asks a running sandbox about its faults. Two requests to one's own machine need no client library.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::Deserialize;
use serde_json::Value;

use super::{LocalError, State, kubeconfig};
use crate::api::faults::PATH;
use crate::fault::RuleReport;

/// How long an answer may take; also how long the API server may be away, as a fault script can make it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is tried.
const PERIOD: Duration = Duration::from_millis(50);

/// What came of a fault script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Report {
    /// Every rule, in order.
    pub rules: Vec<RuleReport>,
    /// Names of those that never struck.
    pub unfired: Vec<String>,
}

/// Puts a script in force if one is given, and says how often each rule struck since the last one was.
///
/// # Errors
/// When the script is refused, or the sandbox does not answer.
pub fn faults(folder: &Path, state: &State, script: Option<&str>) -> Result<Report, LocalError> {
    let unanswered = |source| LocalError::Io {
        what: "ask",
        path: state.server.clone().into(),
        source,
    };
    let begun = Instant::now();
    let (code, body) = loop {
        match ask(folder, state, script) {
            Ok(answer) => break answer,
            Err(error) if begun.elapsed() > PATIENCE => return Err(unanswered(error)),
            Err(_) => std::thread::sleep(PERIOD),
        }
    };
    if code == 200 {
        return serde_json::from_value(body).map_err(|error| unanswered(error.into()));
    }
    let why = body["message"].as_str().unwrap_or_default().to_owned();
    match code {
        400 => Err(LocalError::Faults(why)),
        _ => Err(unanswered(io::Error::other(why))),
    }
}

fn ask(folder: &Path, state: &State, script: Option<&str>) -> io::Result<(u16, Value)> {
    let wrong = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let text = std::fs::read(kubeconfig(folder))?;
    let config: Value = serde_json::from_slice(&text)?;
    let ca = config["clusters"][0]["cluster"]["certificate-authority-data"].as_str();
    let token = config["users"][0]["user"]["token"].as_str();
    let (Some(ca), Some(token)) = (ca, token) else {
        return Err(wrong("the kubeconfig lacks authority or token"));
    };
    let address = state.server.strip_prefix("https://");
    let address: SocketAddr = address
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| wrong("the address is none"))?;
    let mut stream = connect(address, ca)?;
    let body = script.unwrap_or_default();
    let method = if script.is_some() { "PUT" } else { "GET" };
    write!(
        stream,
        "{method} {PATH} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| wrong("the answer has no body"))?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let code = code.ok_or_else(|| wrong("the answer has no status"))?;
    Ok((code, serde_json::from_str(body)?))
}

fn connect(address: SocketAddr, ca: &str) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let pem = data_encoding::BASE64
        .decode(ca.as_bytes())
        .map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(&pem).map_err(io::Error::other)?;
    roots.add(ca).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(StreamOwned::new(client, socket))
}
