//! The running CoreDNS of a scene.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tests::{CoreDns, Namespace, eventually};

use super::{Reference, asker::Asker, marker::Marker};
use crate::{corefile::Corefile, question::Question};

/// Where CoreDNS listens; each namespace has a loopback of its own.
pub(super) const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
/// How long CoreDNS may take to see a change.
const SIGHT: Duration = Duration::from_secs(40);
/// The response code in a message's fourth octet.
const CODE: u8 = 0x0f;

/// CoreDNS does not start with this Corefile, so no cluster runs with it.
#[derive(Debug)]
pub struct NotStarted(pub String);

/// A running CoreDNS, and the socket that asks it.
pub(super) struct Server {
    _process: CoreDns,
    pub(super) asker: Asker,
}

impl Server {
    pub(super) fn start(
        namespace: &Namespace,
        reference: &Reference,
        text: &str,
    ) -> Result<Result<Self, NotStarted>> {
        let started = CoreDns::start_program(&reference.program, namespace, ADDRESS, text, &[]);
        let process = match started {
            Ok(process) => process,
            Err(error) => return Ok(Err(NotStarted(format!("{error:#}")))),
        };
        Ok(Ok(Self {
            _process: process,
            asker: Asker::new(ADDRESS)?,
        }))
    }

    /// Waits until CoreDNS has seen a round's markers.
    pub(super) fn see(&mut self, marker: Marker, corefile: &Corefile) -> Result<()> {
        let zone = corefile.primary_zone();
        let endpoints = !corefile.to_string().contains("noendpoints");
        for (question, part) in marker.questions(&zone, endpoints) {
            let holds = |reply: &[u8]| reply.windows(part.len()).any(|window| window == part);
            self.wait(&question, holds)?;
        }
        self.wait(&marker.namespace_question(&zone), |reply| {
            reply.get(3).is_some_and(|octet| octet & CODE == 0)
        })
    }

    /// Asks one question; returns the reply, if there is one.
    pub(super) fn ask_one(&mut self, message: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let replies = self.asker.ask(&[(message, true)])?;
        Ok(replies.into_iter().flatten().next())
    }

    fn wait(&mut self, question: &Question, holds: impl Fn(&[u8]) -> bool) -> Result<()> {
        let what = format!("CoreDNS to see the marker at {question}");
        eventually(SIGHT, &what, || {
            let reply = self.ask_one(question.encode())?;
            let reply = reply.context("there was no reply")?;
            ensure!(holds(&reply), "the reply was {reply:02x?}");
            Ok(())
        })
    }
}
