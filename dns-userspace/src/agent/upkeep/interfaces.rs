//! Interfaces that come and go.

use super::Upkeep;
use crate::datapath::{
    attach::{Attached, Attachment},
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
                self.surveyed = true;
            }
        }
    }

    /// Makes sure that ours is first on every interface, as far as that is ours to decide.
    pub(in crate::agent) fn look_at_order(&mut self) {
        for attached in self.attachments.list() {
            self.look_at(attached.index);
        }
    }

    fn look_at(&mut self, index: u32) {
        match self.attachments.check_first(index, &self.programs) {
            Ok(Some(Attachment::Attached(attached))) => self.note_order(&attached),
            Ok(_) => {}
            Err(error) => tracing::warn!(index, "{error}"),
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
