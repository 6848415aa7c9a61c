//! The addresses of the cluster's DNS.

use std::{collections::BTreeSet, net::SocketAddr};

use dns_core::{
    projection::dns_addresses,
    world::{Owner, World},
};
use tokio::time::Instant;

use crate::{config::Config, datapath::store::Store, told::Told};

/// Where the cluster's DNS is, as the kernel knows it.
#[derive(Debug)]
pub(super) struct Dns {
    /// The namespace and the name of its Service.
    service: (String, String),
    /// Addresses that a person has named.
    more: Vec<SocketAddr>,
    addresses: BTreeSet<SocketAddr>,
    /// Whether the kernel knows these.
    is_stored: bool,
    /// Whether they may be others by now.
    is_dirty: bool,
}

impl Dns {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            service: config.dns_service.clone(),
            more: config.dns_addresses.clone(),
            addresses: BTreeSet::new(),
            is_stored: false,
            is_dirty: true,
        }
    }

    /// The namespace and the name of its Service.
    pub(super) fn service(&self) -> &(String, String) {
        &self.service
    }

    /// Addresses that a person has named.
    pub(super) fn more(&self) -> &[SocketAddr] {
        &self.more
    }

    /// Whose objects say where it is.
    pub(super) fn owner(&self) -> Owner {
        let (namespace, name) = &self.service;
        Owner::service(namespace, name)
    }

    /// What was last found.
    pub(super) fn addresses(&self) -> &BTreeSet<SocketAddr> {
        &self.addresses
    }

    pub(super) fn mark_dirty(&mut self) {
        self.is_dirty = true;
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Works out where it is, and tells the kernel.
    pub(super) fn find(&mut self, world: &World, store: &mut Store, told: &mut Told) {
        self.is_dirty = false;
        let (namespace, name) = &self.service;
        let found = dns_addresses(world, namespace, name);
        let addresses: BTreeSet<SocketAddr> = found.into_iter().chain(self.more.clone()).collect();
        if self.is_stored && addresses == self.addresses {
            return;
        }
        let left = match store.set_destinations(&addresses) {
            Ok(left) => left,
            Err(error) => {
                // It is tried again with one of the next beats.
                self.is_stored = false;
                let error = format!("{error:#}");
                if told.is_new(&error, Instant::now()) {
                    tracing::warn!("{error}; trying again, quietly");
                }
                return;
            }
        };
        if !left.is_empty() && told.is_new("DNS addresses are left", Instant::now()) {
            let left: Vec<String> = left.iter().map(SocketAddr::to_string).collect();
            tracing::warn!(
                "these DNS addresses are too many, or have one port too many: their questions go to the DNS service: {}",
                left.join(", ")
            );
        }
        self.addresses = addresses;
        self.is_stored = true;
    }
}
