//! The question's name: its labels, and the key under which it is looked up.

use core::hint::cold_path;

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
/// Where names lie in [`Scratch::names`](crate::Scratch::names), by the length of their key. As many octets again
/// behind each are zero, and stay so: they pad the name and each of its suffixes, so that whatever of it is looked up,
/// its key lies there already.
pub const NAME_PLACES: [usize; 3] = [0, 2 * 40, 2 * (40 + 64)];
/// Where [`spelling_of`] sums octets, behind the names and their padding.
const SUM_PLACE: usize = 2 * (40 + 64 + 256);
/// The most octets that it sums.
const SUM_MAX: usize = 256;
/// Octets of [`Scratch::names`](crate::Scratch::names).
pub const NAMES_LEN: usize = SUM_PLACE + SUM_MAX;
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
    masked_number(frame, core::hint::black_box(at))
}

/// As [`number`], at a place of which LLVM knows nothing: one that [`Tables::forget`](crate::packet::Tables::forget) has
/// returned.
#[inline(always)]
pub(crate) fn masked_number(frame: &[u8; FRAME_LEN], at: usize) -> u16 {
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
        let length = usize::from(masked_octet(frame, at));
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

/// Whether the name's first or second label is a lone underscore. CoreDNS takes `_._tcp.SERVICE`, `_http._.SERVICE` and
/// the like for any port or any protocol of the service. Hardly anybody asks so, and these would be more than half of
/// all names: they have entries only while there is much room, so none of them may be denied.
#[inline(always)]
pub(crate) fn asks_for_any(frame: &[u8; FRAME_LEN]) -> bool {
    const LABEL: u16 = u16::from_be_bytes([1, b'_']);
    let second = 1 + usize::from(octet(frame, 0));
    number(frame, 0) == LABEL || number(frame, second) == LABEL
}

/// What is seen of a name's spelling while it is folded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    /// Sum of the name's octets as the client wrote them, at an even place.
    pub(crate) sum: u64,
    /// Sum of the name's octets in lower case, at an even place.
    pub(crate) folded_sum: u64,
    /// The bits in which both differ.
    changed: u64,
}

impl Spelling {
    const EMPTY: Self = Self {
        sum: 0,
        folded_sum: 0,
        changed: 0,
    };

    /// Takes the next eight octets, and returns them folded.
    #[inline(always)]
    fn take(&mut self, word: u64) -> u64 {
        let folded = fold(word);
        self.sum = checksum::add(self.sum, word);
        self.folded_sum = checksum::add(self.folded_sum, folded);
        self.changed |= folded ^ word;
        folded
    }

    /// A mark of the name, whatever its letter case: odd. Names may have the same.
    #[inline(always)]
    pub(crate) fn mark(&self) -> u32 {
        let sum = self.folded_sum;
        (sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 | 1
    }

    /// Whether no letter was in upper case.
    #[inline(always)]
    pub(crate) fn is_lower(&self) -> bool {
        self.changed == 0
    }
}

/// Where a name of `len` octets lies once it is folded.
#[inline(always)]
pub(crate) fn place_of(len: usize) -> usize {
    let [short, middle, _] = KEY_LENGTHS;
    let [at_short, at_middle, at_long] = NAME_PLACES;
    if len <= short {
        at_short
    } else if len <= middle {
        at_middle
    } else {
        at_long
    }
}

/// Folds the question's name of `len` octets (at most 256) into `names`; returns where it lies there.
#[inline(always)]
pub(crate) fn fold_question(
    frame: &[u8; FRAME_LEN],
    len: usize,
    names: &mut [u8; NAMES_LEN],
) -> Result<(usize, Spelling), Failed> {
    let [short, middle, _] = KEY_LENGTHS;
    let [at_short, at_middle, at_long] = NAME_PLACES;
    if len <= short {
        let spelling = fold_words::<{ KEY_LENGTHS[0] / 8 }>(frame, len, names, at_short)?;
        Ok((at_short, spelling))
    } else if len <= middle {
        cold_path();
        let spelling = fold_words::<{ KEY_LENGTHS[1] / 8 }>(frame, len, names, at_middle)?;
        Ok((at_middle, spelling))
    } else {
        cold_path();
        let spelling = fold_words::<{ KEY_LENGTHS[2] / 8 }>(frame, len, names, at_long)?;
        Ok((at_long, spelling))
    }
}

/// Folds the first `len` octets of the question, in `WORDS` words that end with zeros, to `place`.
#[inline(always)]
fn fold_words<const WORDS: usize>(
    frame: &[u8; FRAME_LEN],
    len: usize,
    names: &mut [u8; NAMES_LEN],
    place: usize,
) -> Result<Spelling, Failed> {
    let mut spelling = Spelling::EMPTY;
    for index in 0..WORDS {
        let at = index * 8;
        let octets = frame
            .get(HEAD_LEN + at..)
            .and_then(|rest| rest.first_chunk());
        let word = u64::from_le_bytes(*octets.ok_or(Failed)?);
        let word = if len >= at + 8 {
            word
        } else if len > at {
            word & (u64::MAX >> (64 - (len & 7) * 8))
        } else {
            0
        };
        *word_at(names, place + at)? = spelling.take(word).to_le_bytes();
    }
    Ok(spelling)
}

/// Sums `len` octets of the packet, at most `N` (a multiple of 8), as [`fold_question`] does the name's.
#[inline(always)]
pub(crate) fn spelling_of<const N: usize>(
    packet: &impl Packet,
    at: usize,
    len: usize,
    names: &mut [u8; NAMES_LEN],
) -> Result<Spelling, Failed> {
    if len > N {
        return Err(Failed);
    }
    const { assert!(N <= SUM_MAX && N.is_multiple_of(8)) }
    // Of zeros that LLVM knows it would make a call of memset, which stores octet by octet; the padding's it does not
    // know.
    let [.., long] = NAME_PLACES;
    let zeros = *word_at(names, long + 256)?;
    for index in 0..N / 8 {
        *word_at(names, SUM_PLACE + index * 8)? = zeros;
    }
    packet.load(at, names, SUM_PLACE, len)?;
    let mut spelling = Spelling::EMPTY;
    for index in 0..N / 8 {
        spelling.take(u64::from_le_bytes(*word_at(names, SUM_PLACE + index * 8)?));
    }
    Ok(spelling)
}

/// The eight octets at `at`.
#[inline(always)]
fn word_at(names: &mut [u8; NAMES_LEN], at: usize) -> Result<&mut [u8; 8], Failed> {
    let rest = names.get_mut(at..).ok_or(Failed)?;
    rest.first_chunk_mut().ok_or(Failed)
}
