//! What the maps take of the kernel's memory, as the kernel accounts for it, and what objects and table take of a
//! process beside them: `cargo test -p tests --test memory -- --nocapture --test-threads=1` prints it, map by map.

mod large_service;
mod restart;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use dns_core::{
    encode::Forms,
    entries::{Reconciled, reconcile},
    objects::{
        Address, Endpoint, EndpointPort, EndpointSlice, Namespace, Object, Protocol, Service,
        ServicePort,
    },
    policy::{Policy, Zone},
    projection::{NothingResolved, View},
    table::Table,
    world::{Affected, Event, Owner, World},
};
use dns_userspace::datapath::{
    keys::key_length,
    object::{self, Sizes},
    store::Store,
};
use tests::{MapMemory, skipped_without_root};

const ENDPOINTS: usize = 10;
const SERVICES_IN_A_NAMESPACE: usize = 25;
const MEGABYTE: f64 = 1_000_000.0;

/// The kernel tells the memory of every map of this process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The object's maps, and what has been put into them.
struct Filled {
    // Keeps maps alive that the store does not use.
    _object: aya::Ebpf,
    store: Store,
    table: Table,
    world: World,
    refused: usize,
    left: usize,
}

impl Filled {
    fn empty(sizes: Sizes) -> Self {
        let mut loaded = object::load_unpinned(sizes).unwrap();
        let store = Store::new(&mut loaded.object, loaded.control).unwrap();
        Self {
            _object: loaded.object,
            store,
            table: Table::new(0),
            world: World::default(),
            refused: 0,
            left: 0,
        }
    }

    fn with_services(count: usize, sizes: Sizes) -> Self {
        let mut filled = Self::empty(sizes);
        filled.fill(cluster(count));
        filled
    }

    fn fill(&mut self, world: World) {
        self.world = world;
        let Reconciled {
            skipped, unwritten, ..
        } = self.reconcile(self.world.owners());
        self.left += skipped.len() + unwritten.len();
    }

    /// Brings owners up to date as the agent does.
    fn reconcile(&mut self, owners: Affected) -> Reconciled {
        let policy = policy();
        let view = View {
            policy: &policy,
            world: &self.world,
            resolved: &NothingResolved,
            serial: 0,
        };
        let forms = Forms::of(&policy).unwrap();
        let reconciled = reconcile(&mut self.table, &mut self.store, view, &forms, owners);
        self.refused += reconciled.changed.refused;
        reconciled
    }

    /// The number of elements of the maps that hold names and records.
    fn elements(&self) -> BTreeMap<String, usize> {
        let mut elements = BTreeMap::new();
        for name in self.table.names() {
            let map = format!("ENTRIES_{}", key_length(&name));
            *elements.entry(map).or_default() += 1;
        }
        for (class, _) in self.table.sections() {
            let length = dns_ebpf::answer::SECTION_LENGTHS[usize::from(class) - 1];
            *elements.entry(format!("SECTIONS_{length}")).or_default() += 1;
        }
        elements
    }

    fn maps(&self) -> Vec<MapMemory> {
        let elements = self.elements();
        let mut maps = Vec::new();
        for info in own_maps() {
            let name = info.name_as_str().unwrap_or("");
            let elements = elements.get(name).copied().unwrap_or(0);
            maps.push(MapMemory::of(info.fd().unwrap(), name, elements).unwrap());
        }
        maps.sort_by(|one, other| one.name.cmp(&other.name));
        maps
    }
}

/// The maps that this process has open.
fn own_maps() -> Vec<aya::maps::MapInfo> {
    let mut own = BTreeSet::new();
    for file in fs::read_dir("/proc/self/fdinfo").unwrap() {
        // A file that has been closed meanwhile is none of ours.
        let text = fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("map_id:"));
        own.extend(id.and_then(|id| id.trim().parse::<u32>().ok()));
    }
    let all = aya::maps::loaded_maps().map(Result::unwrap);
    all.filter(|info| own.contains(&info.id())).collect()
}

/// A cluster with names as people give them: every other service is headless, with host names as a
/// StatefulSet gives them to its pods.
fn cluster(services: usize) -> World {
    let mut world = World::default();
    for number in 0..services {
        let namespace = format!("team-{}", number / SERVICES_IN_A_NAMESPACE);
        let name = format!("payments-backend-{number}");
        let headless = number % 2 == 1;
        let network = format!("10.{}.{}", 100 + number / 250, number % 250);
        if number % SERVICES_IN_A_NAMESPACE == 0 {
            world.apply(Event::Applied(Object::Namespace(Namespace::named(
                &namespace,
            ))));
        }
        let ip = if headless {
            "None".to_owned()
        } else {
            format!("{network}.250")
        };
        world.apply(Event::Applied(Object::Service(Service {
            namespace: namespace.as_str().into(),
            name: name.as_str().into(),
            external_name: None,
            cluster_ips: [Address::from(ip.as_str())].into(),
            ports: [ServicePort {
                name: "http".into(),
                port: 80,
                protocol: Protocol::Tcp,
            }]
            .into(),
            uncertain: false,
        })));
        let endpoint = |last| Endpoint {
            address: Address::from(format!("{network}.{last}").as_str()),
            hostname: headless.then(|| format!("{name}-{last}").into()),
            pod: None,
            ready: true,
        };
        world.apply(Event::Applied(Object::EndpointSlice(EndpointSlice {
            namespace: namespace.as_str().into(),
            name: format!("{name}-abcde").into(),
            service: Some(name.as_str().into()),
            endpoints: (0..ENDPOINTS).map(endpoint).collect(),
            ports: [EndpointPort {
                name: "http".into(),
                port: Some(8080),
                protocol: Protocol::Tcp,
            }]
            .into(),
            uncertain: false,
        })));
    }
    world
}

fn policy() -> Policy {
    let zones = ["cluster.local", "in-addr.arpa", "ip6.arpa"];
    let mut zones = zones.map(|zone| Zone::parse(zone).unwrap()).to_vec();
    let primary = zones[0].name.clone();
    for zone in &mut zones {
        zone.primary.clone_from(&primary);
    }
    Policy::kubeadm(zones)
}

/// Prints a table of the maps, and returns all their octets.
fn print(title: &str, maps: &[MapMemory]) -> usize {
    println!(
        "\n{title}\n{:<15} {:>9} {:>14} {:>12} {:>14} {:>14}",
        "map", "elements", "an element", "its piece", "octets", "in pieces"
    );
    for map in maps {
        println!(
            "{:<15} {:>9} {:>14} {:>12} {:>14} {:>14}",
            map.name,
            map.elements,
            map.element(),
            map.piece(),
            map.octets(),
            map.octets_in_pieces()
        );
    }
    let total = maps.iter().map(MapMemory::octets).sum::<usize>();
    let in_pieces = maps.iter().map(MapMemory::octets_in_pieces).sum::<usize>();
    println!(
        "{:<15} {:>9} {:>14} {:>12} {total:>14} {in_pieces:>14}",
        "all",
        maps.iter().map(|map| map.elements).sum::<usize>(),
        "",
        ""
    );
    let full = maps.iter().map(MapMemory::octets_when_full).sum::<usize>();
    println!("full maps of these sizes: {full} octets");
    in_pieces
}

/// The memory of this process that is in use (`VmRSS`), or was at most (`VmHWM`), in octets. The kernel counts maps
/// elsewhere.
fn resident(which: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let size = lines.find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
    let kibibytes = size.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<usize>().unwrap() * 1024
}

/// Fills a table, prints it and returns its megabytes.
fn measure(services: usize, sizes: Sizes) -> f64 {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let start = Instant::now();
    let mut filled = Filled::with_services(services, sizes);
    let title = format!(
        "{services} services, {} endpoints, {} names; filled in {:.1?}",
        services * ENDPOINTS,
        filled.table.entries(),
        start.elapsed()
    );
    assert_eq!(filled.refused, 0, "the maps are too small");
    assert_eq!(filled.left, 0, "something is left");
    let (objects, resident) = (filled.world.owners().len(), resident("VmRSS"));
    println!("\n{objects} owners of names: this process takes {resident} octets");
    // Each service, at least four spellings of its port, each endpoint, and each address.
    let expected = services * 5 + services * ENDPOINTS * 2;
    assert!(filled.table.entries() > expected);
    let octets = print(&title, &filled.maps());
    filled.start_again();
    octets as f64 / MEGABYTE
}

#[test]
fn an_empty_table_is_small() {
    if skipped_without_root("an_empty_table_is_small") {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let octets = print("an empty table", &Filled::empty(Sizes::default()).maps());
    assert!((octets as f64) < 12.0 * MEGABYTE);
}

#[test]
fn a_thousand_services_keep_to_their_budget() {
    if skipped_without_root("a_thousand_services_keep_to_their_budget") {
        return;
    }
    let megabytes = measure(1_000, Sizes::default());
    assert!(megabytes < 40.0, "{megabytes} MB");
}

#[test]
fn ten_thousand_services_with_a_hundred_thousand_endpoints_keep_to_their_budget() {
    let name = "ten_thousand_services_with_a_hundred_thousand_endpoints_keep_to_their_budget";
    if skipped_without_root(name) {
        return;
    }
    let megabytes = measure(10_000, Sizes::default());
    assert!(megabytes < 120.0, "{megabytes} MB");
}
