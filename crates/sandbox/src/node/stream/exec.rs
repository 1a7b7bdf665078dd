//! `exec`: from the request to a session.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;

use super::query::Query;
use super::{PodRef, bad_request, container, disturbed};
use crate::api::Body;
use crate::fault::{Stream, Target};
use crate::node::channel::{self, Offer, Process, Session, command_not_found};
use crate::node::container::{Attach, Started};
use crate::node::harm::PodHarm;
use crate::node::upgrade;
use crate::store::uid_of;
use crate::{Failure, Sandbox};

pub(super) async fn serve(
    sandbox: &Sandbox,
    pod: PodRef,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let query = Query::of(&request);
    let command: Vec<String> = query.all("command").map(str::to_owned).collect();
    let attach = Attach {
        stdin: query.is_on("stdin"),
        stdout: query.is_on("stdout"),
        stderr: query.is_on("stderr"),
    };
    let name = container(&pod, query.text("container"))?;
    check(&query, attach, &command)?;
    let plan = sandbox.config().node.faults.stream(
        Target::Exec,
        &Stream {
            namespace: &pod.namespace,
            pod: &pod.name,
            container: &name,
            command: &command,
        },
    );
    if let Some(response) = disturbed(&plan).await {
        return Ok(response);
    }
    let protocol = match Offer::parse(upgrade::offered(request.headers()), || !plan.refuses_v5()) {
        Offer::Unknown => return Ok(upgrade::forbidden()),
        Offer::None => return silence(sandbox, request),
        Offer::Known(protocol) => protocol,
    };
    let live = sandbox.node().pod(uid_of(&pod.object));
    let running = live.instance(&name).and_then(|instance| instance.container);
    let running = running.ok_or_else(|| {
        Failure::new(
            500,
            "InternalError",
            format!("container not found (\"{name}\")"),
        )
    })?;
    let (response, upgraded) = upgrade::accept(request, Some(protocol.name()))?;
    let started = running.spawn(&command, attach);
    let sandbox = sandbox.clone();
    let keeper = sandbox.clone();
    keeper.spawn(async move {
        let Ok(io) = upgraded.await else {
            // The client left between request and upgrade; the process then has no client from the start.
            return;
        };
        let io = TokioIo::new(io);
        let started = match started {
            Ok(started) => started,
            Err(error) => {
                let message = format!("error executing command in container: {error}");
                channel::refuse(io, &command_not_found(&message)).await;
                return;
            }
        };
        if live.is_out_of_memory() {
            started.group.kill();
        }
        let Started {
            stdin,
            stdout,
            stderr,
            group,
            exit,
        } = started;
        let process = Process {
            stdin,
            stdout,
            stderr,
            exit,
        };
        let harm = PodHarm {
            sandbox,
            at: pod,
            pod: live,
            process: Some(group),
        };
        let session = Session {
            protocol,
            plan,
            harm: Arc::new(harm),
            gone: running.gone().clone(),
        };
        channel::serve(io, &[], process, session).await;
    });
    Ok(response)
}

fn check(query: &Query, attach: Attach, command: &[String]) -> Result<(), Failure> {
    if query.is_on("tty") {
        return Err(bad_request("the sandbox has no terminals: leave out tty"));
    }
    if !attach.stdin && !attach.stdout && !attach.stderr {
        return Err(bad_request(
            "you must specify at least 1 of stdin, stdout, stderr",
        ));
    }
    if command.is_empty() {
        return Err(bad_request(
            "you must specify at least 1 command for the container",
        ));
    }
    Ok(())
}

/// A client that offers no subprotocol is accepted and then hears nothing.
fn silence(sandbox: &Sandbox, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let (response, upgraded) = upgrade::accept(request, None)?;
    sandbox.spawn(async move {
        if let Ok(io) = upgraded.await {
            let mut io = TokioIo::new(io);
            let mut nothing = [0; 4096];
            while io.read(&mut nothing).await.is_ok_and(|read| read > 0) {}
        }
    });
    Ok(response)
}
