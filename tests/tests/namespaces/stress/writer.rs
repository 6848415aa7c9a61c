//! What changes the maps: the agent's own table and store run in this process, so that they change as fast as they can.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use dns_core::{
    encode::{self, Forms},
    entries::{Reconciled, reconcile},
    objects::{Address, Endpoint, EndpointSlice, Kind, Namespace, Object, Service},
    permission::Permission,
    policy::{Policy, Zone},
    projection::{NothingResolved, View},
    table::Table,
    world::{Affected, Event, World},
};
use dns_userspace::datapath::store::Store;

use super::{CHANGING, Changing, FILLERS, STEADY, filler, steady};
use crate::site::{SERVERS, address};

/// What the agent has: the objects, and what the maps hold of them.
pub(super) struct Writer {
    policy: Policy,
    forms: Forms,
    world: World,
    table: Table,
    pub(super) store: Store,
    pub(super) refused: usize,
}

impl Writer {
    fn carry(&mut self, affected: Affected) {
        let view = View {
            policy: &self.policy,
            world: &self.world,
            resolved: &NothingResolved,
            serial: 0,
        };
        let Reconciled { changed, .. } = reconcile(
            &mut self.table,
            &mut self.store,
            view,
            &self.forms,
            affected,
        );
        self.refused += changed.refused;
        let deaf = changed.deaf;
        assert!(!deaf, "a parent's entry is never new, so it has its place");
    }

    fn apply(&mut self, event: Event) {
        let affected = self.world.apply(event);
        self.carry(affected);
    }

    fn put_service(&mut self, name: &str) {
        self.apply(Event::Applied(Object::Service(Service {
            namespace: "shop".into(),
            name: name.into(),
            external_name: None,
            cluster_ips: [Address::from("None")].into(),
            ports: [].into(),
            uncertain: false,
        })));
    }

    /// Makes `count` addresses 10.`own`.N.`last` the service's endpoints.
    fn put_endpoints(&mut self, service: &str, own: u8, (count, last): (u8, u8)) {
        let endpoint = |third: u8| Endpoint {
            address: Address::Ip([10, own, third, last].into()),
            // One name for all, so that there is no further name for each.
            hostname: Some("node".into()),
            pod: None,
            ready: true,
        };
        self.apply(Event::Applied(Object::EndpointSlice(EndpointSlice {
            namespace: "shop".into(),
            name: format!("{service}-1").into(),
            service: Some(service.into()),
            endpoints: (1..=count).map(endpoint).collect(),
            ports: [].into(),
            uncertain: false,
        })));
    }

    fn delete(&mut self, kind: Kind, name: &str) {
        let reference = dns_core::objects::ObjectReference {
            kind,
            namespace: "shop".into(),
            name: name.into(),
        };
        self.apply(Event::Deleted(reference));
    }

    fn turn(&mut self, changing: &Changing, turn: usize) {
        match changing.turns[turn] {
            Some(addresses) => self.put_endpoints(changing.name, changing.own, addresses),
            None => self.delete(Kind::EndpointSlice, &format!("{}-1", changing.name)),
        }
    }
}

/// Puts the names into the maps as they are at first, and lets the kernel answer.
pub(super) fn writer(store: Store) -> Result<Writer> {
    let policy = Policy::kubeadm(vec![Zone::parse("cluster.local")?]);
    let mut writer = Writer {
        table: Table::new(0),
        world: World::default(),
        store,
        forms: Forms::of(&policy)?,
        policy,
        refused: 0,
    };
    let control = writer.store.control();
    control.claim(writer.policy.mark(&writer.forms));
    let zones = encode::zones(&writer.policy, 1).context("write the zones")?;
    let rows = writer.forms.rows();
    writer.store.put_policy(&writer.policy, rows, &zones)?;
    writer.carry(writer.world.owners());
    writer.apply(Event::Applied(Object::Namespace(Namespace::named("shop"))));
    let steady = steady()?;
    writer.put_service(&steady);
    writer.put_endpoints(&steady, STEADY, (2, 1));
    for changing in &CHANGING {
        writer.put_service(changing.name);
        writer.turn(changing, 0);
    }
    let addresses = SERVERS.map(address).into();
    writer.store.set_destinations(&addresses)?;
    writer.store.control().permit(Permission::FOREVER);
    Ok(writer)
}

/// Rewrites everything, round after round, until told to stop; fills the map and empties it.
pub(super) fn write(writer: &mut Writer, stop: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        rounds += 1;
        let turn = (rounds % 2) as usize;
        for changing in &CHANGING {
            writer.turn(changing, turn);
        }
        // More names than there is room for; and their answers take the room that those of names that
        // exist throughout need: these are refused then, and nobody may deny them.
        if rounds % 8 < 4 {
            let filler = filler(rounds % FILLERS);
            writer.put_service(&filler);
            writer.put_endpoints(&filler, 99, (25, 9));
        } else {
            for filler in (0..FILLERS).map(filler) {
                writer.delete(Kind::EndpointSlice, &format!("{filler}-1"));
                writer.delete(Kind::Service, &filler);
            }
        }
    }
    rounds
}
