//! What is checked of one node.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Asked, Transport};

use crate::{
    inspection::{Inspector, LAYOUT, Program},
    kubectl::eventually,
    node::Node,
    pods::Pod,
    report::Report,
    stage::{Stage, items},
};

/// How soon the kernel knows a new service, and a new pod's interface has a program.
const KNOWN: Duration = Duration::from_secs(10);

/// What is looked at on one node.
pub(super) struct Seen<'a> {
    pub(super) stage: &'a Stage,
    pub(super) inspector: &'a Inspector,
    pub(super) node: &'a Node,
    /// A pod there with a network of its own.
    pub(super) pod: &'a Pod,
    pub(super) programs: Vec<Program>,
    /// The service's name.
    pub(super) name: String,
    /// The service's address.
    pub(super) address: Ipv4Addr,
}

impl Seen<'_> {
    /// Checks everything.
    pub(super) fn check(&self, report: &mut Report) {
        let node = &self.node.name;
        let mut check = |sentence: &str, check: &dyn Fn() -> Result<()>| {
            report.check(&format!("{node}: {sentence}"), check);
        };
        check("`prog show` names our programs, with their types", &|| {
            self.programs_are_ours()
        });
        check(
            "each pod's interface has one link or filter of ours",
            &|| self.every_pod_has_one(),
        );
        check(
            "`map show` has each map of the layout, of its types",
            &|| self.maps_are_as_laid_out(),
        );
        check("a dump shows the service's entry by field", &|| {
            self.entry_is_found()
        });
        check("`map lookup` by the name's octets finds it too", &|| {
            self.entry_is_looked_up()
        });
        check("`zerohop lookup` says the same of it", &|| {
            self.lookup_agrees()
        });
        check("a passed question is counted under its reason", &|| {
            self.reason_is_counted()
        });
        check(
            "the dump of counters is what `zerohop status` says",
            &|| self.counters_agree(),
        );
    }

    /// The programs by name, with their tags.
    pub(super) fn tags(&self) -> Vec<(String, String)> {
        let mut tags: Vec<_> = self
            .programs
            .iter()
            .map(|program| (program.name.clone(), program.tag.clone()))
            .collect();
        tags.sort_unstable();
        tags
    }

    fn programs_are_ours(&self) -> Result<()> {
        let mut shown: Vec<_> = self
            .programs
            .iter()
            .map(|program| (&*program.name, &*program.kind))
            .collect();
        shown.sort_unstable();
        let ours = [
            ("intercept_peer", "sched_cls"),
            ("intercept_plain", "sched_cls"),
            ("intercept_skb", "xdp"),
            ("intercept_xdp", "xdp"),
        ];
        ensure!(shown == ours, "{shown:?}");
        for program in &self.programs {
            let digits = program.tag.len() == 16
                && program.tag.bytes().all(|digit| digit.is_ascii_hexdigit());
            ensure!(digits && program.btf.is_some(), "{program:?}");
        }
        Ok(())
    }

    fn every_pod_has_one(&self) -> Result<()> {
        let peer = self.programs.iter();
        let peer: Vec<u64> = peer
            .filter(|program| program.name == "intercept_peer")
            .map(|program| program.id)
            .collect();
        // Interfaces come and go with pods of others, and the agent follows.
        eventually(KNOWN, "a program on each pod's interface", || {
            self.every_pod_has_one_of(&peer)
        })
    }

    fn every_pod_has_one_of(&self, programs: &[u64]) -> Result<()> {
        let interfaces = self.inspector.pod_interfaces()?;
        let attached = self.inspector.attachments(programs)?;
        for interface in &interfaces {
            let count = attached
                .iter()
                .filter(|attachment| attachment.interface == interface.index)
                .count();
            ensure!(count == 1, "{count} on {interface:?} of {attached:?}");
        }
        let pods = self.pods()?;
        ensure!(
            interfaces.len() >= pods,
            "{} interfaces lead into {pods} pods",
            interfaces.len()
        );
        // What the pod itself says of the other end of its interface.
        let index: u64 = self
            .pod
            .run(&["cat", "/sys/class/net/eth0/iflink"])?
            .trim()
            .parse()
            .context("read the index of the interface that leads into the pod")?;
        ensure!(
            attached
                .iter()
                .any(|attachment| attachment.interface == index),
            "interface {index} leads into {} and is not in {attached:?}",
            self.pod.name
        );
        Ok(())
    }

    /// How many pods with a network of their own run on the node.
    fn pods(&self) -> Result<usize> {
        let field = format!("spec.nodeName={},status.phase=Running", self.node.name);
        let pods = self
            .stage
            .kubectl
            .get(&["pods", "-A", "--field-selector", &field])?;
        Ok(items(&pods)
            .filter(|pod| pod["spec"]["hostNetwork"] != true)
            .count())
    }

    fn maps_are_as_laid_out(&self) -> Result<()> {
        let maps = self.inspector.maps()?;
        for laid in LAYOUT {
            let map = maps.iter().find(|map| map.name == laid.name);
            let map = map.with_context(|| format!("no map {}", laid.name))?;
            ensure!(
                map.kind == laid.kind && map.types == laid.types,
                "{map:?} shall be {laid:?}"
            );
        }
        ensure!(maps.len() == LAYOUT.len(), "{maps:?}");
        Ok(())
    }

    fn entry_is_found(&self) -> Result<()> {
        let entry = eventually(KNOWN, "the service's entry", || {
            self.inspector.entry(&self.name)
        })?;
        let addresses = entry.addresses();
        ensure!(addresses == [self.address], "{entry:?} has {addresses:?}");
        Ok(())
    }

    fn entry_is_looked_up(&self) -> Result<()> {
        let dumped = self.inspector.entry(&self.name)?;
        let looked_up = self.inspector.element(dumped.map, &dumped.key)?;
        ensure!(
            looked_up == dumped.shown,
            "{looked_up} and {}",
            dumped.shown
        );
        Ok(())
    }

    fn lookup_agrees(&self) -> Result<()> {
        let entry = self.inspector.entry(&self.name)?;
        let found = self.stage.agents.lookup(self.node, &self.name)?;
        let answers = found["answers"].as_array().map_or(0, Vec::len);
        ensure!(
            found["map"] == entry.map && answers == entry.slots.len(),
            "{found} and {entry:?}"
        );
        let address = self.address.to_string();
        ensure!(
            found["answers"].to_string().contains(&address),
            "no {address} in {found}"
        );
        Ok(())
    }

    fn reason_is_counted(&self) -> Result<()> {
        // Names of pods are left to the DNS service, for any address may be one.
        let asked = Asked {
            name: "192-0-2-1.default.pod.cluster.local".to_owned(),
            record_type: 1,
            edns: None,
            transport: Transport::Udp,
        };
        let counted = || {
            let counters = self.inspector.counters()?;
            let count = counters.get("unknown_name").copied();
            count.context("no counter of unknown names")
        };
        let before = counted()?;
        self.pod.ask(&self.stage.dns_server(), &[asked])?;
        let after = counted()?;
        ensure!(after > before, "{before} before and {after} after");
        Ok(())
    }

    fn counters_agree(&self) -> Result<()> {
        // Other pods may ask in between: then it is done again.
        eventually(KNOWN, "counters that stand still", || {
            let before = self.stage.agents.status(self.node)?;
            let dumped = self.inspector.counters()?;
            let after = self.stage.agents.status(self.node)?;
            ensure!(
                before.passed == after.passed && before.answered == after.answered,
                "questions are being asked"
            );
            let answered = &after.answered;
            for (label, count) in [
                ("answer", answered.answer),
                ("nodata", answered.nodata),
                ("nxdomain", answered.nxdomain),
            ]
            .into_iter()
            .chain(after.passed.iter().map(|(label, count)| (&**label, *count)))
            {
                ensure!(
                    dumped.get(label) == Some(&count),
                    "{label}: {count} in zerohop status, {:?} in the dump",
                    dumped.get(label)
                );
            }
            ensure!(
                after.answered_in_kernel() + after.passed_on() > 0,
                "nothing is counted"
            );
            Ok(())
        })
    }
}
