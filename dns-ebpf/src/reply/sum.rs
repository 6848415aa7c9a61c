//! The UDP checksum (RFC 768): how the question's stands, and the reply's, which must stand alike.
//!
//! A sender leaves the sum to its device: the field of such a packet holds the sum of the pseudo-header alone, and the
//! packet is marked CHECKSUM_PARTIAL (include/linux/skbuff.h). Whoever takes the packet over a link without checksum
//! offload finishes the sum. The mark stays while a question becomes its reply, and no helper tells of it; the field does.

use core::hint::cold_path;

use crate::{
    checksum,
    frame::{self, Frame, field, number},
    message::OPT_LEN,
    name,
    packet::{FRAME_LEN, Packet, Scratch, Tables},
    pass::Pass,
};

/// The most octets behind a question that are summed. No client sends as many.
const TAIL_MAX: usize = 256;

/// What the sums of a question and its reply have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram {
    /// The sum of addresses and protocol.
    pub(super) addresses: u64,
    /// Name, type and class: their sum, and their octets.
    pub(super) kept: u64,
    pub(super) kept_len: usize,
}

impl Datagram {
    /// The checksum of a reply of `udp_len` octets, as it lies in memory: one that is still to be finished if the
    /// question's is and the packet keeps its mark, else a whole one. What the reply's message has besides name, type and
    /// class adds up to `added`.
    ///
    /// # Errors
    ///
    /// The question's is wrong; or it may be the one as well as the other, as of one question in 65,536.
    #[inline(always)]
    pub(super) fn of_reply<P: Packet>(
        self,
        packet: &P,
        tables: &impl Tables,
        scratch: &mut Scratch,
        place: &Frame,
        udp_len: u16,
        added: u64,
    ) -> Result<u16, Pass> {
        let question = self.question(packet, tables, scratch, place)?;
        let frame = &scratch.frame;
        let asked_len = number(frame, field::UDP + 4);
        let found = number(frame, field::UDP + 6).to_be();
        let message = frame::words::<12>(frame, field::DNS) + question;
        // VERIFIER: truth as numbers without branches, or what follows would be verified for each case.
        let is = |other: u16| tables.forget(usize::from(found ^ other)).wrapping_sub(1) >> 63;
        let is_unfinished = is(self.unfinished(asked_len));
        let is_absent = is(0) & (place.begin >> 4);
        let is_whole = is(self.whole(tables, frame, asked_len, message)) | is_absent;
        let is_certain = if P::KEEPS_MARK {
            is_unfinished ^ is_whole
        } else {
            is_unfinished | is_whole
        };
        if is_certain == 0 {
            return Err(Pass::Checksum);
        }
        let whole = self.whole(tables, frame, udp_len, self.kept + added);
        if !P::KEEPS_MARK {
            return Ok(whole);
        }
        let unfinished = self.unfinished(udp_len);
        let mask = (is_unfinished as u16).wrapping_neg();
        Ok(whole ^ ((whole ^ unfinished) & mask))
    }

    /// The sum of the question and what follows it.
    #[inline(always)]
    fn question<P: Packet>(
        self,
        packet: &P,
        tables: &impl Tables,
        scratch: &mut Scratch,
        place: &Frame,
    ) -> Result<u64, Pass> {
        let tail_len = place.question_len.wrapping_sub(self.kept_len);
        if tail_len == 0 {
            return Ok(self.kept);
        }
        cold_path();
        let sum = if tail_len == OPT_LEN {
            of_opt_at(&scratch.frame, tables.forget_in_memory(self.kept_len))
        } else {
            let at = place.name_at() + self.kept_len;
            let len = tables.forget_in_memory(tail_len);
            let spelling = name::spelling_of::<TAIL_MAX>(packet, at, len, &mut scratch.names);
            spelling.or(Err(Pass::Opt))?.sum
        };
        let sum = tables.forget_in_memory(sum as usize) as u64;
        Ok(self.kept + checksum::placed(sum, self.kept_len))
    }

    /// The pseudo-header's sum.
    #[inline(always)]
    fn unfinished(self, udp_len: u16) -> u16 {
        checksum::folded(self.addresses + checksum::number(udp_len))
    }

    /// The sum of all, whichever way the datagram goes. The length stands in the pseudo-header and in the header.
    #[inline(always)]
    fn whole(
        self,
        tables: &impl Tables,
        frame: &[u8; FRAME_LEN],
        udp_len: u16,
        message: u64,
    ) -> u16 {
        let ports = frame::words::<4>(frame, field::UDP);
        let sum = self.addresses + ports + 2 * checksum::number(udp_len) + message;
        let sum = !checksum::folded(sum);
        // A sum of zero is sent as ones, for zero says that there is none.
        let is_zero = tables.forget(usize::from(sum)).wrapping_sub(1) >> 63;
        sum | (is_zero as u16).wrapping_neg()
    }
}

/// The sum of an OPT without options.
#[inline(always)]
pub(super) fn of_opt(octets: &[u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, i, j, k, ..] = *octets;
    checksum::word(a, b)
        + checksum::word(c, d)
        + checksum::word(e, f)
        + checksum::word(g, h)
        + checksum::word(i, j)
        + checksum::word(k, 0)
}

/// The same of the one at `at` of the question, a number of which LLVM knows nothing: all but its last octet, which is
/// zero.
#[inline(always)]
fn of_opt_at(frame: &[u8; FRAME_LEN], at: usize) -> u64 {
    let word = |place: usize| u64::from(name::masked_number(frame, at + place).to_be());
    word(0) + word(2) + word(4) + word(6) + word(8)
}
