//! The external DNS: a server that says what the test tells it to.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use tests::{
    Namespace,
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::{RData, Record, RecordType},
    },
};

/// Where the DNS service forwards to.
pub(crate) const ADDRESS: &str = "127.0.0.1:5300";

/// How long it takes to notice that it is to end.
const PAUSE: Duration = Duration::from_millis(100);

/// What it says of every name.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// These addresses, for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// That it cannot tell.
    Code(ResponseCode),
    /// Nothing.
    Nothing,
}

/// A running server. Dropping it ends it.
pub(crate) struct Upstream {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    says: Mutex<Says>,
    questions: AtomicU64,
    stop: AtomicBool,
}

impl Upstream {
    /// Starts it in a namespace.
    pub(crate) fn start(namespace: &Namespace, says: Says) -> Result<Self> {
        let socket = namespace.enter(|| {
            let address: SocketAddr = ADDRESS.parse()?;
            let socket = UdpSocket::bind(address).context("open the upstream's socket")?;
            socket.set_read_timeout(Some(PAUSE))?;
            Ok(socket)
        })?;
        let shared = Arc::new(Shared {
            says: Mutex::new(says),
            questions: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || serving.serve(&socket));
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Lets it say something else from now on.
    pub(crate) fn say(&self, says: Says) {
        *self.shared.says() = says;
    }

    /// How many questions it has got.
    pub(crate) fn questions(&self) -> u64 {
        self.shared.questions.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn says(&self) -> std::sync::MutexGuard<'_, Says> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, peer)) = socket.recv_from(&mut buffer) else {
                continue;
            };
            self.questions.fetch_add(1, Ordering::Relaxed);
            let question = Message::from_vec(&buffer[..length]).expect("CoreDNS asks well");
            if let Some(reply) = self.reply(&question) {
                let octets = reply.to_vec().expect("a small reply");
                socket.send_to(&octets, peer).expect("CoreDNS listens");
            }
        }
    }

    fn reply(&self, question: &Message) -> Option<Message> {
        let mut reply = Message::response(question.id, question.op_code);
        reply.queries = question.queries.clone();
        reply.metadata.recursion_desired = true;
        reply.metadata.recursion_available = true;
        match &*self.says() {
            Says::Nothing => return None,
            Says::Code(code) => reply.metadata.response_code = *code,
            Says::Addresses(addresses, ttl) => {
                let query = reply.queries.first().expect("a question");
                let of_type = addresses.iter().map(data);
                let of_type = of_type.filter(|data| data.record_type() == query.query_type());
                let name = query.name().clone();
                reply.answers = of_type
                    .map(|data| Record::from_rdata(name.clone(), *ttl, data))
                    .collect();
            }
        }
        Some(reply)
    }
}

fn data(address: &IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A((*address).into()),
        IpAddr::V6(address) => RData::AAAA((*address).into()),
    }
}

/// What a test needs of the records of one type.
pub(crate) fn addresses(message: &Message, record_type: RecordType) -> Vec<String> {
    let answers = message.answers.iter();
    answers
        .filter(|record| record.record_type() == record_type)
        .map(|record| record.data.to_string())
        .collect()
}
