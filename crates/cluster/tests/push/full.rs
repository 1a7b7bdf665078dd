//! A volume that fills up in the middle, for real.

use std::sync::Arc;

use cluster::push::PushError;
use cluster::transfer::TransferError;
use cluster::watch::Outcome;

use super::folder::{checked, pictures, tree};
use super::site::{Site, User};
use super::{order, push, shared};

/// Room for the datasets here several times over.
const VOLUME_BYTES: u64 = 8 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_fills_up_is_called_full_at_every_step() {
    let site = Site::with(|config| config.node.volume_bytes = Some(VOLUME_BYTES)).await;
    let data = tempfile::tempdir().unwrap();
    pictures(data.path(), &[100, 70_000, 1 << 20]);
    let connection = Arc::new(site.connect(User::Admin).await);
    for (number, phase) in [" probe ", " receive ", " publish ", " record "]
        .iter()
        .enumerate()
    {
        let table = format!("t{number}");
        let checked = checked(data.path(), &table);
        site.script(&format!(
            "rules: [{{name: full, on: exec, match: {{command: \"{phase}\"}}, fault: {{fill_volume: {{after: 0}}}}}}]"
        ));
        let (pushed, diary) = push(&connection, &order(&table, &checked)).await;
        if site.sandbox().node().has_namespaces() != Some(true) {
            testkit::shared::skip(
                "full volumes",
                "user and mount namespaces are not allowed here",
            );
            return;
        }
        match pushed {
            Ok(pushed) => {
                // A step that only renames needs no room. The ingestor needs some, and says so.
                let outcome = pushed.report.unwrap().outcome;
                assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
                continue;
            }
            Err(PushError::Transfer(TransferError::NoSpace { .. })) => {}
            Err(error) => panic!("{phase}: {error:?}\n{diary:#?}"),
        }
        assert!(site.stage_pods().is_empty(), "{diary:#?}");
        // The pod has taken along what filled the volume.
        site.script("seed: 0");
        let seen = shared(&site);
        if !seen.join(&table).exists() {
            let (pushed, diary) = push(&connection, &order(&table, &checked)).await;
            let pushed = pushed.unwrap_or_else(|error| panic!("{phase}: {error:?}\n{diary:#?}"));
            assert_eq!(pushed.report.unwrap().outcome, Outcome::Succeeded);
        }
        let mut arrived = tree(&seen.join(&table));
        arrived.remove("labels.csv");
        assert_eq!(arrived, tree(&data.path().join("images")), "{phase}");
    }
}
