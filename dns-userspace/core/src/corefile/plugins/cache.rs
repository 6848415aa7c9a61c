//! The plugin `cache` (specification §11; `plugin/cache/setup.go`).

use hickory_proto::rr::Name;

use crate::{
    corefile::{
        address,
        directive::{Entry, number},
        effects::{Effects, Surroundings},
        fault::Fault,
        lexer::Token,
        parser::Directive,
    },
    policy::Capping,
};

/// Ceilings without a number, in seconds.
const SUCCESS: u32 = 3600;
const DENIAL: u32 = 1800;
/// The floor without a number, in seconds.
const FLOOR: u32 = 5;

/// A plugin `cache`, as it is set up.
#[derive(Debug)]
pub(in crate::corefile) struct Cache {
    /// The zones whose replies pass through it.
    pub(in crate::corefile) zones: Vec<Name>,
    pub(in crate::corefile) capping: Capping,
    /// Why replies from the cache may not be what a fresh one would be, within its lifetime.
    pub(in crate::corefile) stale: Option<String>,
    /// Zones whose positive replies are not kept.
    pub(in crate::corefile) success_disabled: Vec<Name>,
    /// Zones whose denials are not kept.
    pub(in crate::corefile) denial_disabled: Vec<Name>,
}

/// Reads the plugin.
pub(in crate::corefile) fn read(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let parts = directive.parts()?;
    let mut capping = Capping {
        success: (FLOOR, SUCCESS),
        denial: (FLOOR, DENIAL),
    };
    let mut zones = parts.arguments.as_slice();
    if let [first, rest @ ..] = zones
        && let Ok(seconds) = first.text.parse::<i64>()
    {
        let seconds = lifetime(first, seconds)?;
        capping = Capping {
            success: (FLOOR, seconds),
            denial: (FLOOR, seconds),
        };
        zones = rest;
    }
    let mut cache = Cache {
        zones: address::zones(zones, surroundings.zones)?,
        capping,
        stale: None,
        success_disabled: Vec::new(),
        denial_disabled: Vec::new(),
    };
    for entry in &parts.entries {
        cache.take(entry)?;
    }
    effects.cache = Some(cache);
    Ok(())
}

impl Cache {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        match entry.name.text.as_str() {
            "success" => bounds(entry, &mut self.capping.success)?,
            "denial" => bounds(entry, &mut self.capping.denial)?,
            "disable" => {
                let Some((kind, zones)) = entry.arguments.split_first() else {
                    return Err(entry
                        .name
                        .place
                        .fault("found `disable` alone; `success` or `denial` is wanted"));
                };
                let disabled = match kind.text.as_str() {
                    "success" => &mut self.success_disabled,
                    "denial" => &mut self.denial_disabled,
                    other => {
                        return Err(kind.place.fault(format!(
                            "found `{other}` after `disable`; `success` or `denial` is wanted"
                        )));
                    }
                };
                // A second line replaces the first.
                *disabled = if zones.is_empty() {
                    vec![Name::root()]
                } else {
                    let name = |zone: &&Token| {
                        address::name(&zone.text).map_err(|message| zone.place.fault(message))
                    };
                    zones.iter().map(name).collect::<Result<_, _>>()?
                };
            }
            option @ ("serve_stale" | "keepttl") => {
                self.stale.get_or_insert_with(|| {
                    format!(
                        "{}: the cache repeats old answers (`{option}`); left to the DNS service",
                        entry.name.place
                    )
                });
            }
            // When entries are asked for again, how failures are kept, and what becomes of stale ones.
            "prefetch" | "servfail" | "serve_stale_policy" => {}
            _ => return Err(entry.unknown("cache")),
        }
        Ok(())
    }
}

/// Reads `CAPACITY [TTL [MINIMUM]]`.
fn bounds(entry: &Entry<'_>, (floor, ceiling): &mut (u32, u32)) -> Result<(), Fault> {
    match entry.arguments.as_slice() {
        [capacity] => {
            number(capacity)?;
        }
        [capacity, seconds] => {
            number(capacity)?;
            *ceiling = lifetime(seconds, i64::from(number(seconds)?))?;
        }
        [capacity, seconds, minimum] => {
            number(capacity)?;
            *ceiling = lifetime(seconds, i64::from(number(seconds)?))?;
            *floor = number(minimum)?;
        }
        others => {
            return Err(entry.name.place.fault(format!(
                "found `{}` with {} arguments; a capacity, and a TTL with its minimum, are wanted",
                entry.name.text,
                others.len()
            )));
        }
    }
    Ok(())
}

fn lifetime(token: &Token, seconds: i64) -> Result<u32, Fault> {
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| {
            token.place.fault(format!(
                "found a lifetime of {seconds} seconds; one of 1 s or more is wanted"
            ))
        })
}
