//! Plugins with few options.

use std::collections::BTreeSet;

use hickory_proto::rr::{Name, RecordType};

use crate::{
    corefile::{
        address,
        directive::number,
        effects::{Effects, Surroundings},
        fault::Fault,
        parser::Directive,
    },
    policy::Order,
};

/// The size of `bufsize` without a number, in octets.
const SIZE: u16 = 1232;
/// The sizes that `bufsize` takes, in octets.
const SIZES: std::ops::RangeInclusive<u32> = 512..=4096;

/// `any`: questions for the type ANY get an answer of its own.
pub(super) fn any(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    effects.left_types.push((
        u16::from(RecordType::ANY),
        format!("{place}: the plugin `any` answers ANY"),
    ));
    Ok(())
}

/// `autopath [ZONES] RESOLV-CONF`: an absent name may be looked for along the client's search list.
pub(super) fn autopath(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    let parts = directive.parts()?;
    let Some((_, zones)) = parts.arguments.split_last() else {
        return Err(
            place.fault("found `autopath` alone; one such as `autopath @kubernetes` is wanted")
        );
    };
    for zone in address::zones(zones, surroundings.zones)? {
        effects.undenied.push((
            zone,
            format!("{place}: absent names are looked for by `autopath`"),
        ));
    }
    effects.make_uncertain(place, "the plugin `autopath` answers by client");
    Ok(())
}

/// `bufsize [SIZE]`.
pub(super) fn bufsize(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let parts = directive.parts()?;
    effects.size = Some(match parts.arguments.as_slice() {
        [] => SIZE,
        [size] => Some(number(size)?)
            .filter(|size| SIZES.contains(size))
            .and_then(|size| u16::try_from(size).ok())
            .ok_or_else(|| {
                size.place
                    .fault("found a size that is not within 512 to 4096 octets")
            })?,
        [_, more, ..] => return Err(more.place.fault("found a second size; one is wanted")),
    });
    Ok(())
}

/// `dns64`: a missing AAAA record is made from an A record, for some clients.
pub(super) fn dns64(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    for entry in &directive.parts()?.entries {
        match entry.name.text.as_str() {
            "prefix" | "allow_ipv4" => {}
            "translate_all" => effects.left.push(format!(
                "{}: the plugin `dns64` replaces AAAA records; left to the DNS service",
                entry.name.place
            )),
            _ => return Err(entry.unknown("dns64")),
        }
    }
    effects.left_types.push((
        u16::from(RecordType::AAAA),
        format!("{place}: missing AAAA records are made by `dns64`"),
    ));
    effects.make_uncertain(place, "the plugin `dns64` answers by client");
    Ok(())
}

/// `forward FROM TO...`: only one for all names counts.
pub(super) fn forward(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    effects.forwards |= directive
        .tokens
        .first()
        .is_some_and(|from| from.text == ".");
    Ok(())
}

/// `loadbalance [round_robin | weighted FILE] { prefer PREFIXES }`.
pub(super) fn loadbalance(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    let parts = directive.parts()?;
    let policies: Vec<&str> = parts
        .arguments
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    effects.order = Some(match policies.as_slice() {
        [] | ["round_robin"] if parts.entries.is_empty() => Order::Turned,
        [] | ["round_robin"] | ["weighted", _] => {
            let options = BTreeSet::from(["prefer", "reload"]);
            if let Some(entry) = parts
                .entries
                .iter()
                .find(|entry| !options.contains(entry.name.text.as_str()))
            {
                return Err(entry.unknown("loadbalance"));
            }
            Order::Uncertain
        }
        _ => {
            return Err(place.fault(format!(
                "found `loadbalance {}`; `round_robin`, or `weighted` with a file, is wanted",
                policies.join(" ")
            )));
        }
    });
    Ok(())
}

/// `local`: the names of the machine itself. Without `localhost_prefix off` that is every name that begins
/// with `localhost`, in any zone.
pub(super) fn local(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    let mut prefix = true;
    for entry in &directive.parts()?.entries {
        match (entry.name.text.as_str(), entry.only()?.text.as_str()) {
            ("localhost_prefix", "on") => prefix = true,
            ("localhost_prefix", "off") => prefix = false,
            _ => return Err(entry.unknown("local")),
        }
    }
    let reason = format!(
        "{place}: the plugin `local` answers names that begin with localhost; left to the DNS service"
    );
    if prefix {
        effects.left.push(reason.clone());
    }
    for zone in [
        "localhost.",
        "0.in-addr.arpa.",
        "127.in-addr.arpa.",
        "255.in-addr.arpa.",
    ] {
        let zone = Name::from_ascii(zone).map_err(|error| place.fault(error.to_string()))?;
        effects.left_zones.push((zone, reason.clone()));
    }
    Ok(())
}

/// `minimal`: positive answers have no other sections.
pub(super) fn minimal(
    _: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    effects.glue = false;
    Ok(())
}

/// `whoami`: runs after `kubernetes`, and answers with the client's address.
pub(super) fn whoami(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    effects.make_uncertain(
        &directive.name.place,
        "the plugin `whoami` answers by client",
    );
    Ok(())
}
