//! A stateful filter on a pod's interface, of the kind by which network plugins (AWS's VPC CNI, Cilium, Calico)
//! enforce a default-deny ingress policy: what leaves the pod is recorded as a flow, and only what belongs to a
//! recorded flow may enter. It is a BPF object for tests; on the host it is a stub.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
