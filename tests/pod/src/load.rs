//! `pod load`: many questions from one socket or several, on schedule or one after the other.

mod tally;

use std::{
    fs,
    io::Write,
    net::{SocketAddr, UdpSocket},
    os::fd::AsFd as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        signal::SigSet,
        time::TimeSpec,
    },
};
use tests::Question;

use self::tally::Tally;
use crate::{
    exchange::{receive_into, socket_to},
    input,
    start::StartAt,
};

/// What is offered in OPT, and the most that is received.
const SIZE: u16 = 4096;

/// How late a question may be sent. A client that was held up for longer takes its schedule up again where it is: what
/// it has missed would go out as one burst, which no server's socket can hold, and be lost by the client's own doing.
const LATE: Duration = Duration::from_millis(20);

/// What to ask, how often and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's address and port
    #[arg(long, value_name = "IP:PORT")]
    server: SocketAddr,
    /// Questions a second, sent on schedule whether or not replies come; 0: one after the other, as fast as it goes
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    rate: u32,
    /// For how long
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// End early when standard input ends
    #[arg(long)]
    until_input_ends: bool,
    /// How long a reply may take, in milliseconds; nothing is sent twice
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2_000)]
    patience: u64,
    /// A name to ask, complete, any number of times: they take turns
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// More of them, one a line
    #[arg(long = "names", value_name = "FILE")]
    file: Option<PathBuf>,
    /// The types that each name is asked for
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_delimiter = ',',
        default_value = "A"
    )]
    types: Vec<RecordType>,
    /// Offer 4096 octets in an OPT record
    #[arg(long)]
    edns: bool,
    /// How many ports to ask from: they take turns. Resolvers have a new one for each look-up
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    ports: usize,
    #[command(flatten)]
    start: StartAt,
}

/// Asks, and writes a [`pod::protocol::Loaded`]. The first reply is announced by a line on standard error.
pub(crate) fn run(options: &Options, mut output: impl Write) -> Result<()> {
    let load = Load {
        questions: questions(options)?,
        sockets: Sockets::open(options.server, options.ports)?,
        length: Duration::try_from_secs_f64(options.seconds).context("read --seconds")?,
        ended: input::ended(options.until_input_ends),
    };
    let patience = Duration::from_millis(options.patience);
    let mut tally = Tally::new(patience)?;
    tally.begun(options.start.wait()?);
    let seconds = match options.rate {
        0 => load.one_after_the_other(&mut tally, patience)?,
        rate => load.on_schedule(&mut tally, patience, rate)?,
    };
    serde_json::to_writer(&mut output, &tally.close(seconds)).context("write what became of it")?;
    writeln!(output).context("write what became of it")
}

/// The questions in wire format, each name for each type.
fn questions(options: &Options) -> Result<Vec<Vec<u8>>> {
    let mut names = options.names.clone();
    if let Some(path) = &options.file {
        let text = fs::read_to_string(path)
            .with_context(|| format!("read names from {}", path.display()))?;
        names.extend(text.split_whitespace().map(str::to_owned));
    }
    ensure!(!names.is_empty(), "nothing to ask: give --name or --names");
    let questions = names.iter().flat_map(|name| {
        options.types.iter().map(|record_type| {
            let question = Question::new(name, *record_type);
            match options.edns {
                true => question.with_edns(SIZE).encode(),
                false => question.encode(),
            }
        })
    });
    Ok(questions.collect())
}

struct Load {
    questions: Vec<Vec<u8>>,
    sockets: Sockets,
    length: Duration,
    ended: Arc<AtomicBool>,
}

impl Load {
    /// Each question after the reply to the one before. Returns how long it took, in seconds.
    fn one_after_the_other(mut self, tally: &mut Tally, patience: Duration) -> Result<f64> {
        let start = Instant::now();
        let mut number = 0;
        while start.elapsed() < self.length && !self.ended.load(Ordering::Relaxed) {
            self.send(number, tally);
            let deadline = Instant::now() + patience;
            while tally.is_open(number) && self.wait(deadline)? {
                self.receive(tally)?;
            }
            number += 1;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// `rate` questions a second. Returns for how long questions were sent, in seconds.
    fn on_schedule(mut self, tally: &mut Tally, patience: Duration, rate: u32) -> Result<f64> {
        let start = Instant::now();
        let mut held_up = Duration::ZERO;
        let mut number = 0;
        loop {
            let due = Duration::from_secs_f64(number as f64 / f64::from(rate)) + held_up;
            if due >= self.length || self.ended.load(Ordering::Relaxed) {
                break;
            }
            let late = start.elapsed().checked_sub(due);
            if let Some(late) = late {
                held_up += late.saturating_sub(LATE);
                self.send(number, tally);
                number += 1;
                // However late the sending is, what has come is taken before the next one.
                while self.wait(start)? {
                    self.receive(tally)?;
                }
            } else if self.wait(start + due)? {
                self.receive(tally)?;
            }
        }
        tally.held_up(held_up);
        let seconds = start.elapsed().as_secs_f64();
        let deadline = Instant::now() + patience;
        while tally.open() > 0 && self.wait(deadline)? {
            self.receive(tally)?;
        }
        Ok(seconds)
    }

    /// Sends question `number`. One that cannot be sent counts as sent and is lost.
    fn send(&mut self, number: u64, tally: &mut Tally) {
        let place = (number % self.questions.len() as u64) as usize;
        let question = &mut self.questions[place];
        question[..2].copy_from_slice(&tally::id(number).to_be_bytes());
        tally.sent(number);
        let socket = self.sockets.of(number);
        if socket.send(question).is_err() {
            // An error that an ICMP message about an earlier question left behind is told once.
            let _ = socket.send(question);
        }
    }

    /// Waits for a datagram until `deadline`; false if none came.
    fn wait(&self, deadline: Instant) -> Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        // epoll's own limit has milliseconds, which is too coarse for the schedule.
        let mut ready = [PollFd::new(self.sockets.ready.0.as_fd(), PollFlags::POLLIN)];
        match ppoll(
            &mut ready,
            Some(TimeSpec::from_duration(left)),
            None::<SigSet>,
        ) {
            Ok(count) => Ok(count > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error).context("wait for a reply"),
        }
    }

    /// Takes one datagram.
    fn receive(&self, tally: &mut Tally) -> Result<()> {
        let Some(socket) = self.sockets.ready()? else {
            return Ok(());
        };
        let mut octets = [0; SIZE as usize];
        match receive_into(socket, &mut octets) {
            Ok((length, hop_limit)) => tally.received(&octets[..length], hop_limit),
            // What ICMP says of an earlier question: that one is lost, unless a reply comes.
            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EINTR) => {}
            Err(error) => return Err(error).context("receive a reply"),
        }
        Ok(())
    }
}

/// Sockets that take turns, each with a port of its own.
struct Sockets {
    all: Vec<UdpSocket>,
    /// Tells which of them have a datagram, by their place.
    ready: Epoll,
}

impl Sockets {
    fn open(server: SocketAddr, count: usize) -> Result<Self> {
        ensure!(count > 0, "--ports 0: there is no port to ask from");
        let ready = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("make an epoll")?;
        let all = (0..count).map(|place| {
            let socket = socket_to(server)?;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, place as u64);
            ready.add(&socket, event).context("wait for a socket")?;
            Ok(socket)
        });
        Ok(Self {
            all: all.collect::<Result<_>>()?,
            ready,
        })
    }

    /// The socket of question `number`.
    fn of(&self, number: u64) -> &UdpSocket {
        &self.all[(number % self.all.len() as u64) as usize]
    }

    /// A socket that has a datagram or an error, if there is one now.
    fn ready(&self) -> Result<Option<&UdpSocket>> {
        let mut events = [EpollEvent::empty()];
        match self.ready.wait(&mut events, EpollTimeout::ZERO) {
            Ok(0) | Err(Errno::EINTR) => Ok(None),
            Ok(_) => Ok(self.all.get(events[0].data() as usize)),
            Err(error) => Err(error).context("find the socket of a reply"),
        }
    }
}
