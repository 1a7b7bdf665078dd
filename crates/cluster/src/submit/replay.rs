//! Whether the Job of a replayed answer can be ours.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::Client;
use kube::api::Api;
use kube::client::Body;

use crate::cause;
use crate::watch::{JobEnd, job_end};

/// What has become of the Job that a replay names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replayed {
    /// It has not ended: this run attaches to it.
    Going,
    /// It has ended, or is gone, as half a sentence.
    Ended {
        how: String,
        /// When it was made, if it is still there.
        made: Option<Timestamp>,
    },
}

pub(super) async fn look(client: &Client, namespace: &str, job: &str) -> Result<Replayed, String> {
    let jobs = Api::<Job>::namespaced(client.clone(), namespace);
    match jobs.get_opt(job).await {
        Ok(None) => Ok(Replayed::Ended {
            how: "is gone".to_owned(),
            made: None,
        }),
        Ok(Some(job)) => Ok(judge(&job)),
        Err(error) => Err(cause::of_kube(&error)),
    }
}

fn judge(job: &Job) -> Replayed {
    let how = match job_end(job) {
        None => return Replayed::Going,
        Some(JobEnd::Complete) => "has ended well".to_owned(),
        Some(JobEnd::Failed { reason, .. }) => format!("has failed ({reason})"),
    };
    Replayed::Ended {
        how,
        made: job.metadata.creation_timestamp.as_ref().map(|time| time.0),
    }
}

/// Asks the API server for its time: Jobs are stamped by it, and the clock of this machine may be elsewhere.
pub(super) async fn server_time(client: &Client) -> Option<Timestamp> {
    let mut request = hyper::Request::new(Body::empty());
    *request.uri_mut() = hyper::Uri::from_static("/version");
    // Whatever it answers carries the time.
    let answer = client.send(request).await.ok()?;
    let date = answer.headers().get(hyper::header::DATE)?.to_str().ok()?;
    crate::time::parse(date)
}
