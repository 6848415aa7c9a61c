//! For tests: a DNS server on the loopback interface that says what the test tells it to, and a clock that
//! stands still until the test moves it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record,
        rdata::{A, AAAA, CNAME, SOA},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedWriteHalf},
    sync::{Mutex, mpsc},
    task::JoinSet,
};

/// A server over UDP and TCP at one port.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    questions: mpsc::UnboundedReceiver<Asked>,
    _tasks: JoinSet<()>,
}

/// A question that the server got, and that the test answers or leaves.
pub(super) struct Asked {
    pub(super) message: Message,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Udp(Arc<UdpSocket>, SocketAddr),
    Tcp(Arc<Mutex<OwnedWriteHalf>>),
}

impl Server {
    pub(super) async fn start() -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            // The port may be somebody else's over TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let (sender, questions) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(Arc::new(udp), sender.clone()));
        tasks.spawn(serve_tcp(tcp, sender));
        Self {
            address,
            questions,
            _tasks: tasks,
        }
    }

    /// The next question.
    pub(super) async fn asked(&mut self) -> Asked {
        self.questions.recv().await.unwrap()
    }

    /// Whether a question is there, when everything that can happen by itself has happened.
    pub(super) async fn is_asked(&mut self) -> bool {
        settle().await;
        !self.questions.is_empty()
    }
}

/// Lets every task run until it waits for the time or the test.
pub(super) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, sender: mpsc::UnboundedSender<Asked>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        let message = Message::from_vec(&buffer[..length]).unwrap();
        let way = Way::Udp(socket.clone(), peer);
        let _gone = sender.send(Asked { message, way });
    }
}

async fn serve_tcp(listener: TcpListener, sender: mpsc::UnboundedSender<Asked>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve_connection(stream, sender.clone()));
    }
}

async fn serve_connection(stream: TcpStream, sender: mpsc::UnboundedSender<Asked>) {
    let (mut reader, writer) = stream.into_split();
    let way = Way::Tcp(Arc::new(Mutex::new(writer)));
    while let Ok(length) = reader.read_u16().await {
        let mut buffer = vec![0; usize::from(length)];
        reader.read_exact(&mut buffer).await.unwrap();
        let message = Message::from_vec(&buffer).unwrap();
        let way = way.clone();
        let _gone = sender.send(Asked { message, way });
    }
}

impl Asked {
    pub(super) fn is_tcp(&self) -> bool {
        matches!(self.way, Way::Tcp(_))
    }

    /// Name and type, as in `db.example.com. A`.
    pub(super) fn text(&self) -> String {
        let query = &self.message.queries[0];
        format!("{} {}", query.name(), query.query_type())
    }

    /// Sends a reply.
    pub(super) async fn reply(self, fill: impl FnOnce(&mut Message)) {
        let mut reply = Message::response(self.message.id, self.message.op_code);
        reply.queries = self.message.queries.clone();
        reply.metadata.recursion_desired = true;
        fill(&mut reply);
        let bytes = reply.to_vec().unwrap();
        match self.way {
            Way::Udp(socket, peer) => {
                socket.send_to(&bytes, peer).await.unwrap();
            }
            Way::Tcp(writer) => {
                let mut writer = writer.lock().await;
                writer.write_u16(bytes.len() as u16).await.unwrap();
                writer.write_all(&bytes).await.unwrap();
            }
        }
    }

    /// Answers with records.
    pub(super) async fn answer(self, records: Vec<Record>) {
        self.reply(|reply| reply.answers = records).await;
    }

    /// Denies, with an SOA record of that MINIMUM.
    pub(super) async fn deny(self, code: ResponseCode, minimum: u32) {
        self.reply(|reply| {
            reply.metadata.response_code = code;
            reply.authorities = vec![soa(3600, minimum)];
        })
        .await;
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// `OWNER TTL A ADDRESS`, or AAAA.
pub(super) fn address(owner: &str, ttl: u32, address: &str) -> Record {
    let data = match address.parse().unwrap() {
        std::net::IpAddr::V4(address) => RData::A(A(address)),
        std::net::IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    };
    Record::from_rdata(name(owner), ttl, data)
}

/// `OWNER TTL CNAME TARGET`.
pub(super) fn cname(owner: &str, ttl: u32, target: &str) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
}

pub(super) fn soa(ttl: u32, minimum: u32) -> Record {
    let data = SOA::new(
        name("ns.test."),
        name("root.test."),
        1,
        7200,
        1800,
        86400,
        minimum,
    );
    Record::from_rdata(name("example.com."), ttl, RData::SOA(data))
}

/// Keeps the time from passing by itself while tasks wait for the network: only `tokio::time::advance`
/// moves it.
pub(super) struct StoppedClock {
    // Tokio lets no time pass while a blocking task runs.
    _blocking: std::sync::mpsc::Sender<()>,
}

impl StoppedClock {
    /// In a test with `start_paused`.
    pub(super) fn stop() -> Self {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || receiver.recv());
        Self { _blocking: sender }
    }
}
