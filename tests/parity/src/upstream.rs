//! The external DNS, scripted: CoreDNS forwards to it what is not the cluster's.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};
use tests::hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};

/// Every name of which something is scripted, whether or not it exists.
pub const NAMES: [&str; 12] = [
    "database.example.org",
    "www.example.org",
    "both.example.org",
    "six.example.org",
    "missing.example.org",
    "nodata.example.org",
    "refused.example.org",
    "failing.example.org",
    "many.example.org",
    "brief.example.org",
    "dangling.example.org",
    "stored.example.org",
];

/// How often the server looks whether it shall end.
const PATIENCE: Duration = Duration::from_millis(100);

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Serves on a free port of the loopback of the calling thread's network namespace.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> Result<Self> {
        let socket =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("listen as the upstream DNS")?;
        let address = socket.local_addr().context("read the upstream's port")?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .context("limit the wait for a question")?;
        let ends = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ends);
        let thread = thread::spawn(move || serve(&socket, &seen));
        Ok(Self {
            address,
            ends,
            thread: Some(thread),
        })
    }

    /// Where it serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic; and if it did, a test must not fail for it twice.
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, ends: &AtomicBool) {
    let mut buffer = vec![0; 65_535];
    while !ends.load(Ordering::Relaxed) {
        let Ok((length, asker)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let question = buffer.get(..length).map(Message::from_vec);
        if let Some(Ok(question)) = question
            && let Ok(reply) = answer(&question).to_vec()
        {
            // Whoever did not wait gets nothing.
            let _ = socket.send_to(&reply, asker);
        }
    }
}

/// The reply to a question.
fn answer(question: &Message) -> Message {
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&question.queries);
    let Some(query) = question.queries.first() else {
        return reply;
    };
    // Like many servers, it does nothing for those who do not desire recursion: CoreDNS hands the flag on.
    if !question.metadata.recursion_desired {
        reply.metadata.response_code = ResponseCode::Refused;
        return reply;
    }
    match records(query.name(), query.query_type()) {
        Ok(records) => reply.answers = records,
        Err(code) => reply.metadata.response_code = code,
    }
    reply
}

/// What is scripted of a name, compared in lower case; owners keep the spelling of the question, but for the one that
/// is answered as it is stored, as by CoreDNS's `file` and `hosts`.
fn records(name: &Name, query_type: RecordType) -> Result<Vec<Record>, ResponseCode> {
    let text = name.to_lowercase().to_ascii();
    let four = |last: u8| RData::A(rdata::A(Ipv4Addr::new(192, 0, 2, last)));
    let six = |last: u16| {
        RData::AAAA(rdata::AAAA(Ipv6Addr::new(
            0x2001, 0xdb8, 0, 0, 0, 0, 0, last,
        )))
    };
    let (ttl, four, six): (u32, Vec<RData>, Vec<RData>) = match text.trim_end_matches('.') {
        "database.example.org" => (300, vec![four(1)], vec![]),
        "both.example.org" => (17, vec![four(2), four(3)], vec![six(2)]),
        "six.example.org" => (60, vec![], vec![six(3)]),
        "nodata.example.org" => (60, vec![], vec![]),
        "many.example.org" => (120, (10..60).map(four).collect(), vec![six(4), six(5)]),
        "brief.example.org" => (1, vec![four(4)], vec![six(6)]),
        "stored.example.org" => (300, vec![four(7)], vec![six(8)]),
        "web.example.net" => (90, vec![four(5), four(6)], vec![six(7)]),
        "www.example.org" => return alias(name, "web.example.net.", query_type),
        "dangling.example.org" => return alias(name, "missing.example.org.", query_type),
        "refused.example.org" => return Err(ResponseCode::Refused),
        "failing.example.org" => return Err(ResponseCode::ServFail),
        _ => return Err(ResponseCode::NXDomain),
    };
    let data = match query_type {
        RecordType::A => four,
        RecordType::AAAA => six,
        _ => Vec::new(),
    };
    let owner = match text.starts_with("stored.") {
        true => name.to_lowercase(),
        false => name.clone(),
    };
    let record = |data| Record::from_rdata(owner.clone(), ttl, data);
    Ok(data.into_iter().map(record).collect())
}

/// A CNAME and what its target has.
fn alias(name: &Name, target: &str, query_type: RecordType) -> Result<Vec<Record>, ResponseCode> {
    let Ok(target) = Name::from_ascii(target) else {
        return Err(ResponseCode::ServFail);
    };
    let data = RData::CNAME(rdata::CNAME(target.clone()));
    let mut all = vec![Record::from_rdata(name.clone(), 45, data)];
    if query_type != RecordType::CNAME {
        // A target that does not exist leaves the CNAME alone, with NXDOMAIN (RFC 6604): here NOERROR, as
        // many servers have it.
        all.extend(records(&target, query_type).unwrap_or_default());
    }
    Ok(all)
}
