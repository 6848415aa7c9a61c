//! The reply: sizes, order and checksum worked out first, then written.

mod sum;

use core::hint::cold_path;

use crate::{
    answer::{self, Control},
    checksum,
    frame::{self, Frame, UDP_LEN, field},
    intercept::Outcome,
    message::{self, OPT_LEN, Question},
    name::Spelling,
    packet::{Failed, HEAD_LEN, Packet, Scratch, Tables},
    pass::{Answered, Pass},
    repeat,
};
use sum::Datagram;

/// The records of a reply, all sections in a row, and what the header says of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records {
    /// Where they begin in [`Scratch::section`], and their length in octets.
    pub(crate) from: usize,
    pub(crate) len: usize,
    /// Their one's-complement sum.
    pub(crate) sum: u64,
    /// Octets at their end that may be turned, and the size of one record of these.
    pub(crate) turned: usize,
    pub(crate) record_len: usize,
    pub(crate) response_code: u8,
    pub(crate) answered: Answered,
    pub(crate) authoritative: bool,
    /// Answer, authority and additional records, without the OPT.
    pub(crate) counts: [u8; 3],
    /// When they end; not zero: they are those of an external name.
    pub(crate) ends: u64,
}

/// The question as it was understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) frame: Frame,
    pub(crate) control: Control,
    pub(crate) question: Question,
    /// Octets of its name.
    pub(crate) name_len: usize,
    pub(crate) spelling: Spelling,
}

/// What it takes to put a question back.
#[derive(Clone, Copy, Debug)]
pub struct Undo {
    frame: Frame,
    kept: usize,
}

impl Undo {
    /// Nothing to put back.
    pub(crate) const NONE: Undo = Undo {
        frame: Frame {
            begin: 0,
            tags: 0,
            len: 0,
            question_len: 0,
        },
        kept: 0,
    };
}

/// Some octets of [`Scratch::section`].
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: usize,
    len: usize,
}

impl Stretch {
    #[inline(always)]
    fn map(self, each: impl Fn(usize) -> usize) -> Self {
        Self {
            from: each(self.from),
            len: each(self.len),
        }
    }

    /// Writes them, if there are any, at `at` of the packet; returns how many.
    #[inline(always)]
    fn write(self, packet: &mut impl Packet, section: &[u8], at: usize) -> Result<usize, Failed> {
        if self.len != 0 {
            packet.store(at, section, self.from, self.len)?;
        }
        Ok(self.len)
    }
}

/// A reply that is ready to be written; its octets lie in [`Scratch`].
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    frame: Frame,
    /// Length of the packet with the reply.
    len: usize,
    /// Octets of the question that stay: name, type, class.
    kept: usize,
    /// The records, and behind them those that are turned, in the order in which they are sent.
    first: Stretch,
    turned: Option<[Stretch; 2]>,
    /// Octets of all parts.
    records_len: usize,
    has_opt: bool,
    answered: Answered,
}

/// Works out everything about the reply; refuses what the client or the interface cannot take.
#[inline(always)]
pub(crate) fn prepare<P: Packet>(
    packet: &P,
    tables: &impl Tables,
    scratch: &mut Scratch,
    asked: Asked,
    records: Records,
) -> Result<Reply, Pass> {
    let Asked {
        frame,
        control,
        question,
        name_len,
        spelling,
    } = asked;
    let kept = name_len + 4;
    let opt_len = if question.opt.is_some() { OPT_LEN } else { 0 };
    let message_len = field::NAME - field::DNS + kept + records.len + opt_len;
    if message_len > question.size_limit(control.size_cap) {
        return Err(Pass::ClientSize);
    }
    // CoreDNS hands flags and OPT on with its question for an external name.
    let is_particular = || {
        let by_opt = question.opt.is_some_and(|opt| opt.is_particular());
        by_opt || message::is_particular(&scratch.frame)
    };
    if records.ends != 0 && is_particular() {
        return Err(Pass::External);
    }
    // VERIFIER: here, for what follows has many outcomes. What passes in spite of it is counted as answered; it is rare.
    repeat::look(
        tables,
        repeat::Asked {
            interface: packet.interface(),
            source: frame.source(&scratch.frame),
            name: spelling.mark(),
            query_type: question.query_type,
            id: message::port_and_id(&scratch.frame),
            now: answer::units(scratch.time),
        },
    )?;

    let len = field::DNS - frame.begin + frame.tags + message_len;
    let ip_len = frame.ip_len(len);
    if ip_len > usize::from(control.mtu_floor)
        && tables
            .mtu(packet.interface())
            .is_none_or(|mtu| ip_len > mtu as usize)
    {
        return Err(Pass::Mtu);
    }
    if let Some(head) = scratch.frame.first_chunk() {
        scratch.reply = *head;
    }
    let [answers, authorities, additional] = records.counts;
    let counts = [
        answers,
        authorities,
        additional + question.opt.is_some() as u8,
    ];
    let header = message::write_header(
        &scratch.frame,
        &mut scratch.reply,
        records.authoritative,
        records.response_code,
        counts,
    );
    let udp_len = message_len + UDP_LEN;
    let addresses = frame::turn_round(&scratch.frame, &mut scratch.reply, &frame, udp_len);
    let kept_sum = spelling.sum + checksum::placed(question.type_and_class(), name_len);
    let mut added = checksum::placed(records.sum, kept);
    if let Some(opt) = question.opt {
        cold_path();
        message::write_opt(opt, control.size_cap, &mut scratch.opt);
        added += checksum::placed(sum::of_opt(&scratch.opt), kept + records.len);
    }
    let datagram = Datagram {
        addresses,
        kept: kept_sum,
        kept_len: kept,
    };
    let added = header + added;
    let checksum = datagram.of_reply(packet, tables, scratch, &frame, udp_len as u16, added)?;
    if let Some(place) = scratch.reply.get_mut(field::UDP + 6..field::UDP + 8) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    scratch.undo = Undo { frame, kept };
    let forgotten = |number| tables.forget(number);
    let (first, turned) = parts(tables, &records)?;
    Ok(Reply {
        frame,
        len: forgotten(len),
        kept: forgotten(kept),
        first: first.map(forgotten),
        turned: turned.map(|both| both.map(|stretch| stretch.map(forgotten))),
        records_len: forgotten(records.len),
        has_opt: question.opt.is_some(),
        answered: records.answered,
    })
}

/// The records in the order in which they are sent: equal addresses begin with a random one.
///
/// CoreDNS shuffles them (specification §16); a rotation spreads the first address as evenly.
#[inline(always)]
fn parts(tables: &impl Tables, records: &Records) -> Result<(Stretch, Option<[Stretch; 2]>), Pass> {
    let Records {
        from,
        len,
        turned,
        record_len,
        ..
    } = *records;
    if turned <= record_len || record_len == 0 {
        return Ok((Stretch { from, len }, None));
    }
    let fixed = len.checked_sub(turned).ok_or(Pass::Entry)?;
    let number = (turned / record_len) as u32;
    let start = (tables.random() % number.max(1)) as usize * record_len;
    let from_start = Stretch {
        from: from + fixed + start,
        len: turned - start,
    };
    let up_to_start = Stretch {
        from: from + fixed,
        len: start,
    };
    Ok((
        Stretch { from, len: fixed },
        Some([from_start, up_to_start]),
    ))
}

impl Reply {
    /// Writes the reply over the question. If a helper fails, the packet is put back as it came.
    #[inline(always)]
    pub fn write<P: Packet>(&self, packet: &mut P, scratch: &Scratch) -> Outcome {
        match self.try_write(packet, scratch) {
            Ok(()) => Outcome::Answered(self.answered),
            Err(Failed) => match Self::restore(packet, scratch) {
                Ok(()) => Outcome::Passed(Pass::Restored),
                Err(Failed) => Outcome::Torn,
            },
        }
    }

    #[inline(always)]
    fn try_write<P: Packet>(&self, packet: &mut P, scratch: &Scratch) -> Result<(), Failed> {
        packet.resize(self.len)?;
        store_head(packet, &scratch.reply, &self.frame)?;
        let mut at = self.frame.name_at() + self.kept;
        at += self.first.write(packet, &scratch.section.octets, at)?;
        if let Some(turned) = self.turned {
            cold_path();
            for stretch in turned {
                at += stretch.write(packet, &scratch.section.octets, at)?;
            }
        }
        if self.has_opt {
            cold_path();
            packet.store(
                self.frame.name_at() + self.kept + self.records_len,
                &scratch.opt,
                0,
                OPT_LEN,
            )?;
        }
        Ok(())
    }

    /// Puts headers, length and what came behind the question back.
    #[inline(always)]
    fn restore(packet: &mut impl Packet, scratch: &Scratch) -> Result<(), Failed> {
        // VERIFIER: every failed helper leads here. Read from memory, what is needed is the same unknown
        // from wherever it comes.
        let Undo { frame, kept } = *core::hint::black_box(&scratch.undo);
        let frame = Frame {
            begin: frame.begin & 0x1f,
            tags: frame.tags & 0x0f,
            ..frame
        };
        packet.resize(frame.len)?;
        store_head(packet, &scratch.frame, &frame)?;
        let tail = frame.question_len.checked_sub(kept).ok_or(Failed)?;
        if tail == 0 {
            return Ok(());
        }
        packet.store(
            frame.name_at() + kept,
            &scratch.frame,
            HEAD_LEN + kept,
            tail,
        )
    }
}

/// Writes headers around the VLAN tags, which stay.
#[inline(always)]
fn store_head(packet: &mut impl Packet, head: &[u8], frame: &Frame) -> Result<(), Failed> {
    let Frame { begin, tags, .. } = *frame;
    if tags == 0 {
        return packet.store(0, head, begin, field::NAME - begin);
    }
    packet.store(0, head, begin, 12)?;
    let rest = begin + 12;
    packet.store(12 + tags, head, rest, field::NAME - rest)
}
