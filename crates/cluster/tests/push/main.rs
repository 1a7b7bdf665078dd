//! Whole pushes into a sandbox.

#[path = "../site/mod.rs"]
mod site;

mod folder;
mod full;
mod matrix;
mod unrecorded;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use cluster::Connection;
use cluster::push::{self, Event, Observer, Order, PushError, Pushed, Site as Where};
use cluster::watch::{self, Outcome};
use dataset::names::TableName;
use folder::{Checked, checked, pictures, tree};
use sandbox::release;
use site::{NAMESPACE, Site, User, look, owner};
use tokio_util::sync::CancellationToken;

/// Keeps what happened, in words.
struct Diary(Mutex<Vec<String>>, Instant);

impl Observer for Diary {
    fn event(&self, event: Event<'_>) {
        if !matches!(event, Event::Progress(_)) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{:?} {event:?}", self.1.elapsed()));
        }
    }
}

fn order(table: &str, checked: &Checked) -> Order {
    Order {
        table: TableName::parse(table).unwrap(),
        document: checked.document.clone(),
        source: Arc::clone(&checked.source),
        owner: owner(),
        image: None,
        compression: None,
        key: None,
        journal: None,
        image_digest: None,
        detach: false,
    }
}

async fn push(
    connection: &Arc<Connection>,
    order: &Order,
) -> (Result<Pushed, PushError>, Vec<String>) {
    let (release, volume) = look(connection).await;
    push_to(connection, Where { release, volume }, order).await
}

/// The same to a place that was looked at.
async fn push_to(
    connection: &Arc<Connection>,
    site: Where,
    order: &Order,
) -> (Result<Pushed, PushError>, Vec<String>) {
    let diary = Diary(Mutex::default(), Instant::now());
    let stop = CancellationToken::new();
    let pushed = push::run(connection, &site, order, &diary, &stop).await;
    (pushed, diary.0.into_inner().unwrap())
}

/// The volume, as it is seen from outside of the sandbox.
fn shared(site: &Site) -> PathBuf {
    let sandbox = site.sandbox();
    let path = sandbox.host_path(&format!("/volumes/{NAMESPACE}/client"));
    sandbox.node().seen_from_outside(&path)
}

fn rows(site: &Site, table: &str) -> Vec<Vec<Option<String>>> {
    let database = release::database(site.sandbox().config());
    let sql = format!("SELECT filename, label FROM {table} ORDER BY filename");
    release::query(&database, &sql).unwrap().rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_arrives_whole_with_exactly_the_least_role_and_with_a_wide_one() {
    tokio::join!(arrives_whole(User::Pusher), arrives_whole(User::Admin));
}

async fn arrives_whole(user: User) {
    let site = Site::start().await;
    let data = tempfile::tempdir().unwrap();
    pictures(data.path(), &[0, 40, 1 << 20, 3 << 20, 511, 512, 513]);
    let checked = checked(data.path(), "pets");
    let connection = Arc::new(site.connect(user).await);
    let (pushed, diary) = push(&connection, &order("pets", &checked)).await;
    let pushed = pushed.unwrap_or_else(|error| panic!("{error:?}\n{diary:#?}"));
    assert_eq!(
        pushed.report.unwrap().outcome,
        Outcome::Succeeded,
        "{diary:#?}"
    );
    assert_eq!(pushed.receipt.files, 8);
    assert_eq!(pushed.is_reclaimed, Some(true), "{diary:#?}");
    // The ingestor puts pictures flat into the table's own directory.
    let sent = tree(&data.path().join("images"));
    let mut arrived = tree(&shared(&site).join("pets"));
    arrived.remove("labels.csv");
    assert_eq!(arrived, sent);
    let rows = rows(&site, "pets");
    assert_eq!(rows.len(), 7);
    assert_eq!(site.stage_pods().len(), 0);
    let left = tree(&shared(&site).join(".tracebloc-staging"));
    assert!(left.is_empty(), "{:?}", left.keys());
}

/// Pushes the same once more in the moment between the end of the Job and the removal of the staged copy.
struct Rival<'a> {
    site: &'a Site,
    connection: Arc<Connection>,
    order: Order,
    pushed: Mutex<Option<Pushed>>,
}

impl Observer for Rival<'_> {
    fn event(&self, event: Event<'_>) {
        if !matches!(event, Event::Phase(push::Phase::CleanUp)) {
            return;
        }
        // Somebody has taken the table away, so that it can be pushed again.
        std::fs::remove_dir_all(shared(self.site).join(self.order.table.as_str())).unwrap();
        let pushing = push(&self.connection, &self.order);
        let (pushed, diary) =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(pushing));
        let pushed = pushed.unwrap_or_else(|error| panic!("{error:?}\n{diary:#?}"));
        *self.pushed.lock().unwrap() = Some(pushed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_copy_that_another_push_uses_by_now_is_left_to_it() {
    let site = Site::start().await;
    let data = tempfile::tempdir().unwrap();
    pictures(data.path(), &[40, 1000]);
    let checked = checked(data.path(), "pets");
    let connection = Arc::new(site.connect(User::Admin).await);
    let rival = Rival {
        site: &site,
        connection: Arc::clone(&connection),
        order: Order {
            detach: true,
            ..order("pets", &checked)
        },
        pushed: Mutex::default(),
    };
    let (release, volume) = look(&connection).await;
    let place = Where { release, volume };
    let stop = CancellationToken::new();
    let order = order("pets", &checked);
    let pushed = push::run(&connection, &place, &order, &rival, &stop).await;
    assert_eq!(pushed.unwrap().is_reclaimed, None);
    let job = rival.pushed.into_inner().unwrap().unwrap().job;
    let target = watch::Target {
        namespace: job.namespace,
        job: job.job,
    };
    let limits = connection.limits();
    let report = watch::watch(&*connection, &target, limits, &stop, &|_| ()).await;
    assert_eq!(report.unwrap().outcome, Outcome::Succeeded);
    assert_eq!(rows(&site, "pets").len(), 2);
}
