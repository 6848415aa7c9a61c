//! Attaching, in network namespaces that vanish with the test's thread: order, adoption, detaching.
//!
//! Each test runs on its own thread, which leaves the network and mount namespaces of the machine
//! before it does anything. What it makes (veths, filters, the bpf filesystem and its pins) ends
//! with the thread, however the test ends.

mod detaching;
mod interfaces;
mod life;
mod order;
mod stage;
mod xdp;
