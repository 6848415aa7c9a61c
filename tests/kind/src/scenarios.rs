//! The scenarios, in the order in which they run: those that disturb the cluster come last.

mod families;
mod inspection;
mod load;
mod names;
mod node_local_cache;
mod policy;

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
];
