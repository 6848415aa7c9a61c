//! One service that is larger than all others together: it does not keep them from being answered.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use tests::{Client, Question, eventually, hickory_proto::rr::RecordType, skipped_without_root};

use crate::scene::{DNS_SERVICE, LIMIT, Scene, records};

const ENDPOINTS: usize = 20_000;
/// As many as an object may have.
const PORTS: usize = 100;
/// Endpoints of a slice, as Kubernetes makes them, and slices that are made at once.
const OF_A_SLICE: usize = 100;
const AT_ONCE: usize = 20;

const WEB: &str = "web.default.svc.cluster.local";
/// Why a question may pass meanwhile: an entry of its stripe is being written (of 256, and there are 40,000 entries), or its
/// checksum is ambiguous (one in 65,536).
const EXCUSES: [&str; 3] = ["changing", "checksum", "repeat"];

fn address(number: usize) -> String {
    format!("10.1.{}.{}", number / 250, number % 250)
}

/// Slices from the one whose first endpoint has this number.
fn slices(first: usize) -> String {
    let all = (first..ENDPOINTS).step_by(OF_A_SLICE);
    all.take(AT_ONCE).map(|first| slice(first, first)).collect()
}

/// The slice of this name, with endpoints from this number on.
fn slice(name: usize, first: usize) -> String {
    let ports = (1..=PORTS).map(|port| format!("{{name: port-{port}, port: {port}}}"));
    let ports = ports.collect::<Vec<_>>().join(", ");
    let endpoints = (first..first + OF_A_SLICE).map(|number| {
        let address = address(number);
        format!("{{addresses: [{address}]}}")
    });
    let endpoints = endpoints.collect::<Vec<_>>().join(", ");
    format!(
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: large-{name}, \
         namespace: default, labels: {{kubernetes.io/service-name: large}}}}\naddressType: IPv4\n\
         ports: [{ports}]\nendpoints: [{endpoints}]\n"
    )
}

/// Changes the service's first slice: its addresses are others each time.
fn touch(scene: &Scene, times: usize) -> Result<()> {
    scene
        .api
        .apply(&slice(0, ENDPOINTS + times % 2 * OF_A_SLICE))
}

/// Does something while the service changes as often as the API server takes it. Returns what came out, and how often it has
/// changed meanwhile.
pub(crate) fn while_touched<T>(
    scene: &Scene,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, usize)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let touching = scope.spawn(|| {
            let mut times = 0;
            while !over.load(Ordering::Relaxed) {
                touch(scene, times)?;
                times += 1;
            }
            anyhow::Ok(times)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let touched = touching.join();
        let touched = touched.map_err(|_| anyhow!("the thread that touches panicked"))??;
        Ok((done?, touched))
    })
}

/// Asks for another service until told to stop, a thousand times a second at most; says how often.
fn ask(client: &Client, stop: &AtomicBool) -> Result<u64> {
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) {
        let message = client.resolve(&Question::new(WEB, RecordType::A))?;
        let data: Vec<String> = (message.answers.iter())
            .map(|record| record.data.to_string())
            .collect();
        ensure!(data == ["10.96.7.1"], "question {asked}: {message:?}");
        asked += 1;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(asked)
}

/// Makes the service, and waits until the names of all endpoints are in the kernel's maps.
pub(crate) fn make_large_service(scene: &Scene) -> Result<()> {
    scene.apply_service("default", "large", "{clusterIP: None}")?;
    for first in (0..ENDPOINTS).step_by(OF_A_SLICE * AT_ONCE) {
        scene.api.kubectl(&["create", "-f", "-"], &slices(first))?;
    }
    let mut ended = None;
    eventually(LIMIT, "the names of all endpoints", || {
        let (status, report) = scene.agent.full_status(LIMIT)?;
        let left = status.lease_seconds;
        if left.is_none_or(|left| left <= 0.0) {
            ended = Some(left);
        }
        let names = report.names;
        ensure!(names >= ENDPOINTS as u64, "{names}");
        Ok(())
    })?;
    // No panic: the asker would not hear of it.
    ensure!(ended.is_none(), "the lease ended: {ended:?}");
    Ok(())
}

#[test]
fn while_a_service_of_20_000_endpoints_with_100_ports_arrives_others_are_answered_by_the_kernel()
-> Result<()> {
    let name = "while_a_service_of_20_000_endpoints_with_100_ports_arrives_others_are_answered_by_the_kernel";
    if skipped_without_root(name) {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.apply_service(
        "default",
        "web",
        "{clusterIP: 10.96.7.1, ports: [{port: 80}]}",
    )?;
    scene.follow(WEB, RecordType::A, &records(&["10.96.7.1"]))?;
    let client = scene.pod.client(SocketAddr::from((DNS_SERVICE, 53)))?;
    let before = scene.agent.status()?;
    let (stop, start) = (AtomicBool::new(false), Instant::now());
    let asked = thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&client, &stop));
        let made = make_large_service(&scene);
        stop.store(true, Ordering::Relaxed);
        let asked = asking.join().map_err(|_| anyhow!("the asker panicked"))?;
        made.and(asked)
    })?;
    let (after, report) = scene.agent.full_status(LIMIT)?;
    let mut passed = after.passed;
    passed.retain(|reason, count| {
        *count -= before.passed[reason];
        *count > 0
    });
    println!(
        "{asked} questions in {:.1?}, passed: {passed:?}; {} names",
        start.elapsed(),
        report.names
    );
    let excused = EXCUSES.map(|reason| passed.remove(reason).unwrap_or(0));
    assert_eq!(passed, BTreeMap::new());
    assert!(excused.iter().sum::<u64>() * 50 < asked, "{excused:?}");

    let last = address(ENDPOINTS - 1);
    let name = format!("{}.large.default", last.replace('.', "-"));
    let name = format!("{name}.svc.cluster.local");
    scene.follow(&name, RecordType::A, &records(&[&last]))?;
    // What no reply holds is left, and named in one line: its own addresses, and SRV records.
    let skipped = report.skipped;
    assert_eq!(skipped.count, 1, "{skipped:?}");
    assert_eq!(skipped.first[0].object, "Service default/large");
    let reason = &skipped.first[0].reason;
    for part in [
        "large.default.svc has more A and SRV records than a reply here holds",
        "and 20601 more of the kind",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
    Ok(())
}
