//! The scenarios, in the order in which they run: those that disturb the cluster come last.

mod agent_restart;
mod core_dns;
mod families;
mod first_question;
mod inspection;
mod kube_proxy;
mod load;
mod names;
mod node_local_cache;
mod node_restart;
mod policy;
mod scale;

use anyhow::Result;

use crate::{report::Report, stage::Stage};

/// A scenario.
pub(crate) struct Scenario {
    /// Its name, for `--only` and the report.
    pub(crate) name: &'static str,
    /// What happens. It leaves the cluster as it was, but for the tests' namespace.
    pub(crate) run: fn(&Stage, &mut Report) -> Result<()>,
}

/// All of them.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "names",
        run: names::run,
    },
    Scenario {
        name: "families",
        run: families::run,
    },
    Scenario {
        name: "node local cache",
        run: node_local_cache::run,
    },
    Scenario {
        name: "policy",
        run: policy::run,
    },
    Scenario {
        name: "inspection",
        run: inspection::run,
    },
    Scenario {
        name: "load",
        run: load::run,
    },
    Scenario {
        name: "scale",
        run: scale::run,
    },
    Scenario {
        name: "first question",
        run: first_question::run,
    },
    Scenario {
        name: "agent restart",
        run: agent_restart::run,
    },
    Scenario {
        name: "CoreDNS",
        run: core_dns::run,
    },
    Scenario {
        name: "kube-proxy",
        run: kube_proxy::run,
    },
    Scenario {
        name: "node restart",
        run: node_restart::run,
    },
];
