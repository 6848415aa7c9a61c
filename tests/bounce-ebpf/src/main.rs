//! What the bench measures against: programs that send a question back as it came, which is the least that any answer
//! in the kernel costs, and one that does nothing. It is a BPF object for the bench; on the host it is a stub.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
