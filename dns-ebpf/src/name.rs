//! The question's name: its labels, and the key under which it is looked up.

use crate::{
    checksum,
    packet::{Failed, Packet, QUESTION_WORDS},
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

/// A well-formed name at the beginning of the question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    /// Octets in wire form, the root's included.
    pub(crate) len: usize,
    /// Labels, the root's not counted.
    pub(crate) labels: usize,
}

/// The octet at `at`, which must be below 512.
#[inline(always)]
pub(crate) fn octet(words: &[u64; QUESTION_WORDS], at: usize) -> u8 {
    // VERIFIER: where LLVM knows the bound, it drops the mask and rounds down by `& -8`, of which Linux 6.12
    // concludes nothing. Behind the black box the mask stays.
    masked_octet(words, core::hint::black_box(at))
}

#[inline(always)]
fn masked_octet(words: &[u64; QUESTION_WORDS], at: usize) -> u8 {
    let at = at & 0x1ff;
    match words.get(at >> 3) {
        Some(word) => (word >> ((at & 7) * 8)) as u8,
        None => 0,
    }
}

/// The big-endian number of two octets at `at`.
#[inline(always)]
pub(crate) fn number(words: &[u64; QUESTION_WORDS], at: usize) -> u16 {
    // VERIFIER: a black box takes stack, so both octets share one.
    let at = core::hint::black_box(at);
    u16::from_be_bytes([masked_octet(words, at), masked_octet(words, at + 1)])
}

/// Walks the labels of the name at the start of `words`, noting where each begins.
#[inline(always)]
pub(crate) fn parse(
    words: &[u64; QUESTION_WORDS],
    message_len: usize,
    starts: &mut [u8; 64],
) -> Result<Name, Pass> {
    let mut at = 0;
    for labels in 0..=LABELS_MAX {
        if at >= message_len {
            return Err(Pass::Name);
        }
        let length = usize::from(octet(words, at));
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
pub(crate) fn is_server(words: &[u64; QUESTION_WORDS]) -> bool {
    const LABELS: u64 = u64::from_le_bytes(*b"\x02ns\x03dns\0");
    let [first, ..] = *words;
    fold(first) & (u64::MAX >> 8) == LABELS
}

/// What was seen of a name's spelling while its key was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    /// Sum of the name's octets as the client wrote them.
    pub(crate) sum: u64,
    /// Whether no letter was in upper case.
    pub(crate) lower: bool,
}

/// Reads `len` octets at `at` of the packet as a key: folded and zero-padded.
///
/// The kernel copies exactly the name into a cleared key; masking the last word instead would leave
/// the verifier a branch per word, each of which it follows to the end.
#[inline(always)]
pub(crate) fn load_key<const N: usize>(
    packet: &impl Packet,
    at: usize,
    len: usize,
    key: &mut [u64; N],
) -> Result<Spelling, Failed> {
    *key = [0; N];
    packet.load_words(at, key, len)?;
    let (mut sum, mut changed) = (0, 0);
    for word in key.iter_mut() {
        sum = checksum::add(sum, *word);
        let folded = fold(*word);
        changed |= folded ^ *word;
        *word = folded;
    }
    Ok(Spelling {
        sum,
        lower: changed == 0,
    })
}
