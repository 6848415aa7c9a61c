//! A panic in any thread of the agent ends the lease, and then the agent.

use anyhow::Result;
use tests::{HeldThread, hickory_proto::rr::RecordType};

use crate::site::{Answerer, LIMIT, at_a_site, full};

/// Every kind of thread, by the names of `/proc/PID/comm`: the one that works on objects is the process's first, and tasks
/// such as the HTTP server's and that which asks for external names run on the runtime's.
const THREADS: [&str; 5] = [
    "zerohop",
    "heartbeat",
    "reader",
    "interfaces",
    "tokio-rt-worker",
];

#[test]
fn a_panic_in_any_thread_ends_the_lease_and_then_the_agent() -> Result<()> {
    let name = "a_panic_in_any_thread_ends_the_lease_and_then_the_agent";
    at_a_site(name, |site| {
        for thread in THREADS {
            let agent = site.agent(&[])?;
            site.wait_for(Answerer::Kernel, &full("web"))?;
            HeldThread::hold(agent.process().id(), thread)?.panic()?;
            let status = agent.process().wait(LIMIT)?;
            // One that was only lost would have seconds left.
            let left = agent.status()?.lease_seconds;
            let said = agent.process().last_lines();
            assert_eq!(left, Some(0.0), "{thread}: {said}");
            assert_eq!(status.code(), Some(101), "{thread}: {said}");
            for part in ["panicked at", "is a fault of zerohop"] {
                assert!(said.contains(part), "{thread}: {said}");
            }
            assert_eq!(
                site.ask(&full("web"), RecordType::A)?.by,
                Answerer::Service,
                "{thread}"
            );
        }
        Ok(())
    })
}
