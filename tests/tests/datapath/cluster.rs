//! Kubernetes objects as the agent turns them into map entries.

use crate::nodes;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use dns_core::{
    encode::{self, Forms, WireName},
    entries::{Entries, reconcile, write},
    policy::{Policy, Zone},
    projection::{NothingResolved, View, nodes_of},
    records::Node,
    table::{Maps, Table},
    world::{Affected, World},
};
use dns_userspace::source::Source;

/// The zones of the tests, with no label in common: one short, one long, and one so long that its spelling
/// is not repeated in targets.
pub(crate) const ZONES: [&str; 3] = [
    "cluster.local",
    "cell-seventeen.production.platform.example",
    "cell-eighteen.availability-zone-nine.staging.infrastructure.company",
];
/// The serial of the SOA records.
pub(crate) const SERIAL: u32 = 1_700_000_000;
/// How many endpoints the generated headless services have: `head-1` and so on in namespace `data`.
pub(crate) const ENDPOINTS: [usize; 6] = [1, 2, 20, 29, 60, 90];
/// Services of namespace `edge` by the length of their name in wire form below `cluster.local`.
pub(crate) const EDGES: [usize; 4] = [40, 41, 64, 65];

/// Objects, and every name that they give.
pub(crate) struct Cluster {
    pub(crate) policy: Policy,
    pub(crate) forms: Forms,
    world: World,
    /// Whose names are in the maps.
    owners: Affected,
    /// Nodes of no object.
    made: Vec<Node>,
    pub(crate) nodes: BTreeMap<WireName, Node>,
}

impl Cluster {
    /// The examples, the objects of `tests/data`, generated ones, and [`nodes`], in both zones.
    pub(crate) fn standard() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let generated = tempfile::Builder::new()
            .suffix(".yaml")
            .tempfile()
            .expect("a temporary file");
        fs::write(generated.path(), objects()).expect("the temporary file is writable");
        let paths = vec![
            package.join("../examples"),
            package.join("data/datapath.yaml"),
            generated.path().to_owned(),
        ];
        let zones = ZONES.map(|zone| Zone::parse(zone).expect("a zone"));
        let policy = Policy::kubeadm(zones.into());
        let zones = policy.zones.iter().enumerate();
        let made = zones.flat_map(|(index, zone)| nodes::of(zone, index));
        let made = made.collect();
        let world = read(paths);
        Self::of(policy, world.owners(), world, made)
    }

    /// Whatever `world` holds, under `policy`.
    pub(crate) fn new(policy: Policy, world: &World) -> Self {
        Self::of(policy, world.owners(), world.clone(), Vec::new())
    }

    /// Nodes of no object, under `policy`.
    pub(crate) fn of_nodes(policy: Policy, nodes: Vec<Node>) -> Self {
        Self::of(policy, Affected::new(), World::default(), nodes)
    }

    fn of(policy: Policy, owners: Affected, world: World, made: Vec<Node>) -> Self {
        let mut cluster = Self {
            forms: Forms::of(&policy).expect("a policy that fits the maps"),
            policy,
            world,
            owners,
            made,
            nodes: BTreeMap::new(),
        };
        let of_owners = cluster.owners.iter();
        let of_owners = of_owners.flat_map(|owner| nodes_of(cluster.view(), owner).0);
        let mut nodes = BTreeMap::new();
        for node in of_owners.chain(cluster.made.iter().cloned()) {
            let name = encode::wire_name(&node.name).expect("a name");
            let text = node.name.to_string();
            let before = nodes.insert(name, node);
            assert!(before.is_none(), "two nodes of one name: {text}");
        }
        cluster.nodes = nodes;
        cluster
    }

    fn view(&self) -> View<'_> {
        View {
            policy: &self.policy,
            world: &self.world,
            resolved: &NothingResolved,
            serial: SERIAL,
        }
    }

    /// Puts every name into maps, as the agent does at its start.
    pub(crate) fn fill(&self, maps: &mut impl Maps) {
        let mut table = Table::new(0);
        let owners = self.owners.clone();
        let _ = reconcile(&mut table, maps, self.view(), &self.forms, owners);
        let made = Entries::of_nodes(&self.made, &self.forms);
        write(&mut table, maps, [(&nodes::owner(), made)]);
        assert_eq!(table.refused().next(), None);
        assert_eq!(table.entries(), self.nodes.len());
    }
}

/// What the agent's own source reads out of files and folders.
fn read(paths: Vec<std::path::PathBuf>) -> World {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (sender, mut events) = tokio::sync::mpsc::channel(64);
        let source = Source::Manifests { paths }
            .start(sender)
            .await
            .expect("usable manifests");
        let mut world = World::default();
        while !world.complete() {
            world.apply(events.recv().await.expect("a complete list"));
        }
        source.abort();
        world
    })
}

/// The label that makes a name of `EDGES` octets: `.edge.svc.cluster.local.` takes 24, its length one.
pub(crate) fn edge_label(octets: usize) -> String {
    "e".repeat(octets - 25)
}

/// The labels of a host name whose name below `cluster.local` has 200 octets.
pub(crate) fn long_labels() -> [String; 3] {
    ["h".repeat(63), "s".repeat(63), "n".repeat(52)]
}

fn objects() -> String {
    let mut text = String::new();
    let mut headless = |namespace: &str, name: &str, endpoints: &[(String, Option<String>)]| {
        let names = format!("name: {name}, namespace: {namespace}");
        let label = format!("labels: {{kubernetes.io/service-name: {name}}}");
        write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{{names}}}\nspec: {{clusterIP: None}}\n\
             ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{{names}, {label}}}\n\
             addressType: IPv4\nendpoints:\n"
        )
        .expect("a string");
        for (address, hostname) in endpoints {
            let hostname = hostname
                .as_ref()
                .map_or(String::new(), |hostname| format!(", hostname: {hostname}"));
            writeln!(text, "  - {{addresses: [{address}]{hostname}}}").expect("a string");
        }
    };
    for (block, count) in ENDPOINTS.into_iter().enumerate() {
        let endpoints: Vec<_> = (1..=count)
            .map(|host| {
                (
                    format!("10.245.{block}.{host}"),
                    Some(format!("pod-{host}")),
                )
            })
            .collect();
        headless("data", &format!("head-{count}"), &endpoints);
    }
    let [host, service, namespace] = long_labels();
    headless(
        &namespace,
        &service,
        &[("10.246.0.1".to_owned(), Some(host))],
    );
    for (index, octets) in EDGES.into_iter().enumerate() {
        let name = edge_label(octets);
        write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: edge}}\n\
             spec: {{clusterIP: 10.96.2.{index}}}\n"
        )
        .expect("a string");
    }
    text
}

#[test]
fn the_names_reach_the_limits_of_every_key() {
    let cluster = Cluster::standard();
    let lengths: Vec<usize> = cluster.nodes.keys().map(|name| name.len()).collect();
    for octets in EDGES.into_iter().chain([200]) {
        assert!(lengths.contains(&octets), "no name of {octets} octets");
    }
    assert!(lengths.iter().all(|length| *length <= 255));
    assert!(lengths.iter().any(|length| *length > 220));
}
