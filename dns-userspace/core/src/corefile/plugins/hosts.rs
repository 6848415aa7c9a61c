//! The plugin `hosts` (`plugin/hosts/setup.go`, `hostsfile.go`, `hosts.go`).
//!
//! It answers the names in a file and in its own block, and the reverse names of their addresses. With
//! `fallthrough` all other names are handed on.

use std::{collections::BTreeSet, net::IpAddr, str::FromStr, time::Duration};

use hickory_proto::rr::Name;

use crate::corefile::{
    address,
    directive::number,
    duration::duration,
    effects::{Effects, Surroundings},
    fault::{Fault, Place},
    mounted::{File, HOSTS, LOOPBACK},
    parser::Directive,
};

/// A file that is read again at least so often is read by the time that a change of it counts: that is later than
/// the shortest interval of the plugin `reload`.
pub(in crate::corefile) const RELOAD_MAX: Duration = Duration::from_secs(30);
/// How often the file is read again without `reload`.
pub(in crate::corefile) const RELOAD: Duration = Duration::from_secs(5);

/// A plugin `hosts`, as it is set up.
#[derive(Debug)]
pub(in crate::corefile) struct Hosts {
    pub(in crate::corefile) place: Place,
    /// The zones in which it answers.
    pub(in crate::corefile) zones: Vec<Name>,
    /// The zones of which it hands on what it does not list.
    pub(in crate::corefile) fallthrough: Vec<Name>,
    /// What it lists; the reason, if that is not known.
    pub(in crate::corefile) listed: Result<Listed, String>,
    /// Whether it answers for reverse names of listed addresses in any zone.
    pub(in crate::corefile) reverse: bool,
    /// Why not all of those addresses are known.
    pub(in crate::corefile) unlisted: Option<String>,
}

/// What a plugin `hosts` answers.
#[derive(Debug, Default)]
pub(in crate::corefile) struct Listed {
    /// Names, and the reverse names of addresses.
    pub(in crate::corefile) names: BTreeSet<Name>,
    /// The names above those with a first label `*`.
    pub(in crate::corefile) trees: BTreeSet<Name>,
}

/// Reads the plugin.
pub(super) fn read(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    let parts = directive.parts()?;
    let (path, zones) = match parts.arguments.split_first() {
        Some((path, zones)) => (path.text.as_str(), zones),
        None => (HOSTS, &[][..]),
    };
    let zones = address::zones(zones, surroundings.zones)?;
    let mut inline = String::new();
    let mut fallthrough = Vec::new();
    let mut reverse = true;
    let mut prompt = true;
    for entry in &parts.entries {
        match entry.name.text.as_str() {
            // A second line replaces the first.
            "fallthrough" => fallthrough = address::fallthrough(&entry.arguments)?,
            "no_reverse" => {
                entry.alone()?;
                reverse = false;
            }
            // How long its answers live.
            "ttl" => {
                let token = entry.only()?;
                if !(1..=u32::from(u16::MAX)).contains(&number(token)?) {
                    return Err(token.place.fault(format!(
                        "found the TTL {}; one from 1 to 65535 s is wanted",
                        token.text
                    )));
                }
            }
            "reload" => {
                let token = entry.only()?;
                let interval = duration(&token.text).ok_or_else(|| {
                    token.place.fault(format!(
                        "found `{}` after `reload`; a duration such as 5s is wanted",
                        token.text
                    ))
                })?;
                prompt = !interval.is_zero() && interval <= RELOAD_MAX;
            }
            "fallthrough_unsupported" => entry.alone()?,
            _ if !fallthrough.is_empty() => return Err(entry.unknown("hosts")),
            address => {
                inline.push_str(address);
                for name in &entry.arguments {
                    inline.push(' ');
                    inline.push_str(&name.text);
                }
                inline.push('\n');
            }
        }
    }
    let listed = match file(path, surroundings) {
        Ok(Some(_)) if !prompt => Err(format!(
            "{place}: the plugin `hosts` reads {path} again so seldom (`reload`) that it may have an earlier text; \
             left to the DNS service"
        )),
        Ok(text) => {
            let mut listed = Listed::default();
            listed.add(text.unwrap_or_default(), reverse);
            listed.add(&inline, reverse);
            Ok(listed)
        }
        Err(message) => Err(format!(
            "{place}: the plugin `hosts` reads {path}, {message}; left to the DNS service"
        )),
    };
    let lacks_own =
        path == HOSTS && matches!(surroundings.mounted.file(path), File::Known(LOOPBACK));
    let unlisted = lacks_own.then(|| {
        format!(
            "{place}: the plugin `hosts` reads {path}, in which a pod has its own address, which is not known; left \
             to the DNS service"
        )
    });
    effects.hosts = Some(Hosts {
        place: place.clone(),
        zones,
        fallthrough,
        listed,
        reverse,
        unlisted,
    });
    Ok(())
}

/// The text of the file; none if it certainly does not exist.
fn file<'a>(path: &str, surroundings: &'a Surroundings<'_>) -> Result<Option<&'a str>, String> {
    if !path.starts_with('/') || path.contains("/.") || path.contains("//") {
        let reason = if surroundings.rooted {
            "which `root` moves"
        } else {
            "which is no absolute path"
        };
        return Err(reason.to_owned());
    }
    match surroundings.mounted.file(path) {
        File::Known(text) => Ok(Some(text)),
        File::Absent => Ok(None),
        File::Unknown => Err("which is not known".to_owned()),
    }
}

impl Listed {
    /// Adds the lines of a hosts file.
    fn add(&mut self, text: &str, reverse: bool) {
        for line in text.split('\n') {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let mut fields = line.split_ascii_whitespace();
            let Some(address) = fields.next().and_then(address_of) else {
                continue;
            };
            let mut named = false;
            for field in fields {
                named = true;
                // What is no domain name is never asked for in one of our zones.
                let Ok(name) = address::name(field) else {
                    continue;
                };
                if name.iter().next() == Some(b"*") {
                    self.trees.insert(name.base_name());
                }
                self.names.insert(name);
            }
            if named && reverse {
                self.names.insert(reverse_name(address));
            }
        }
    }
}

/// An address, without a zone identifier behind `%`.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    IpAddr::from_str(text).ok()
}

/// The name of an address; that of an IPv4 address too if it is written as an IPv6 one, as the plugin takes
/// both for the same.
fn reverse_name(address: IpAddr) -> Name {
    let mut name = Name::from(address.to_canonical());
    name.set_fqdn(true);
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_lists_names_and_the_reverse_names_of_addresses() {
        let mut listed = Listed::default();
        listed.add(
            "10.0.0.1 Node1 node1.example.com # x y\n\n# no\nnonsense a b\n10.0.0.9\nfe80::1%eth0\t*.wild.example\r\n",
            true,
        );
        let names: Vec<_> = listed.names.iter().map(Name::to_ascii).collect();
        for name in [
            "node1.",
            "node1.example.com.",
            "1.0.0.10.in-addr.arpa.",
            "*.wild.example.",
        ] {
            assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
        }
        assert_eq!(names.len(), 5, "{names:?}");
        assert_eq!(
            listed.trees.iter().map(Name::to_ascii).collect::<Vec<_>>(),
            ["wild.example."]
        );
    }
}
