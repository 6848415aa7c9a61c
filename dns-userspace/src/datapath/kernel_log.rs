//! What the datapath says in words: only what must never happen.

use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::JoinHandle,
};

/// Brings the datapath's messages into the agent's log until the task is aborted.
///
/// # Errors
/// The ring of messages cannot be opened; the datapath works without.
pub fn follow(object: &mut Ebpf) -> anyhow::Result<JoinHandle<()>> {
    let logger = EbpfLogger::init(object)?;
    // SAFETY: the logger owns its ring buffer, whose descriptor stays the same and open while it lives.
    let mut logger = unsafe { AsyncFd::register_with_interest(logger, Interest::READABLE) }
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(tokio::spawn(async move {
        // The only error is that the runtime is shutting down.
        while let Ok(mut ready) = logger.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    }))
}
