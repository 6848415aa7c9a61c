//! The datapath: a DNS question on a frame becomes its answer, or the frame goes on untouched.
//!
//! This library is what runs in the kernel and what the agent writes for it. It is pure: no
//! dependencies, no `unsafe`, no panics, no knowledge of the hook that it runs under. The BPF object
//! (`src/main.rs`) lends it a packet and the maps through [`Packet`] and [`Tables`]; host tests lend it
//! vectors. Equal input (packet, tables, time, random number) gives equal bytes on both sides.
//!
//! Start reading at [`intercept()`], then [`answer`], the map layout byte for byte.
//!
//! Every function on the packet's path is `#[inline(always)]`: the verifier follows values better
//! through straight code than through calls, and each call would spend BPF stack. What few packets take is marked by
//! `cold_path`, and lies behind the rest: the program is seldom in the processor's first cache when a packet comes.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

pub mod answer;
mod checksum;
mod frame;
mod intercept;
mod lookup;
mod message;
mod name;
mod packet;
mod pass;
mod repeat;
mod reply;
mod stored;

pub use checksum::sum_of;
pub use intercept::{Outcome, decide, intercept};
pub use name::{KEY_LENGTHS, NAME_MAX, NAME_PLACES, NAMES_LEN, fold};
pub use packet::{Admission, FRAME_LEN, Failed, HEAD_LEN, Packet, Scratch, Tables};
pub use pass::{Answered, COUNTERS, Pass, TORN};
pub use reply::{Reply, Undo};
