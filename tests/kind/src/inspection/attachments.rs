//! Where the programs hang, and the interfaces that lead into pods.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Inspector, number, pinned};

/// A program of zerohop on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// The interface's index in the node.
    pub(crate) interface: u64,
    /// The number of the program.
    pub(crate) program: u64,
    /// What holds it there: a link, named by its pin, or a filter.
    pub(crate) by: String,
}

/// An interface of the node whose other end is in another network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodInterface {
    /// Its index in the node.
    pub(crate) index: u64,
    /// Its name in the node.
    pub(crate) name: String,
}

impl Inspector {
    /// Where the programs with these numbers hang: `bpftool -f link show` for TCX and XDP links, `bpftool net show` for
    /// filters.
    ///
    /// Before version 7.3 bpftool knows no TCX: it shows such a link as `type 11` without its interface, which then
    /// is told by the name of the pin alone.
    ///
    /// # Errors
    ///
    /// A link of ours whose interface cannot be told, or whose pin names another interface.
    pub(crate) fn attachments(&self, programs: &[u64]) -> Result<Vec<Attachment>> {
        let links = self.json(&["-f", "link", "show"])?;
        let mut found = Vec::new();
        for (pin, link) in pinned(&links) {
            let named = pin.rsplit('-').next().and_then(|index| index.parse().ok());
            let interface = named.with_context(|| {
                format!("the pin {pin} of a link ends with no interface's index")
            })?;
            if let Some(shown) = link["ifindex"].as_u64() {
                anyhow::ensure!(
                    shown == interface,
                    "the link pinned as {pin} hangs on interface {shown}"
                );
            }
            found.push(Attachment {
                interface,
                program: number(link, "prog_id")?,
                by: pin.to_owned(),
            });
        }
        let links = found.len();
        let net = self.json(&["net", "show"])?;
        for filter in filters(&net) {
            let (Some(interface), Some(program)) = (
                filter["ifindex"].as_u64(),
                filter["prog_id"].as_u64().or(filter["id"].as_u64()),
            ) else {
                continue;
            };
            // A newer bpftool lists TCX links here, too.
            let is_link =
                |link: &Attachment| (link.interface, link.program) == (interface, program);
            if !found[..links].iter().any(is_link) {
                found.push(Attachment {
                    interface,
                    program,
                    by: filter["kind"].as_str().unwrap_or("a filter").to_owned(),
                });
            }
        }
        Ok(found
            .into_iter()
            .filter(|attachment| programs.contains(&attachment.program))
            .collect())
    }

    /// The node's veth interfaces whose other end is in another network namespace: `ip link show type veth`.
    pub(crate) fn pod_interfaces(&self) -> Result<Vec<PodInterface>> {
        let words = ["ip", "-j", "link", "show", "type", "veth"];
        let text = self.pod.run(&words)?;
        let all: Value = serde_json::from_str(&text).context("read ip -j link show")?;
        let interfaces = all.as_array().into_iter().flatten();
        Ok(interfaces
            .filter(|interface| !interface["link_netnsid"].is_null())
            .filter_map(|interface| {
                Some(PodInterface {
                    index: interface["ifindex"].as_u64()?,
                    name: interface["ifname"].as_str()?.to_owned(),
                })
            })
            .collect())
    }
}

/// The filters that `net show` lists.
fn filters(net: &Value) -> impl Iterator<Item = &Value> {
    let parts = net.as_array().into_iter().flatten();
    parts
        .flat_map(|part| [&part["tc"], &part["xdp"]])
        .filter_map(Value::as_array)
        .flatten()
}
