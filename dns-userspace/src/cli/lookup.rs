//! `zerohop lookup`: what the kernel holds of a name.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use clap::Args;
use dns_core::encode::{self, asks_for_any, wire_name};
use dns_ebpf::answer::{ENTRY_HEAD, Entry, LEFT, SECTION_HEAD, SLOT_LEN, TARGETS, WHERE_MASK};
use hickory_proto::{
    op::Message,
    rr::{Name, RecordType},
};
use serde::Serialize;

use super::{Output, Pinned};
use crate::datapath::{keys::key_length, reader::Reader};

/// Shows what the kernel holds of a name.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The name, fully qualified.
    name: String,
    #[command(flatten)]
    pinned: Pinned,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What the kernel holds of a name.
#[derive(Debug, Serialize)]
struct Found {
    name: String,
    map: String,
    other_types: String,
    names_below: String,
    answers: Vec<Answer>,
}

#[derive(Debug, Serialize)]
struct Answer {
    query_type: String,
    octets: usize,
    stored_in: String,
    rotated: bool,
    records: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// A text that is no name, nothing pinned, or no entry of this name.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let mut name = Name::from_ascii(&options.name)
        .with_context(|| format!("read {:?} as a domain name", options.name))?;
    name.set_fqdn(true);
    let reader = Reader::open(&options.pinned.pin_directory)?;
    let wire = wire_name(&name)?;
    let Some(octets) = reader.entry(&wire)? else {
        if asks_for_any(&wire) {
            bail!(
                "the kernel holds no entry of {name}; it asks for any port or any protocol, and such a question is never \
                 denied: the DNS service answers it"
            );
        }
        bail!(
            "the kernel holds no entry of {name}; a question for it is denied or passed by its closest existing ancestor"
        );
    };
    let found = describe(&name, &wire, &Entry::from_octets(&octets), &reader)?;
    match options.output {
        Output::Json => super::show_json(&found),
        Output::Text => super::show(|out| print(out, &found)),
    }
}

fn describe(name: &Name, wire: &[u8], entry: &Entry, reader: &Reader) -> anyhow::Result<Found> {
    let mut answers = Vec::new();
    for slot in entry.rest.chunks_exact(SLOT_LEN).take(entry.slots_len()) {
        answers.push(answer(wire, slot, entry, reader)?);
    }
    Ok(Found {
        name: name.to_ascii(),
        map: format!("ENTRIES_{}", key_length(wire)),
        other_types: encode::denial_of(&reader.form(entry.here)?),
        names_below: encode::denial_of(&reader.form(entry.below)?),
        answers,
    })
}

fn answer(wire: &[u8], slot: &[u8], entry: &Entry, reader: &Reader) -> anyhow::Result<Answer> {
    let query_type = u16::from_be_bytes([slot[0], slot[1]]);
    let class = slot[2] & WHERE_MASK;
    if class == LEFT {
        return Ok(Answer {
            query_type: RecordType::from(query_type).to_string(),
            octets: 0,
            stored_in: "the DNS service alone, which answers".to_owned(),
            rotated: false,
            records: Vec::new(),
        });
    }
    let (stored_in, mut records, additional_at) = if class == 0 {
        let from = usize::from(slot[8]).saturating_sub(ENTRY_HEAD);
        let records = entry
            .rest
            .get(from..from + usize::from(slot[9]))
            .context("the entry contradicts itself: this is a fault of zerohop")?;
        ("entry".to_owned(), records.to_vec(), usize::from(slot[11]))
    } else {
        let key = u32::from_be_bytes([slot[8], slot[9], slot[10], slot[11]]);
        let (map, octets) = reader.section(class, key)?;
        let len = usize::from(u16::from_be_bytes([octets[0], octets[1]]));
        (
            format!("{map} key {key}"),
            octets
                .get(SECTION_HEAD..SECTION_HEAD + len)
                .unwrap_or_default()
                .to_vec(),
            usize::from(u16::from_be_bytes([octets[4], octets[5]])),
        )
    };
    if slot[2] & TARGETS != 0 {
        records = encode::in_reply(&records, additional_at, wire.len());
    }
    Ok(Answer {
        query_type: RecordType::from(query_type).to_string(),
        octets: records.len(),
        stored_in,
        rotated: slot[5] > 1,
        records: decode(wire, query_type, [slot[3], slot[4]], &records)?,
    })
}

/// Reads the records as a client would: behind a question.
fn decode(
    wire: &[u8],
    query_type: u16,
    [answers, additional]: [u8; 2],
    records: &[u8],
) -> anyhow::Result<Vec<String>> {
    let header = [0, 0, 0x84, 0, 0, 1, 0, answers, 0, 0, 0, additional];
    let message = [
        &header[..],
        wire,
        &query_type.to_be_bytes(),
        &[0, 1],
        records,
    ]
    .concat();
    let message = Message::from_vec(&message).context("read the stored records")?;
    Ok(message
        .answers
        .iter()
        .chain(&message.additionals)
        .map(ToString::to_string)
        .collect())
}

fn print(out: &mut String, found: &Found) -> std::fmt::Result {
    writeln!(out, "{} (in {})", found.name, found.map)?;
    for answer in &found.answers {
        let order = if answer.rotated {
            ", from a random start"
        } else {
            ""
        };
        writeln!(
            out,
            "  {:<6} {} octets in {}{order}",
            answer.query_type, answer.octets, answer.stored_in
        )?;
        for record in &answer.records {
            writeln!(out, "         {record}")?;
        }
    }
    writeln!(out, "  other types   {}", found.other_types)?;
    writeln!(out, "  names below   {}", found.names_below)?;
    Ok(())
}
