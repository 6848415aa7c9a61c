//! What integration tests and the demo share: network namespaces with pods behind veths, the real
//! programs that run in them (the agent, CoreDNS, a Kubernetes API server), clients that ask
//! questions from inside a pod, and frames built octet by octet.
//!
//! Everything that is made here undoes itself when it is dropped and when the process is
//! interrupted (see [`undo`]). The library knows neither the datapath nor the agent's library, so
//! it builds without a BPF toolchain and judges both from outside.

mod agent;
mod api_server;
mod capture;
mod chart;
mod child;
mod client;
mod core_dns;
mod dig;
mod folder;
pub mod frame;
mod held_thread;
mod latency;
mod machine;
mod map_memory;
mod namespace;
mod packet_socket;
mod pins;
mod pod;
mod process;
mod question;
mod request;
mod resolver;
mod skip;
mod status;
mod tool;
pub mod undo;
mod virtual_machine;
mod wait;

pub use agent::{Agent, status_of};
pub use api_server::ApiServer;
pub use capture::Capture;
pub use chart::{deploy_folder, render_chart};
pub use child::OwnedChild;
pub use client::Client;
pub use core_dns::CoreDns;
pub use dig::{DigRecord, DigReply};
pub use folder::Folder;
pub use held_thread::HeldThread;
pub use latency::Latencies;
pub use machine::{Machine, MachineBridge};
pub use map_memory::MapMemory;
pub use namespace::Namespace;
pub use packet_socket::PacketSocket;
pub use pins::{Pins, ensure_bpf_filesystem};
pub use pod::{End, Pod};
pub use process::Process;
pub use question::{Edns, Question};
pub use request::Request;
pub use resolver::Resolver;
pub use skip::{skip, skipped_without_root};
pub use status::{
    Answered, AttachedInterface, Report, ReportedBreaker, ReportedEarlier, ReportedExternal,
    ReportedFailing, ReportedFailure, ReportedKind, ReportedLeft, ReportedPolicy, ReportedRefusal,
    ReportedUnheard, ReportedZone, Status, UnknownDestination,
};
pub use tool::{Tool, program};
pub use virtual_machine::{Sleep, VirtualMachine};
pub use wait::{eventually, eventually_every};

/// The parser of DNS messages that serves as judge of every reply.
pub use hickory_proto;
