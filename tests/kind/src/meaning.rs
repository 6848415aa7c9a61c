//! Whether two replies mean the same.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use data_encoding::HEXLOWER;
use pod::protocol::{Asked, Replied, Transport};
use replay::compare::{Allowed, Expected, Reply, compare};

/// A question over UDP as stub resolvers send it, without EDNS.
pub(crate) fn question(name: &str, record_type: u16) -> Asked {
    Asked {
        name: name.to_owned(),
        record_type,
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

/// Every reply of the kernel means what CoreDNS says; `expected` are CoreDNS's replies to the same questions.
pub(crate) fn kernel_says(asked: &[Asked], expected: &[Replied], got: &[Replied]) -> Result<()> {
    each(asked, expected, got, |expected, got| {
        let expected = Expected::whole(&parsed(expected)?);
        differences(&expected, got, Allowed::default())
    })
}

/// Every reply of a cache means what CoreDNS says: lifetimes may have run down, and a cache is no authority.
pub(crate) fn cache_says(asked: &[Asked], expected: &[Replied], got: &[Replied]) -> Result<()> {
    let allowed = Allowed {
        cached: true,
        ..Allowed::default()
    };
    each(asked, expected, got, |expected, got| {
        // It is the cache's reply of which something is forgiven, so it stands on the other side.
        let mut cached = Expected::whole(&parsed(got)?);
        cached.bits.authoritative = None;
        differences(&cached, expected, allowed)
    })
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

fn differences(expected: &Expected, got: &Replied, allowed: Allowed) -> Result<()> {
    let asked = octets(Some(&got.question), "question")?;
    let got = octets(got.reply.as_ref(), "reply")?;
    compare(&asked, expected, &got, allowed).map_err(|all| anyhow!("{}", all.join("; ")))
}

fn parsed(replied: &Replied) -> Result<Reply> {
    if let Some(trouble) = &replied.trouble {
        bail!("no reply: {trouble}");
    }
    Reply::parse(&octets(replied.reply.as_ref(), "reply")?).map_err(|reason| anyhow!(reason))
}

fn octets(digits: Option<&String>, what: &str) -> Result<Vec<u8>> {
    let digits = digits.with_context(|| format!("there is no {what}"))?;
    HEXLOWER
        .decode(digits.as_bytes())
        .with_context(|| format!("read the {what}"))
}
