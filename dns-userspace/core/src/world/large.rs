//! Services of many endpoints: how much work each is, and a world of one alone.

use super::{Contents, Owner, World};

/// What an endpoint of one service costs beside its ports, in the units of [`World::work_of`].
const AN_ENDPOINT: usize = 40;

impl World {
    /// About how much work it is to make an owner's records; a unit is some tenth of a microsecond. Only a service's
    /// endpoints count, with the ports that each of them has: all else is bounded.
    #[must_use]
    pub fn work_of(&self, owner: &Owner) -> usize {
        let Owner::Service { namespace, name } = owner else {
            return 0;
        };
        let service = self.service(namespace, name);
        if service.is_none_or(|service| service.external_name.is_some()) {
            return 0;
        }
        let slices = self.slices_of(namespace, name);
        slices
            .map(|slice| slice.endpoints.len() * (AN_ENDPOINT + slice.ports.len()))
            .sum()
    }

    /// A copy of one service, its namespace and its slices. Its records are the same there, unless it leads to another
    /// name.
    #[must_use]
    pub fn only(&self, owner: &Owner) -> Self {
        let mut world = Self::default();
        let Owner::Service { namespace, name } = owner else {
            return world;
        };
        let mut contents = Contents {
            object: self.namespace(namespace).cloned(),
            ..Contents::default()
        };
        if let Some(service) = self.service(namespace, name) {
            contents.services.insert(name.clone(), service.clone());
        }
        for slice in self.slices_of(namespace, name) {
            contents.put_slice(slice.clone());
        }
        world.namespaces.insert(namespace.clone(), contents);
        world
    }
}
