//! What the words behind a directive or an option may be.
//!
//! Never more than CoreDNS takes: what it would refuse must not pass here. Less in places, where nobody writes
//! the rest.

use std::{net::IpAddr, time::Duration};

use crate::corefile::{
    address,
    duration::duration,
    mounted::{File, Mounted},
};

/// What a word is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Any word.
    Any,
    /// A duration that is not negative.
    Duration,
    /// One of at least this.
    DurationFrom(Duration),
    /// One of at most this.
    DurationUpTo(Duration),
    /// Zero, or a duration of at least this.
    ZeroOrFrom(Duration),
    /// A number from 0 to 2³¹ - 1, without a sign.
    Number,
    /// A part of a hundred from 10 to 90, with its sign.
    Percentage,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, in any case.
    WordInAnyCase(&'static [&'static str]),
    /// Where a server listens: `:PORT` or `ADDRESS:PORT`.
    Listening,
    Address,
    /// An address, or a network interface that pods have.
    Bindable,
    /// An address prefix such as `10.0.0.0/8`.
    Prefix,
    /// A zone, or an address prefix in its place.
    Zone,
    /// A domain name.
    Name,
    /// A server that is asked: its address or name, with a protocol and a port if need be, or a file that
    /// lists such servers.
    Upstream,
    /// A pattern of the common kind.
    Pattern,
}

/// Network interfaces that a pod with its own network has.
const INTERFACES: [&str; 2] = ["lo", "eth0"];
/// A file that kubelet gives to every pod.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Protocols by which servers are asked.
const PROTOCOLS: [&str; 4] = ["dns://", "tls://", "quic://", "https://"];

impl Form {
    pub(super) fn takes(self, text: &str, mounted: &Mounted) -> bool {
        let lasts = |is_right: &dyn Fn(Duration) -> bool| duration(text).is_some_and(is_right);
        match self {
            Self::Any => true,
            Self::Duration => lasts(&|_| true),
            Self::DurationFrom(least) => lasts(&|time| time >= least),
            Self::DurationUpTo(most) => lasts(&|time| time <= most),
            Self::ZeroOrFrom(least) => lasts(&|time| time.is_zero() || time >= least),
            Self::Number => number(text).is_some_and(|number| number <= i32::MAX.unsigned_abs()),
            Self::Percentage => text
                .strip_suffix('%')
                .and_then(number)
                .is_some_and(|part| (10..=90).contains(&part)),
            Self::Word(words) => words.contains(&text),
            Self::WordInAnyCase(words) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
            Self::Listening => text.rsplit_once(':').is_some_and(|(host, port)| {
                (host.is_empty() || host == "localhost" || is_host_address(host)) && is_port(port)
            }),
            Self::Address => is_address(text),
            Self::Bindable => is_address(text) || INTERFACES.contains(&text),
            Self::Prefix => text.split_once('/').is_some_and(|(address, length)| {
                let most = match address.parse() {
                    Ok(IpAddr::V4(_)) => 32,
                    Ok(IpAddr::V6(_)) => 128,
                    Err(_) => return false,
                };
                number(length).is_some_and(|length| length <= most)
            }),
            Self::Zone => address::is_zone(text),
            Self::Name => address::name(text).is_ok(),
            Self::Upstream => is_upstream(text, mounted),
            Self::Pattern => is_pattern(text),
        }
    }

    /// What is wanted, for people.
    pub(super) fn wanted(self) -> String {
        match self {
            Self::Any => "a word".to_owned(),
            Self::Duration => "a duration such as 5s".to_owned(),
            Self::DurationFrom(least) => format!("a duration of {least:?} or more"),
            Self::DurationUpTo(most) => format!("a duration of {most:?} or less"),
            Self::ZeroOrFrom(least) => format!("0s, or a duration of {least:?} or more"),
            Self::Number => "a number".to_owned(),
            Self::Percentage => "a percentage from 10% to 90%".to_owned(),
            Self::Word(words) | Self::WordInAnyCase(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                quoted.join(" or ")
            }
            Self::Listening => "a port with an address, such as :9153".to_owned(),
            Self::Address => "an IP address".to_owned(),
            Self::Bindable => "an IP address".to_owned(),
            Self::Prefix => "an address prefix such as 10.0.0.0/8".to_owned(),
            Self::Zone => "a zone such as cluster.local".to_owned(),
            Self::Name => "a domain name".to_owned(),
            Self::Upstream => "a server's address, or a file that is known".to_owned(),
            Self::Pattern => "a regular expression without rarely used operators".to_owned(),
        }
    }
}

/// Digits only: some of Go's readers refuse signs.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn is_port(text: &str) -> bool {
    number(text).is_some_and(|port| port <= u32::from(u16::MAX))
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// An address as it stands before a port.
fn is_host_address(text: &str) -> bool {
    match text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.contains(':') && is_address(inner),
        None => !text.contains(':') && is_address(text),
    }
}

fn is_upstream(text: &str, mounted: &Mounted) -> bool {
    if text.starts_with('/') {
        return text == RESOLV_CONF || matches!(mounted.file(text), File::Known(_));
    }
    let plain = PROTOCOLS
        .iter()
        .find_map(|protocol| text.strip_prefix(protocol))
        .unwrap_or(text);
    if is_address(plain) || is_host_address(plain) {
        return true;
    }
    let host = match plain.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        Some(_) => return false,
        None => plain,
    };
    let is_host_name = !host.is_empty()
        && host
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b".-".contains(&octet))
        && address::name(host).is_ok();
    is_host_address(host) || is_host_name
}

/// Whether a regular expression is certainly one for Go: literals, classes behind a backslash, groups,
/// alternatives, and one repetition behind each of these.
fn is_pattern(text: &str) -> bool {
    if text.len() > 1_000 {
        return false;
    }
    let mut open = 0_u32;
    // Whether what stands before may be repeated.
    let mut repeatable = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        repeatable = match character {
            '*' | '+' | '?' if repeatable => false,
            '(' => {
                open = open.saturating_add(1);
                false
            }
            ')' if open > 0 => {
                open = open.saturating_sub(1);
                true
            }
            '|' | '^' | '$' => false,
            '\\' => match characters.next() {
                Some('d' | 'D' | 's' | 'S' | 'w' | 'W') => true,
                Some(escaped) if escaped.is_ascii_punctuation() => true,
                _ => return false,
            },
            '*' | '+' | '?' | ')' | '[' | ']' | '{' | '}' => return false,
            _ => true,
        };
    }
    open == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_takes_what_coredns_takes_and_nothing_that_it_refuses() {
        let mut mounted = Mounted::only(".");
        mounted
            .files
            .insert("/etc/coredns/upstream".to_owned(), String::new());
        for (form, right, wrong) in [
            (
                Form::Duration,
                &["5s", "0", "1m30s"][..],
                &["5", "", "s", "99999999h"][..],
            ),
            (
                Form::Number,
                &["0", "1000"],
                &["", "-1", "+1", "1.5", "1e3", "9999999999"],
            ),
            (Form::Percentage, &["10%", "90%"], &["9%", "91%", "50", "%"]),
            (
                Form::Listening,
                &[":9153", "0.0.0.0:9153", "[::]:9153", "localhost:80"],
                &[
                    "9153",
                    "::9153",
                    "a:b",
                    ":",
                    ":70000",
                    "1.2.3:1",
                    "::1:80",
                    "[1.2.3.4]:80",
                ],
            ),
            (
                Form::Bindable,
                &["10.0.0.1", "::1", "lo"],
                &["etho", "10.0.0"],
            ),
            (
                Form::Prefix,
                &["10.0.0.0/8", "fd00::/8"],
                &["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/129"],
            ),
            (
                Form::Upstream,
                &[
                    "/etc/resolv.conf",
                    "/etc/coredns/upstream",
                    "10.0.0.1",
                    "10.0.0.1:5300",
                    "::1",
                    "[::1]",
                    "[::1]:53",
                    "tls://9.9.9.9",
                    "tls://9.9.9.9:853",
                    "dns.example",
                    "UPSTREAM",
                ],
                &[
                    "/etc/resolv.cnf",
                    "",
                    "sctp://9.9.9.9",
                    "10.0.0.1:dns",
                    "10.0.0.1:70000",
                    "a b",
                    "..",
                ],
            ),
            (
                Form::Pattern,
                &["^.* i/o timeout$", "(a|b)+ \\d", ".+", "a\\.b"],
                &[
                    "*", "a**", "(", ")", "[a", "a{9999}", "(?x", "\\", "\\y", "(*)",
                ],
            ),
        ] {
            for text in right {
                assert!(form.takes(text, &mounted), "{form:?}: {text:?}");
            }
            for text in wrong {
                assert!(!form.takes(text, &mounted), "{form:?}: {text:?}");
            }
        }
    }
}
