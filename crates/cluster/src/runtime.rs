//! From the command line, which does not wait, to the cluster side, which does.

use std::io;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How often the command line is asked whether the work has to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Runs work that waits, on this thread, until it is done.
///
/// `stop` is asked again and again; when it says yes, the token that the work was given is cancelled. The work decides what that
/// means: it still has cleaning up to do, and is not dropped.
///
/// # Errors
/// When the system gives no threads or no timers.
pub fn run<T, F>(
    stop: impl Fn() -> bool + Send + 'static,
    work: impl FnOnce(CancellationToken) -> F,
) -> io::Result<T>
where
    F: Future<Output = T>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let token = CancellationToken::new();
    let looking = token.clone();
    let value = runtime.block_on(async {
        let looker = tokio::spawn(async move {
            while !stop() {
                tokio::time::sleep(LOOK).await;
            }
            looking.cancel();
        });
        let value = work(token).await;
        looker.abort();
        value
    });
    // A name server that does not answer would be waited for otherwise.
    runtime.shutdown_background();
    Ok(value)
}

/// Runs a request that changes nothing, so that a stop may just drop it. `None` when it was stopped.
pub async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        value = work => Some(value),
        () = stop.cancelled() => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_reaches_the_work_and_does_not_drop_it() {
        let cleaned = run(
            || true,
            |stop| async move {
                let stopped = unless_stopped(&stop, std::future::pending::<()>()).await;
                tokio::task::yield_now().await;
                stopped.is_none()
            },
        );
        assert!(cleaned.unwrap());
    }
}
