//! The transfer against its own script, in two shells.

mod compressed;
mod contents;
mod faults;
mod local;
mod lock;
mod repair;
mod resume;
mod tree;
mod trouble;
mod verbs;

use std::sync::Arc;

use cluster::transfer::{self, Receipt, Setup, Silent, TransferError};
use local::LocalFar;
use tree::Tree;

/// Carries and publishes.
async fn push(far: &LocalFar, tree: &Tree, setup: &Setup) -> Result<Receipt, TransferError> {
    let receipt = carry(far, tree, setup).await?;
    transfer::publish(far, setup, &receipt).await?;
    Ok(receipt)
}

async fn carry(far: &LocalFar, tree: &Tree, setup: &Setup) -> Result<Receipt, TransferError> {
    transfer::carry(far, Arc::new(tree.source()), setup, &Silent).await
}
