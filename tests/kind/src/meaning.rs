//! Questions, and whether two replies to one mean the same.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use data_encoding::HEXLOWER;
use pod::protocol::{Asked, Replied, Transport};
use replay::compare::{Allowed, Expected, Reply, compare};

/// A question over UDP as stub resolvers send it, without EDNS.
pub(crate) fn question(name: &str, record_type: impl Into<u16>) -> Asked {
    Asked {
        name: name.to_owned(),
        record_type: record_type.into(),
        edns: None,
        transport: Transport::Udp,
    }
}

/// The same question over TCP.
pub(crate) fn over_tcp(asked: &Asked) -> Asked {
    Asked {
        transport: Transport::Tcp,
        ..asked.clone()
    }
}

/// The same questions over TCP.
pub(crate) fn all_over_tcp(asked: &[Asked]) -> Vec<Asked> {
    asked.iter().map(over_tcp).collect()
}

/// Every reply of the kernel means what CoreDNS says; `expected` are CoreDNS's replies to the same questions, whose
/// lifetimes may have run down in its cache.
pub(crate) fn kernel_says(asked: &[Asked], expected: &[Replied], got: &[Replied]) -> Result<()> {
    each(asked, expected, got, kernel_says_one)
}

/// One of them.
pub(crate) fn kernel_says_one(core_dns: &Replied, replied: &Replied) -> Result<()> {
    differences(&Expected::whole(&parsed(core_dns)?), replied)
}

/// Every reply of the DNS service means what a CoreDNS pod says.
pub(crate) fn all_service_says(
    asked: &[Asked],
    expected: &[Replied],
    got: &[Replied],
) -> Result<()> {
    each(asked, expected, got, service_says)
}

/// A reply of the DNS service means what a CoreDNS pod says: either's lifetimes may have run down in a cache.
pub(crate) fn service_says(core_dns: &Replied, replied: &Replied) -> Result<()> {
    let reply = parsed(replied)?;
    kernel_says_one(core_dns, replied).or_else(|trouble| {
        // The same comparison the other way round, for only what is expected may have run down.
        differences(&Expected::whole(&reply), core_dns).map_err(|_| trouble)
    })
}

/// Every reply of a node-local cache means what CoreDNS says: such a cache is no authority.
pub(crate) fn cache_says(asked: &[Asked], expected: &[Replied], got: &[Replied]) -> Result<()> {
    each(asked, expected, got, |core_dns, replied| {
        let mut cached = Expected::whole(&parsed(replied)?);
        cached.bits.authoritative = None;
        differences(&cached, core_dns).or_else(|trouble| {
            let mut asked_anew = Expected::whole(&parsed(core_dns)?);
            asked_anew.bits.authoritative = None;
            differences(&asked_anew, replied).map_err(|_| trouble)
        })
    })
}

/// The reply was made on the pod's own interface.
pub(crate) fn in_kernel(replied: &Replied) -> Result<()> {
    ensure!(
        replied.crossed_no_router(),
        "it came from elsewhere, with the hop limit {:?}; {}",
        replied.hop_limit,
        replied.trouble.as_deref().unwrap_or("it has an answer"),
    );
    Ok(())
}

/// The records of the answer section: owner, lifetime, type and data.
pub(crate) fn answers(replied: &Replied) -> Result<Vec<String>> {
    let [answer, ..] = parsed(replied)?.sections;
    Ok(answer.iter().map(ToString::to_string).collect())
}

/// The reply's message.
pub(crate) fn parsed(replied: &Replied) -> Result<Reply> {
    Reply::parse(&octets(replied)?).map_err(anyhow::Error::msg)
}

fn each(
    asked: &[Asked],
    expected: &[Replied],
    got: &[Replied],
    check: impl Fn(&Replied, &Replied) -> Result<()>,
) -> Result<()> {
    ensure!(
        asked.len() == expected.len() && asked.len() == got.len(),
        "{} questions, {} and {} replies",
        asked.len(),
        expected.len(),
        got.len()
    );
    for ((asked, expected), got) in asked.iter().zip(expected).zip(got) {
        check(expected, got)
            .with_context(|| format!("{} type {}", asked.name, asked.record_type))?;
    }
    Ok(())
}

fn differences(expected: &Expected, got: &Replied) -> Result<()> {
    let asked = HEXLOWER
        .decode(got.question.as_bytes())
        .context("read a question's hexadecimal digits")?;
    let allowed = Allowed {
        fewer_options: true,
        // kubeadm's Corefile caches everything in older releases, the zone's own names, too; newer ones still cache
        // the reverse zones.
        cached: true,
        ..Allowed::default()
    };
    compare(&asked, expected, &octets(got)?, allowed).map_err(|all| {
        anyhow!(
            "{}\n           expected: {}",
            all.join("; "),
            expected.json()
        )
    })
}

fn octets(replied: &Replied) -> Result<Vec<u8>> {
    let Some(reply) = &replied.reply else {
        bail!(
            "no reply came: {}",
            replied.trouble.as_deref().unwrap_or("nobody says why")
        );
    };
    HEXLOWER
        .decode(reply.as_bytes())
        .context("read a reply's hexadecimal digits")
}
