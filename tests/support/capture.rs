//! Frames as `tcpdump` sees them: with the VLAN tags that the kernel takes out before a
//! [`crate::PacketSocket`] reads.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{frame::Datagram, namespace::Namespace, process::Process};

const START_LIMIT: Duration = Duration::from_secs(10);

/// A running `tcpdump` on one device. Dropping it ends it.
#[derive(Debug)]
pub struct Capture {
    process: Process,
}

impl Capture {
    /// Starts to capture what arrives on `interface` in `namespace`, and returns when it has.
    ///
    /// # Errors
    ///
    /// When tcpdump is missing or there is no such interface.
    pub fn start(namespace: &Namespace, interface: &str) -> Result<Self> {
        let words = [
            "tcpdump",
            "-l",
            "-n",
            "-t",
            "-q",
            "-xx",
            "--immediate-mode",
            "-Q",
            "in",
            "-i",
            interface,
        ];
        let process = namespace.spawn("tcpdump", &words)?;
        process
            .wait_for("listening on", START_LIMIT)
            .with_context(|| format!("capture on {interface}"))?;
        Ok(Self { process })
    }

    /// The first UDP datagram since the start for which `wanted` is true, with all its tags.
    ///
    /// # Errors
    ///
    /// When none arrives within `limit`; with what tcpdump printed.
    pub fn wait_for(
        &self,
        limit: Duration,
        mut wanted: impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        let found = self.process.wait_for_lines(limit, |lines| {
            let frames = frames_in(lines);
            let mut datagrams = frames
                .iter()
                .filter_map(|frame| Datagram::parse(frame).ok());
            datagrams.find(|datagram| wanted(datagram))
        });
        found.with_context(|| {
            let printed = self.process.last_lines();
            format!("no such datagram within {limit:?}; tcpdump printed:\n{printed}")
        })
    }
}

/// The octets of each frame: lines such as `0x0010:  0800 4500 …` under a line without.
fn frames_in(lines: &[String]) -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        let octets = line.trim_start().strip_prefix("0x");
        match (
            octets.and_then(|rest| rest.split_once(':')),
            frames.last_mut(),
        ) {
            (Some((_, digits)), Some(frame)) => frame.extend(octets_of(digits)),
            _ => frames.push(Vec::new()),
        }
    }
    frames
}

fn octets_of(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let pairs = digits.chunks_exact(2);
    // Two hexadecimal digits are one octet.
    pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_gathered_frame_by_frame() {
        let lines = [
            "listening on eth0",
            "IP 10.0.0.1 > 10.0.0.2: UDP, length 3",
            "\t0x0000:  0242 0a",
            "\t0x0010:  ff",
            "IP 10.0.0.1 > 10.0.0.2: UDP, length 3",
            "\t0x0000:  01",
        ]
        .map(str::to_owned);
        assert_eq!(
            frames_in(&lines),
            [vec![], vec![0x02, 0x42, 0x0a, 0xff], vec![0x01]]
        );
    }
}
