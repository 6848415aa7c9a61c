//! The XDP hook: named interfaces, for DNS that arrives from outside the node. Needs Linux 5.18.

use aya_ebpf::{
    EbpfContext,
    bindings::{
        xdp_action::{XDP_DROP, XDP_PASS, XDP_TX},
        xdp_md,
    },
    cty::c_void,
    helpers::generated::{
        bpf_xdp_adjust_tail, bpf_xdp_get_buff_len, bpf_xdp_load_bytes, bpf_xdp_store_bytes,
    },
    macros::xdp,
    programs::XdpContext,
};
use dns_ebpf::{Failed, Packet, answer::SECTION_MAX};

use super::{
    READ_MAX, bounded, in_packet, offset, succeeded,
    verdict::{self, Verdict},
};

/// For drivers with XDP: the reply leaves where the question came in.
#[xdp]
pub(super) fn intercept_xdp(ctx: XdpContext) -> u32 {
    intercept::<false>(ctx)
}

/// For every other interface, where XDP runs on a socket buffer (XDP_FLAGS_SKB_MODE, generic XDP).
#[xdp]
pub(super) fn intercept_skb(ctx: XdpContext) -> u32 {
    intercept::<true>(ctx)
}

#[inline(always)]
fn intercept<const SKB: bool>(ctx: XdpContext) -> u32 {
    match verdict::of(&mut XdpPacket::<SKB>(ctx)) {
        Verdict::SendBack => XDP_TX,
        Verdict::GoOn => XDP_PASS,
        Verdict::Drop => XDP_DROP,
    }
}

/// A packet; `SKB` when it is a socket buffer's. A driver sends its own buffers back without the buffer's marks.
struct XdpPacket<const SKB: bool>(XdpContext);

impl<const SKB: bool> EbpfContext for XdpPacket<SKB> {
    #[inline(always)]
    fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }
}

impl<const SKB: bool> XdpPacket<SKB> {
    #[inline(always)]
    fn md(&self) -> *mut xdp_md {
        self.0.ctx
    }
}

impl<const SKB: bool> Packet for XdpPacket<SKB> {
    const KEEPS_MARK: bool = SKB;

    #[inline(always)]
    fn len(&self) -> usize {
        // SAFETY: the context is valid while the program runs.
        unsafe { bpf_xdp_get_buff_len(self.md()) as usize }
    }

    #[inline(always)]
    fn start<const N: usize>(&self) -> Option<&[u8; N]> {
        // SAFETY: the context is valid while the program runs.
        let start = unsafe { (*self.md()).data };
        // SAFETY: as above.
        let end = unsafe { (*self.md()).data_end };
        in_packet(start, end)
    }

    #[inline(always)]
    fn load(&self, at: usize, octets: &mut [u8], to: usize, len: usize) -> Result<(), Failed> {
        let len = bounded::<READ_MAX>(len)?;
        // SAFETY: the library has checked that `to` and `len` lie in `octets`, which lies in scratch.
        let to = unsafe { octets.as_mut_ptr().add(offset(to)) };
        // SAFETY: as above.
        succeeded(unsafe { bpf_xdp_load_bytes(self.md(), at as u32, to.cast(), len) })
    }

    #[inline(always)]
    fn resize(&mut self, len: usize) -> Result<(), Failed> {
        let change = len as i32 - self.len() as i32;
        // SAFETY: the context is valid; no packet pointer is held.
        succeeded(unsafe { bpf_xdp_adjust_tail(self.md(), change) })
    }

    #[inline(always)]
    fn store(&mut self, at: usize, octets: &[u8], from: usize, len: usize) -> Result<(), Failed> {
        let len = bounded::<SECTION_MAX>(len)?;
        // SAFETY: the library has checked that `from` and `len` lie in `octets`, which lies in scratch.
        let from = unsafe { octets.as_ptr().add(offset(from)) };
        // SAFETY: as above.
        succeeded(unsafe { bpf_xdp_store_bytes(self.md(), at as u32, from.cast_mut().cast(), len) })
    }

    #[inline(always)]
    fn interface(&self) -> u32 {
        // SAFETY: the context is valid while the program runs.
        unsafe { (*self.md()).ingress_ifindex }
    }
}
