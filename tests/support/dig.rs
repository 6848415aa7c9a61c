//! `dig`, run for its answers.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::namespace::Namespace;

/// One record as dig prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigRecord {
    /// The owner's name with its final dot, as spelled in the answer.
    pub name: String,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// The class, `IN`.
    pub class: String,
    /// The type, such as `A`.
    pub record_type: String,
    /// The data in presentation format.
    pub data: String,
}

/// What dig got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigReply {
    /// The response code, such as `NOERROR`.
    pub status: String,
    /// The header's flags in lower case, such as `qr` and `aa`.
    pub flags: Vec<String>,
    /// Whether the reply has an OPT record.
    pub has_edns: bool,
    /// The answer section.
    pub answers: Vec<DigRecord>,
    /// The authority section.
    pub authorities: Vec<DigRecord>,
    /// The additional section without the OPT record.
    pub additionals: Vec<DigRecord>,
    /// dig's own measure of the round trip.
    pub time: Duration,
}

impl DigReply {
    /// Runs dig in `namespace` with one attempt of at most 2 s, unless `arguments` say otherwise.
    ///
    /// # Errors
    ///
    /// When dig is missing, gets no answer, or prints what cannot be understood.
    pub fn ask(namespace: &Namespace, arguments: &[&str]) -> Result<Self> {
        // -u: microseconds. -r: no .digrc, which could change what is printed.
        let fixed = ["dig", "-r", "-u", "+tries=1", "+time=2"];
        let printed = namespace.run(&[&fixed, arguments].concat())?;
        Self::parse(&printed).with_context(|| format!("understand what dig printed:\n{printed}"))
    }

    /// The data of the answers, in the order in which they came.
    pub fn data(&self) -> Vec<&str> {
        let answers = self.answers.iter();
        answers.map(|record| record.data.as_str()).collect()
    }

    /// Reads dig's full output for one question.
    ///
    /// # Errors
    ///
    /// When a part of it is missing or a record has not five columns.
    pub fn parse(printed: &str) -> Result<Self> {
        let status = between(printed, "status: ", ",").context("no status")?;
        let flags = between(printed, ";; flags: ", ";").context("no flags")?;
        let time = between(printed, ";; Query time: ", " usec").context("no query time")?;
        Ok(Self {
            status: status.to_owned(),
            flags: flags.split_whitespace().map(str::to_owned).collect(),
            has_edns: printed.contains(";; OPT PSEUDOSECTION:"),
            answers: section(printed, "ANSWER")?,
            authorities: section(printed, "AUTHORITY")?,
            additionals: section(printed, "ADDITIONAL")?,
            time: Duration::from_micros(time.parse().context("the query time is no number")?),
        })
    }
}

fn between<'text>(text: &'text str, before: &str, after: &str) -> Option<&'text str> {
    text.split_once(before)?
        .1
        .split_once(after)
        .map(|(found, _)| found)
}

fn section(printed: &str, name: &str) -> Result<Vec<DigRecord>> {
    let heading = format!(";; {name} SECTION:\n");
    let Some((_, rest)) = printed.split_once(&heading) else {
        return Ok(Vec::new());
    };
    let lines = rest.lines().take_while(|line| !line.is_empty());
    lines.map(record).collect()
}

fn record(line: &str) -> Result<DigRecord> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [name, ttl, class, record_type, data @ ..] = columns.as_slice() else {
        bail!("not a record: {line}");
    };
    Ok(DigRecord {
        name: (*name).to_owned(),
        ttl: ttl.parse().with_context(|| format!("the TTL of {line}"))?,
        class: (*class).to_owned(),
        record_type: (*record_type).to_owned(),
        data: data.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\n; <<>> DiG 9.18 <<>> web\n;; Got answer:\n\
        ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n\
        ;; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1\n\n\
        ;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: 1232\n\
        ;; QUESTION SECTION:\n;web.\t\tIN\tA\n\n\
        ;; ANSWER SECTION:\nweb.\t30\tIN\tA\t10.96.0.1\n\n\
        ;; Query time: 83 usec\n;; SERVER: 10.96.0.10#53(10.96.0.10) (UDP)\n";

    #[test]
    fn a_reply_is_read_with_status_flags_and_records() {
        let reply = DigReply::parse(PRINTED).expect("understood");
        assert_eq!(reply.status, "NOERROR");
        assert_eq!(reply.flags, ["qr", "aa", "rd"]);
        assert!(reply.has_edns);
        assert_eq!(reply.data(), ["10.96.0.1"]);
        assert_eq!(reply.answers[0].ttl, 30);
        assert_eq!(reply.time, Duration::from_micros(83));
    }

    #[test]
    fn a_time_out_is_an_error() {
        assert!(DigReply::parse(";; connection timed out; no servers could be reached\n").is_err());
    }
}
