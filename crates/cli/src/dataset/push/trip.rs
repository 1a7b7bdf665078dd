//! What happens once there is a connection.

use std::sync::Arc;
use std::time::Instant;

use cluster::journal::Journal;
use cluster::preflight::{self, Report};
use cluster::push::{self, Order, Pushed, Site};
use cluster::stage::Owner;
use cluster::transfer::Source;
use cluster::{Connection, runtime, token};
use tokio_util::sync::CancellationToken;

use super::args::{Args, Compress, DryRun};
use super::show::Show;
use super::{Checked, Parcel, outcome, receipt};
use crate::cluster::findings;
use crate::errors;
use crate::failure::Failure;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// A push with everything local done.
pub(super) struct Trip<'a> {
    pub(super) args: &'a Args,
    pub(super) context: &'a Context,
    pub(super) checked: &'a Checked,
    pub(super) parcel: &'a Parcel,
    pub(super) owner: &'a Owner,
    pub(super) journal: Option<&'a Journal>,
}

impl Trip<'_> {
    /// Looks at the cluster, and goes as far as was asked.
    pub(super) async fn make(
        &self,
        connection: &Arc<Connection>,
        stop: &CancellationToken,
    ) -> Done {
        let show = Show::new(self.context);
        show.begin("looking at the cluster", None);
        let order = self.order();
        let request = preflight::Request {
            account: self.args.ingestor_sa.clone(),
            stage: push::stage_request(connection, &order),
            token_lifetime: token::FOR_A_RUN,
        };
        let looked = runtime::unless_stopped(stop, preflight::run(connection, &request)).await;
        let Some(report) = looked else {
            return Err(self.context.signals.failure());
        };
        findings::tell(&report, &self.context.output);
        if let Some(failure) = findings::failure(&report) {
            return Ok(self.base().but(failure));
        }
        // Without them a finding stood in the way.
        let Some(site) = site(report) else {
            return Err(self.context.signals.failure());
        };
        show.target(&site);
        match self.args.dry_run {
            Some(DryRun::Look) => Ok(outcome::looked(self.base(), None)),
            Some(DryRun::Pod) => {
                let probed = push::probe(connection, &site, &order, &show, stop).await;
                let probe = probed.map_err(|error| self.failure(&error))?;
                Ok(outcome::looked(self.base(), Some(&probe)))
            }
            None => self.push(connection, &site, &order, &show, stop).await,
        }
    }

    async fn push(
        &self,
        connection: &Arc<Connection>,
        site: &Site,
        order: &Order,
        show: &Show<'_>,
        stop: &CancellationToken,
    ) -> Done {
        let began = Instant::now();
        let pushed = push::run(connection, site, order, show, stop).await;
        let pushed = match pushed {
            Ok(pushed) => pushed,
            Err(error) => {
                let outcome = outcome::failed(self.base(), &error, show);
                return Ok(outcome.but(self.failure(&error)));
            }
        };
        let outcome = outcome::pushed(self.base(), site, &pushed, began.elapsed());
        match self.write_receipt(connection, site, &pushed) {
            Ok(()) => Ok(outcome),
            Err(failure) => Ok(outcome.but(failure)),
        }
    }

    fn write_receipt(
        &self,
        connection: &Connection,
        site: &Site,
        pushed: &Pushed,
    ) -> Result<(), Failure> {
        match &self.args.receipt {
            Some(path) => {
                let server = &connection.target().server;
                let head = receipt::head(self.checked, site, server, pushed);
                receipt::write(path, &head, &self.parcel.payload, self.context)
            }
            None => Ok(()),
        }
    }

    fn order(&self) -> Order {
        let args = self.args;
        Order {
            table: self.parcel.table.clone(),
            document: self.parcel.document.clone(),
            source: Arc::clone(&self.parcel.source) as Arc<dyn Source>,
            owner: self.owner.clone(),
            image: args.stage_pod_image.clone(),
            compression: args.compress.map(Compress::compression),
            key: args.idempotency_key.clone(),
            journal: self.journal.cloned(),
            image_digest: args.image_digest.clone(),
            detach: args.detach,
        }
    }

    fn base(&self) -> Outcome {
        Outcome::done("").with_all(outcome::of_dataset(self.checked))
    }

    fn failure(&self, error: &push::PushError) -> Failure {
        errors::push(error, &self.context.signals)
    }
}

fn site(report: Report) -> Option<Site> {
    Some(Site {
        release: report.release?,
        volume: report.volume?,
    })
}
