//! Objects that show that everything before them has been seen: one of each watched kind, changed after all
//! others.

use dns_core::world::World;
use serde_json::{Value, json};

use crate::{
    api::{Key, Resource},
    question::Question,
};

/// The namespaces that markers need; the option `namespaces` must list them.
pub const MARKED: [&str; 9] = [
    "marker", "marker-0", "marker-1", "marker-2", "marker-3", "marker-4", "marker-5", "marker-6",
    "marker-7",
];

/// CNAME and A.
const CNAME: u16 = 5;
const A: u16 = 1;

/// The state that markers are in after the changes of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker(pub(super) usize);

impl Marker {
    /// The objects of this round.
    pub(super) fn objects(self) -> Vec<Value> {
        let labels = json!({"team": "a"});
        let slice_labels = json!({"team": "a", "kubernetes.io/service-name": "slices"});
        let service = |name: &str, spec: Value| {
            let metadata = json!({"namespace": "marker", "name": name, "labels": labels});
            json!({"kind": "Service", "metadata": metadata, "spec": spec})
        };
        let namespace = |name: &str| {
            let metadata = json!({"name": name, "labels": labels});
            json!({"kind": "Namespace", "metadata": metadata, "status": {"phase": "Active"}})
        };
        let headless = json!({"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"]});
        let external = json!({"type": "ExternalName", "externalName": self.target()});
        vec![
            namespace("marker"),
            service("slices", headless),
            service("services", external),
            json!({
                "kind": "EndpointSlice",
                "metadata": {"namespace": "marker", "name": "slices", "labels": slice_labels},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [self.address()], "conditions": {"ready": true}}],
                "ports": [],
            }),
            namespace(self.namespace()),
        ]
    }

    /// What must be gone in this round, so that it can come again.
    pub(super) fn gone(self) -> Option<Key> {
        let before = Self(self.0.checked_sub(1)?);
        let name = before.namespace().to_owned();
        Some((Resource::Namespaces, String::new(), name))
    }

    /// Whether the agent's side has seen them all.
    pub(super) fn is_in(self, world: &World) -> bool {
        let service = world.service("marker", "services");
        let named = service.and_then(|service| service.external_name.as_deref());
        let mut slices = world.slices_of("marker", "slices");
        let address = slices.next().and_then(|slice| {
            let endpoint = slice.endpoints.first()?;
            Some(endpoint.address.to_string())
        });
        // A random change may have deleted it or made it another, and it need not come back first.
        let headless = world
            .service("marker", "slices")
            .is_some_and(|service| service.is_headless() && service.external_name.is_none());
        world.complete()
            && headless
            && world.namespace_exists(self.namespace())
            && named == Some(&self.target())
            && address == Some(self.address())
    }

    /// Questions in a zone, and the octets that each reply must contain.
    pub(super) fn questions(self, zone: &str, endpoints: bool) -> Vec<(Question, Vec<u8>)> {
        let service = Question::plain(&format!("services.marker.svc.{zone}"), CNAME);
        let mut questions = vec![(service, self.label().into_bytes())];
        if endpoints {
            let slices = Question::plain(&format!("slices.marker.svc.{zone}"), A);
            questions.push((slices, self.octets().to_vec()));
        }
        questions
    }

    /// A question that is answered without an error once the namespace is there.
    pub(super) fn namespace_question(self, zone: &str) -> Question {
        Question::plain(&format!("{}.svc.{zone}", self.namespace()), A)
    }

    fn namespace(self) -> &'static str {
        let mut namespaces = MARKED.into_iter().skip(1).cycle();
        namespaces
            .nth(self.0 % (MARKED.len() - 1))
            .unwrap_or("marker")
    }

    /// No label is the beginning of another.
    fn label(self) -> String {
        format!("round-{}-end", self.0)
    }

    fn target(self) -> String {
        format!("{}.marker.example", self.label())
    }

    fn octets(self) -> [u8; 4] {
        let [.., high, low] = self.0.to_be_bytes();
        [10, 254, high, low]
    }

    fn address(self) -> String {
        let [a, b, c, d] = self.octets();
        format!("{a}.{b}.{c}.{d}")
    }
}
