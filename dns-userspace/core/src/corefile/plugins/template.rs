//! The plugin `template` (`plugin/template/setup.go`).

use crate::corefile::{
    address,
    effects::{Effects, Surroundings},
    fault::Fault,
    parser::Directive,
};

/// What a template may look at besides the name and type that are asked for.
const BY_CLIENT: [&str; 4] = ["Remote", "Meta", "Message", ".Var"];

/// Reads `template CLASS TYPE [ZONES] { ... }`: everything in its zones is left, as a name that it does not
/// match may fail, and its zones hold both.
pub(super) fn read(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    let parts = directive.parts()?;
    let [_, _, zones @ ..] = parts.arguments.as_slice() else {
        return Err(
            place.fault("found `template` without class and type; `template IN A` is wanted")
        );
    };
    for zone in address::zones(zones, surroundings.zones)? {
        effects.left_zones.push((
            zone,
            format!("{place}: the plugin `template` answers before `kubernetes` does; left to the DNS service"),
        ));
    }
    for entry in &parts.entries {
        let by_client = match entry.name.text.as_str() {
            "match" | "rcode" | "ederror" | "fallthrough" | "upstream" => false,
            "answer" | "additional" | "authority" => entry
                .arguments
                .iter()
                .any(|text| BY_CLIENT.iter().any(|sign| text.text.contains(sign))),
            _ => true,
        };
        if by_client {
            effects.make_uncertain(
                &entry.name.place,
                "the plugin `template` may answer by client",
            );
        }
    }
    Ok(())
}
