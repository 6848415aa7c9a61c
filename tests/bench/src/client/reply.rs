//! What a reply means, whatever the order of its records and however it is compressed.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use tests::hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::Record,
};

/// The meaning of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    code: ResponseCode,
    answers: BTreeSet<String>,
    additionals: BTreeSet<String>,
}

impl Reply {
    /// Reads a whole message.
    ///
    /// # Errors
    ///
    /// It is no DNS message, or a question.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self> {
        let message = Message::from_vec(octets)
            .with_context(|| format!("understand the reply {octets:02x?}"))?;
        anyhow::ensure!(
            message.metadata.message_type == MessageType::Response,
            "the reply is a question: {octets:02x?}"
        );
        Ok(Self {
            code: message.metadata.response_code,
            answers: texts(&message.answers),
            additionals: texts(&message.additionals),
        })
    }
}

/// Lifetimes are left out: they fall in a cache.
fn texts(records: &[Record]) -> BTreeSet<String> {
    let text =
        |record: &Record| format!("{} {} {}", record.name, record.record_type(), record.data);
    records.iter().map(text).collect()
}
