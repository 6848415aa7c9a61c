//! Interfaces that come and go.

use std::collections::BTreeMap;

use super::Upkeep;
use crate::datapath::{
    attach::{Attached, AttachedBy, Attachment},
    interfaces::{Interface, InterfaceEvent, InterfaceWatch},
};

impl Upkeep {
    /// Attaches to, looks after and detaches from interfaces as they come and go.
    ///
    /// What fails for one interface must not keep the others from being answered: its questions pass.
    pub(in crate::agent) fn interface(&mut self, event: InterfaceEvent, watch: &InterfaceWatch) {
        match event {
            InterfaceEvent::Present(interface) => self.attach(&interface),
            InterfaceEvent::Gone { index } => {
                if let Err(error) = self.attachments.detach(index) {
                    tracing::warn!(index, "{error}");
                }
                self.troubles.over(index);
                self.note_mtu(index, None);
            }
            InterfaceEvent::FiltersChanged { index } => self.look_at(index),
            InterfaceEvent::Resynced => {
                let wanted = watch.present().map(|interface| interface.index).collect();
                if let Err(error) = self.attachments.retain(&wanted) {
                    tracing::warn!("{error}");
                }
                for gone in self.store.interfaces().difference(&wanted) {
                    self.note_mtu(*gone, None);
                }
                self.troubles.0.retain(|index, _| wanted.contains(index));
                self.surveyed = true;
            }
        }
    }

    /// Makes sure that ours is first wherever nobody announces another order.
    pub(in crate::agent) fn look_at_order(&mut self) {
        let attached = self.attachments.list().into_iter();
        for attached in attached.filter(|attached| changes_silently(attached.by)) {
            self.look_at(attached.index);
        }
    }

    fn look_at(&mut self, index: u32) {
        match self.attachments.check_first(index, &self.programs) {
            Ok(Some(Attachment::Attached(attached))) => {
                self.troubles.over(index);
                self.note_order(&attached);
            }
            Ok(_) => self.troubles.over(index),
            Err(error) => {
                let error = error.to_string();
                if self.troubles.is_new(index, &error) {
                    tracing::warn!(index, "{error}; trying again, quietly");
                }
            }
        }
    }

    /// Attaches once the kernel knows what fits the interface.
    fn attach(&mut self, interface: &Interface) {
        self.note_mtu(interface.index, Some(interface.mtu));
        match self.attachments.attach(interface, &self.programs) {
            Ok(Attachment::Attached(attached)) => {
                tracing::debug!(interface = %attached.name, by = %attached.by, first = attached.first, "attached");
                self.note_order(&attached);
            }
            Ok(Attachment::Gone) => self.note_mtu(interface.index, None),
            // An earlier program may still be there, so the MTU stays noted.
            Err(error) => tracing::warn!(interface = %interface.name, "{error}"),
        }
    }

    fn note_mtu(&mut self, index: u32, mtu: Option<u32>) {
        if let Err(error) = self.store.set_mtu(index, mtu) {
            tracing::warn!(
                index,
                "{error:#}; large replies on this interface go to the DNS service"
            );
        }
    }

    /// Says once when other programs run before ours on an interface.
    fn note_order(&mut self, attached: &Attached) {
        if attached.first {
            return;
        }
        let told = (
            format!("interface {}", attached.name),
            attached.behind.join(", "),
        );
        if !self.told.contains(&told) {
            tracing::warn!(interface = %attached.name, "{} runs before ours: what it answers or drops, we do not see", told.1);
            self.told.insert(told);
        }
    }
}

/// Whether the order of programs can change without a message: filters are announced, and XDP has no order.
fn changes_silently(by: AttachedBy) -> bool {
    match by {
        AttachedBy::Tcx => true,
        AttachedBy::Clsact | AttachedBy::XdpNative | AttachedBy::XdpGeneric => false,
    }
}

/// The last error of each interface that could not be looked after, by its number: one that lasts is told once.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<u32, String>);

impl Troubles {
    /// Notes an error, and says whether it is another one than the last.
    fn is_new(&mut self, index: u32, error: &str) -> bool {
        let before = self.0.insert(index, error.to_owned());
        before.as_deref() != Some(error)
    }

    /// Forgets the error of an interface that is well, or gone.
    fn over(&mut self, index: u32) {
        self.0.remove(&index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_error_is_new_once_and_again_after_it_was_over() {
        let mut troubles = Troubles::default();
        assert!(troubles.is_new(3, "no memory"));
        assert!(!troubles.is_new(3, "no memory"));
        assert!(troubles.is_new(4, "no memory"), "another interface");
        assert!(troubles.is_new(3, "not permitted"), "another error");
        troubles.over(3);
        assert!(troubles.is_new(3, "not permitted"));
        assert!(!troubles.is_new(4, "no memory"));
    }

    #[test]
    fn only_the_order_on_tcx_changes_without_a_message() {
        assert!(changes_silently(AttachedBy::Tcx));
        for by in [
            AttachedBy::Clsact,
            AttachedBy::XdpNative,
            AttachedBy::XdpGeneric,
        ] {
            assert!(!changes_silently(by), "{by}");
        }
    }
}
