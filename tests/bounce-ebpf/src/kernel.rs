//! The three programs for the node's end of a veth.

use aya_ebpf::{
    helpers::generated::{bpf_redirect, bpf_redirect_peer},
    macros::classifier,
    programs::TcContext,
};

/// TCX_NEXT (linux/bpf.h): the next program decides.
const NEXT: i32 = -1;

/// Octets from Ethernet to the DNS header's flags: 14, 20, 8, 4. UDP over IPv4 without options is all that is bounced.
const HEADERS: usize = 46;

/// Where fields lie in a frame.
mod at {
    pub(super) const DESTINATION_MAC: usize = 0;
    pub(super) const SOURCE_MAC: usize = 6;
    pub(super) const ETHERTYPE: usize = 12;
    pub(super) const VERSION_AND_LENGTH: usize = 14;
    pub(super) const PROTOCOL: usize = 23;
    pub(super) const SOURCE_ADDRESS: usize = 26;
    pub(super) const DESTINATION_ADDRESS: usize = 30;
    pub(super) const SOURCE_PORT: usize = 34;
    pub(super) const DESTINATION_PORT: usize = 36;
    pub(super) const DNS_FLAGS: usize = 44;
}

/// Bounces by a plain redirect.
#[classifier]
fn bounce_plain(ctx: TcContext) -> i32 {
    if !turn_round(&ctx) {
        return NEXT;
    }
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_redirect(interface(&ctx), 0) as i32 }
}

/// Bounces straight into the pod's end.
#[classifier]
fn bounce_peer(ctx: TcContext) -> i32 {
    if !turn_round(&ctx) {
        return NEXT;
    }
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_redirect_peer(interface(&ctx), 0) as i32 }
}

/// Does nothing.
#[classifier]
fn empty(_: TcContext) -> i32 {
    NEXT
}

/// Swaps the addresses of a datagram to port 53 and sets QR; false if it is something else. No checksum changes by the
/// swaps, and that of UDP is not made yet when a packet comes out of a pod.
#[inline(always)]
fn turn_round(ctx: &TcContext) -> bool {
    let start = ctx.data();
    if start + HEADERS > ctx.data_end() {
        return false;
    }
    let frame = start as *mut u8;
    if load::<u16>(frame, at::ETHERTYPE) != 0x0800_u16.to_be()
        || load::<u8>(frame, at::VERSION_AND_LENGTH) != 0x45
        || load::<u8>(frame, at::PROTOCOL) != 17
        || load::<u16>(frame, at::DESTINATION_PORT) != 53_u16.to_be()
    {
        return false;
    }
    swap::<[u16; 3]>(frame, at::DESTINATION_MAC, at::SOURCE_MAC);
    swap::<u32>(frame, at::SOURCE_ADDRESS, at::DESTINATION_ADDRESS);
    swap::<u16>(frame, at::SOURCE_PORT, at::DESTINATION_PORT);
    store(
        frame,
        at::DNS_FLAGS,
        load::<u8>(frame, at::DNS_FLAGS) | 0x80,
    );
    true
}

#[inline(always)]
fn swap<T: Copy>(frame: *mut u8, one: usize, other: usize) {
    let kept = load::<T>(frame, one);
    store(frame, one, load::<T>(frame, other));
    store(frame, other, kept);
}

#[inline(always)]
fn load<T: Copy>(frame: *mut u8, at: usize) -> T {
    // SAFETY: `turn_round` has checked that the headers are there, and every field lies in them.
    unsafe { frame.wrapping_add(at).cast::<T>().read_unaligned() }
}

#[inline(always)]
fn store<T>(frame: *mut u8, at: usize, value: T) {
    // SAFETY: as in `load`.
    unsafe { frame.wrapping_add(at).cast::<T>().write_unaligned(value) }
}

#[inline(always)]
fn interface(ctx: &TcContext) -> u32 {
    // SAFETY: the context is valid while the program runs.
    unsafe { (*ctx.skb.skb).ifindex }
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
