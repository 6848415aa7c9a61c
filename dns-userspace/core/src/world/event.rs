//! What a source tells, and whose records that may change.

use std::{collections::BTreeSet, net::IpAddr};

use crate::objects::{Kind, Object, ObjectReference, Skipped};

/// What a source of objects tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A complete list of a kind begins: every object follows as `Applied`, then `Listed`. Until
    /// then the objects of before stay; a list that is broken off is begun anew.
    Relisting(Kind),
    /// An object exists in this form.
    Applied(Object),
    /// An object is gone.
    Deleted(ObjectReference),
    /// The list is complete: objects of this kind that were not in it are gone.
    Listed(Kind),
    /// The source is up to date with this kind again, or still.
    Heard(Kind),
    /// The source can no longer tell whether its objects of this kind are up to date.
    Lost {
        /// The kind.
        kind: Kind,
        /// Cause and remedy, in one sentence for a person.
        reason: String,
    },
    /// The source had read and told everything that there was of this kind.
    Quiet {
        /// The kind.
        kind: Kind,
        /// When it began to look: CLOCK_BOOTTIME in nanoseconds.
        at: u64,
    },
    /// Something is not served; this changes nothing here, it is to be told to a person.
    Skipped(Skipped),
}

/// Whose records they are: the unit of recomputation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The zones themselves, which depend on the policy alone.
    Zone,
    /// A namespace's own name.
    Namespace(Box<str>),
    /// A service's name and the names below it.
    Service {
        /// The service's namespace.
        namespace: Box<str>,
        /// The service's name.
        name: Box<str>,
    },
    /// The reverse name of an address.
    Address(IpAddr),
}

impl Owner {
    /// The owner of a service's names.
    #[must_use]
    pub fn service(namespace: &str, name: &str) -> Self {
        Self::Service {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// The owners whose records may have changed.
pub type Affected = BTreeSet<Owner>;
