//! The kernel's programs under BPF_PROG_TEST_RUN, on maps of their own.
//!
//! What BPF_PROG_TEST_RUN does not show: the packet's sum counts as done (CHECKSUM_NONE), so a half-done
//! sum is a matter of the tests with real interfaces, and so is whether a redirect arrives. Some kernels
//! refuse a frame that is shorter than its Ethertype's header before a program runs; the host sees these.

use std::collections::BTreeSet;

use aya::{
    Ebpf, TestRun as _, TestRunOptions,
    maps::{Map, MapData, PerCpuArray, PerCpuValues},
    programs::{ProgramError, SchedClassifier, Xdp},
    util::nr_cpus,
};
use dns_core::{encode, permission::Permission};
use dns_ebpf::Scratch;
use dns_userspace::datapath::{
    clients::Clients,
    control::Touched,
    mtus::Mtus,
    object::{self, Sizes},
    store::Store,
};

use crate::{
    cases::{Condition, wire},
    cluster::{Cluster, SERIAL},
    crafted,
    frames::{SERVERS, address},
    host::INTERFACE,
};

/// TCX_NEXT and TC_ACT_UNSPEC.
const NEXT: u32 = u32::MAX;
/// TC_ACT_REDIRECT.
const REDIRECT: u32 = 7;
/// XDP_PASS.
const XDP_PASS: u32 = 2;
/// XDP_TX.
const XDP_TX: u32 = 3;
/// EINVAL.
const INVALID: i32 = 22;
/// Frames shorter than Ethernet's and IPv6's headers may be refused.
const HEADERS_LEN: usize = 54;
/// Octets of the value of `MEMORY`: a flag, a cell, scratch.
const MEMORY_LEN: usize = 16 + size_of::<Scratch>();

/// The four programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Peer,
    Plain,
    Xdp,
    Skb,
}

impl Program {
    pub(crate) const ALL: [Self; 4] = [Self::Peer, Self::Plain, Self::Xdp, Self::Skb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Peer => "intercept_peer",
            Self::Plain => "intercept_plain",
            Self::Xdp => "intercept_xdp",
            Self::Skb => "intercept_skb",
        }
    }
}

/// What a program did with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    /// It goes on.
    Next,
    /// It is sent back.
    SentBack,
}

/// The loaded programs and their maps.
pub(crate) struct Kernel {
    pub(crate) object: Ebpf,
    pub(crate) store: Store,
    pub(crate) mtus: Mtus,
    clients: Clients,
    /// Interfaces whose MTU is known.
    interfaces: BTreeSet<u32>,
}

impl Kernel {
    /// Loads the object and puts the cluster's and the crafted names into its maps.
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let sizes = Sizes {
            entries: 4096,
            sections: 4096,
        };
        let mut loaded = object::load_unpinned(sizes).expect("the kernel takes the object");
        let clients = Clients::new(&mut loaded.object).expect("its map of clients");
        let mtus = Mtus::new(&mut loaded.object, loaded.control.clone()).expect("its map of MTUs");
        let mut store = Store::new(&mut loaded.object, loaded.control).expect("its maps");
        let zones = encode::zones(&cluster.policy, SERIAL).expect("zones");
        store
            .put_policy(&cluster.policy, cluster.forms.rows(), &zones)
            .expect("forms and zones");
        let servers: BTreeSet<_> = SERVERS.into_iter().map(address).collect();
        let left = store.set_destinations(&servers).expect("DNS addresses");
        assert!(left.is_empty());
        cluster.fill(&mut store);
        crafted::put(&mut store);
        let mut kernel = Self {
            object: loaded.object,
            store,
            mtus,
            clients,
            interfaces: BTreeSet::new(),
        };
        kernel.put_under(Condition::Usual);
        kernel
    }

    /// Puts the maps under a condition, whatever they were under before.
    pub(crate) fn put_under(&mut self, condition: Condition) {
        let control = self.store.control();
        control.finish();
        let deadline = |over: Condition| if condition == over { 0 } else { u64::MAX };
        control.permit(Permission {
            answers: deadline(Condition::LeaseOver),
            denials: deadline(Condition::DenialsOff),
            endpoints: deadline(Condition::EndpointsOld),
        });
        control.set_size_cap(match condition {
            Condition::SizeCap(octets) => octets,
            _ => u16::MAX,
        });
        match condition {
            Condition::Changing => control.begin(Touched::All),
            Condition::ChangingAt(name) => control.begin(Touched::Entry(&wire(name))),
            _ => {}
        }
        let mtu = match condition {
            Condition::Mtu(mtu) => mtu,
            _ => Some(1500),
        };
        let neighbour = (condition == Condition::NarrowNeighbour).then_some(68);
        for (interface, mtu) in [(INTERFACE, mtu), (INTERFACE + 1, neighbour)] {
            let known = match mtu {
                Some(_) => self.interfaces.insert(interface),
                None => self.interfaces.remove(&interface),
            };
            if known || mtu.is_some() {
                self.mtus.set(interface, mtu).expect("an MTU");
            }
        }
    }

    /// Runs a program on a frame; returns what it did and the frame afterwards, or nothing if the kernel
    /// refuses a frame so short. The client is a new one each time, so that no frame is a repeat.
    pub(crate) fn run(&self, program: Program, frame: &[u8]) -> Option<(Did, Vec<u8>)> {
        self.clients.forget_all();
        let mut after = vec![0; 4096];
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut after),
            ..TestRunOptions::default()
        };
        let found = self.object.program(program.name()).expect("a program");
        let result = match program {
            Program::Peer | Program::Plain => {
                let found: &SchedClassifier = found.try_into().expect("a classifier");
                found.test_run(options)
            }
            Program::Xdp | Program::Skb => {
                let found: &Xdp = found.try_into().expect("an XDP program");
                found.test_run(options)
            }
        };
        let result = match result {
            Ok(result) => result,
            Err(ProgramError::SyscallError(error))
                if frame.len() < HEADERS_LEN && error.io_error.raw_os_error() == Some(INVALID) =>
            {
                return None;
            }
            Err(error) => panic!("{} octets under {program:?}: {error:?}", frame.len()),
        };
        after.truncate(result.data_size_out as usize);
        let did =
            match (program, result.return_value) {
                (Program::Xdp | Program::Skb, XDP_PASS)
                | (Program::Peer | Program::Plain, NEXT) => Did::Next,
                (Program::Xdp | Program::Skb, XDP_TX)
                | (Program::Peer | Program::Plain, REDIRECT) => Did::SentBack,
                (_, other) => panic!("{program:?} returned {other}"),
            };
        Some((did, after))
    }

    /// Says on every CPU that a packet is being answered there, or that none is.
    pub(crate) fn set_busy(&mut self, busy: bool) {
        let map = self.object.take_map("MEMORY");
        let Some(Map::PerCpuArray(data)) = map else {
            panic!("MEMORY is a per-CPU array");
        };
        let mut memory: PerCpuArray<MapData, [u8; MEMORY_LEN]> =
            PerCpuArray::try_from(Map::PerCpuArray(data)).expect("of this size");
        let cpus = nr_cpus().expect("the number of CPUs");
        let mut value = [0; MEMORY_LEN];
        value[0] = busy.into();
        let values = PerCpuValues::try_from(vec![value; cpus]).expect("one a CPU");
        memory.set(0, values, 0).expect("the flag");
    }
}
