//! The subscription to interfaces.
//!
//! One socket carries the notifications and the answers to dumps, so that they are read in the
//! order in which the kernel wrote them: no dump can bring back an interface whose removal was
//! already read.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    time::Duration,
};

use rtnetlink::{
    packet_core::{NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN},
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};
use tokio::time::{Instant, sleep_until};

use super::{Interface, InterfaceError, InterfaceEvent, Link, Selection};
use crate::datapath::netlink::{
    RECEIVE_LEN, Received, done, links_request, messages, u32_at, verdict,
};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_DELQDISC: u16 = 37;
const RTM_NEWTFILTER: u16 = 44;
const RTM_DELTFILTER: u16 = 45;

/// The major number of the handle that both the clsact and the ingress qdisc have.
const INGRESS_MAJOR: u32 = 0xffff_0000;
/// `TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)`: filters there do not concern us.
const CLSACT_EGRESS: u32 = 0xffff_fff3;

/// The groups RTNLGRP_LINK and RTNLGRP_TC, as bits.
const GROUPS: u32 = 1 << 0 | 1 << 3;
/// Octets of notifications that the kernel keeps for us, before it drops some and says so.
const RECEIVE_QUEUE_LEN: usize = 1 << 20;
/// Notifications do not tell everything (TCX programs come and go silently) and may get lost.
const DUMP_EVERY: Duration = Duration::from_secs(60);
/// How long to wait before a dump that the kernel refused or that was overtaken by changes is asked
/// for again.
const DUMP_AGAIN: Duration = Duration::from_millis(200);

/// How far a listing of all links has come.
#[derive(Debug, PartialEq, Eq)]
enum Dump {
    /// None is going on.
    None,
    /// It is asked for. What is read before its first link happened before it and proves nothing.
    Asked,
    /// It is being read. The links seen since its first one, by number: those that it lists, and
    /// those that were announced behind its back.
    Running(BTreeMap<u32, String>),
}

/// A subscription to the interfaces of the network namespace in which it was started.
pub struct InterfaceWatch {
    socket: TokioSocket,
    buffer: Vec<u8>,
    selection: Selection,
    present: BTreeMap<u32, Interface>,
    events: VecDeque<InterfaceEvent>,
    sequence: u32,
    dump: Dump,
    /// A notification was lost or the dump interrupted: what it finds is not all.
    incomplete: bool,
    next_dump: Instant,
    missing: Vec<String>,
}

impl InterfaceWatch {
    /// Subscribes first, then lists what there is, so that nothing falls between the two. The
    /// events of the first listing, ending with [`InterfaceEvent::Resynced`], are ready when
    /// this returns.
    ///
    /// # Errors
    /// [`InterfaceError::Netlink`] if there is no socket or no list.
    pub async fn start(selection: Selection) -> Result<Self, InterfaceError> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_ref().set_rx_buf_sz(RECEIVE_QUEUE_LEN)?;
        socket.socket_mut().bind(&SocketAddr::new(0, GROUPS))?;
        let mut watch = Self {
            socket,
            buffer: Vec::with_capacity(RECEIVE_LEN),
            selection,
            present: BTreeMap::new(),
            events: VecDeque::new(),
            sequence: 0,
            dump: Dump::None,
            incomplete: false,
            next_dump: Instant::now(),
            missing: Vec::new(),
        };
        while watch.events.back() != Some(&InterfaceEvent::Resynced) {
            watch.advance().await?;
        }
        Ok(watch)
    }

    /// An error for each interface that was named without a wildcard and was not there at the
    /// latest listing. It is watched for all the same.
    pub fn missing(&self) -> impl Iterator<Item = InterfaceError> {
        self.missing
            .iter()
            .map(|name| InterfaceError::Missing { name: name.clone() })
    }

    /// The interfaces that are to be attached to, as far as events have been read from the kernel.
    pub fn present(&self) -> impl Iterator<Item = &Interface> {
        self.present.values()
    }

    /// Waits for the next event. May be dropped half-way without losing one.
    ///
    /// # Errors
    /// [`InterfaceError::Netlink`] if the socket fails; a further call tries again.
    pub async fn next(&mut self) -> Result<InterfaceEvent, InterfaceError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.advance().await?;
        }
    }

    /// Reads one datagram, or asks for a dump when it is time for one.
    async fn advance(&mut self) -> io::Result<()> {
        self.buffer.clear();
        let received = tokio::select! {
            received = self.socket.recv(&mut self.buffer) => received,
            () = sleep_until(self.next_dump) => return self.ask_for_dump(),
        };
        match received {
            Ok(()) => self.read_datagram(),
            Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => {
                self.incomplete = true;
                self.next_dump = Instant::now();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// If a dump is running, the kernel refuses a second one, and we ask again.
    fn ask_for_dump(&mut self) -> io::Result<()> {
        self.next_dump = Instant::now() + DUMP_EVERY;
        self.sequence = self.sequence.wrapping_add(1);
        self.incomplete = false;
        self.dump = Dump::Asked;
        self.socket.socket_ref().send_to(
            &links_request(self.sequence),
            &SocketAddr::new(0, 0),
            0,
        )?;
        Ok(())
    }

    fn read_datagram(&mut self) {
        let datagram = std::mem::take(&mut self.buffer);
        for message in messages(&datagram) {
            self.read_message(&message);
        }
        self.buffer = datagram;
    }

    fn read_message(&mut self, message: &Received<'_>) {
        let answers_us = message.sequence == self.sequence && self.dump != Dump::None;
        match message.kind {
            RTM_NEWLINK => self.link_is(message.payload, answers_us && message.of_dump),
            RTM_DELLINK => self.link_was(message.payload),
            RTM_NEWTFILTER | RTM_DELTFILTER | RTM_DELQDISC => self.filters_changed(message.payload),
            NLMSG_DONE if answers_us => self.dump_ended(done(message.payload).is_ok()),
            NLMSG_ERROR if answers_us => self.dump_ended(verdict(message.payload).is_ok()),
            NLMSG_OVERRUN => {
                self.incomplete = true;
                self.next_dump = Instant::now();
            }
            _ => {}
        }
    }

    fn link_is(&mut self, payload: &[u8], from_dump: bool) {
        let Some(link) = Link::read(payload) else {
            return;
        };
        let index = link.index;
        if from_dump && self.dump == Dump::Asked {
            self.dump = Dump::Running(BTreeMap::new());
        }
        if let Dump::Running(seen) = &mut self.dump {
            seen.insert(index, link.name.clone());
        }
        let Some(point) = self.selection.point_of(&link) else {
            self.gone(index);
            return;
        };
        let interface = link.at(point);
        if self.present.get(&index) != Some(&interface) || from_dump {
            self.present.insert(index, interface.clone());
            self.events.push_back(InterfaceEvent::Present(interface));
        }
    }

    fn link_was(&mut self, payload: &[u8]) {
        let Some(link) = Link::read(payload) else {
            return;
        };
        if let Dump::Running(seen) = &mut self.dump {
            seen.remove(&link.index);
        }
        self.gone(link.index);
    }

    fn gone(&mut self, index: u32) {
        if self.present.remove(&index).is_some() {
            self.events.push_back(InterfaceEvent::Gone { index });
        }
    }

    /// Reads the header of a `struct tcmsg`: its second word is the interface, its fourth the
    /// parent.
    fn filters_changed(&mut self, payload: &[u8]) {
        let (Some(index), Some(parent)) = (u32_at(payload, 4), u32_at(payload, 12)) else {
            return;
        };
        if parent & INGRESS_MAJOR != INGRESS_MAJOR
            || parent == CLSACT_EGRESS
            || !self.present.contains_key(&index)
        {
            return;
        }
        let event = InterfaceEvent::FiltersChanged { index };
        if self.events.back() != Some(&event) {
            self.events.push_back(event);
        }
    }

    fn dump_ended(&mut self, complete: bool) {
        let seen = match std::mem::replace(&mut self.dump, Dump::None) {
            Dump::None | Dump::Asked => BTreeMap::new(),
            Dump::Running(seen) => seen,
        };
        if !complete || self.incomplete {
            self.next_dump = Instant::now() + DUMP_AGAIN;
            return;
        }
        let gone: Vec<u32> = self
            .present
            .keys()
            .filter(|index| !seen.contains_key(index))
            .copied()
            .collect();
        for index in gone {
            self.gone(index);
        }
        let missing = self
            .selection
            .names()
            .filter(|name| !seen.values().any(|seen| seen == name));
        self.missing = missing.map(str::to_owned).collect();
        self.events.push_back(InterfaceEvent::Resynced);
    }
}
