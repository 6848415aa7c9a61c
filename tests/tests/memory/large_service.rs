//! One service with very many endpoints, of which each has as many ports as an object may have.

use super::*;

const MANY_ENDPOINTS: usize = 20_000;
const MANY_PORTS: u16 = 100;
/// Endpoints of a slice, as Kubernetes makes them.
const OF_A_SLICE: usize = 100;
/// What it may cost the agent, objects included.
const BUDGET: f64 = 60.0 * MEGABYTE;

/// The cluster that has nothing but this service.
fn world() -> World {
    let mut world = World::default();
    world.apply(Event::Applied(Object::Namespace(Namespace::named("shop"))));
    world.apply(Event::Applied(Object::Service(Service {
        namespace: "shop".into(),
        name: "large".into(),
        external_name: None,
        cluster_ips: [Address::from("None")].into(),
        ports: [].into(),
        uncertain: false,
    })));
    for first in (0..MANY_ENDPOINTS).step_by(OF_A_SLICE) {
        world.apply(slice(first));
    }
    world
}

/// The slice whose first endpoint has this number.
fn slice(first: usize) -> Event {
    let endpoint = |number: usize| Endpoint {
        address: Address::from(format!("10.1.{}.{}", number / 250, number % 250).as_str()),
        hostname: None,
        pod: None,
        ready: true,
    };
    let port = |number: u16| EndpointPort {
        name: format!("port-{number}").into(),
        port: Some(number),
        protocol: Protocol::Tcp,
    };
    Event::Applied(Object::EndpointSlice(EndpointSlice {
        namespace: "shop".into(),
        name: format!("large-{first}").into(),
        service: Some("large".into()),
        endpoints: (first..first + OF_A_SLICE).map(endpoint).collect(),
        ports: (1..=MANY_PORTS).map(port).collect(),
        uncertain: false,
    }))
}

#[test]
fn a_service_of_20_000_endpoints_with_100_ports_keeps_to_its_budget() {
    if skipped_without_root("a_service_of_20_000_endpoints_with_100_ports_keeps_to_its_budget") {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut filled = Filled::empty(Sizes::default());
    // proc_pid_clear_refs(5): the most that was in use is counted anew.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = resident("VmRSS");
    filled.fill(world());
    let start = Instant::now();
    let owner = Owner::service("shop", "large");
    let left = filled.reconcile([owner].into()).skipped;
    let again = start.elapsed();
    let taken = resident("VmHWM").saturating_sub(before);
    println!(
        "\n{MANY_ENDPOINTS} endpoints with {MANY_PORTS} ports: {} names, {taken} octets at most; worked out again in {again:.1?}",
        filled.table.entries()
    );
    // Its own name and those of its ports hold too much, and so do SRV records of each endpoint's.
    assert!(left.len() > MANY_ENDPOINTS, "{} are left", left.len());
    assert_eq!(filled.refused, 0);
    assert!(filled.table.entries() > 2 * MANY_ENDPOINTS);
    assert!((taken as f64) < BUDGET, "{taken} octets");
}
