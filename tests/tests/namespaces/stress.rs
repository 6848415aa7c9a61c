//! Entries are rewritten, removed and refused while pods ask: every reply is one whole answer.
//!
//! The agent's own table and maps run in this process, so that they change as fast as they can. A
//! responder takes the questions that the kernel passes on.

use std::{
    collections::BTreeMap,
    net::UdpSocket,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use dns_ebpf::Pass;
use dns_userspace::{
    datapath::{
        attach::{Attachment, Attachments, Hook, Programs},
        interfaces::{AttachPoint, Interface},
        mtus::Mtus,
        object::{self, Sizes},
        store::Store,
    },
    encode::{self, Forms},
    objects::{Address, Endpoint, EndpointSlice, Kind, Namespace, Object, Service},
    policy::{Policy, Zone},
    projection::{self, NothingResolved, View},
    table::{Changed, Table},
    world::{Affected, Event, World},
};
use tests::{
    Client, Pins, Pod, Question,
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::RecordType,
    },
    skipped_without_root,
};

use crate::site::{SERVERS, address, full, ip};

/// How many questions all askers together ask.
const QUESTIONS: u64 = 24_000;
const ASKERS: u64 = 2;
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

/// What the agent has: the objects, and what the maps hold of them.
struct Writer {
    policy: Policy,
    forms: Forms,
    world: World,
    table: Table,
    store: Store,
    refused: usize,
}

impl Writer {
    fn carry(&mut self, affected: &Affected) {
        for owner in affected {
            let view = View {
                policy: &self.policy,
                world: &self.world,
                resolved: &NothingResolved,
                serial: 0,
            };
            let (nodes, _) = projection::nodes_of(view, owner);
            let drafts = nodes
                .iter()
                .filter_map(|node| encode::encode(node, &self.forms).0);
            let drafts = drafts.collect();
            let Changed { refused, deaf, .. } = self.table.set(&mut self.store, owner, drafts);
            self.refused += refused;
            assert!(!deaf, "a parent's entry is never new, so it has its place");
        }
    }

    fn apply(&mut self, event: Event) {
        let affected = self.world.apply(event);
        self.carry(&affected);
    }

    fn put_service(&mut self, name: &str) {
        self.apply(Event::Applied(Object::Service(Service {
            namespace: "shop".into(),
            name: name.into(),
            external_name: None,
            cluster_ips: [Address::from("None")].into(),
            ports: [].into(),
            doubtful: false,
        })));
    }

    /// Makes `count` addresses 10.`own`.N.`last` the service's endpoints.
    fn put_endpoints(&mut self, service: &str, own: u8, (count, last): (u8, u8)) {
        let endpoint = |third: u8| Endpoint {
            address: Address::Ip([10, own, third, last].into()),
            // One name for all, so that there is no further name for each.
            hostname: Some("node".into()),
            pod: None,
            ready: true,
        };
        self.apply(Event::Applied(Object::EndpointSlice(EndpointSlice {
            namespace: "shop".into(),
            name: format!("{service}-1").into(),
            service: Some(service.into()),
            endpoints: (1..=count).map(endpoint).collect(),
            ports: [].into(),
            doubtful: false,
        })));
    }

    fn delete(&mut self, kind: Kind, name: &str) {
        let reference = dns_userspace::objects::ObjectReference {
            kind,
            namespace: "shop".into(),
            name: name.into(),
        };
        self.apply(Event::Deleted(reference));
    }

    fn turn(&mut self, changing: &Changing, turn: usize) {
        match changing.turns[turn] {
            Some(addresses) => self.put_endpoints(changing.name, changing.own, addresses),
            None => self.delete(Kind::EndpointSlice, &format!("{}-1", changing.name)),
        }
    }
}

fn writer(store: Store) -> Result<Writer> {
    let policy = Policy::kubeadm(vec![Zone::parse("cluster.local")?]);
    let mut writer = Writer {
        table: Table::new(0),
        world: World::default(),
        store,
        forms: Forms::of(&policy)?,
        policy,
        refused: 0,
    };
    let control = writer.store.control();
    control.set_size_cap(u16::MAX);
    control.set_search_labels(writer.policy.search_labels());
    control.claim(writer.policy.mark(&writer.forms));
    let zones = encode::zones(&writer.policy, 1).context("write the zones")?;
    writer.store.put_policy(writer.forms.rows(), &zones)?;
    let owners = writer.world.owners();
    writer.carry(&owners);
    writer.apply(Event::Applied(Object::Namespace(Namespace::named("shop"))));
    for changing in &CHANGING {
        writer.put_service(changing.name);
        writer.turn(changing, 0);
    }
    let addresses = SERVERS.map(address).into();
    writer.store.set_destinations(&addresses)?;
    writer.store.control().set_denials(true);
    writer.store.control().renew_lease();
    Ok(writer)
}

/// Rewrites everything, round after round, until told to stop; fills the map and empties it.
fn write(writer: &mut Writer, stop: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        rounds += 1;
        let turn = (rounds % 2) as usize;
        for changing in &CHANGING {
            writer.turn(changing, turn);
        }
        // More names than there is room for; and their answers take the room that those of names that
        // exist throughout need: these are refused then, and nobody may deny them.
        if rounds % 8 < 4 {
            let filler = format!("filler-{}", rounds % 64);
            writer.put_service(&filler);
            writer.put_endpoints(&filler, 99, (25, 9));
        } else {
            for number in 0..64 {
                writer.delete(Kind::EndpointSlice, &format!("filler-{number}-1"));
                writer.delete(Kind::Service, &format!("filler-{number}"));
            }
        }
        writer.store.control().renew_lease();
    }
    rounds
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
        entries: 48,
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
fn every_reply_is_one_whole_answer_while_entries_change_vanish_and_are_refused() -> Result<()> {
    let name = "every_reply_is_one_whole_answer_while_entries_change_vanish_and_are_refused";
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

    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (rounds, answers) = thread::scope(|scope| {
        let writing = scope.spawn(|| write(&mut writer, &stop));
        let responding = scope.spawn(|| respond(&socket, &stop));
        let asking: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(|| ask(client, &asked)))
            .collect();
        let join = |asker: thread::ScopedJoinHandle<'_, Result<Kinds>>| match asker.join() {
            Ok(answers) => answers,
            Err(_) => Err(anyhow!("an asker panicked")),
        };
        let answers: Vec<_> = asking.into_iter().map(join).collect();
        stop.store(true, Ordering::Relaxed);
        let rounds = writing.join().map_err(|_| anyhow!("the writer panicked"));
        let responded = responding.join();
        responded.map_err(|_| anyhow!("the responder panicked"))??;
        anyhow::Ok((rounds?, answers))
    })?;

    let mut kinds = Kinds::new();
    for answer in answers {
        for (kind, count) in answer? {
            *kinds.entry(kind).or_default() += count;
        }
    }
    eprintln!("{rounds} rounds, {} refusals: {kinds:?}", writer.refused);
    assert_eq!(kinds.values().sum::<u64>(), QUESTIONS);
    assert!(rounds > 20, "it was rewritten {rounds} times");
    assert!(writer.refused > 0, "the map was never full");
    // Questions that met a change were passed on: without that, an element could be used again under
    // the one that reads it, too seldom for a test to see.
    let passed = writer.store.counts()?.passed;
    let changing = Pass::Changing.label();
    let met = passed.iter().find(|(label, _)| *label == changing);
    assert!(met.is_some_and(|(_, count)| *count > 0), "{passed:?}");
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
