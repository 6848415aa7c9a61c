//! Whether a reply says what CoreDNS says.

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::HEXLOWER;
use pod::protocol::{Asked, Replied, Transport};
use replay::compare::{Allowed, Expected, Reply, compare};
use tests::hickory_proto::rr::RecordType;

/// A question over UDP, as a stub resolver without EDNS sends it.
pub(super) fn question(name: &str, record_type: RecordType) -> Asked {
    Asked {
        name: name.to_owned(),
        record_type: record_type.into(),
        edns: None,
        transport: Transport::Udp,
    }
}

/// The same questions over TCP.
pub(super) fn over_tcp(asked: &[Asked]) -> Vec<Asked> {
    let with_transport = |asked: &Asked| Asked {
        transport: Transport::Tcp,
        ..asked.clone()
    };
    asked.iter().map(with_transport).collect()
}

/// The reply says what `core_dns` said to the same question over TCP.
///
/// # Errors
///
/// One of them is missing or no DNS message, or they differ: in all ways in which they do.
pub(super) fn same(core_dns: &Replied, replied: &Replied) -> Result<()> {
    let expected = Expected::whole(&parsed(core_dns).context("CoreDNS over TCP")?);
    let question = HEXLOWER.decode(replied.question.as_bytes())?;
    let allowed = Allowed {
        fewer_options: true,
        // kubeadm's Corefile caches everything in older releases, the zone's own names, too.
        cached: true,
        ..Allowed::default()
    };
    let got = octets(replied)?;
    match compare(&question, &expected, &got, allowed) {
        Ok(()) => Ok(()),
        Err(differences) => bail!(
            "{}\n           CoreDNS: {}\n           the pod: {}",
            differences.join("; "),
            expected.json(),
            Expected::whole(&parsed(replied)?).json(),
        ),
    }
}

/// The reply was made on the pod's own interface.
pub(super) fn in_kernel(replied: &Replied) -> Result<()> {
    ensure!(
        replied.crossed_no_router(),
        "it came from elsewhere, with the hop limit {:?}; {}",
        replied.hop_limit,
        replied.trouble.as_deref().unwrap_or("it has an answer"),
    );
    Ok(())
}

/// The records of the answer section: owner, lifetime, type and data.
pub(super) fn answers(replied: &Replied) -> Result<Vec<String>> {
    let [answer, ..] = parsed(replied)?.sections;
    Ok(answer.iter().map(ToString::to_string).collect())
}

/// The reply's message.
pub(super) fn parsed(replied: &Replied) -> Result<Reply> {
    Reply::parse(&octets(replied)?).map_err(anyhow::Error::msg)
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
        .context("a reply that is not hexadecimal")
}
