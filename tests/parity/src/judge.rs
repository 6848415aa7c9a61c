//! Whether the kernel's reply says what CoreDNS's does.
//!
//! Records are compared as sets, with owners' letter case, lifetimes and data. Where CoreDNS may answer from
//! its cache, its lifetimes may be lower and names in the first asker's spelling. Behind a CNAME that leads
//! out of the cluster our lifetimes may be lower: the agent asked earlier. Without `loadbalance` the order of
//! addresses in the answer counts, as far as CoreDNS keeps one.

use replay::{
    compare::{Allowed, Entry, Expected, Reply, compare},
    presentation::Data,
};

use crate::{corefile::Corefile, question::labels_of};

/// CNAME.
const ALIAS: u16 = 5;

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Equal,
    /// The same records in another order, where the order counts.
    Order(Found),
    /// Not the same.
    Different(Found),
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What differs, in sentences.
    pub reasons: Vec<String>,
    /// What CoreDNS said, for a person.
    pub expected: String,
    /// What the kernel said, for a person.
    pub got: String,
}

impl Found {
    /// What the kernel sent is no reply to the question.
    #[must_use]
    pub fn broken(reason: String) -> Self {
        Self {
            reasons: vec![reason],
            expected: String::new(),
            got: String::new(),
        }
    }
}

/// A reply for a person.
#[must_use]
pub fn shown(message: &[u8]) -> String {
    match Reply::parse(message) {
        Ok(reply) => Expected::whole(&reply).json().to_string(),
        Err(reason) => reason,
    }
}

/// Compares the kernel's reply to a message with CoreDNS's. `repeated` says that CoreDNS may have answered
/// out of its cache.
#[must_use]
pub fn judge(
    message: &[u8],
    reply: Option<&[u8]>,
    got: &[u8],
    repeated: bool,
    corefile: &Corefile,
) -> Verdict {
    let found = |reasons: Vec<String>| Found {
        reasons,
        expected: reply.map_or_else(String::new, shown),
        got: shown(got),
    };
    let Some(reply) = reply else {
        return Verdict::Different(found(vec!["CoreDNS does not reply".to_owned()]));
    };
    let parsed = match Reply::parse(reply) {
        Ok(parsed) => parsed,
        Err(reason) => return Verdict::Different(found(vec![format!("CoreDNS: {reason}")])),
    };
    // The first asker's spelling keeps names from being compressed, and so more is cut.
    let is_cut = |reply: &Reply| reply.bits.truncated == Some(true);
    if repeated && is_cut(&parsed) && Reply::parse(got).is_ok_and(|got| !is_cut(&got)) {
        return Verdict::Equal;
    }
    let mut expected = Expected::whole(&parsed);
    let leads_out = leads_out(&expected, corefile);
    if leads_out && let Some(reason) = external_lifetimes(&mut expected, got, repeated) {
        return Verdict::Different(found(vec![reason]));
    }
    // External names were asked for before, in whatever spelling, be it by the agent.
    let repeated = repeated || leads_out && corefile.caches(".");
    if repeated {
        respell(&mut expected, got);
    }
    let mut allowed = Allowed {
        exact_order: false,
        fewer_options: true,
        cached: repeated,
    };
    if let Err(reasons) = compare(message, &expected, got, allowed) {
        return Verdict::Different(found(reasons));
    }
    allowed.exact_order = !corefile.shuffles();
    // Only the order of addresses means something: a client takes the first.
    let is_address = |kind: u16| matches!(kind, 1 | 28);
    let addresses = |entries: &Vec<_>| {
        entries
            .iter()
            .any(|entry: &Entry| is_address(entry.record_type))
    };
    expected.sections = match expected.sections {
        [Some(answer), ..] if addresses(&answer) => [Some(answer), None, None],
        _ => [None, None, None],
    };
    match compare(message, &expected, got, allowed) {
        Ok(()) => Verdict::Equal,
        Err(reasons) => Verdict::Order(found(reasons)),
    }
}

/// A cache gives SOA records with the zone's name in the first asker's spelling, in their data, too.
fn respell(expected: &mut Expected, got: &[u8]) {
    let Ok(got) = Reply::parse(got) else {
        return;
    };
    let ours: Vec<Data> = got
        .sections
        .into_iter()
        .flatten()
        .map(|entry| entry.data)
        .collect();
    for entry in expected.sections.iter_mut().flatten().flatten() {
        let Data::Soa(theirs) = &mut entry.data else {
            continue;
        };
        let same = ours.iter().find_map(|data| match data {
            Data::Soa(soa) if soa.server.eq_ignore_ascii_case(&theirs.server) => Some(soa),
            _ => None,
        });
        if let Some(soa) = same.filter(|soa| soa.mailbox.eq_ignore_ascii_case(&theirs.mailbox)) {
            theirs.server.clone_from(&soa.server);
            theirs.mailbox.clone_from(&soa.mailbox);
        }
    }
}

/// Whether an answer leads out of the cluster's zones.
fn leads_out(expected: &Expected, corefile: &Corefile) -> bool {
    let [Some(answer), ..] = &expected.sections else {
        return false;
    };
    let zones: Vec<Vec<u8>> = corefile
        .zones()
        .iter()
        .map(|zone| wire_name(zone))
        .collect();
    let is_inside = |entry: &Entry| {
        let owner = entry.owner.to_ascii_lowercase();
        zones.iter().any(|zone| owner.ends_with(zone))
    };
    !answer.iter().all(is_inside) && answer.iter().any(|entry| entry.record_type == ALIAS)
}

/// Lifetimes of external names fall on both sides, ours first: they are compared here, and
/// nowhere else.
fn external_lifetimes(expected: &mut Expected, got: &[u8], repeated: bool) -> Option<String> {
    let [Some(answer), ..] = &mut expected.sections else {
        return None;
    };
    let got = Reply::parse(got).ok()?;
    let [ours, ..] = &got.sections;
    let mut longer = None;
    for entry in answer {
        let theirs = entry.lifetime.take();
        let same = ours.iter().find(|our| {
            (our.record_type, &our.owner, &our.data)
                == (entry.record_type, &entry.owner, &entry.data)
        });
        if let Some(our) = same.filter(|our| our.lifetime > theirs) {
            longer = Some(format!(
                "{our} lives longer than in CoreDNS, which says {theirs:?}"
            ));
        }
    }
    longer.filter(|_| !repeated)
}

/// A zone's name as on the wire, in lower case.
fn wire_name(zone: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in labels_of(&zone.to_ascii_lowercase()) {
        wire.push(u8::try_from(label.len()).unwrap_or(0));
        wire.extend(label);
    }
    wire.push(0);
    wire
}
