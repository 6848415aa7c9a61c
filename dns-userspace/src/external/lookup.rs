//! One question to the DNS service, and what of its reply may be kept.
//!
//! Built on the name server pool of `hickory-resolver`, below its `Resolver`: that one follows CNAME records
//! by itself, merges what it finds and caches it, and we need the reply as CoreDNS sent it, with the order
//! of its records and the letter case of their names.

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use dns_core::external::Question;
use hickory_resolver::{
    NameServerPool, PoolContext, TlsConfig,
    config::{ConnectionConfig, NameServerConfig, ResolverOpts},
    net::{
        DnsError, NetError, NoRecords,
        runtime::TokioRuntimeProvider,
        xfer::{DnsHandle as _, FirstAnswer as _},
    },
    proto::{
        op::{DnsRequestOptions, DnsResponse, Query, ResponseCode},
        rr::{RData, Record, RecordType},
    },
};

/// How long a denial is kept at most, in seconds: as long as CoreDNS's `cache 30` does.
const DENIAL_MAX: u32 = 30;
/// A TTL above this counts as zero (RFC 2181 §8).
const TTL_MAX: u32 = i32::MAX as u32;

/// The DNS service, by its addresses.
#[derive(Clone)]
pub(super) struct DnsService {
    pool: NameServerPool<TokioRuntimeProvider>,
    patience: Duration,
}

/// What may be kept of a reply.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    /// The answer section as it was received.
    pub(super) records: Vec<Record>,
    /// For how long, in seconds: at least 1.
    pub(super) lifetime: u32,
}

/// Why nothing is kept of a reply, or none came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// There is nobody to ask.
    #[error("the DNS service has no address that could be asked")]
    NoAddress,
    /// No reply within the time.
    #[error("the DNS service did not answer within {} seconds", .0.as_secs_f32())]
    Silence(Duration),
    /// A reply that says nothing of the name, such as SERVFAIL.
    #[error("the DNS service answered {0}")]
    Code(ResponseCode),
    /// Cut over TCP too.
    #[error("the DNS service's answer was cut short, over TCP too")]
    Truncated,
    /// A TTL of zero: for this one question only (RFC 1035 §3.2.1).
    #[error("the DNS service's answer may not be kept: it has a TTL of 0")]
    Momentary,
    /// A denial without an SOA record (RFC 2308 §5).
    #[error(
        "the DNS service's denial may not be kept: it has no SOA record that says for how long"
    )]
    Endless,
    /// The records are not a chain from the target to its addresses.
    #[error("the DNS service's answer holds {0}, which does not follow from the question")]
    Foreign(String),
    /// Everything else that went wrong on the way.
    #[error("the DNS service could not be asked: {0}")]
    Transport(String),
}

impl DnsService {
    /// The DNS service at these addresses, none of them: nobody to ask. Replies are awaited for as long as
    /// `patience`.
    pub(super) fn at(addresses: &[SocketAddr], patience: Duration) -> Option<Self> {
        if addresses.is_empty() {
            return None;
        }
        let mut options = ResolverOpts::default();
        options.timeout = patience;
        // One question at a time for each name: the other address is asked when this one fails.
        options.num_concurrent_reqs = 1;
        // Fails only with TLS compiled in.
        let tls = TlsConfig::new().ok()?;
        Some(Self {
            pool: NameServerPool::from_config(
                addresses.iter().map(name_server),
                Arc::new(PoolContext::new(options, tls)),
                TokioRuntimeProvider::default(),
            ),
            patience,
        })
    }

    /// Asks: over UDP with EDNS and RD set, over TCP when the reply is cut.
    pub(super) async fn ask(&self, question: &Question) -> Result<Reply, Failure> {
        let query = Query::query(question.target.clone(), question.query_type);
        // The defaults: EDNS with 1232 octets, RD, no 0x20 randomised letter case, no DO.
        let request = self.pool.lookup(query, DnsRequestOptions::default());
        match tokio::time::timeout(self.patience, request.first_answer()).await {
            Ok(Ok(response)) => judge(question, &response),
            Ok(Err(error)) => self.judge_error(error),
            Err(_elapsed) => Err(Failure::Silence(self.patience)),
        }
    }

    /// The pool makes errors of all replies without answers.
    fn judge_error(&self, error: NetError) -> Result<Reply, Failure> {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(NoRecords {
                response_code: ResponseCode::NoError | ResponseCode::NXDomain,
                negative_ttl,
                ..
            })) => {
                let lifetime = negative_ttl.ok_or(Failure::Endless)?;
                keep(Vec::new(), lifetime, true)
            }
            NetError::Dns(
                DnsError::NoRecordsFound(NoRecords { response_code, .. })
                | DnsError::ResponseCode(response_code),
            ) => Err(Failure::Code(response_code)),
            NetError::Timeout => Err(Failure::Silence(self.patience)),
            NetError::Truncated => Err(Failure::Truncated),
            other => Err(Failure::Transport(other.to_string())),
        }
    }
}

/// One address, over UDP and TCP.
fn name_server(address: &SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let mut server = NameServerConfig::udp(address.ip());
    server.connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
        .map(at_port)
        .to_vec();
    server
}

/// What may be kept of a reply.
fn judge(question: &Question, response: &DnsResponse) -> Result<Reply, Failure> {
    if !matches!(
        response.response_code,
        ResponseCode::NoError | ResponseCode::NXDomain
    ) {
        return Err(Failure::Code(response.response_code));
    }
    if response.truncation {
        return Err(Failure::Truncated);
    }
    let answers = &response.answers;
    let addresses = follow(question, answers)?;
    let denied = addresses == 0;
    let lifetime = answers
        .iter()
        .map(|record| record.ttl)
        // Of a chain that leads to no address both the chain and the lack of an address must hold.
        .chain(response.negative_ttl().filter(|_| denied))
        .min()
        .ok_or(Failure::Endless)?;
    keep(answers.clone(), lifetime, denied)
}

/// Follows the chain of CNAME records from the target to its addresses, in the order of the answer; says
/// how many addresses there are.
///
/// Anything else in the answer (several CNAME records at one name, DNAME records, an unusual order, foreign
/// names) is CoreDNS's to pass on.
fn follow(question: &Question, answers: &[Record]) -> Result<usize, Failure> {
    let mut owner = &question.target;
    let mut addresses = 0;
    for record in answers {
        match &record.data {
            RData::CNAME(target) if addresses == 0 && record.name == *owner => owner = &target.0,
            RData::A(_) if question.query_type == RecordType::A && record.name == *owner => {
                addresses += 1;
            }
            RData::AAAA(_) if question.query_type == RecordType::AAAA && record.name == *owner => {
                addresses += 1;
            }
            _ => {
                let (name, kind) = (&record.name, record.record_type());
                return Err(Failure::Foreign(format!("{name} {kind}")));
            }
        }
    }
    Ok(addresses)
}

/// Keeps a reply, unless its lifetime forbids that.
fn keep(records: Vec<Record>, lifetime: u32, denied: bool) -> Result<Reply, Failure> {
    match lifetime {
        0 => Err(Failure::Momentary),
        too_long if too_long > TTL_MAX => Err(Failure::Momentary),
        lifetime if denied => Ok(Reply {
            records,
            lifetime: lifetime.min(DENIAL_MAX),
        }),
        lifetime => Ok(Reply { records, lifetime }),
    }
}
