//! The kernel program under BPF_PROG_TEST_RUN, on maps of its own that hold what the agent would put there.

mod fill;
mod frame;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::{Ebpf, TestRun as _, TestRunOptions, programs::SchedClassifier};
use dns_core::{encode::Forms, permission::Permission, policy::Policy, table::Table};
use dns_ebpf::Pass;
use dns_userspace::datapath::{
    clients::Clients,
    mtus::Mtus,
    object::{self, Sizes},
    store::Store,
};

pub use self::fill::Filled;

/// The program that is asked: the one on a pod's side of a veth pair.
const PROGRAM: &str = "intercept_peer";
/// TCX_NEXT and TC_ACT_UNSPEC: the frame goes on.
const NEXT: u32 = u32::MAX;
/// TC_ACT_REDIRECT: the frame is sent back.
const REDIRECT: u32 = 7;
/// The interface that BPF_PROG_TEST_RUN gives a frame: the loopback interface.
const INTERFACE: u32 = 1;
/// Octets of an IP packet that an Ethernet interface takes.
const MTU: u32 = 1500;
/// Octets of the header of Ethernet.
const ETHERNET_LEN: usize = 14;
/// The reason of frames that are not even asked about.
pub const FRAME_TOO_LARGE: &str = "frame too large for the interface";

/// The IP family that a question comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The pod's address and port.
    #[must_use]
    pub fn client(self) -> SocketAddr {
        match self {
            Self::V4 => SocketAddr::from(([10, 244, 1, 2], 40_001)),
            Self::V6 => SocketAddr::from(([0xfd00, 0x10, 0x244, 0, 0, 0, 0, 2], 40_001)),
        }
    }

    /// The DNS service's address and port.
    #[must_use]
    pub fn server(self) -> SocketAddr {
        match self {
            Self::V4 => SocketAddr::from(([10, 96, 0, 10], 53)),
            Self::V6 => SocketAddr::from(([0xfd00, 0x10, 0x96, 0, 0, 0, 0, 0xa], 53)),
        }
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// One TCP segment, the message after its length (RFC 1035 §4.2.2).
    Tcp,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It goes on to the DNS service unchanged, for this reason.
    Passed(&'static str),
    /// It is answered by this message.
    Answered(Vec<u8>),
    /// What came out is neither: the frame was changed, or the reply is not one to the frame.
    Broken(String),
}

/// The loaded program and its maps.
pub struct Kernel {
    object: Ebpf,
    store: Store,
    clients: Clients,
    table: Table,
    policy: Policy,
    forms: Forms,
    /// Whether the agent would let the kernel answer.
    may_answer: bool,
    passed: BTreeMap<&'static str, u64>,
    serial: u32,
}

impl Kernel {
    /// Loads the program on empty maps; nothing is pinned.
    ///
    /// # Errors
    /// The kernel refuses: no root, no BTF, too old.
    pub fn load() -> Result<Self> {
        let mut loaded = object::load_unpinned(Sizes::default())?;
        let mut mtus = Mtus::new(&mut loaded.object, loaded.control.clone())?;
        mtus.set(INTERFACE, Some(MTU))?;
        let clients = Clients::new(&mut loaded.object)?;
        let mut store = Store::new(&mut loaded.object, loaded.control)?;
        let servers: BTreeSet<SocketAddr> = Family::ALL.map(Family::server).into();
        let left = store.set_destinations(&servers)?;
        ensure!(
            left.is_empty(),
            "the map of DNS addresses does not take {left:?}"
        );
        let serial = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as u32);
        let policy = Policy::nothing("nothing was put into the maps yet".to_owned());
        Ok(Self {
            object: loaded.object,
            store,
            clients,
            table: Table::new(0),
            forms: Forms::of(&policy)?,
            policy,
            may_answer: false,
            passed: BTreeMap::new(),
            serial,
        })
    }

    /// Sends one message to the DNS service, in a whole Ethernet frame.
    ///
    /// # Errors
    /// The kernel refuses to run the program, or the program returns what it never should.
    pub fn ask(
        &mut self,
        message: &[u8],
        family: Family,
        transport: Transport,
    ) -> Result<Reaction> {
        let (client, server) = (family.client(), family.server());
        let frame = match transport {
            Transport::Udp => frame::udp(client, server, message),
            Transport::Tcp => frame::tcp(client, server, message),
        };
        let Some(frame) = frame.filter(|frame| frame.len() <= MTU as usize + ETHERNET_LEN) else {
            return Ok(Reaction::Passed(FRAME_TOO_LARGE));
        };
        let control = self.store.control();
        match self.may_answer {
            true => control.permit(Permission::FOREVER),
            false => control.end_lease(),
        }
        // The same question may come twice, and shall be answered twice.
        self.clients.forget_all();
        let (verdict, after) = self.run(&frame)?;
        match verdict {
            NEXT => {
                let reason = self.pass_reason()?;
                if after != frame {
                    return Ok(Reaction::Broken(format!(
                        "the frame was passed ({reason}), and changed"
                    )));
                }
                Ok(Reaction::Passed(reason))
            }
            REDIRECT => Ok(match frame::reply(&frame, &after) {
                Ok(message) => Reaction::Answered(message),
                Err(reason) => Reaction::Broken(reason),
            }),
            other => bail!("{PROGRAM} returned {other}, neither TCX_NEXT nor a redirect"),
        }
    }

    /// Runs the program once; returns its verdict and the frame afterwards.
    fn run(&self, frame: &[u8]) -> Result<(u32, Vec<u8>)> {
        let mut after = vec![0; 4096];
        let program: &SchedClassifier = self
            .object
            .program(PROGRAM)
            .with_context(|| format!("find the program {PROGRAM} in the object"))?
            .try_into()?;
        let result = program
            .test_run(TestRunOptions {
                data_in: Some(frame),
                data_out: Some(&mut after),
                ..TestRunOptions::default()
            })
            .with_context(|| {
                format!(
                    "run {PROGRAM} on a frame of {} octets (BPF_PROG_TEST_RUN)",
                    frame.len()
                )
            })?;
        after.truncate(result.data_size_out as usize);
        Ok((result.return_value, after))
    }

    /// Which counter of passed questions has moved since the last one.
    fn pass_reason(&mut self) -> Result<&'static str> {
        let now: BTreeMap<&'static str, u64> = self.store.counts()?.passed.into_iter().collect();
        let moved = now
            .iter()
            .find(|(reason, count)| self.passed.get(*reason).copied().unwrap_or(0) < **count)
            .map(|(reason, _)| *reason);
        self.passed = now;
        // What is no question to a DNS address is not counted.
        Ok(moved.unwrap_or(Pass::NotDns.label()))
    }
}
