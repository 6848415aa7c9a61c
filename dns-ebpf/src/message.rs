//! The DNS message: which questions are accepted, and the header and OPT of the reply.

use core::hint::cold_path;

use crate::{
    checksum,
    frame::{
        field::{DNS, UDP},
        number as header_number,
    },
    name::{NAME_MAX, masked_number, number, octet},
    packet::{FRAME_LEN, HEAD_LEN, Tables},
    pass::Pass,
};

/// RFC 1035 §4.1.1: QR and the opcode, in the first octet of the flags.
const QR_AND_OPCODE: u8 = 0xf8;
/// RFC 1035 §4.1.1: QR.
const QR: u8 = 0x80;
/// RFC 1035 §4.1.1: AA, authoritative answer.
const AA: u8 = 0x04;
/// RFC 1035 §4.1.1: RD, recursion desired.
const RD: u8 = 0x01;
/// RFC 4035 §3.2.2: CD, checking disabled, in the second octet of the flags.
const CD: u8 = 0x10;
/// RFC 1035 §3.2.4.
const CLASS_IN: u16 = 1;
/// RFC 6891 §6.1.1.
const TYPE_OPT: u16 = 41;
/// RFC 3225 §3: DO, in the first octet of an OPT's flags.
const DO: u8 = 0x80;
/// Octets of an OPT without options.
pub(crate) const OPT_LEN: usize = 11;
/// RFC 1035 §4.2.1: what every client takes over UDP.
const CLIENT_MIN: u16 = 512;
/// The option with the client's subnet (RFC 7871 §6).
const CLIENT_SUBNET: u16 = 8;
/// The most options of an OPT that are looked at.
const OPTIONS_MAX: usize = 4;

/// What the reply must repeat of the question's OPT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt {
    /// The client's UDP size as given.
    pub(crate) size: u16,
    /// The first octet of its flags: DO and the seven bits below (specification §4).
    pub(crate) flags: u8,
    /// Not zero if it tells the client's subnet (RFC 7871).
    pub(crate) subnet: usize,
}

impl Opt {
    /// The OPT as one number that is not zero.
    #[inline(always)]
    fn packed(self) -> usize {
        let flags = usize::from(self.flags) << 16;
        1 << 32 | usize::from(self.subnet != 0) << 24 | flags | usize::from(self.size)
    }

    /// The OPT of [`Self::packed`]; none of zero.
    #[inline(always)]
    fn unpacked(packed: usize) -> Option<Self> {
        (packed != 0).then_some(Self {
            size: packed as u16,
            flags: (packed >> 16) as u8,
            subnet: (packed >> 24) & 1,
        })
    }

    /// Whether the client wants DNSSEC records, or an answer for its subnet.
    #[inline(always)]
    pub(crate) fn is_particular(&self) -> bool {
        self.flags & DO != 0 || self.subnet != 0
    }
}

/// Whether recursion is not desired, or checking disabled (RFC 1035 §4.1.1, RFC 4035 §3.2.2).
#[inline(always)]
pub(crate) fn is_particular(head: &[u8; FRAME_LEN]) -> bool {
    match (head.get(DNS + 2), head.get(DNS + 3)) {
        (Some(flags), Some(more)) => flags & RD == 0 || more & CD != 0,
        _ => true,
    }
}

/// The question's type and its OPT, once the whole message is understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) query_type: u16,
    pub(crate) opt: Option<Opt>,
}

impl Question {
    /// The sum of type and class, at an even place.
    #[inline(always)]
    pub(crate) fn type_and_class(&self) -> u64 {
        checksum::number(self.query_type) + checksum::number(CLASS_IN)
    }

    /// The largest message that the client takes; `cap` is the server's own limit.
    #[inline(always)]
    pub(crate) fn size_limit(&self, cap: u16) -> usize {
        let size = self.opt.map_or(CLIENT_MIN, |opt| opt.size.min(cap));
        usize::from(size.max(CLIENT_MIN))
    }
}

/// The sender's port, and behind it the message's ID.
#[inline(always)]
pub(crate) fn port_and_id(head: &[u8; FRAME_LEN]) -> u32 {
    u32::from(header_number(head, UDP)) << 16 | u32::from(header_number(head, DNS))
}

/// Checks header and counts; returns the number of additional records, zero or one.
#[inline(always)]
pub(crate) fn check_header(head: &[u8; FRAME_LEN]) -> Result<u16, Pass> {
    if head
        .get(DNS + 2)
        .is_none_or(|flags| flags & QR_AND_OPCODE != 0)
    {
        return Err(Pass::NotQuery);
    }
    let additional = header_number(head, DNS + 10);
    let one_question = header_number(head, DNS + 4) == 1
        && header_number(head, DNS + 6) == 0
        && header_number(head, DNS + 8) == 0;
    if !one_question || additional > 1 {
        return Err(Pass::Counts);
    }
    Ok(additional)
}

/// Reads type, class and OPT behind a name of `name_len` octets, to the end of the message.
#[inline(always)]
pub(crate) fn question(
    frame: &[u8; FRAME_LEN],
    tables: &impl Tables,
    name_len: usize,
    message_len: usize,
    additional: u16,
) -> Result<Question, Pass> {
    let end = name_len + 4;
    if end > message_len {
        return Err(Pass::Name);
    }
    if number(frame, name_len + 2) != CLASS_IN {
        return Err(Pass::Class);
    }
    let opt = match additional {
        0 if end == message_len => 0,
        0 => return Err(Pass::Trailing),
        _ => {
            cold_path();
            opt(frame, tables, end, message_len)?.packed()
        }
    };
    Ok(Question {
        query_type: masked_number(frame, tables.forget(name_len)),
        // VERIFIER: so what follows is verified once, and not once with and once without an OPT.
        opt: Opt::unpacked(tables.forget_in_memory(opt)),
    })
}

/// Octets of the question's name, if it is followed by type and class and by nothing else, or by an OPT without options:
/// what nearly every client sends. That it is a name is not looked at but for its last two octets, of which the second
/// is the root's and the first is not zero.
///
/// It takes one look at the message's end instead of a walk over the labels, each of which says where the next begins.
/// An entry's name has no zero but its last octet. So if the name's key is equal to these
/// octets and zeros behind them, the name is these octets; a question that is malformed meets no entry.
#[inline(always)]
pub(crate) fn usual_name_len(
    frame: &[u8; FRAME_LEN],
    tables: &impl Tables,
    question_len: usize,
    additional: u16,
) -> Option<usize> {
    let opt_len = if additional == 0 { 0 } else { OPT_LEN };
    let len = question_len.checked_sub(4 + opt_len)?;
    if !(3..=NAME_MAX).contains(&len) {
        return None;
    }
    let [last, root] = masked_number(frame, tables.forget(len - 2)).to_be_bytes();
    if last == 0 || root != 0 {
        return None;
    }
    let opt = len + 4;
    let is_opt = || {
        let has_options = number(frame, opt + 9) != 0;
        octet(frame, opt) == 0 && number(frame, opt + 1) == TYPE_OPT && !has_options
    };
    (additional == 0 || is_opt()).then_some(len)
}

/// Reads an OPT at `at` that ends with the message (RFC 6891 §6.1.2).
#[inline(always)]
fn opt(
    frame: &[u8; FRAME_LEN],
    tables: &impl Tables,
    at: usize,
    message_len: usize,
) -> Result<Opt, Pass> {
    let options = at + OPT_LEN;
    if options > message_len || octet(frame, at) != 0 || number(frame, at + 1) != TYPE_OPT {
        return Err(Pass::Opt);
    }
    // RFC 6891 §6.1.3: the extended response code comes first, then the version.
    if octet(frame, at + 6) != 0 {
        return Err(Pass::Opt);
    }
    let end = options + usize::from(number(frame, at + 9));
    if end > message_len {
        return Err(Pass::Opt);
    }
    if end != message_len {
        return Err(Pass::Trailing);
    }
    let subnet = check_options(frame, tables, options, end)?;
    Ok(Opt {
        size: number(frame, at + 3),
        flags: octet(frame, at + 7),
        subnet,
    })
}

/// Accepts a chain of whole options, each of a code whose payload rule is known; returns not zero if one tells
/// the client's subnet.
#[inline(always)]
fn check_options(
    frame: &[u8; FRAME_LEN],
    tables: &impl Tables,
    mut at: usize,
    end: usize,
) -> Result<usize, Pass> {
    let mut subnet = 0;
    for _ in 0..OPTIONS_MAX {
        if at == end {
            return Ok(subnet);
        }
        if at + 4 > end {
            return Err(Pass::Opt);
        }
        let code = number(frame, at);
        let length = usize::from(number(frame, at + 2));
        if at + 4 + length > end || !is_option(frame, code, at + 4, length) {
            return Err(Pass::Opt);
        }
        subnet = tables.forget_in_memory(subnet | usize::from(code == CLIENT_SUBNET));
        at = tables.forget_in_memory(at + 4 + length) & 0x1ff;
    }
    if at == end {
        Ok(subnet)
    } else {
        Err(Pass::Opt)
    }
}

/// Whether CoreDNS's library parses this option (specification §2, §4): otherwise it says FORMERR.
#[inline(always)]
fn is_option(frame: &[u8; FRAME_LEN], code: u16, at: usize, length: usize) -> bool {
    match code {
        // NSID (RFC 5001), COOKIE (RFC 7873), PADDING (RFC 7830): any payload.
        3 | 10 | 12 => true,
        // RFC 7871 §6: family, prefix lengths.
        CLIENT_SUBNET => {
            let prefixes = octet(frame, at + 2).max(octet(frame, at + 3));
            length >= 4
                && match number(frame, at) {
                    0 => octet(frame, at + 2) == 0,
                    1 => prefixes <= 32 && length <= 8,
                    2 => prefixes <= 128 && length <= 20,
                    _ => false,
                }
        }
        // EXPIRE (RFC 7314 §3.1): nothing or 32 bits.
        9 => length == 0 || length == 4,
        // TCP-KEEPALIVE (RFC 7828 §3.1): nothing or 16 bits.
        11 => length == 0 || length == 2,
        // Extended error (RFC 8914 §2): a code and text.
        15 => length >= 2,
        // Unassigned and local codes are opaque.
        20.. => true,
        _ => false,
    }
}

/// Writes the reply's header: the question's ID, RD and CD, and the counts of the sections. Returns its sum.
///
/// The sum is that of what is written, and not of what is then there: a processor waits long for a word that it has just
/// written in parts.
#[inline(always)]
pub(crate) fn write_header(
    head: &[u8; FRAME_LEN],
    reply: &mut [u8; HEAD_LEN],
    authoritative: bool,
    response_code: u8,
    counts: [u8; 3],
) -> u64 {
    let (Some(flags), Some(more)) = (head.get(DNS + 2), head.get(DNS + 3)) else {
        return 0;
    };
    let aa = if authoritative { AA } else { 0 };
    let flags = [QR | aa | (flags & RD), (more & CD) | response_code];
    let [answers, authorities, additional] = counts;
    let written = [
        flags,
        [0, 1],
        [0, answers],
        [0, authorities],
        [0, additional],
    ];
    if let Some(place) = reply.get_mut(DNS + 2..DNS + 12) {
        place.copy_from_slice(written.as_flattened());
    }
    let id = checksum::number(header_number(head, DNS));
    written
        .into_iter()
        .fold(id, |sum, [high, low]| sum + checksum::word(high, low))
}

/// The reply's OPT: the client's own, without options (specification §4, 1.15.0).
#[inline(always)]
pub(crate) fn write_opt(opt: Opt, cap: u16, octets: &mut [u8; 16]) {
    let [high, low] = opt.size.min(cap).to_be_bytes();
    let [_, kind] = TYPE_OPT.to_be_bytes();
    *octets = [
        0, 0, kind, high, low, 0, 0, opt.flags, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
}
