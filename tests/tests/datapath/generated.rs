//! Generated questions, mutations of frames, and record sets.

use dns_core::encode::WireName;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use tests::frame::{Checksum, SERVICE_VLAN, VLAN, with_checksum};

use crate::{
    cluster::Cluster,
    frames::{Family, message, over, tagged},
};

/// Size, flags, and options of code and payload.
type Opt = (u16, u16, Vec<(u16, Vec<u8>)>);

/// A question and everything around it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) name: Vec<u8>,
    pub(crate) query_type: u16,
    id: u16,
    flags: u16,
    opt: Option<Opt>,
    family: Family,
    tags: Vec<(u16, u16)>,
}

impl Asked {
    /// The frame that asks it.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let counts = [1, 0, 0, u16::from(self.opt.is_some())];
        let [questions, answers, authorities, additional] = counts;
        let header = [
            self.id,
            self.flags,
            questions,
            answers,
            authorities,
            additional,
        ];
        let mut rest = self.name.clone();
        rest.extend(self.query_type.to_be_bytes());
        rest.extend([0, 1]);
        if let Some((size, flags, options)) = &self.opt {
            rest.extend([0, 0, 41]);
            for word in [*size, 0, *flags] {
                rest.extend(word.to_be_bytes());
            }
            let mut data = Vec::new();
            for (code, payload) in options {
                data.extend(code.to_be_bytes());
                data.extend((payload.len() as u16).to_be_bytes());
                data.extend(payload);
            }
            rest.extend((data.len() as u16).to_be_bytes());
            rest.extend(data);
        }
        tagged(&self.tags, &over(self.family, &message(header, &rest)))
    }
}

/// Questions for names of the cluster, names near them, and other names.
pub(crate) fn asked(cluster: &Cluster) -> impl Strategy<Value = Asked> + use<> {
    let header = (any::<u16>(), any::<u16>().prop_map(|flags| flags & 0x07ff));
    (name(cluster), query_type(), header, opt(), family(), tags()).prop_map(
        |(name, query_type, (id, flags), opt, family, tags)| Asked {
            name,
            query_type,
            id,
            flags,
            opt,
            family,
            tags,
        },
    )
}

/// Names in wire form, in any letter case.
fn name(cluster: &Cluster) -> impl Strategy<Value = Vec<u8>> + use<> {
    let names: Vec<WireName> = cluster.nodes.keys().cloned().collect();
    let headless: Vec<WireName> = (names.iter())
        .filter(|name| name.starts_with(b"\x07head-") && name[8..].starts_with(b"\x04data"))
        .cloned()
        .collect();
    let known = prop_oneof![4 => select(names), 1 => select(headless)].prop_map(Vec::from);
    let child = (vec(label(), 1..4), known.clone())
        .prop_map(|(labels, parent)| [labels.concat(), parent].concat());
    let other = vec(label(), 0..6).prop_map(|labels| [&labels.concat()[..], &[0]].concat());
    let sibling = (label(), known.clone()).prop_map(|(label, known)| {
        let parent = known.get(1 + usize::from(known[0])..).unwrap_or(&[0]);
        [&label[..], parent].concat()
    });
    let name = prop_oneof![4 => known, 2 => child, 2 => sibling, 1 => other];
    let spelling = prop_oneof![2 => Just(0), 1 => Just(u64::MAX), 3 => any::<u64>()];
    (
        name.prop_filter("a name", |name| name.len() <= 255),
        spelling,
    )
        .prop_map(|(name, spelling)| spelled(&name, spelling))
}

/// The name with the letters in upper case that the bits of `spelling` say.
pub(crate) fn spelled(name: &[u8], spelling: u64) -> Vec<u8> {
    let octet = |(index, octet): (usize, &u8)| {
        let upper = spelling.rotate_right(index as u32) & 1 == 1;
        if upper {
            octet.to_ascii_uppercase()
        } else {
            *octet
        }
    };
    name.iter().enumerate().map(octet).collect()
}

/// A label with its length before it.
fn label() -> impl Strategy<Value = Vec<u8>> {
    let octets = prop_oneof![
        3 => "[a-z_][a-z0-9-]{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..64),
        1 => Just(b"svc".to_vec()),
    ];
    octets.prop_map(|octets| [&[octets.len() as u8][..], &octets].concat())
}

fn query_type() -> impl Strategy<Value = u16> {
    let common = [1, 28, 5, 33, 16, 6, 2, 12, 15, 65, 255, 252, 251, 43];
    prop_oneof![4 => select(vec![1, 28, 5, 33]), 2 => select(common.to_vec()), 1 => any::<u16>()]
}

fn opt() -> impl Strategy<Value = Option<Opt>> {
    let size = prop_oneof![
        select(vec![0, 511, 512, 523, 1019, 1232, 4096, 65535]),
        any::<u16>()
    ];
    let options = prop_oneof![
        2 => Just(Vec::new()),
        2 => vec(any::<u8>(), 8).prop_map(|cookie| vec![(10, cookie)]),
        1 => vec((0_u16..24, vec(any::<u8>(), 0..9)), 0..5),
    ];
    prop::option::of((size, any::<u16>(), options))
}

fn family() -> impl Strategy<Value = Family> {
    select(Family::BOTH.to_vec())
}

fn tags() -> impl Strategy<Value = Vec<(u16, u16)>> {
    let tag = |kind: u16| any::<u16>().prop_map(move |control| (kind, control));
    prop_oneof![
        6 => Just(Vec::new()),
        1 => tag(VLAN).prop_map(|tag| vec![tag]),
        1 => (tag(SERVICE_VLAN), tag(VLAN)).prop_map(|(outer, inner)| vec![outer, inner]),
    ]
}

/// One change of a frame.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Set(Index, u8),
    Flip(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Cut(Index),
    Extend(Vec<u8>),
}

impl Mutation {
    /// Carries it out. The checksum is put right, or every changed question would pass for that reason.
    pub(crate) fn mutate(&self, frame: &mut Vec<u8>) {
        if frame.is_empty() {
            return;
        }
        self.change(frame);
        if let Some(summed) = with_checksum(frame, Checksum::Right) {
            *frame = summed;
        }
    }

    fn change(&self, frame: &mut Vec<u8>) {
        match self {
            Self::Set(at, octet) => *at.get_mut(frame) = *octet,
            Self::Flip(at, bit) => *at.get_mut(frame) ^= 1 << (bit % 8),
            Self::Remove(at) => drop(frame.remove(at.index(frame.len()))),
            Self::Insert(at, octet) => frame.insert(at.index(frame.len()), *octet),
            Self::Cut(at) => frame.truncate(at.index(frame.len())),
            Self::Extend(octets) => frame.extend(octets),
        }
    }
}

/// Up to four mutations. Most change single octets: a cut frame fails its first check.
pub(crate) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = prop_oneof![
        6 => (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Mutation::Set(at, octet)),
        6 => (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        1 => any::<Index>().prop_map(Mutation::Remove),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Mutation::Insert(at, octet)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => vec(any::<u8>(), 1..40).prop_map(Mutation::Extend),
    ];
    vec(mutation, 1..5)
}

/// Settings of every property: nothing is written into the source folder.
pub(crate) fn settings(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// The same `count` values in every run.
pub(crate) fn sample<T: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
    count: usize,
) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).expect("a value").current())
        .collect()
}
