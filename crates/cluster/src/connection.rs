//! A client for a target, and requests that end in time and say what went wrong.

use std::time::Duration;

use jiff::Timestamp;
use kube::{Client, Config};
use tokio::sync::RwLock;

use crate::api::{ApiError, Call, Refusal};
use crate::limits::Limits;
use crate::target::{self, Target, TargetError};

/// A credential with less time left than this is renewed before it is used.
const SPARE: Duration = Duration::from_secs(60);

/// How long what a token file said is taken for what it says.
const TOKEN_FILE: Duration = Duration::from_secs(60);

/// Pauses before what changes nothing is asked again of a server that is busy.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// A way to a cluster. Share it by reference; its requests may run side by side.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    limits: Limits,
    live: RwLock<Live>,
}

struct Live {
    client: Client,
    until: Option<Timestamp>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Makes a client, for which the credential plugin may have to run. The cluster is not asked yet.
    ///
    /// # Errors
    /// What is wrong with local configuration, the plugin included.
    pub async fn open(target: Target, limits: Limits) -> Result<Self, TargetError> {
        let live = RwLock::new(live(&target, &limits).await?);
        Ok(Self {
            target,
            limits,
            live,
        })
    }

    /// Returns what it leads to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the limits of time.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the library's client, with a credential that still holds for a while.
    ///
    /// # Errors
    /// When the credential had to be renewed, and could not.
    pub async fn client(&self) -> Result<Client, TargetError> {
        {
            let live = self.live.read().await;
            if !ends_soon(live.until) {
                return Ok(live.client.clone());
            }
        }
        self.renew().await
    }

    /// Makes a client anew: token files are read and the plugin is run again. For when the server says 401.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn renew(&self) -> Result<Client, TargetError> {
        let fresh = live(&self.target, &self.limits).await?;
        let client = fresh.client.clone();
        *self.live.write().await = fresh;
        Ok(client)
    }

    /// Asks the API server, within the limit of one request.
    pub(crate) async fn ask<T, F, R>(&self, call: Call, ask: F) -> Result<T, ApiError>
    where
        F: Fn(Client) -> R,
        R: Future<Output = kube::Result<T>>,
    {
        self.ask_within(self.limits.request, call, ask).await
    }

    /// Asks the API server. A credential that it does not take is renewed once.
    pub(crate) async fn ask_within<T, F, R>(
        &self,
        limit: Duration,
        call: Call,
        ask: F,
    ) -> Result<T, ApiError>
    where
        F: Fn(Client) -> R,
        R: Future<Output = kube::Result<T>>,
    {
        let is_harmless = matches!(call.verb, "get" | "list");
        let whole = async {
            let mut pauses = PAUSES.iter();
            loop {
                match self.ask_once(&ask).await {
                    Err(refusal) if is_harmless && is_overload(&refusal) => {
                        let Some(pause) = pauses.next() else {
                            return Err(refusal);
                        };
                        tokio::time::sleep(*pause).await;
                    }
                    answer => return answer,
                }
            }
        };
        let answer = tokio::time::timeout(limit, whole).await;
        let answer = answer.unwrap_or(Err(Refusal::TimedOut(limit)));
        answer.map_err(|refusal| ApiError {
            call: Box::new(call),
            refusal,
        })
    }

    async fn ask_once<T, F, R>(&self, ask: &F) -> Result<T, Refusal>
    where
        F: Fn(Client) -> R,
        R: Future<Output = kube::Result<T>>,
    {
        let client = self.client().await.map_err(no_credential)?;
        match ask(client).await.map_err(Refusal::from) {
            Err(Refusal::Unauthorized(_)) if self.can_renew() => {
                let client = self.renew().await.map_err(no_credential)?;
                ask(client).await.map_err(Refusal::from)
            }
            answer => answer,
        }
    }

    /// Whether a credential could be another one when it is fetched again.
    fn can_renew(&self) -> bool {
        self.target.plugin.is_some() || self.target.config.auth_info.token_file.is_some()
    }
}

fn no_credential(error: TargetError) -> Refusal {
    Refusal::Credential(Box::new(error))
}

/// The server is there and asks for patience.
fn is_overload(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Answer { .. }) && refusal.is_passing()
}

fn ends_soon(until: Option<Timestamp>) -> bool {
    until.is_some_and(|until| {
        let left = until.duration_since(Timestamp::now());
        Duration::try_from(left).map_or(true, |left| left < SPARE)
    })
}

async fn live(target: &Target, limits: &Limits) -> Result<Live, TargetError> {
    let mut config: Config = target.config.clone();
    config.connect_timeout = Some(limits.connect);
    // An upload may be stalled for longer than any fixed time, and has a clock of its own.
    config.write_timeout = None;
    // The library's own retries go on for longer than any limit here, and repeat what creates something.
    config.default_retry = false;
    let until = match &target.plugin {
        Some(plugin) => {
            plugin
                .credential(&mut config.auth_info, limits.credential)
                .await?
        }
        None => None,
    };
    let until = match target::settle(&mut config.auth_info)? {
        true => Timestamp::now().checked_add(SPARE + TOKEN_FILE).ok(),
        false => until,
    };
    // One that is new and seems to be over shows that clocks are apart. The server's refusal will tell when it really ends.
    let until = until.filter(|until| !ends_soon(Some(*until)));
    let client =
        Client::try_from(config).map_err(|error| TargetError::Identity(error.to_string()))?;
    Ok(Live { client, until })
}
