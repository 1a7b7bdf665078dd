//! The transfer against its own script, in two shells.

mod local;
mod tree;

use std::sync::Arc;

use cluster::transfer::{self, Silent};
use local::{SHELLS, Volume};
use tree::Tree;

#[tokio::test]
async fn what_is_sent_is_verified_and_published() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let tree = Tree::mixed();
        let source = Arc::new(tree.source());
        let receipt = transfer::carry(&far, source, &setup, &Silent)
            .await
            .unwrap();
        assert!(!volume.published().exists(), "{shell:?}");
        transfer::publish(&far, &setup, &receipt).await.unwrap();
        tree.assert_is(&volume.published());
        transfer::release(&far, &setup).await.unwrap();
        assert!(!volume.home().join("lock").exists());
    }
}
