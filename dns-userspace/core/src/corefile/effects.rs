//! What the directives of one server block do to answers.

use hickory_proto::rr::Name;

use super::{
    fault::Place,
    mounted::Mounted,
    plugins::{cache::Cache, hosts::Hosts, kubernetes::Kubernetes, rewrite::Suffix},
};
use crate::policy::Order;

/// What the plugins of a block are read with.
pub(super) struct Surroundings<'a> {
    /// The zones of the block's keys: those of a plugin that names none.
    pub(super) zones: &'a [Name],
    pub(super) mounted: &'a Mounted,
    /// Whether queries may be missing from the DNS service's logs.
    pub(super) answer_when_logged: bool,
    /// Whether the plugin `root` changes what relative paths mean.
    pub(super) rooted: bool,
}

/// What one block's plugins do.
#[derive(Debug)]
pub(super) struct Effects {
    /// Why nothing of the block may be answered.
    pub(super) left: Vec<String>,
    /// Zones of which nothing may be answered, each with the reason.
    pub(super) left_zones: Vec<(Name, String)>,
    /// Names that are left, not those below them.
    pub(super) left_names: Vec<(Name, String)>,
    /// Endings of names, by characters and not by labels, that are left.
    pub(super) left_suffixes: Vec<Suffix>,
    /// Query types that are not denied, each with the reason.
    pub(super) left_types: Vec<(u16, String)>,
    /// Zones whose absent names are not denied, each with the reason.
    pub(super) undenied: Vec<(Name, String)>,
    /// What is logged, in the order in which the plugin looks; the reason if it is more than errors.
    pub(super) logged: Vec<(Name, Option<String>)>,
    pub(super) kubernetes: Option<Kubernetes>,
    pub(super) cache: Option<Cache>,
    pub(super) hosts: Option<Hosts>,
    pub(super) order: Option<Order>,
    pub(super) glue: bool,
    pub(super) size: Option<u16>,
    /// Whether names that no other plugin answers are asked of other servers.
    pub(super) forwards: bool,
    /// Why answers for external names may depend on who asks.
    pub(super) uncertain: Option<String>,
}

impl Default for Effects {
    fn default() -> Self {
        Self {
            left: Vec::new(),
            left_zones: Vec::new(),
            left_names: Vec::new(),
            left_suffixes: Vec::new(),
            left_types: Vec::new(),
            undenied: Vec::new(),
            logged: Vec::new(),
            kubernetes: None,
            cache: None,
            hosts: None,
            order: None,
            glue: true,
            size: None,
            forwards: false,
            uncertain: None,
        }
    }
}

impl Effects {
    /// That nothing of the block may be answered, and that it may answer each client differently.
    pub(super) fn leave(&mut self, place: &Place, reason: &str) {
        let reason = format!("{place}: {reason}");
        self.uncertain.get_or_insert_with(|| reason.clone());
        self.left.push(reason);
    }

    /// That answers for external names may depend on who asks.
    pub(super) fn make_uncertain(&mut self, place: &Place, reason: &str) {
        self.uncertain
            .get_or_insert_with(|| format!("{place}: {reason}"));
    }
}
