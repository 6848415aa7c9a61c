//! Entries are rewritten, removed and refused while pods ask: every reply is one whole answer, and a name that does not
//! change is answered all the while.
//!
//! A responder takes the questions that the kernel passes on.

mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::UdpSocket,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use dns_core::encode;
use dns_ebpf::{Pass, answer::stripe};
use dns_userspace::datapath::{
    attach::{Attachment, Attachments, Hook, Programs},
    interfaces::{AttachPoint, Interface},
    keys::key,
    mtus::Mtus,
    object::{self, Sizes},
    store::Store,
};
use tests::{
    Client, Pins, Pod, Question,
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::{Name, RecordType},
    },
    skipped_without_root,
};

use self::writer::{write, writer};
use crate::site::{SERVERS, address, full, ip};

/// How many questions all askers together ask.
const QUESTIONS: u64 = 24_000;
const ASKERS: u64 = 2;
/// The second octet of the addresses of the Service that never changes.
const STEADY: u8 = 77;
/// How many Services fill the map in turn.
const FILLERS: u64 = 64;
/// REFUSED, by which the responder says that the kernel has passed a question on.
const PASSED: u8 = 5;

/// A headless Service and the answers that it has in turn: `count` addresses that all end in `last`.
struct Changing {
    name: &'static str,
    /// Its second octet, which is in no other Service's addresses.
    own: u8,
    /// How many addresses, and what each ends in; none: the Service is gone.
    turns: [Option<(u8, u8)>; 2],
}

/// Answers that lie in the entry, and in sections of every size, and that move between them.
const CHANGING: [Changing; 6] = [
    changing("inline", 1, Some((1, 1)), Some((7, 2))),
    changing("moving", 2, Some((3, 1)), Some((20, 2))),
    changing("sections", 3, Some((12, 1)), Some((11, 2))),
    changing("large", 4, Some((45, 1)), Some((70, 2))),
    changing("coming", 5, Some((2, 1)), None),
    changing("going", 6, None, Some((25, 2))),
];

const fn changing(
    name: &'static str,
    own: u8,
    first: Option<(u8, u8)>,
    second: Option<(u8, u8)>,
) -> Changing {
    let turns = [first, second];
    Changing { name, own, turns }
}

fn filler(number: u64) -> String {
    format!("filler-{number}")
}

/// The name in the namespace `shop` that nothing ever happens to: no name that changes shares its stripe.
fn steady() -> Result<String> {
    let stripe_of = |name: &str| {
        let name = Name::from_ascii(name)?;
        let name = encode::wire_name(&name)?;
        anyhow::Ok(stripe(&key(&name)))
    };
    let changing = CHANGING.iter().map(|changing| changing.name.to_owned());
    let names = changing.chain((0..FILLERS).map(filler));
    let below = names.flat_map(|name| [format!("node.{name}"), name]);
    let stripes = below.map(|name| stripe_of(&full(&name)));
    // These stop denying, and begin again, when a name is refused.
    let above = [
        "shop.svc.cluster.local",
        "svc.cluster.local",
        "cluster.local",
    ];
    let stripes = stripes.chain(above.map(stripe_of));
    let stripes: BTreeSet<usize> = stripes.collect::<Result<_>>()?;
    for number in 0..1000 {
        let name = format!("steady-{number}");
        if !stripes.contains(&stripe_of(&full(&name))?) {
            return Ok(name);
        }
    }
    Err(anyhow!("every stripe has a name that changes"))
}

/// Asks for the name that does not change, until told to stop; returns how often, and how often that was passed.
fn ask_steadily(client: &Client, name: &str, stop: &AtomicBool) -> Result<(u64, u64)> {
    let (mut asked, mut passed) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let mut question = Question::new(&full(name), RecordType::A);
        question.id = asked as u16;
        let message = client.resolve(&question)?;
        let code = message.metadata.response_code;
        ensure!(
            code == ResponseCode::Refused
                || code == ResponseCode::NoError && message.answers.len() == 2,
            "question {asked} for {name}, which nothing happens to: {message:?}"
        );
        asked += 1;
        passed += u64::from(code == ResponseCode::Refused);
    }
    Ok((asked, passed))
}

/// Answers whatever the kernel has passed on, so that nobody waits in vain.
fn respond(socket: &UdpSocket, stop: &AtomicBool) -> Result<()> {
    let mut buffer = [0; 512];
    while !stop.load(Ordering::Relaxed) {
        let Ok((octets, sender)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        ensure!(octets > 12, "the kernel passed on {octets} octets");
        buffer[2] |= 0x80;
        buffer[3] = PASSED;
        socket.send_to(&buffer[..octets], sender)?;
    }
    Ok(())
}

/// What the replies to one asker were, by kind.
type Kinds = BTreeMap<String, u64>;

/// Judges one reply; says of which kind it is.
fn judge(changing: &Changing, message: &Message) -> Result<String> {
    let name = changing.name;
    let code = message.metadata.response_code;
    let absent = changing.turns.contains(&None);
    match code {
        ResponseCode::Refused => return Ok("passed".to_owned()),
        ResponseCode::NXDomain => {
            ensure!(absent, "{name} exists throughout");
            ensure!(message.answers.is_empty() && message.authorities.len() == 1);
            return Ok(format!("{name} absent"));
        }
        ResponseCode::NoError => {}
        _ => return Err(anyhow!("{code}")),
    }
    let mut thirds = Vec::new();
    let mut lasts = Vec::new();
    for record in &message.answers {
        ensure!(record.name == *message.queries[0].name(), "another owner");
        let text = record.data.to_string();
        let octets: Vec<u8> = text
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect();
        let [10, own, third, last] = octets[..] else {
            return Err(anyhow!("{text} is no address of ours"));
        };
        ensure!(own == changing.own, "{text} is another name's");
        thirds.push(third);
        lasts.push(last);
    }
    thirds.sort_unstable();
    lasts.dedup();
    let [last] = lasts[..] else {
        return Err(anyhow!("a mixture of {lasts:?}"));
    };
    let count = u8::try_from(thirds.len())?;
    ensure!(thirds == (1..=count).collect::<Vec<u8>>(), "{thirds:?}");
    ensure!(
        changing.turns.contains(&Some((count, last))),
        "{count} addresses that end in {last}"
    );
    Ok(format!("{name} {last}"))
}

fn ask(client: &Client, asked: &AtomicU64) -> Result<Kinds> {
    let mut kinds = Kinds::new();
    loop {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        if number >= QUESTIONS {
            return Ok(kinds);
        }
        let changing = &CHANGING[number as usize % CHANGING.len()];
        // The service's name, and that of its endpoints below it, which all have one name.
        let name = match number as usize / CHANGING.len() % 2 {
            0 => changing.name.to_owned(),
            _ => format!("node.{}", changing.name),
        };
        let mut question = Question::new(&full(&name), RecordType::A).with_edns(4096);
        question.id = number as u16;
        let message = client.resolve(&question)?;
        let kind = judge(changing, &message)
            .with_context(|| format!("question {number} for {name}: {message:?}"))?;
        *kinds.entry(kind).or_default() += 1;
    }
}

/// Loads the datapath on small maps and attaches it to the pod's veth.
fn attach(node: &tests::Namespace, pod: &Pod, pins: &Pins) -> Result<(Store, Attachments)> {
    let sizes = Sizes {
        entries: 50,
        sections: 8,
    };
    let mut loaded = object::load_unpinned(sizes)?;
    let programs = Programs::of(&loaded.object)?;
    let mut mtus = Mtus::new(&mut loaded.object, loaded.control.clone())?;
    let store = Store::new(&mut loaded.object, loaded.control)?;
    let attachments = node.enter(|| {
        let index = nix::net::if_::if_nametoindex(pod.node_interface()).context("find the veth")?;
        let interface = Interface {
            index,
            name: pod.node_interface().to_owned(),
            mtu: 1500,
            up: true,
            kind: Some("veth".to_owned()),
            peer_in_other_namespace: true,
            point: AttachPoint::TrafficControl,
        };
        let mut attachments = Attachments::new(pins.path(), Hook::Auto)?;
        let attached = attachments.attach(&interface, &programs)?;
        ensure!(attached != Attachment::Gone, "the veth is gone");
        mtus.set(index, Some(interface.mtu))?;
        Ok(attachments)
    })?;
    Ok((store, attachments))
}

#[test]
fn while_entries_change_vanish_and_are_refused_every_reply_is_whole_and_other_names_are_answered()
-> Result<()> {
    let name = "while_entries_change_vanish_and_are_refused_every_reply_is_whole_and_other_names_are_answered";
    if skipped_without_root(name) {
        return Ok(());
    }
    let node = tests::Namespace::node("node")?;
    let server = SERVERS[0];
    node.add_loopback_address(ip(server))?;
    let pod = Pod::new(&node, 1)?;
    let pins = Pins::new()?;
    let socket = node.enter(|| Ok(UdpSocket::bind(address(server))?))?;
    socket.set_read_timeout(Some(std::time::Duration::from_millis(100)))?;
    let (store, _attachments) = attach(&node, &pod, &pins)?;
    let mut writer = writer(store)?;
    let clients = (0..ASKERS).map(|_| pod.client(address(server)));
    let clients: Vec<Client> = clients.collect::<Result<_>>()?;

    let steady_client = pod.client(address(server))?;
    let steady = steady()?;

    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (rounds, (steadily, steadily_passed), answers) = thread::scope(|scope| {
        let writing = scope.spawn(|| write(&mut writer, &stop));
        let responding = scope.spawn(|| respond(&socket, &stop));
        let asking_steadily = scope.spawn(|| ask_steadily(&steady_client, &steady, &stop));
        let asking: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(|| ask(client, &asked)))
            .collect();
        fn join<T>(asker: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
            let joined = asker.join();
            joined.unwrap_or_else(|_| Err(anyhow!("an asker panicked")))
        }
        let answers: Vec<_> = asking.into_iter().map(join).collect();
        stop.store(true, Ordering::Relaxed);
        let rounds = writing.join().map_err(|_| anyhow!("the writer panicked"));
        let steadily = join(asking_steadily);
        let responded = responding.join();
        responded.map_err(|_| anyhow!("the responder panicked"))??;
        anyhow::Ok((rounds?, steadily?, answers))
    })?;

    let mut kinds = Kinds::new();
    for answer in answers {
        for (kind, count) in answer? {
            *kinds.entry(kind).or_default() += count;
        }
    }
    eprintln!(
        "{rounds} rounds, {} refusals, {steadily} answers of {steady}: {kinds:?}",
        writer.refused
    );
    assert!(steadily > 1000, "{steady} was asked for {steadily} times");
    assert_eq!(kinds.values().sum::<u64>(), QUESTIONS);
    assert!(rounds > 20, "it was rewritten {rounds} times");
    assert!(writer.refused > 0, "the map was never full");
    // Questions that met a change were passed on: without that, an element could be used again under
    // the one that reads it, too seldom for a test to see.
    let passed = writer.store.counts()?.passed;
    let passed_as = |pass: Pass| {
        let found = passed.iter().find(|(label, _)| *label == pass.label());
        found.map_or(0, |(_, count)| *count)
    };
    assert!(passed_as(Pass::Changing) > 0, "{passed:?}");
    // IDs come round, and one checksum in 65,536 stands as well as it is to be finished. Nothing else passed the name
    // that does not change.
    let excused = passed_as(Pass::Repeat) + passed_as(Pass::Checksum);
    assert!(
        steadily_passed <= excused,
        "{steadily_passed} of {steady}: {passed:?}"
    );
    // Both answers of each were seen, so that a mixture could have been.
    for changing in &CHANGING {
        for turn in changing.turns.into_iter().flatten() {
            let kind = format!("{} {}", changing.name, turn.1);
            assert!(kinds.contains_key(&kind), "{kind} is not in {kinds:?}");
        }
    }
    let absent = kinds.keys().filter(|kind| kind.ends_with("absent"));
    assert_eq!(absent.count(), 2, "{kinds:?}");
    Ok(())
}
