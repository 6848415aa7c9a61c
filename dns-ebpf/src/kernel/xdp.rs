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
use dns_ebpf::{
    Failed, HEAD_LEN, Packet, QUESTION_WORDS,
    answer::{SECTION_MAX, SPELLED_ZONE_MAX},
};

use super::{
    bounded, offset, succeeded,
    verdict::{self, Verdict},
    words_len,
};

/// The reply leaves where the question came in.
#[xdp]
pub(super) fn intercept_xdp(ctx: XdpContext) -> u32 {
    match verdict::of(&mut XdpPacket(ctx)) {
        Verdict::SendBack => XDP_TX,
        Verdict::GoOn => XDP_PASS,
        Verdict::Drop => XDP_DROP,
    }
}

struct XdpPacket(XdpContext);

impl EbpfContext for XdpPacket {
    #[inline(always)]
    fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }
}

impl XdpPacket {
    #[inline(always)]
    fn md(&self) -> *mut xdp_md {
        self.0.ctx
    }
}

impl Packet for XdpPacket {
    const ADJUSTS_CHECKSUM: bool = false;

    #[inline(always)]
    fn len(&self) -> usize {
        // SAFETY: the context is valid while the program runs.
        unsafe { bpf_xdp_get_buff_len(self.md()) as usize }
    }

    #[inline(always)]
    fn load_head<const N: usize>(
        &self,
        at: usize,
        head: &mut [u8; HEAD_LEN],
        to: usize,
    ) -> Result<(), Failed> {
        let to = head.get_mut(to..to + N).ok_or(Failed)?;
        // SAFETY: `to` is N octets long.
        succeeded(unsafe {
            bpf_xdp_load_bytes(self.md(), at as u32, to.as_mut_ptr().cast(), N as u32)
        })
    }

    #[inline(always)]
    fn load_words<const N: usize>(
        &self,
        at: usize,
        words: &mut [u64; N],
        len: usize,
    ) -> Result<(), Failed> {
        let len = words_len::<N>(len)?;
        // SAFETY: `len` is at most eight times N.
        succeeded(unsafe {
            bpf_xdp_load_bytes(self.md(), at as u32, words.as_mut_ptr().cast(), len)
        })
    }

    #[inline(always)]
    fn load_octets(
        &self,
        at: usize,
        octets: &mut [u8; SECTION_MAX],
        to: usize,
        len: usize,
    ) -> Result<(), Failed> {
        let len = bounded::<SPELLED_ZONE_MAX>(len)?;
        // SAFETY: the library has checked that `to` and `len` lie in `octets`, which lies in scratch.
        let to = unsafe { octets.as_mut_ptr().add(offset::<2048>(to)) };
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
        let from = unsafe { octets.as_ptr().add(offset::<2048>(from)) };
        // SAFETY: as above.
        succeeded(unsafe { bpf_xdp_store_bytes(self.md(), at as u32, from.cast_mut().cast(), len) })
    }

    #[inline(always)]
    fn store_words(
        &mut self,
        at: usize,
        words: &[u64; QUESTION_WORDS],
        from: usize,
        len: usize,
    ) -> Result<(), Failed> {
        let len = bounded::<512>(len)?;
        // SAFETY: as in `store`.
        let from = unsafe { words.as_ptr().cast::<u8>().add(offset::<512>(from)) };
        // SAFETY: as in `store`.
        succeeded(unsafe { bpf_xdp_store_bytes(self.md(), at as u32, from.cast_mut().cast(), len) })
    }

    #[inline(always)]
    fn adjust_checksum(
        &mut self,
        _at: usize,
        _length: (u16, u16),
        _difference: u32,
    ) -> Result<(), Failed> {
        // The whole checksum is in the header: XDP sees packets with finished sums.
        Ok(())
    }

    #[inline(always)]
    fn interface(&self) -> u32 {
        // SAFETY: the context is valid while the program runs.
        unsafe { (*self.md()).ingress_ifindex }
    }
}
