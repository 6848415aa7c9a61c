//! One service's entries, written in pieces: it may have tens of thousands, and others must not wait for it.
//!
//! Between two pieces the maps hold some of what is new and some of what is old. So the service's own node is left to the
//! DNS service first, and denies nothing below it meanwhile; it is put when all else is done. What the service's other
//! names say may be as old as what the maps held before.

use std::collections::BTreeSet;

use super::Entries;
use crate::{
    encode::{Draft, Forms, WireName},
    projection::{View, own_nodes},
    table::{Changed, Maps, Setting, Table},
    world::Owner,
};

/// Lets the maps say nothing about a service's own name, nor about what is not there below it.
pub fn leave(
    table: &mut Table,
    maps: &mut impl Maps,
    view: View<'_>,
    forms: &Forms,
    owner: &Owner,
) -> Changed {
    let own = passing(view, forms, owner);
    let names = names(&own);
    table.replace(maps, owner, own, |name| names.contains(name))
}

/// A service whose entries are being written. Until [`Writing::end`] its owner must not be written in another way.
#[derive(Debug)]
pub struct Writing {
    owner: Owner,
    setting: Setting,
    /// What its own node shall say, in every zone.
    own: Vec<Draft>,
    /// Where its own node lies, and that it says nothing.
    passing: Vec<Draft>,
}

impl Writing {
    /// Begins to write these entries.
    pub fn begin(
        table: &mut Table,
        maps: &mut impl Maps,
        view: View<'_>,
        forms: &Forms,
        owner: &Owner,
        drafts: Vec<Draft>,
    ) -> Self {
        leave(table, maps, view, forms, owner);
        let passing = passing(view, forms, owner);
        let names = names(&passing);
        let (own, below): (Vec<Draft>, Vec<Draft>) =
            (drafts.into_iter()).partition(|draft| names.contains(&draft.name));
        let wanted = below.into_iter().chain(passing.clone()).collect();
        Self {
            owner: owner.clone(),
            setting: table.begin(maps, owner, wanted),
            own,
            passing,
        }
    }

    /// Writes at most so many entries. Returns whether all but those of its own node are written.
    pub fn go_on(&mut self, table: &mut Table, maps: &mut impl Maps, most: usize) -> bool {
        table.go_on(maps, &mut self.setting, most)
    }

    /// Ends what is written. If that is still `true_now`, the service's own node says what it shall; if not, it stays left.
    pub fn end(self, table: &mut Table, maps: &mut impl Maps, true_now: bool) -> Changed {
        let mut changed = table.end(maps, self.setting);
        if true_now {
            let refused = changed.refused > 0;
            let own = self.own.into_iter();
            let own = own.map(|draft| match refused {
                // It must not deny what could not be put.
                true => draft.passing_below(),
                false => draft,
            });
            let names = names(&self.passing);
            changed += table.replace(maps, &self.owner, own.collect(), |name| {
                names.contains(name)
            });
        }
        changed
    }
}

/// The service's own node in every zone, with nothing certain about it or below it.
fn passing(view: View<'_>, forms: &Forms, owner: &Owner) -> Vec<Draft> {
    let nodes = own_nodes(view, owner);
    Entries::of_nodes(&nodes, forms).drafts
}

fn names(drafts: &[Draft]) -> BTreeSet<WireName> {
    drafts.iter().map(|draft| draft.name.clone()).collect()
}
