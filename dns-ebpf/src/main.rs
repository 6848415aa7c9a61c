//! The BPF object: the datapath under its two hooks. On the host it is a stub.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(all(target_arch = "bpf", target_endian = "big"))]
compile_error!(
    "the datapath is for machines that are little-endian, as the agent is: build it for bpfel"
);

#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
