//! The TC hook: ingress of an interface on the node's side.

use aya_ebpf::{
    EbpfContext,
    bindings::{__sk_buff, TC_ACT_SHOT},
    cty::c_void,
    helpers::generated::{
        bpf_redirect, bpf_redirect_peer, bpf_skb_change_tail, bpf_skb_change_type,
        bpf_skb_load_bytes, bpf_skb_store_bytes,
    },
    macros::classifier,
    programs::TcContext,
};
use dns_ebpf::{Failed, Packet, answer::SECTION_MAX};

use super::{
    READ_MAX, bounded, in_packet, offset, succeeded,
    verdict::{self, Verdict},
};

/// TCX_NEXT (linux/bpf.h), and TC_ACT_UNSPEC for clsact: the next program decides.
const NEXT: i32 = -1;

/// PACKET_HOST (linux/if_packet.h): to us.
const PACKET_HOST: u32 = 0;

/// For veths: the reply goes straight into the pod's end, past every program on the way back.
#[classifier]
pub(super) fn intercept_peer(ctx: TcContext) -> i32 {
    let mut packet = TcPacket(ctx);
    match verdict::of(&mut packet) {
        Verdict::SendBack => packet.redirect_peer(),
        Verdict::GoOn => NEXT,
        Verdict::Drop => TC_ACT_SHOT,
    }
}

/// For every other interface: the reply leaves where the question came in.
#[classifier]
pub(super) fn intercept_plain(ctx: TcContext) -> i32 {
    let mut packet = TcPacket(ctx);
    match verdict::of(&mut packet) {
        // SAFETY: the helper has no preconditions.
        Verdict::SendBack => unsafe { bpf_redirect(packet.interface(), 0) as i32 },
        Verdict::GoOn => NEXT,
        Verdict::Drop => TC_ACT_SHOT,
    }
}

/// A socket buffer.
struct TcPacket(TcContext);

impl EbpfContext for TcPacket {
    #[inline(always)]
    fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }
}

impl TcPacket {
    #[inline(always)]
    fn skb(&self) -> *mut __sk_buff {
        self.0.skb.skb
    }

    #[inline(always)]
    fn redirect_peer(&self) -> i32 {
        // A question to another MAC than the veth's own (a bridge's) was marked as for another host,
        // and the pod's stack would drop its reply.
        // SAFETY: the context is valid while the program runs.
        if unsafe { (*self.skb()).pkt_type } != PACKET_HOST {
            // SAFETY: as above. It cannot fail for these two types.
            let _ = unsafe { bpf_skb_change_type(self.skb(), PACKET_HOST) };
        }
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_redirect_peer(self.interface(), 0) as i32 }
    }
}

impl Packet for TcPacket {
    const KEEPS_MARK: bool = true;

    #[inline(always)]
    fn len(&self) -> usize {
        // SAFETY: the context is valid while the program runs.
        unsafe { (*self.skb()).len as usize }
    }

    #[inline(always)]
    fn start<const N: usize>(&self) -> Option<&[u8; N]> {
        // SAFETY: the context is valid while the program runs.
        let start = unsafe { (*self.skb()).data };
        // SAFETY: as above.
        let end = unsafe { (*self.skb()).data_end };
        in_packet(start, end)
    }

    #[inline(always)]
    fn load(&self, at: usize, octets: &mut [u8], to: usize, len: usize) -> Result<(), Failed> {
        let len = bounded::<READ_MAX>(len)?;
        // SAFETY: the library has checked that `to` and `len` lie in `octets`, which lies in scratch.
        let to = unsafe { octets.as_mut_ptr().add(offset(to)) };
        // SAFETY: as above.
        succeeded(unsafe {
            bpf_skb_load_bytes(self.as_ptr().cast_const(), at as u32, to.cast(), len)
        })
    }

    #[inline(always)]
    fn resize(&mut self, len: usize) -> Result<(), Failed> {
        // SAFETY: the context is valid; no packet pointer is held.
        succeeded(unsafe { bpf_skb_change_tail(self.skb(), len as u32, 0) })
    }

    #[inline(always)]
    fn store(&mut self, at: usize, octets: &[u8], from: usize, len: usize) -> Result<(), Failed> {
        let len = bounded::<SECTION_MAX>(len)?;
        // SAFETY: the library has checked that `from` and `len` lie in `octets`, which lies in scratch.
        let from = unsafe { octets.as_ptr().add(offset(from)) };
        // SAFETY: as above.
        succeeded(unsafe { bpf_skb_store_bytes(self.skb(), at as u32, from.cast(), len, 0) })
    }

    #[inline(always)]
    fn interface(&self) -> u32 {
        // SAFETY: the context is valid while the program runs.
        unsafe { (*self.skb()).ifindex }
    }
}
