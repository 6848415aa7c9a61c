//! The plugins that tell people of each query: `log` and `dnstap` (`plugin/log/setup.go`).
//!
//! Queries answered in the kernel are missing there, so what is logged is left unless the operator
//! said otherwise. Errors are never answered in the kernel.

use hickory_proto::rr::Name;

use crate::corefile::{
    address,
    effects::{Effects, Surroundings},
    fault::Fault,
    parser::Directive,
};

/// Reads `log [NAMES] [FORMAT] { class CLASSES }`.
pub(super) fn log(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let parts = directive.parts()?;
    let mut names = parts.arguments.as_slice();
    if let [first @ .., format] = names
        && !first.is_empty()
        && format.text.contains('{')
    {
        names = first;
    }
    let mut scopes = Vec::new();
    for name in names {
        scopes.push(address::name(&name.text).map_err(|message| name.place.fault(message))?);
    }
    if scopes.is_empty() {
        scopes.push(Name::root());
    }
    let mut errors_only = !parts.entries.is_empty();
    for entry in &parts.entries {
        if entry.name.text != "class" || entry.arguments.is_empty() {
            return Err(entry.unknown("log"));
        }
        for class in &entry.arguments {
            match class.text.as_str() {
                "error" => {}
                "all" | "denial" | "success" => errors_only = false,
                other => {
                    return Err(class.place.fault(format!(
                        "found the class `{other}`; `all`, `denial`, `error` or `success` is wanted"
                    )));
                }
            }
        }
    }
    let place = &directive.name.place;
    let reason = (!errors_only && !surroundings.answer_when_logged).then(|| {
        format!("{place}: queries are logged (`log`); left to the DNS service, unless --when-logged answer")
    });
    for scope in scopes {
        effects.logged.push((scope, reason.clone()));
    }
    Ok(())
}

/// Reads `dnstap ...`.
pub(super) fn dnstap(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    if !surroundings.answer_when_logged {
        effects.leave(
            &directive.name.place,
            "queries are recorded (`dnstap`); left to the DNS service, unless --when-logged answer",
        );
    }
    Ok(())
}
