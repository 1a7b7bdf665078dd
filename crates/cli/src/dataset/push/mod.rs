//! `longshore dataset push`: a folder becomes a table in a cluster.

mod args;
mod outcome;
mod receipt;
mod show;
mod trip;

use std::path::Path;
use std::sync::Arc;

use cluster::journal::Journal;
use cluster::stage::{Owner, RunId};
use cluster::transfer::PayloadSource;
use dataset::names::TableName;
use dataset::payload::Payload;
use fsroot::Root;

pub(crate) use args::Args;
use trip::Trip;

use super::local::{self, Checked, Drawing, Purpose, describe};
use crate::cluster::reach;
use crate::errors::{self, Side};
use crate::failure::Failure;
use crate::output::{Event, Outcome};
use crate::run::{Context, Done};
use crate::runs;

/// Checks the folder, then the cluster, and then carries the one into the other.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    if let Some(path) = &args.receipt {
        receipt::try_out(path, context)?;
    }
    let journal = journal(args, context)?;
    deliver(args, journal.as_ref(), context)
}

/// The same with a given journal, or none.
pub(crate) fn deliver(args: &Args, journal: Option<&Journal>, context: &Context) -> Done {
    let mut local = args.local.clone();
    let Some(checked) = local::check(&mut local, Purpose::Push, true, context)? else {
        return Ok(Outcome::done("Cancelled; nothing was done.\n"));
    };
    tell_dataset(&checked, context);
    let failure = checked.failure(local.strict);
    let (None, Some(parcel)) = (&failure, Parcel::of(&checked)?) else {
        let outcome = Outcome::done("").with_all(outcome::of_dataset(&checked));
        return Ok(match failure {
            Some(failure) => outcome.but(failure),
            None => outcome,
        });
    };
    let target = reach::target(&args.cluster, context)?;
    let member = reach::member(&target);
    let owner = owner(context)?;
    let trip = Trip {
        args,
        context,
        checked: &checked,
        parcel: &parcel,
        owner: &owner,
        journal,
    };
    let limits = &args.limits.limits;
    let made = reach::within(target, limits, context, |connection, stop| async move {
        trip.make(&connection, &stop).await
    })?;
    Ok(made?.with("kubeconfig", member))
}

/// What is to be delivered.
struct Parcel {
    /// The table.
    table: TableName,
    /// The files, also for the receipt.
    payload: Arc<Payload>,
    /// The same, for sending.
    source: Arc<PayloadSource>,
    /// The ingest document.
    document: String,
}

impl Parcel {
    /// `None` if something stands against sending.
    fn of(checked: &Checked) -> Result<Option<Self>, Failure> {
        let document = checked.document.as_ref().ok().and_then(Option::as_ref);
        let table = TableName::parse(&checked.settled.table);
        let (Some(document), Some(payload), Ok(table)) = (document, &checked.report.payload, table)
        else {
            return Ok(None);
        };
        let root = open(&checked.settled.root)?;
        Ok(Some(Self {
            table,
            payload: Arc::clone(payload),
            source: Arc::new(PayloadSource::new(Arc::clone(payload), root)),
            document: document.yaml().to_owned(),
        }))
    }
}

/// Opens the folder of the dataset; a table may be a file in it.
fn open(path: &Path) -> Result<Root, Failure> {
    let opened = match path.is_file() {
        true => {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            Root::open_ambient(parent.unwrap_or(Path::new(".")))
        }
        false => Root::open_ambient(path),
    };
    opened.map_err(|error| errors::files(&error, Side::Input))
}

/// The journal, if there is a place for it. One that cannot be read is told before anything is sent.
fn journal(args: &Args, context: &Context) -> Result<Option<Journal>, Failure> {
    if context.environment.state_home.is_none() {
        context
            .output
            .event(&Event::warning("push_no_journal").with(
                "message",
                "neither HOME nor XDG_STATE_HOME is set, so the run is not noted on this machine",
            ));
        return Ok(None);
    }
    let journal = runs::journal(context, &args.limits.limits)?;
    journal.runs().map_err(|error| errors::journal(&error))?;
    Ok(Some(journal))
}

fn owner(context: &Context) -> Result<Owner, Failure> {
    Ok(Owner {
        run: RunId::draw().map_err(|error| errors::randomness(&error))?,
        host: context.environment.host.clone(),
        user: context.environment.user.clone(),
    })
}

/// The dataset as it will be sent, for whoever watches; in JSON the result has it.
fn tell_dataset(checked: &Checked, context: &Context) {
    if context.output.is_json() {
        return;
    }
    let drawing = Drawing {
        style: context.output.screen_style(),
        bars: context.environment.stderr_is_terminal,
    };
    let text = describe(&checked.report, &checked.settled, drawing);
    context.output.message(&text);
}
