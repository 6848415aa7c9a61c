//! What the agent works on, and what it does when something has happened.

use std::{collections::BTreeSet, net::SocketAddr, time::SystemTime};

use anyhow::Context as _;

use crate::{
    config::Config,
    datapath::{
        attach::{Attached, Attachment, Attachments, Programs},
        interfaces::{Interface, InterfaceEvent, InterfaceWatch},
        kernel_log, object,
        store::Store,
    },
    encode::{self, Draft, Forms},
    objects::Skipped,
    policy::Policy,
    projection::{self, NothingResolved, View},
    table::{Changed, Table},
    world::{Event, Owner, World},
};

/// Heartbeats between two tries of names that the maps have refused, and how many owners are tried then.
const RETRY_EVERY: u32 = 10;
const RETRIED: usize = 256;
/// Heartbeats between two looks at what the datapath has counted.
const LOOK_EVERY: u32 = 60;
/// Everything that the task works on.
pub(super) struct Upkeep {
    policy: Policy,
    /// The serial number of SOA records.
    serial: u32,
    forms: Forms,
    dns_service: (String, String),
    more_addresses: Vec<SocketAddr>,
    world: World,
    table: Table,
    store: Store,
    programs: Programs,
    attachments: Attachments,
    /// Whether the maps hold what the first complete lists say.
    reconciled: bool,
    /// Whether the maps began as those of an earlier agent.
    adopted: bool,
    addresses: BTreeSet<SocketAddr>,
    /// What was last said about whether questions are answered.
    said: Option<Readiness>,
    /// Objects that are not answered for, and why, as it was told.
    told: BTreeSet<(String, String)>,
    /// The last owner whose refused names were tried again.
    retried: Option<Owner>,
    beats: u32,
    /// How many questions to known DNS addresses there were at the last look.
    asked: u64,
}

/// Whether questions are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Readiness {
    NoAddress,
    Answering,
}

impl Upkeep {
    pub(super) fn new(config: &Config) -> anyhow::Result<Self> {
        let mut loaded = object::load(&config.pin_directory, config.sizes)?;
        let programs = Programs::of(&loaded.object)?;
        if let Err(error) = kernel_log::follow(&mut loaded.object) {
            tracing::warn!("the datapath's own messages will not be seen: {error:#}");
        }
        let mut store = Store::new(&mut loaded.object, loaded.control)?;
        programs.pin(&config.pin_directory)?;
        let forms = Forms::of(&config.policy)?;
        let control = store.control();
        control.claim(config.policy.mark(&forms));
        control.set_denials(false);
        control.set_size_cap(u16::MAX);
        control.set_zone_labels(
            config
                .policy
                .zones
                .iter()
                .map(|zone| u32::from(zone.name.num_labels()))
                .min()
                .unwrap_or(1),
        );
        let serial = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as u32);
        let zones = encode::zones(&config.policy, serial).context("write the zones' names")?;
        store.put_policy(forms.rows(), &zones)?;
        let table = Table::new(store.last_section()?);
        let attachments = Attachments::new(&config.pin_directory, config.hook)?;
        tracing::info!(adopted = loaded.adopted, hook = %attachments.traffic_control(), "the datapath is loaded");
        Ok(Self {
            policy: config.policy.clone(),
            serial,
            forms,
            dns_service: config.dns_service.clone(),
            more_addresses: config.dns_addresses.clone(),
            world: World::default(),
            table,
            store,
            programs,
            attachments,
            reconciled: false,
            adopted: loaded.adopted,
            addresses: BTreeSet::new(),
            said: None,
            told: BTreeSet::new(),
            retried: None,
            beats: 0,
            asked: 0,
        })
    }

    /// Lets the kernel answer nothing from now on.
    pub(super) fn end_lease(&self) {
        self.store.control().end_lease();
    }

    /// Takes events in, and carries what they changed into the kernel.
    pub(super) fn take_in(&mut self, batch: Vec<Event>) -> anyhow::Result<()> {
        let mut affected = BTreeSet::new();
        for event in batch {
            if let Event::Lost { kind, reason } = &event {
                tracing::warn!(?kind, "{reason}");
            }
            affected.append(&mut self.world.apply(event));
            // Absent names pass as soon as it is not certain that they are absent.
            if !self.world.fresh() {
                self.store.control().set_denials(false);
            }
        }
        if !self.world.complete() {
            return Ok(());
        }
        if !self.reconciled {
            return self.reconcile();
        }
        let dns_service = Owner::service(&self.dns_service.0, &self.dns_service.1);
        let dns_changed = affected.contains(&dns_service);
        let affected = projection::dependents(self.view(), affected);
        self.carry(&affected);
        if dns_changed {
            self.find_addresses();
        }
        self.permit();
        Ok(())
    }

    /// Makes the maps hold what the first complete lists say, and nothing else.
    fn reconcile(&mut self) -> anyhow::Result<()> {
        let owners = self.world.owners();
        self.carry(&owners);
        let left = if self.adopted {
            self.store
                .retain(&self.table.names(), &self.table.sections())?
        } else {
            0
        };
        self.reconciled = true;
        tracing::info!(
            names = self.table.entries(),
            left_over = left,
            "the maps hold the cluster's names"
        );
        self.find_addresses();
        self.permit();
        Ok(())
    }

    /// Recomputes owners from the state of the world, and writes the differences.
    fn carry(&mut self, owners: &BTreeSet<Owner>) {
        let mut refused = 0;
        for owner in owners {
            let wanted = self.drafts(owner);
            let changed = self.table.set(&mut self.store, owner, wanted);
            refused += changed.refused;
            self.heed(changed);
        }
        if refused > 0 {
            tracing::warn!(
                names = refused,
                held = self.table.entries(),
                "the kernel's maps refused names, most likely because they are full: the DNS service answers these; --entries and --sections make the maps larger"
            );
        }
    }

    /// Everything that records are made from.
    fn view(&self) -> View<'_> {
        View {
            policy: &self.policy,
            world: &self.world,
            resolved: &NothingResolved,
            serial: self.serial,
        }
    }

    fn drafts(&mut self, owner: &Owner) -> Vec<Draft> {
        let (nodes, mut skipped) = projection::nodes_of(self.view(), owner);
        let mut drafts = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let (draft, mut left) = encode::encode(node, &self.forms);
            drafts.extend(draft);
            skipped.append(&mut left);
        }
        for Skipped { object, reason } in skipped {
            // Owners are recomputed often; each reason is told once.
            let told = (object, reason);
            if !self.told.contains(&told) {
                tracing::warn!(object = %told.0, "not answered in the kernel: {}", told.1);
                self.told.insert(told);
            }
        }
        drafts
    }

    /// Works out which addresses are the cluster's DNS.
    fn find_addresses(&mut self) {
        let (namespace, name) = &self.dns_service;
        let mut addresses: BTreeSet<SocketAddr> =
            projection::dns_addresses(&self.world, namespace, name)
                .into_iter()
                .collect();
        addresses.extend(&self.more_addresses);
        if addresses != self.addresses || self.said.is_none() {
            let left = match self.store.set_destinations(&addresses) {
                Ok(left) => left,
                Err(error) => {
                    tracing::warn!("{error:#}; trying again");
                    return;
                }
            };
            for left in left {
                tracing::warn!(address = %left, "this DNS address is one too many, or has one port too many: its questions go to the DNS service");
            }
            self.addresses = addresses;
        }
    }

    /// Lets the kernel answer and deny, as far as the world is known.
    fn permit(&mut self) {
        if !self.reconciled {
            return;
        }
        let deaf = self.table.settle(&mut self.store);
        self.store
            .control()
            .set_denials(self.world.fresh() && !deaf);
        let readiness = if self.addresses.is_empty() {
            Readiness::NoAddress
        } else {
            self.store.control().renew_lease();
            Readiness::Answering
        };
        if self.said.as_ref() == Some(&readiness) {
            return;
        }
        match readiness {
            Readiness::NoAddress => {
                let (namespace, name) = &self.dns_service;
                tracing::warn!(
                    "not ready: no address of the cluster's DNS is known, for there is no Service {namespace}/{name} with a UDP port; name another by --dns-service, or an address by --dns-address"
                );
            }
            Readiness::Answering => {
                let addresses: Vec<String> =
                    self.addresses.iter().map(SocketAddr::to_string).collect();
                tracing::info!(
                    names = self.table.entries(),
                    interfaces = self.attachments.list().len(),
                    "answering questions to {}",
                    addresses.join(", ")
                );
            }
        }
        self.said = Some(readiness);
    }

    /// Renews the lease, and tries again what the maps refused.
    pub(super) fn beat(&mut self) {
        if self.reconciled {
            if self.beats.is_multiple_of(RETRY_EVERY) {
                self.retry();
                self.find_addresses();
            }
            self.permit();
        }
        self.beats = self.beats.wrapping_add(1);
        if self.beats.is_multiple_of(LOOK_EVERY) {
            self.look();
        }
    }

    /// Tries refused names again, quietly: that they were refused has been said. Owners take turns.
    fn retry(&mut self) {
        let all = self.table.to_retry();
        let later = all
            .iter()
            .filter(|owner| self.retried.as_ref() < Some(owner));
        let owners: Vec<Owner> = later.chain(&all).take(RETRIED).cloned().collect();
        self.retried = owners.last().cloned();
        for owner in owners {
            let wanted = self.drafts(&owner);
            let changed = self.table.set(&mut self.store, &owner, wanted);
            self.heed(changed);
        }
    }

    /// Lets nothing be denied as soon as a parent denies what could not be put.
    fn heed(&self, changed: Changed) {
        if changed.deaf {
            self.store.control().set_denials(false);
        }
    }

    /// Says when interfaces are attached and nobody has asked a known DNS address since the last look.
    fn look(&mut self) {
        let Ok(counts) = self.store.counts() else {
            return;
        };
        let unknown = dns_ebpf::Pass::UnknownDestination.label();
        let all = counts.answered.iter().chain(&counts.passed);
        let asked: u64 = all
            .filter(|(label, _)| *label != unknown)
            .map(|(_, count)| count)
            .sum();
        let quiet = asked == self.asked;
        self.asked = asked;
        if let (true, Some((address, questions))) = (quiet, counts.unknown_destinations.first()) {
            tracing::warn!(
                "attached to {} interfaces, and nobody asks a known DNS address: they ask {address} ({questions} questions); if that is the cluster's DNS, name it by --dns-address",
                self.attachments.list().len()
            );
        }
    }

    /// Attaches to, looks after and detaches from interfaces as they come and go.
    ///
    /// What fails for one interface must not keep the others from being answered: its questions pass.
    pub(super) fn interface(&mut self, event: InterfaceEvent, watch: &InterfaceWatch) {
        match event {
            InterfaceEvent::Present(interface) => self.attach(&interface),
            InterfaceEvent::Gone { index } => {
                if let Err(error) = self.attachments.detach(index) {
                    tracing::warn!(index, "{error}");
                }
                self.note_mtu(index, None);
            }
            InterfaceEvent::FiltersChanged { index } => {
                match self.attachments.check_first(index, &self.programs) {
                    Ok(Some(Attachment::Attached(attached))) => self.note_order(&attached),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(index, "{error}"),
                }
            }
            InterfaceEvent::Resynced => {
                let wanted = watch.present().map(|interface| interface.index).collect();
                if let Err(error) = self.attachments.retain(&wanted) {
                    tracing::warn!("{error}");
                }
                for gone in self.store.interfaces().difference(&wanted) {
                    self.note_mtu(*gone, None);
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
