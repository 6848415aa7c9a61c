//! Round trips of hits beside the floor's, where there are many names: a thousand of them take turns, so that none is
//! found in a cache only because it was asked a moment ago.

use std::{
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use tests::{Namespace, Pod, Question, hickory_proto::rr::RecordType};

use super::{
    api::DNS_ADDRESS,
    cluster::{Shape, domain_name},
};
use crate::{
    distribution::histogram,
    machine,
    results::{Ratio, Times},
    scene::{Bounce, Bounces},
};

/// How many names take turns.
const NAMES: u32 = 1_000;
/// A prime, so that names that follow each other lie far from each other.
const STRIDE: u64 = 7_919;
/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Before each slice.
const WARM_UP: Duration = Duration::from_millis(5);
/// The response code of a DNS header, in its fourth octet (RFC 1035 §4.1.1).
const CODE: u8 = 0x0f;

/// Pods that ask: one that the agent looks after, and two whose questions bounce.
pub(super) struct LookUps {
    // Before the pods, to whose interfaces the programs are attached.
    _bounces: Bounces,
    hit: Pod,
    floors: [Pod; 2],
}

impl LookUps {
    /// Makes the pods.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn prepare(node: &Namespace) -> Result<Self> {
        let hit = Pod::new(node, 1)?;
        let floors = [Pod::new(node, 2)?, Pod::new(node, 3)?];
        let places = [(Bounce::Plain, &floors[0]), (Bounce::Peer, &floors[1])];
        let bounces = Bounces::attach(node, places)?;
        Ok(Self {
            _bounces: bounces,
            hit,
            floors,
        })
    }

    /// The only interface that the agent shall attach to.
    pub(super) fn interface(&self) -> &str {
        self.hit.node_interface()
    }

    /// A socket of the pod that the agent looks after.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn socket(&self) -> Result<UdpSocket> {
        socket(&self.hit)
    }

    /// Measures a hit's times, and its p50 over the floor's, round by round.
    ///
    /// # Errors
    /// A name is not answered.
    pub(super) fn measure(
        &self,
        shape: Shape,
        rounds: u32,
        slice: Duration,
    ) -> Result<(Times, Ratio)> {
        let questions: Vec<Vec<u8>> = (0..NAMES).map(|turn| question(shape, turn)).collect();
        let mut lanes = [&self.hit, &self.floors[0], &self.floors[1]]
            .map(|pod| Lane::open(pod, &questions))
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        machine::on_cpu(machine::cpus()? - 1, || {
            for round in 0..rounds as usize {
                for place in 0..lanes.len() {
                    let place = (place + round) % 3;
                    lanes[place].measure(slice)?;
                }
            }
            Ok(())
        })?;
        let [hit, floors @ ..] = lanes.as_slice() else {
            return Ok(Default::default());
        };
        let floor = floors
            .iter()
            .min_by_key(|floor| floor.all.value_at_quantile(0.5));
        let floor = floor.context("no floor was measured")?;
        let medians = |lane: &Lane| lane.medians.clone();
        Ok((
            Times::of(&hit.all),
            Ratio::between(medians(hit), medians(floor)),
        ))
    }
}

/// The question of a turn, for the address of a service that has one.
fn question(shape: Shape, turn: u32) -> Vec<u8> {
    let service = (u64::from(turn) * STRIDE % u64::from(shape.services)) as u32;
    // Where some are headless, every other one is not.
    Question::new(&domain_name(service & !1), RecordType::A).encode()
}

/// A socket of a pod that asks the DNS service.
fn socket(pod: &Pod) -> Result<UdpSocket> {
    pod.namespace().enter(|| {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).context("open a UDP socket")?;
        let server = SocketAddr::from((DNS_ADDRESS, 53));
        socket
            .connect(server)
            .with_context(|| format!("find a way to {server}"))?;
        Ok(socket)
    })
}

/// A socket of a pod, and what was measured at it.
struct Lane<'questions> {
    socket: UdpSocket,
    questions: &'questions [Vec<u8>],
    turn: usize,
    all: Histogram<u64>,
    medians: Vec<f64>,
}

impl<'questions> Lane<'questions> {
    fn open(pod: &Pod, questions: &'questions [Vec<u8>]) -> Result<Self> {
        let socket = socket(pod)?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .context("limit the wait for a reply")?;
        Ok(Self {
            socket,
            questions,
            turn: 0,
            all: histogram()?,
            medians: Vec::new(),
        })
    }

    fn measure(&mut self, slice: Duration) -> Result<()> {
        let mut times = histogram()?;
        self.run(WARM_UP, &mut times)?;
        times.reset();
        self.run(slice, &mut times)?;
        self.medians.push(times.value_at_quantile(0.5) as f64);
        self.all.add(&times).context("add up the rounds")
    }

    fn run(&mut self, length: Duration, times: &mut Histogram<u64>) -> Result<()> {
        let begin = Instant::now();
        let mut reply = [0; 512];
        while begin.elapsed() < length {
            let question = &self.questions[self.turn % self.questions.len()];
            self.turn += 1;
            let sent = Instant::now();
            self.socket.send(question).context("send a question")?;
            let octets = self.socket.recv(&mut reply).context("get a reply")?;
            times.saturating_record(sent.elapsed().as_nanos() as u64);
            ensure!(
                octets >= question.len() && reply[..2] == question[..2] && reply[3] & CODE == 0,
                "the reply to question {} is {:02x?}",
                self.turn,
                &reply[..octets]
            );
        }
        Ok(())
    }
}
