//! Questions through the kernel program under BPF_PROG_TEST_RUN, and what comes back compared with what
//! CoreDNS said.
//!
//! [`kernel`] fills the maps of the loaded program as the agent does and asks it; [`compare`] judges a reply
//! against a recorded or a received one; [`recording`] is the file of recorded cases, [`run`] asks them all
//! and [`report`] shows what came of it.

pub mod compare;
pub mod corefile;
pub mod kernel;
pub mod objects;
pub mod policy;
pub mod presentation;
pub mod question;
pub mod recording;
pub mod report;
pub mod run;
pub mod upstream;
