//! What the maps take of the kernel's memory, as the kernel accounts for it, and what objects and table take of a
//! process beside them: `cargo test -p tests --test memory -- --nocapture --test-threads=1` prints it, map by map.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use dns_userspace::{
    datapath::{
        object::{self, Sizes},
        store::{Store, key_length},
    },
    encode::{Draft, Forms, encode},
    objects::{
        Address, Endpoint, EndpointPort, EndpointSlice, Namespace, Object, Protocol, Service,
        ServicePort,
    },
    policy::{Policy, Zone},
    projection::{NothingResolved, View, nodes_of},
    table::Table,
    world::{Event, Owner, World},
};
use tests::skipped_without_root;

const ENDPOINTS: usize = 10;
const SERVICES_IN_A_NAMESPACE: usize = 25;
/// The kernel's sizes of small pieces of memory, from which its hash maps take their elements.
const PIECES: [usize; 11] = [16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096];
const MEGABYTE: f64 = 1_000_000.0;

/// The kernel tells the memory of every map of this process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// One map, as the kernel describes it.
struct Map {
    name: String,
    key: usize,
    value: usize,
    elements: usize,
    elements_max: usize,
    octets: usize,
}

impl Map {
    /// Octets that an element of a hash takes, in the kernel's own count: head, key and value, each a
    /// multiple of 8, before it is rounded up to a piece.
    fn element(&self) -> usize {
        48 + self.key.next_multiple_of(8) + self.value.next_multiple_of(8)
    }

    /// Octets that an element really takes: 8 more for the allocator, and the rest of its piece.
    fn piece(&self) -> usize {
        let needed = self.element() + 8;
        let fitting = PIECES.into_iter().find(|piece| needed <= *piece);
        fitting.unwrap_or(needed)
    }

    /// Whether its elements are allocated one by one.
    fn grows(&self) -> bool {
        self.name.starts_with("ENTRIES") || self.name.starts_with("SECTIONS")
    }

    fn octets_in_pieces(&self) -> usize {
        self.octets + self.elements * (self.piece() - self.element())
    }

    /// What it takes once it holds all that it may.
    fn octets_when_full(&self) -> usize {
        let room = if self.grows() {
            self.elements_max - self.elements
        } else {
            0
        };
        self.octets_in_pieces() + room * self.piece()
    }
}

/// The object's maps, and what has been put into them.
struct Filled {
    // Keeps maps alive that the store does not use.
    _object: aya::Ebpf,
    store: Store,
    table: Table,
    world: World,
    refused: usize,
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
        }
    }

    fn with_services(count: usize, sizes: Sizes) -> Self {
        let mut filled = Self::empty(sizes);
        let zones = ["cluster.local", "in-addr.arpa", "ip6.arpa"];
        let mut zones = zones.map(|zone| Zone::parse(zone).unwrap()).to_vec();
        let primary = zones[0].name.clone();
        for zone in &mut zones {
            zone.primary.clone_from(&primary);
        }
        let policy = Policy::kubeadm(zones);
        let world = cluster(count);
        for owner in world.owners() {
            let drafts = drafts(&policy, &world, &owner);
            let changed = filled.table.set(&mut filled.store, &owner, drafts);
            filled.refused += changed.refused;
        }
        filled.world = world;
        filled
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

    fn maps(&self) -> Vec<Map> {
        let elements = self.elements();
        let mut names = BTreeMap::new();
        for info in aya::maps::loaded_maps() {
            let info = info.unwrap();
            names.insert(info.id(), info.name_as_str().unwrap_or("").to_owned());
        }
        let mut seen = BTreeSet::new();
        let mut maps = Vec::new();
        for file in fs::read_dir("/proc/self/fdinfo").unwrap() {
            // A file that has been closed meanwhile is none of ours.
            let Ok(text) = fs::read_to_string(file.unwrap().path()) else {
                continue;
            };
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|rest| rest.trim().parse::<usize>().ok())
            };
            let Some(id) = field("map_id:") else { continue };
            if !seen.insert(id) {
                continue;
            }
            let name = names[&(id as u32)].clone();
            maps.push(Map {
                key: field("key_size:").unwrap(),
                value: field("value_size:").unwrap(),
                octets: field("memlock:").unwrap(),
                elements_max: field("max_entries:").unwrap(),
                elements: elements.get(&name).copied().unwrap_or(0),
                name,
            });
        }
        maps.sort_by(|one, other| one.name.cmp(&other.name));
        maps
    }
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
            doubtful: false,
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
            doubtful: false,
        })));
    }
    world
}

fn drafts(policy: &Policy, world: &World, owner: &Owner) -> Vec<Draft> {
    let view = View {
        policy,
        world,
        resolved: &NothingResolved,
        serial: 0,
    };
    let (nodes, skipped) = nodes_of(view, owner);
    assert!(skipped.is_empty(), "{skipped:?}");
    let forms = Forms::of(policy).unwrap();
    nodes
        .iter()
        .filter_map(|node| encode(node, &forms).0)
        .collect()
}

/// Prints a table of the maps, and returns all their octets.
fn print(title: &str, maps: &[Map]) -> usize {
    println!(
        "\n{title}\n{:<15} {:>9} {:>14} {:>12} {:>14} {:>14}",
        "map", "elements", "an element", "its piece", "octets", "in pieces"
    );
    for map in maps {
        let (element, piece) = if map.grows() {
            (map.element(), map.piece())
        } else {
            (0, 0)
        };
        println!(
            "{:<15} {:>9} {element:>14} {piece:>12} {:>14} {:>14}",
            map.name,
            map.elements,
            map.octets,
            map.octets_in_pieces()
        );
    }
    let total = maps.iter().map(|map| map.octets).sum::<usize>();
    let in_pieces = maps.iter().map(Map::octets_in_pieces).sum::<usize>();
    println!(
        "{:<15} {:>9} {:>14} {:>12} {total:>14} {in_pieces:>14}",
        "all",
        maps.iter().map(|map| map.elements).sum::<usize>(),
        "",
        ""
    );
    let full = maps.iter().map(Map::octets_when_full).sum::<usize>();
    println!("full maps of these sizes: {full} octets");
    in_pieces
}

/// The memory of this process that is in use, in octets. The kernel counts maps elsewhere.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<usize>().unwrap() * 1024
}

/// Fills a table, prints it and returns its megabytes.
fn measure(services: usize, sizes: Sizes) -> f64 {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let start = Instant::now();
    let filled = Filled::with_services(services, sizes);
    let title = format!(
        "{services} services, {} endpoints, {} names; filled in {:.1?}",
        services * ENDPOINTS,
        filled.table.entries(),
        start.elapsed()
    );
    assert_eq!(filled.refused, 0, "the maps are too small");
    let (objects, resident) = (filled.world.owners().len(), resident());
    println!("\n{objects} owners of names: this process takes {resident} octets");
    // Each service, nine spellings of its port, each endpoint, and each address.
    let expected = services * 10 + services * ENDPOINTS * 2;
    assert!(filled.table.entries() > expected);
    print(&title, &filled.maps()) as f64 / MEGABYTE
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
