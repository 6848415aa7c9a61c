//! Whether any server of the cluster's DNS replies: asked again and again, for as long as somebody wants to know.
//!
//! Any well-formed reply counts, also SERVFAIL and REFUSED: the question is who is there, not what is true. The name that is
//! asked for is a new one each time, so that no cache knows it, and one that the kernel never answers by itself.

#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use dns_core::permission::Servers;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use hickory_proto::{
    ProtoError,
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RecordType},
};
use tokio::{net::UdpSocket, sync::watch, time::sleep};

/// How often a server is asked in a round, and how long each time for its reply is.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(1);
/// The time between two rounds, half of it more or less by chance. While servers reply, it doubles [`DOUBLED`] times.
const EVERY: Duration = Duration::from_secs(5);
const DOUBLED: u32 = 3;
/// How many servers are asked in a round at most: those that come first, and others by chance.
const ASKED: usize = 16;
/// Octets of a reply that are read. No reply without EDNS is longer.
const REPLY: usize = 512;

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where the DNS service is, as pods know it.
    pub service: Vec<SocketAddr>,
    /// Its servers.
    pub servers: Vec<SocketAddr>,
    /// A zone of the cluster, of which servers answer by what they hold.
    pub zone: Name,
}

/// Asks until nobody listens to `told`, or `asked` is closed. `clock` is CLOCK_BOOTTIME in nanoseconds.
pub async fn ask(
    mut asked: watch::Receiver<Asked>,
    told: watch::Sender<Servers>,
    clock: impl Fn() -> u64,
) {
    let mut replies = 0;
    loop {
        let begun = clock();
        let Asked {
            service,
            servers,
            zone,
        } = asked.borrow_and_update().clone();
        let round = round(chosen(service, servers), &zone);
        let reached = tokio::select! {
            () = told.closed() => return,
            reached = round => reached,
        };
        replies = match reached {
            Some(true) => replies + 1,
            Some(false) | None => 0,
        };
        let now = clock();
        told.send_if_modified(|told| {
            let before = std::mem::replace(told, after(*told, reached, begun, now));
            *told != before
        });
        let pause = EVERY * 2_u32.pow(DOUBLED.min(replies));
        tokio::select! {
            () = told.closed() => return,
            changed = asked.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = sleep(pause.mul_f64(0.5 + fastrand::f64())) => {}
        }
    }
}

/// What is known after a round that began at `begun`: whether anybody has replied; none: there was nobody to ask.
fn after(before: Servers, reached: Option<bool>, begun: u64, now: u64) -> Servers {
    match (before, reached) {
        (_, None) => Servers::NotAsked,
        (_, Some(false)) => Servers::Unreached { asked: begun },
        (Servers::NotAsked, Some(true)) => Servers::Reached { again: None },
        (Servers::Unreached { .. }, Some(true)) => Servers::Reached { again: Some(now) },
        (reached @ Servers::Reached { .. }, Some(true)) => reached,
    }
}

/// Whom to ask in a round.
fn chosen(service: Vec<SocketAddr>, mut servers: Vec<SocketAddr>) -> Vec<SocketAddr> {
    fastrand::shuffle(&mut servers);
    service.into_iter().chain(servers).take(ASKED).collect()
}

/// Whether any of them replies; none: there is nobody to ask.
async fn round(servers: Vec<SocketAddr>, zone: &Name) -> Option<bool> {
    if servers.is_empty() {
        return None;
    }
    let mut asked: FuturesUnordered<_> = servers
        .into_iter()
        .map(|server| replies(server, zone))
        .collect();
    while let Some(replied) = asked.next().await {
        if replied {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether this server replies, to one of a few tries.
async fn replies(server: SocketAddr, zone: &Name) -> bool {
    for _ in 0..TRIES {
        tokio::select! {
            Ok(()) = exchange(server, zone) => return true,
            // Also if it was refused at once: the next try comes later.
            () = sleep(PATIENCE) => {}
        }
    }
    false
}

/// Asks once, from a port of its own, since ways to a server are chosen by it; returns when there is a reply.
async fn exchange(server: SocketAddr, zone: &Name) -> anyhow::Result<()> {
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0)).await?;
    socket.connect(server).await?;
    let question = question(zone)?;
    socket.send(&question.to_vec()?).await?;
    let mut buffer = [0; REPLY];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let reply = Message::from_vec(buffer.get(..length).unwrap_or_default());
        // Anything else is no reply to this question.
        if reply.is_ok_and(|reply| is_reply(&reply, question.metadata.id)) {
            return Ok(());
        }
    }
}

fn is_reply(message: &Message, id: u16) -> bool {
    message.metadata.id == id && message.metadata.message_type == MessageType::Response
}

/// A question for a name of the zone that is new, and that begins as those which the kernel leaves to the DNS service.
fn question(zone: &Name) -> Result<Message, ProtoError> {
    let label = format!("reached-{:016x}", fastrand::u64(..));
    let name = Name::from_ascii(format!("ns.dns.{label}"))?.append_domain(zone)?;
    let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name, RecordType::A));
    Ok(message)
}
