//! From owners to their entries in the maps: the one way, which the agent goes, and whatever else fills maps.
//!
//! [`Entries::of`] works one owner out, on any thread; [`write()`] makes the maps hold it, owner by owner in their order.
//! The agent does both in slices between which it looks at input: it finds the [`dependents`] when it notes owners, and
//! settles when it has written. [`reconcile`] does all of it at once, and [`Writing`] writes one service in pieces.

mod writing;

pub use self::writing::{Writing, leave};
use crate::{
    encode::{Draft, Forms, encode},
    objects::Skipped,
    projection::{View, dependents, each_node_of, uncertainties},
    records::Node,
    table::{Changed, Maps, Table},
    world::{Affected, Owner},
};

/// How many owners are worked out before they are written. All that is made of them is in memory at once: some
/// 10 kB for a headless service of ten endpoints.
pub const AT_ONCE: usize = 256;

/// What the entries of one owner shall say, and what of it is left to the DNS service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// What they shall say.
    pub drafts: Vec<Draft>,
    /// What of the owner's objects cannot be expressed, or cannot be understood for certain.
    pub skipped: Vec<Skipped>,
    /// Which of the owner's record sets cannot be written.
    pub unwritten: Vec<Skipped>,
}

impl Entries {
    /// Works out an owner. One that is gone has no entries.
    #[must_use]
    pub fn of(owner: &Owner, view: View<'_>, forms: &Forms) -> Self {
        let mut entries = Self::default();
        // Drafts are smaller than nodes, of which a large service has very many.
        entries.skipped = each_node_of(view, owner, &mut |node| entries.add(&node, forms));
        entries.skipped.extend(uncertainties(view, owner));
        entries
    }

    /// The entries of nodes, whether or not the projection makes such of any object.
    #[must_use]
    pub fn of_nodes<'node>(nodes: impl IntoIterator<Item = &'node Node>, forms: &Forms) -> Self {
        let mut entries = Self::default();
        nodes.into_iter().for_each(|node| entries.add(node, forms));
        entries
    }

    fn add(&mut self, node: &Node, forms: &Forms) {
        let (draft, mut unwritten) = encode(node, forms);
        self.drafts.extend(draft);
        self.unwritten.append(&mut unwritten);
    }
}

/// Makes each of these owners hold exactly its entries, in this order. Returns what all changes came to: deaf, if it was
/// so after any of them, and then denials are suspended.
pub fn write<'owner>(
    table: &mut Table,
    maps: &mut impl Maps,
    owners: impl IntoIterator<Item = (&'owner Owner, Entries)>,
) -> Changed {
    let mut all = Changed::default();
    for (owner, entries) in owners {
        all += table.set(maps, owner, entries.drafts);
    }
    all
}

/// What [`reconcile`] has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// What all changes came to, as [`write()`] says it.
    pub changed: Changed,
    /// What of the owners' objects cannot be expressed, or cannot be understood for certain.
    pub skipped: Vec<Skipped>,
    /// Which of the owners' record sets cannot be written.
    pub unwritten: Vec<Skipped>,
    /// Whether in the end the parent of a refused name denies, so that denials must stay suspended; if not, they may be
    /// allowed again.
    pub deaf: bool,
}

/// Makes the maps hold what the world says of owners that it has named, and of those whose answers depend on theirs.
pub fn reconcile(
    table: &mut Table,
    maps: &mut impl Maps,
    view: View<'_>,
    forms: &Forms,
    affected: Affected,
) -> Reconciled {
    let mut reconciled = Reconciled::default();
    let owners: Vec<Owner> = dependents(view, affected).into_iter().collect();
    for owners in owners.chunks(AT_ONCE) {
        let entries = owners.iter().map(|owner| Entries::of(owner, view, forms));
        let mut entries: Vec<Entries> = entries.collect();
        for entries in &mut entries {
            reconciled.skipped.append(&mut entries.skipped);
            reconciled.unwritten.append(&mut entries.unwritten);
        }
        reconciled.changed += write(table, maps, owners.iter().zip(entries));
    }
    reconciled.deaf = table.settle(maps);
    reconciled
}
