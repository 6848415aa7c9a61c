//! The question's name: its labels, and the key under which it is looked up.

use crate::{
    checksum,
    packet::{FRAME_LEN, Failed, HEAD_LEN, Packet},
    pass::Pass,
};

/// The longest name in wire form, the root's octet included (RFC 1035 §2.3.4).
pub const NAME_MAX: usize = 255;
/// The longest label (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;
/// The most labels that are followed: an IPv6 reverse name has 34.
const LABELS_MAX: usize = 40;
/// Octets of the three kinds of keys; a name lies in the map of the shortest that holds it.
pub const KEY_LENGTHS: [usize; 3] = [40, 64, 256];
/// Where a folded name ends in [`Scratch::name`](crate::Scratch::name). So its suffixes end there too, and the zeros
/// behind pad each of them: whatever suffix is looked up, its key lies there already.
pub const NAME_END: usize = 256;
/// Octets of [`Scratch::name`](crate::Scratch::name).
pub const PADDED_NAME_LEN: usize = NAME_END + 256;
/// A question's octets from its name on, rounded up to a power of two.
const QUESTION_MAX: usize = FRAME_LEN - HEAD_LEN;

/// A well-formed name at the beginning of the question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    /// Octets in wire form, the root's included.
    pub(crate) len: usize,
    /// Labels, the root's not counted.
    pub(crate) labels: usize,
}

/// The octet at `at` of the question, which must be below 512.
#[inline(always)]
pub(crate) fn octet(frame: &[u8; FRAME_LEN], at: usize) -> u8 {
    // VERIFIER: behind the black box LLVM knows no bound, and so keeps the mask, which is the verifier's bound.
    masked_octet(frame, core::hint::black_box(at))
}

#[inline(always)]
fn masked_octet(frame: &[u8; FRAME_LEN], at: usize) -> u8 {
    let at = HEAD_LEN + (at & (QUESTION_MAX - 1));
    frame.get(at).copied().unwrap_or(0)
}

/// The big-endian number of two octets at `at` of the question.
#[inline(always)]
pub(crate) fn number(frame: &[u8; FRAME_LEN], at: usize) -> u16 {
    // VERIFIER: a black box takes stack, so both octets share one.
    let at = core::hint::black_box(at);
    u16::from_be_bytes([masked_octet(frame, at), masked_octet(frame, at + 1)])
}

/// Walks the labels of the question's name, noting where each begins.
#[inline(always)]
pub(crate) fn parse(
    frame: &[u8; FRAME_LEN],
    question_len: usize,
    starts: &mut [u8; 64],
) -> Result<Name, Pass> {
    let mut at = 0;
    for labels in 0..LABELS_MAX + 1 {
        if at >= question_len {
            return Err(Pass::Name);
        }
        let length = usize::from(octet(frame, at));
        if length == 0 {
            return Ok(Name {
                len: at + 1,
                labels,
            });
        }
        // RFC 1035 §4.1.4: the two high bits mark a pointer, which a question has no use for.
        if length > LABEL_MAX {
            return Err(Pass::Name);
        }
        if let Some(start) = starts.get_mut(labels) {
            *start = at as u8;
        }
        at += 1 + length;
        if at >= NAME_MAX {
            return Err(Pass::Name);
        }
    }
    Err(Pass::Name)
}

/// Lower-cases the ASCII letters of eight octets (RFC 4343); a length octet is below every letter.
#[inline(always)]
pub const fn fold(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * EACH);
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let past_z = low + (0x7f - b'Z' as u64) * EACH;
    let upper = from_a & !past_z & !word & (0x80 * EACH);
    word | (upper >> 2)
}

/// Whether the name begins with the labels `ns` and `dns`. CoreDNS takes `ns.dns.ZONE.ANYTHING.ZONE` for
/// its own name server's, wherever it lies in the zone, so no such name may be denied.
#[inline(always)]
pub(crate) fn is_server(frame: &[u8; FRAME_LEN]) -> bool {
    const LABELS: u64 = u64::from_le_bytes(*b"\x02ns\x03dns\0");
    match frame.get(HEAD_LEN..).and_then(|name| name.first_chunk()) {
        Some(first) => fold(u64::from_le_bytes(*first)) & (u64::MAX >> 8) == LABELS,
        None => true,
    }
}

/// Where the last `len` octets (1 to 256) of a folded name begin in [`Scratch::name`](crate::Scratch::name).
#[inline(always)]
pub(crate) fn start_of(len: usize) -> usize {
    // VERIFIER: without the black box LLVM takes `len` away from a pointer, and of a pointer that moved back the
    // verifier knows no bound.
    core::hint::black_box(NAME_END.wrapping_sub(len)) & (NAME_END - 1)
}

/// What was seen of a name's spelling while it was folded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    /// Sum of the name's octets as the client wrote them, at an even place.
    pub(crate) sum: u64,
    /// Sum of the name's octets in lower case, at an even place.
    pub(crate) folded_sum: u64,
    /// Whether no letter was in upper case.
    pub(crate) lower: bool,
}

/// Reads `len` octets at `at` of the packet to where they end at [`NAME_END`] of `name`, and folds them.
///
/// What lies before them there is unspecified, what lies behind is left alone.
#[inline(always)]
pub(crate) fn load(
    packet: &impl Packet,
    at: usize,
    len: usize,
    name: &mut [u8; PADDED_NAME_LEN],
) -> Result<Spelling, Failed> {
    let [short, middle, _] = KEY_LENGTHS;
    if len <= short {
        load_within::<{ KEY_LENGTHS[0] }>(packet, at, len, name)
    } else if len <= middle {
        load_within::<{ KEY_LENGTHS[1] }>(packet, at, len, name)
    } else {
        load_within::<{ KEY_LENGTHS[2] }>(packet, at, len, name)
    }
}

/// As [`load`], refused of more than `N` octets, a multiple of 8.
#[inline(always)]
pub(crate) fn load_within<const N: usize>(
    packet: &impl Packet,
    at: usize,
    len: usize,
    name: &mut [u8; PADDED_NAME_LEN],
) -> Result<Spelling, Failed> {
    if len > N {
        return Err(Failed);
    }
    // Of the octets before the name those of its own words are summed, so they must be zero. Of zeros that LLVM knows
    // it would make a call of memset, which stores octet by octet; the padding's it does not know.
    let zeros = *word_at(name, NAME_END)?;
    for index in 0..N / 8 {
        *word_at(name, NAME_END - N + index * 8)? = zeros;
    }
    packet.load(at, name, start_of(len), len)?;
    let (mut sum, mut folded_sum, mut changed) = (0, 0, 0);
    for index in 0..N / 8 {
        let octets = word_at(name, NAME_END - N + index * 8)?;
        let word = u64::from_le_bytes(*octets);
        sum = checksum::add(sum, word);
        let folded = fold(word);
        folded_sum = checksum::add(folded_sum, folded);
        changed |= folded ^ word;
        *octets = folded.to_le_bytes();
    }
    // A name that ends at an even place and has odd length begins at an odd one.
    let at_even = |sum| checksum::placed(checksum::folded(sum), len);
    Ok(Spelling {
        sum: at_even(sum),
        folded_sum: at_even(folded_sum),
        lower: changed == 0,
    })
}

/// The eight octets at `at`.
#[inline(always)]
fn word_at(name: &mut [u8; PADDED_NAME_LEN], at: usize) -> Result<&mut [u8; 8], Failed> {
    let rest = name.get_mut(at..).ok_or(Failed)?;
    rest.first_chunk_mut().ok_or(Failed)
}
