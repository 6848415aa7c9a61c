//! What is done about each plugin of CoreDNS: the one table of them.
//!
//! Made from the plugin list of CoreDNS 1.15.0 (`core/dnsserver/zdirectives.go`) and specification §19. A
//! plugin that is not here leaves its block to the DNS service.

pub(super) mod cache;
mod form;
pub(super) mod hosts;
pub(super) mod kubernetes;
mod logging;
mod options;
mod others;
pub(super) mod rewrite;
mod template;

use std::collections::BTreeSet;

use super::{
    address,
    effects::{Effects, Surroundings},
    fault::Fault,
    parser::{Block, Directive},
};

/// How a plugin bears on answers for the cluster's names.
enum Treatment {
    /// Not at all.
    Harmless,
    /// It runs after `kubernetes`, and sees only what that hands on.
    After,
    /// It answers, filters or changes everything in the zones of its arguments, by default the block's.
    Zones(&'static str),
    /// The same, and answers depend on who asks.
    ZonesByClient(&'static str),
    /// It does so in zones that its arguments name in this form: the part between colons that is the zone,
    /// and the number of parts.
    Parts(usize, usize, &'static str),
    /// It changes everything in the block, or what it changes is not looked at.
    Block(&'static str),
    /// Its options decide.
    Read(fn(&Directive, &Surroundings<'_>, &mut Effects) -> Result<(), Fault>),
}

fn treatment(plugin: &str) -> Option<Treatment> {
    use Treatment::{After, Block, Harmless, Parts, Read, Zones, ZonesByClient};
    Some(match plugin {
        // About the server as a whole, other protocols than plain DNS, what people watch, or names of other
        // classes than IN, which are never answered here.
        "cancel" | "chaos" | "debug" | "errors" | "geoip" | "grpc_server" | "health" | "https"
        | "https3" | "loop" | "metadata" | "multisocket" | "on" | "pprof" | "prometheus"
        | "quic" | "ready" | "reload" | "root" | "shed" | "timeouts" | "tls" | "trace" | "bind" => {
            Harmless
        }
        // Only zone transfers, which are never answered here.
        "transfer" => Harmless,

        "auto" | "erratic" | "etcd" | "file" | "grpc" | "nomad" | "secondary" | "sign" => After,
        "whoami" => Read(others::whoami),
        "forward" => Read(others::forward),

        "acl" => ZonesByClient("allows and blocks by client"),
        // Signatures are in answers for those only who ask for them.
        "dnssec" => ZonesByClient("signs answers"),
        "k8s_external" => Zones("answers before `kubernetes` does"),
        "tsig" => ZonesByClient("asks for signed queries"),
        "route53" => Parts(0, 2, "answers before `kubernetes` does"),
        "azure" => Parts(1, 2, "answers before `kubernetes` does"),
        "clouddns" => Parts(0, 3, "answers before `kubernetes` does"),

        "dynupdate" => Block("lets clients change names"),
        "header" => Block("sets header bits of replies"),
        "nsid" => Block("puts the server's name into replies"),
        "proxyproto" => Block("expects queries in another protocol"),
        "siit" => Block("makes addresses from other addresses"),
        "view" => Block("chooses by client"),

        "any" => Read(others::any),
        "autopath" => Read(others::autopath),
        "bufsize" => Read(others::bufsize),
        "cache" => Read(cache::read),
        "dns64" => Read(others::dns64),
        "dnstap" => Read(logging::dnstap),
        "hosts" => Read(hosts::read),
        "kubernetes" => Read(kubernetes::read),
        "loadbalance" => Read(others::loadbalance),
        "local" => Read(others::local),
        "log" => Read(logging::log),
        "minimal" => Read(others::minimal),
        "rewrite" => Read(rewrite::read),
        "template" => Read(template::read),
        _ => return None,
    })
}

/// Plugins of which CoreDNS takes one in a block, and two whose second one it passes over.
const ONCE: [&str; 17] = [
    "bufsize",
    "cache",
    "dnssec",
    "dynupdate",
    "errors",
    "grpc",
    "hosts",
    "kubernetes",
    "loadbalance",
    "loop",
    "nsid",
    "pprof",
    "prometheus",
    "ready",
    "shed",
    "tsig",
    "view",
];

/// What a block's directives do.
pub(super) fn effects(block: &Block, surroundings: &Surroundings<'_>) -> Effects {
    let mut effects = Effects::default();
    let mut seen = BTreeSet::new();
    for directive in &block.directives {
        let plugin = directive.name.text.as_str();
        if !seen.insert(plugin) && ONCE.contains(&plugin) {
            effects.leave(
                &directive.name.place,
                &format!("found a second `{plugin}` in the block; one is wanted"),
            );
            continue;
        }
        if let Err(fault) = apply(directive, surroundings, &mut effects) {
            effects.leave(&fault.place, &fault.message);
        }
    }
    effects
}

fn apply(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let plugin = directive.name.text.as_str();
    let place = &directive.name.place;
    let left = |does: &str| format!("the plugin `{plugin}` {does}; left to the DNS service");
    directive.bounded()?;
    let Some(treatment) = treatment(plugin) else {
        return Err(place.fault(format!(
            "found the plugin `{plugin}`, which is not known here; left to the DNS service"
        )));
    };
    options::check(directive, surroundings.mounted)?;
    match treatment {
        Treatment::Harmless | Treatment::After => {}
        Treatment::Block(does) => effects.leave(place, &left(does)),
        Treatment::Zones(does) | Treatment::ZonesByClient(does) => {
            let zones = address::zones(&directive.parts()?.arguments, surroundings.zones)?;
            let reason = format!("{place}: {}", left(does));
            effects
                .left_zones
                .extend(zones.into_iter().map(|zone| (zone, reason.clone())));
            if matches!(treatment, Treatment::ZonesByClient(_)) {
                effects.make_uncertain(place, &left(does));
            }
        }
        Treatment::Parts(zone, parts, does) => {
            for argument in directive.parts()?.arguments {
                let texts: Vec<&str> = argument.text.split(':').collect();
                let zone = texts.get(zone).filter(|_| texts.len() == parts);
                let zone = zone
                    .and_then(|zone| address::name(zone).ok())
                    .ok_or_else(|| {
                        argument.place.fault(format!(
                            "found `{}` after `{plugin}`; a zone with its place there is wanted",
                            argument.text
                        ))
                    })?;
                effects
                    .left_zones
                    .push((zone, format!("{place}: {}", left(does))));
            }
        }
        Treatment::Read(read) => read(directive, surroundings, effects)?,
    }
    Ok(())
}
