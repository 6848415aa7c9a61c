//! The two programs for the node's end of the veth, and their maps.

use aya_ebpf::{
    bindings::{BPF_ANY, TC_ACT_SHOT},
    btf_maps::{LruHashMap, PerCpuArray},
    macros::{btf_map, classifier},
    programs::TcContext,
};

/// TCX_NEXT (linux/bpf.h), and TC_ACT_UNSPEC for clsact: the next program decides.
const NEXT: i32 = -1;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Who talks with whom. The two ends stand in this order whichever of them sends.
#[repr(C)]
#[derive(Clone, Copy)]
struct Flow {
    /// The pod's address, as in the packet; IPv4 in the first word.
    pod: [u32; 4],
    /// The other end's address.
    other: [u32; 4],
    /// The pod's port.
    pod_port: u16,
    /// The other end's port.
    other_port: u16,
    /// TCP or UDP. A whole word, so that the key has no unset octets.
    protocol: u32,
}

#[btf_map]
static FLOWS: LruHashMap<Flow, u64, 4096> = LruHashMap::new();
/// Packets of TCP and UDP: what left the pod, what entered it, what was kept from it.
#[btf_map]
static COUNTERS: PerCpuArray<u64, 3> = PerCpuArray::new();

const LEFT: u32 = 0;
const ENTERED: u32 = 1;
const DROPPED: u32 = 2;

/// At ingress of the node's end: what the pod sends is recorded, and goes on.
#[classifier]
fn filter_leaving(ctx: TcContext) -> i32 {
    if let Some(flow) = flow_of::<true>(&ctx) {
        // A full table drops the flow that was used least recently; a test has few.
        let _ = FLOWS.insert(flow, 1, BPF_ANY.into());
        count(LEFT);
    }
    NEXT
}

/// At egress of the node's end: what belongs to no recorded flow is dropped.
#[classifier]
fn filter_entering(ctx: TcContext) -> i32 {
    let Some(flow) = flow_of::<false>(&ctx) else {
        return NEXT;
    };
    if FLOWS.get_ptr(flow).is_none() {
        count(DROPPED);
        return TC_ACT_SHOT;
    }
    count(ENTERED);
    NEXT
}

/// The flow of a packet that leaves the pod or enters it; none unless it is TCP or UDP without IPv6 extensions.
#[inline(always)]
fn flow_of<const LEAVES: bool>(ctx: &TcContext) -> Option<Flow> {
    let mut addresses = [[0; 4]; 2];
    let (protocol, ports_at): (u8, usize) = match u16::from_be(load(ctx, 12)?) {
        ETHERTYPE_IPV4 => {
            let header_len = usize::from(load::<u8>(ctx, ETHERNET_LEN)? & 15) * 4;
            for (end, address) in addresses.iter_mut().enumerate() {
                address[0] = load(ctx, ETHERNET_LEN + 12 + end * 4)?;
            }
            (load(ctx, ETHERNET_LEN + 9)?, ETHERNET_LEN + header_len)
        }
        ETHERTYPE_IPV6 => {
            for (end, address) in addresses.iter_mut().enumerate() {
                *address = load(ctx, ETHERNET_LEN + 8 + end * 16)?;
            }
            (load(ctx, ETHERNET_LEN + 6)?, ETHERNET_LEN + IPV6_LEN)
        }
        _ => return None,
    };
    if protocol != TCP && protocol != UDP {
        return None;
    }
    let ports: [u16; 2] = [load(ctx, ports_at)?, load(ctx, ports_at + 2)?];
    let (pod, other) = if LEAVES { (0, 1) } else { (1, 0) };
    Some(Flow {
        pod: addresses[pod],
        other: addresses[other],
        pod_port: ports[pod],
        other_port: ports[other],
        protocol: protocol.into(),
    })
}

#[inline(always)]
fn load<T>(ctx: &TcContext, at: usize) -> Option<T> {
    ctx.load(at).ok()
}

#[inline(always)]
fn count(index: u32) {
    if let Some(counter) = COUNTERS.get_ptr_mut(index) {
        // SAFETY: this CPU's slot of the map.
        unsafe { *counter += 1 }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // There is nothing that panics; the linker removes this.
    loop {}
}

// Some of the helpers are for programs under a licence compatible with the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
