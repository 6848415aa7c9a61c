//! What bpftool shows of zerohop on a node. The scenario `inspection` checks it, the tour prints it, and
//! `docs/inspection.md` explains it.

mod attachments;
mod conntrack;
mod entry;
mod maps;
mod tour;
mod types;

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::{Context as _, Result};
use dns_ebpf::{Answered, Pass};
use serde_json::Value;

pub(crate) use self::{maps::LAYOUT, tour::tour};
use crate::{node::Node, pods::Pod, stage::Stage};

/// Where zerohop pins its programs, maps and links.
pub(crate) const PINS: &str = "/sys/fs/bpf/zerohop";

/// A pod on a node that runs bpftool there.
pub(crate) struct Inspector {
    pod: Pod,
    /// The DNS service's address family, as conntrack names it.
    family: &'static str,
}

/// One of zerohop's programs.
#[derive(Debug)]
pub(crate) struct Program {
    /// The kernel's number of it.
    pub(crate) id: u64,
    /// Where it can be attached: `sched_cls` or `xdp`.
    pub(crate) kind: String,
    /// Its function's name.
    pub(crate) name: String,
    /// The hash of its instructions: the same on every node with the same release.
    pub(crate) tag: String,
    /// The number of its BTF; none: it has no types.
    pub(crate) btf: Option<u64>,
}

impl Inspector {
    /// Starts the pod.
    ///
    /// # Errors
    ///
    /// It is not ready in time.
    pub(crate) fn start(stage: &Stage, node: &Node) -> Result<Self> {
        let name = format!("inspector-{}", node.name);
        let manifest = Pod::node_manifest(&name, &stage.images.glibc, node);
        let pod = Pod::start(&stage.kubectl, &manifest, node)?;
        let family = match stage.dns {
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(_) => "ipv6",
        };
        Ok(Self { pod, family })
    }

    /// Removes the pod.
    pub(crate) fn end(self) -> Result<()> {
        self.pod.delete()
    }

    /// The name of its pod, for those who paste commands.
    pub(crate) fn pod_name(&self) -> &str {
        &self.pod.name
    }

    /// What `bpftool WORDS` prints for people.
    pub(crate) fn text(&self, words: &[&str]) -> Result<String> {
        self.pod.run(&[&["bpftool"], words].concat())
    }

    /// What `bpftool -j WORDS` prints.
    pub(crate) fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.text(&[&["-j"], words].concat())?;
        serde_json::from_str(&text).with_context(|| format!("read bpftool -j {}", words.join(" ")))
    }

    /// The programs that zerohop pinned: `bpftool -f prog show`.
    pub(crate) fn programs(&self) -> Result<Vec<Program>> {
        let all = self.json(&["-f", "prog", "show"])?;
        pinned(&all)
            .map(|(_, program)| {
                Ok(Program {
                    id: number(program, "id")?,
                    kind: text(program, "type")?,
                    name: text(program, "name")?,
                    tag: text(program, "tag")?,
                    btf: program["btf_id"].as_u64(),
                })
            })
            .collect()
    }

    /// The counters, summed over the processors, by the label that `zerohop status` shows: `bpftool map dump`.
    ///
    /// # Errors
    ///
    /// The map has no BTF, or its values are no numbers.
    pub(crate) fn counters(&self) -> Result<BTreeMap<&'static str, u64>> {
        let mut sums = BTreeMap::new();
        for element in maps::elements(&self.dump("COUNTERS")?)? {
            let values = element["values"]
                .as_array()
                .context("a counter without a value for each processor")?;
            let sum = values.iter().filter_map(|value| value["value"].as_u64());
            sums.insert(number(element, "key")?, sum.sum::<u64>());
        }
        let passed = Pass::ALL.map(|pass| (pass.label(), pass as u64));
        let answered = Answered::ALL.map(|answered| (answered.label(), answered as u64));
        Ok([&passed[..], &answered]
            .concat()
            .into_iter()
            .filter_map(|(label, index)| Some((label, *sums.get(&index)?)))
            .collect())
    }
}

/// The objects of a list that zerohop pinned, with the last part of the path.
fn pinned(all: &Value) -> impl Iterator<Item = (&str, &Value)> {
    all.as_array().into_iter().flatten().filter_map(|object| {
        let paths = object["pinned"].as_array()?;
        let path = paths
            .iter()
            .filter_map(Value::as_str)
            .find_map(|path| path.strip_prefix(PINS)?.strip_prefix('/'))?;
        Some((path.rsplit('/').next().unwrap_or(path), object))
    })
}

fn number(object: &Value, field: &str) -> Result<u64> {
    object[field]
        .as_u64()
        .with_context(|| format!("bpftool shows no number {field:?} in {object}"))
}

fn text(object: &Value, field: &str) -> Result<String> {
    let text = object[field].as_str();
    Ok(text
        .with_context(|| format!("bpftool shows no text {field:?} in {object}"))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns_ebpf::TORN;

    #[test]
    fn the_page_explains_every_counter_and_names_every_map() {
        let page = include_str!("../../../docs/inspection.md");
        for pass in Pass::ALL.into_iter().filter(|pass| *pass != Pass::NotDns) {
            let row = format!("\n| {} | `{}` |", pass as u32, pass.label());
            assert!(page.contains(&row), "{row}");
        }
        for answered in Answered::ALL {
            assert!(
                page.contains(&format!("`{}`", answered.label())),
                "{answered:?}"
            );
        }
        assert!(page.contains(&format!("Key {TORN} counts")), "torn");
        for laid in LAYOUT {
            // Those of one kind are written by their ends.
            let end = laid.name.trim_start_matches("SECTIONS");
            assert!(page.contains(&format!("{end}`")), "{}", laid.name);
        }
    }
}
