//! The arguments and options of plugins that bear on no answer, or on few.
//!
//! They matter all the same: CoreDNS refuses a changed Corefile for a single word that it does not take, and
//! goes on with the text before. So such a word leaves the block, as if the plugin were unknown. Made from the
//! plugins' `setup.go` in CoreDNS 1.15.0; options that only later versions of those from 1.11.0 on have are
//! taken too.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use super::form::Form;
use crate::corefile::{
    directive::Parts, fault::Fault, lexer::Token, mounted::Mounted, parser::Directive,
};

/// What a directive takes.
struct Shape {
    plugins: &'static [&'static str],
    /// The alternatives for the words on its own line.
    arguments: &'static [Words],
    /// The alternatives for each option's words; none: it takes no block at all.
    options: &'static [(&'static str, Words)],
}

const fn shape(
    plugins: &'static [&'static str],
    arguments: &'static [Words],
    options: &'static [(&'static str, Words)],
) -> Shape {
    Shape {
        plugins,
        arguments,
        options,
    }
}

/// Words on a line.
#[derive(Clone, Copy)]
struct Words {
    /// The first ones, in order.
    forms: &'static [Form],
    /// How many of them there must be.
    least: usize,
    /// What each one behind them is.
    more: Option<Form>,
}

const NONE: Words = Words {
    forms: &[],
    least: 0,
    more: None,
};

/// Exactly these.
const fn all(forms: &'static [Form]) -> Words {
    Words {
        forms,
        least: forms.len(),
        more: None,
    }
}

/// These, of which only so many are needed.
const fn first(least: usize, forms: &'static [Form]) -> Words {
    Words {
        forms,
        least,
        more: None,
    }
}

/// One or more of these.
const fn some(forms: &'static [Form; 1]) -> Words {
    Words {
        forms,
        least: 1,
        more: Some(forms[0]),
    }
}

/// Any number of words.
const ANY: Words = Words {
    forms: &[],
    least: 0,
    more: Some(Form::Any),
};

const SECOND: Duration = Duration::from_secs(1);
const LEVELS: Form = Form::Word(&["warning", "error", "info", "debug"]);
const RCODES: [&str; 5] = ["FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
const RCODES_AND_SUCCESS: [&str; 6] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
];
/// The most servers that `forward` takes.
const UPSTREAMS: usize = 15;

/// What plugins take; the words of others are not looked at here.
const SHAPES: &[Shape] = &[
    shape(&["any", "debug", "loop", "minimal", "whoami"], &[NONE], &[]),
    shape(
        &["bind"],
        &[some(&[Form::Bindable])],
        &[("except", some(&[Form::Bindable]))],
    ),
    shape(&["cache"], &[ANY], CACHE),
    shape(
        &["cancel"],
        &[first(0, &[Form::DurationFrom(Duration::from_nanos(1))])],
        &[],
    ),
    shape(&["chaos", "metadata"], &[ANY], &[]),
    shape(
        &["errors"],
        &[first(0, &[Form::Word(&["stdout"])])],
        &[
            ("stacktrace", NONE),
            (
                "consolidate",
                first(2, &[Form::Duration, Form::Pattern, LEVELS, SHOW_FIRST]),
            ),
            (
                "consolidate",
                all(&[Form::Duration, Form::Pattern, SHOW_FIRST]),
            ),
        ],
    ),
    shape(
        &["forward"],
        &[Words {
            forms: &[Form::Zone, Form::Upstream],
            least: 2,
            more: Some(Form::Upstream),
        }],
        FORWARD,
    ),
    shape(
        &["health"],
        &[first(0, &[Form::Listening])],
        &[("lameduck", all(&[Form::Duration]))],
    ),
    shape(
        &["loadbalance"],
        &[ANY],
        &[
            ("prefer", some(&[Form::Prefix])),
            ("reload", all(&[Form::Duration])),
        ],
    ),
    shape(
        &["pprof"],
        &[first(0, &[Form::Listening])],
        &[("block", first(0, &[Form::Number]))],
    ),
    shape(
        &["prometheus"],
        &[first(0, &[Form::Listening])],
        &[("runtime_metrics", NONE)],
    ),
    shape(
        &["ready"],
        &[first(0, &[Form::Listening])],
        &[(
            "monitor",
            all(&[Form::Word(&["until-ready", "continuously"])]),
        )],
    ),
    shape(
        &["reload"],
        &[first(
            0,
            &[
                Form::DurationFrom(Duration::from_secs(2)),
                Form::ZeroOrFrom(SECOND),
            ],
        )],
        &[],
    ),
    shape(&["root"], &[all(&[Form::Any])], &[]),
    shape(
        &["trace"],
        &[
            first(0, &[Form::Any]),
            all(&[Form::WordInAnyCase(&["zipkin", "datadog"]), Form::Any]),
        ],
        &[
            ("every", all(&[Form::Number])),
            ("service", all(&[Form::Any])),
            ("client_server", first(0, &[Form::Word(&["true", "false"])])),
        ],
    ),
    shape(
        &["transfer"],
        &[ANY],
        &[
            ("to", some(&[Form::Word(&["*"])])),
            ("to", some(&[Form::Address])),
            ("source", all(&[Form::Address])),
        ],
    ),
];

const SHOW_FIRST: Form = Form::Word(&["show_first"]);

/// Beside what is read of it elsewhere.
const CACHE: &[(&str, Words)] = &[
    ("success", ANY),
    ("denial", ANY),
    ("disable", ANY),
    ("keepttl", NONE),
    (
        "prefetch",
        first(1, &[Form::Number, Form::Duration, Form::Percentage]),
    ),
    (
        "servfail",
        all(&[Form::DurationUpTo(Duration::from_secs(300))]),
    ),
    (
        "serve_stale",
        first(
            0,
            &[
                Form::Duration,
                Form::WordInAnyCase(&["immediate", "verify"]),
            ],
        ),
    ),
];

const FORWARD: &[(&str, Words)] = &[
    ("except", some(&[Form::Any])),
    ("max_fails", all(&[Form::Number])),
    ("max_connect_attempts", all(&[Form::Number])),
    (
        "health_check",
        Words {
            forms: &[Form::Duration],
            least: 1,
            more: Some(Form::Word(&["no_rec"])),
        },
    ),
    (
        "health_check",
        all(&[Form::Duration, Form::Word(&["domain"]), Form::Name]),
    ),
    (
        "health_check",
        all(&[
            Form::Duration,
            Form::Word(&["no_rec"]),
            Form::Word(&["domain"]),
            Form::Name,
        ]),
    ),
    ("force_tcp", NONE),
    ("prefer_udp", NONE),
    ("tls", NONE),
    ("tls_servername", all(&[Form::Any])),
    ("expire", all(&[Form::Duration])),
    ("max_idle_conns", all(&[Form::Number])),
    (
        "read_timeout",
        all(&[Form::DurationFrom(Duration::from_nanos(1))]),
    ),
    ("doh_method", all(&[Form::Word(&["GET", "POST"])])),
    (
        "policy",
        all(&[Form::Word(&["random", "round_robin", "sequential"])]),
    ),
    ("max_concurrent", all(&[Form::Number])),
    ("next", some(&[Form::WordInAnyCase(&RCODES_AND_SUCCESS)])),
    ("next_on_nodata", NONE),
    ("failfast_all_unhealthy_upstreams", NONE),
    ("failover", some(&[Form::WordInAnyCase(&RCODES)])),
    ("resolver", some(&[Form::Address])),
    ("source_address", all(&[Form::Address])),
];

/// Checks the words of a directive whose plugin is in the list.
///
/// # Errors
/// A word that is not certainly taken, and the place of it.
pub(super) fn check(directive: &Directive, mounted: &Mounted) -> Result<(), Fault> {
    let plugin = directive.name.text.as_str();
    let Some(shape) = SHAPES.iter().find(|shape| shape.plugins.contains(&plugin)) else {
        return Ok(());
    };
    let brace = directive.tokens.iter().find(|token| token.text == "{");
    if let Some(brace) = brace.filter(|_| shape.options.is_empty()) {
        return Err(brace.place.fault(format!(
            "found a block behind `{plugin}`; the end of the line is wanted"
        )));
    }
    let parts = directive.parts()?;
    let arguments = shape.arguments.iter().copied();
    any_fits(arguments, &directive.name, &parts.arguments, mounted)?;
    for entry in &parts.entries {
        let named = |(name, _): &&(&str, Words)| *name == entry.name.text;
        let mut alternatives = shape.options.iter().filter(named).peekable();
        if alternatives.peek().is_none() {
            return Err(entry.unknown(plugin));
        }
        let alternatives = alternatives.map(|(_, words)| *words);
        any_fits(alternatives, entry.name, &entry.arguments, mounted)?;
    }
    as_a_whole(directive, &parts)
}

/// What no line alone tells.
fn as_a_whole(directive: &Directive, parts: &Parts<'_>) -> Result<(), Fault> {
    let place = &directive.name.place;
    let is_named = |name: &str| parts.entries.iter().any(|entry| entry.name.text == name);
    match directive.name.text.as_str() {
        "forward" if parts.arguments.len() > UPSTREAMS.saturating_add(1) => Err(place.fault(
            format!("found more than {UPSTREAMS} servers after `forward`; fewer are wanted"),
        )),
        // Nobody knows whether an interface has one of the addresses, and none may be there twice.
        "bind" if !are_distinct(&parts.arguments) => Err(place
            .fault("found addresses that may be the same after `bind`; different ones are wanted")),
        "loadbalance" => {
            let is_weighted = parts
                .arguments
                .first()
                .is_some_and(|policy| policy.text == "weighted");
            let strange = if is_weighted { "prefer" } else { "reload" };
            match parts
                .entries
                .iter()
                .find(|entry| entry.name.text == strange)
            {
                Some(entry) => Err(entry.name.place.fault(format!(
                    "found `{strange}`, which does not go with the policy; none is wanted"
                ))),
                None => Ok(()),
            }
        }
        "transfer" if !is_named("to") => {
            Err(place.fault("found `transfer` without `to`; one is wanted"))
        }
        _ => Ok(()),
    }
}

fn are_distinct(addresses: &[&Token]) -> bool {
    let distinct: BTreeSet<Option<IpAddr>> = addresses
        .iter()
        .map(|address| address.text.parse().ok())
        .collect();
    distinct.len() == addresses.len() && (addresses.len() == 1 || !distinct.contains(&None))
}

fn any_fits(
    alternatives: impl Iterator<Item = Words>,
    name: &Token,
    found: &[&Token],
    mounted: &Mounted,
) -> Result<(), Fault> {
    let mut fault = None;
    for words in alternatives {
        match words.fit(name, found, mounted) {
            Ok(()) => return Ok(()),
            Err(other) => fault = fault.or(Some(other)),
        }
    }
    fault.map_or(Ok(()), Err)
}

impl Words {
    fn fit(self, name: &Token, found: &[&Token], mounted: &Mounted) -> Result<(), Fault> {
        for (index, word) in found.iter().enumerate() {
            let form = self.forms.get(index).copied().or(self.more);
            let Some(form) = form else {
                return Err(word.place.fault(format!(
                    "found `{}` after `{}`; the end of the line is wanted",
                    word.text, name.text
                )));
            };
            if !form.takes(&word.text, mounted) {
                return Err(word.place.fault(format!(
                    "found `{}` after `{}`; {} is wanted",
                    word.text,
                    name.text,
                    form.wanted()
                )));
            }
        }
        match self.forms.get(found.len()) {
            Some(form) if found.len() < self.least => Err(name.place.fault(format!(
                "found `{}` with {} words; {} is wanted after them",
                name.text,
                found.len(),
                form.wanted()
            ))),
            _ => Ok(()),
        }
    }
}
