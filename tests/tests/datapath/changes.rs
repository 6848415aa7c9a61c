//! Changes of the maps that do not come to their end, and the stripes by which they are told apart.

use std::process::Command;

use aya::{maps::MapInfo, programs::SchedClassifier};
use dns_core::table::{Maps as _, Operation};
use dns_ebpf::answer::stripe;
use dns_userspace::datapath::{control::Touched, keys::key};
use tests::{hickory_proto::rr::RecordType::A, skipped_without_root};

use crate::{
    cases::wire,
    cluster::Cluster,
    frames::{Family, address, between, question, to_server},
    test_run::{Did, Kernel, Program},
};

const CHANGED: &str = "single.data.svc.cluster.local.";
const OTHER: &str = "dual.data.svc.cluster.local.";

/// What becomes of a question for the name.
fn ask(kernel: &Kernel, name: &str) -> Did {
    let frame = to_server(&question(name, A).encode());
    let (did, _) = kernel.run(Program::Peer, &frame).expect("a whole question");
    did
}

#[test]
fn the_stripes_are_those_of_the_layout() {
    let stripes = [
        ".",
        "svc.cluster.local.",
        "kubernetes.default.svc.cluster.local.",
        "a-name-of-many-octets.cell-seventeen.production.platform.example.",
    ]
    .map(|name| stripe(&key(&wire(name))));
    assert_eq!(
        stripes,
        [0, 144, 97, 155],
        "another layout needs another number"
    );
}

#[test]
fn a_change_that_was_never_finished_ends_with_the_next_one() {
    if skipped_without_root("a_change_that_was_never_finished_ends_with_the_next_one") {
        return;
    }
    let kernel = Kernel::new(&Cluster::standard());
    let control = kernel.store.control();
    control.begin(Touched::Entry(&wire(CHANGED)));
    assert_eq!(ask(&kernel, CHANGED), Did::Next);
    assert_eq!(ask(&kernel, OTHER), Did::SentBack);
    // Another agent has taken the maps over.
    control.begin(Touched::Entry(&wire(OTHER)));
    assert_eq!(ask(&kernel, CHANGED), Did::Next);
    assert_eq!(ask(&kernel, OTHER), Did::Next);
    control.finish();
    assert_eq!(ask(&kernel, CHANGED), Did::SentBack);
    assert_eq!(ask(&kernel, OTHER), Did::SentBack);
}

#[test]
fn what_changes_no_answer_lets_no_question_pass() {
    if skipped_without_root("what_changes_no_answer_lets_no_question_pass") {
        return;
    }
    let kernel = Kernel::new(&Cluster::standard());
    kernel.store.control().begin(Touched::Admission);
    assert_eq!(ask(&kernel, CHANGED), Did::SentBack);
    assert_eq!(
        ask(&kernel, "nobody.data.svc.cluster.local."),
        Did::SentBack
    );
}

/// Lets the kernel refuse every further change of this map of the program's.
fn freeze(kernel: &Kernel, name: &str) {
    let program = kernel.object.program("intercept_peer").expect("a program");
    let program: &SchedClassifier = program.try_into().expect("a classifier");
    let maps = program.info().and_then(|info| info.map_ids());
    let map = maps
        .expect("the program's maps")
        .expect("of which the kernel tells")
        .into_iter()
        .map(|id| MapInfo::from_id(id).expect("a map"))
        .find(|map| map.name_as_str() == Some(name))
        .expect("the map");
    let frozen = Command::new("bpftool")
        .args(["map", "freeze", "id", &map.id().to_string()])
        .status()
        .expect("start bpftool");
    assert!(frozen.success());
}

#[test]
fn nothing_is_answered_while_the_entry_of_a_name_that_is_gone_cannot_be_removed() {
    let test = "nothing_is_answered_while_the_entry_of_a_name_that_is_gone_cannot_be_removed";
    if skipped_without_root(test) {
        return;
    }
    let mut kernel = Kernel::new(&Cluster::standard());
    assert_eq!(ask(&kernel, OTHER), Did::SentBack);
    freeze(&kernel, "ENTRIES_40");
    let name = wire(CHANGED);
    let refused = kernel.store.apply(Operation::RemoveEntry { name });
    assert!(refused.is_err());
    assert_eq!(ask(&kernel, CHANGED), Did::Next);
    assert_eq!(ask(&kernel, OTHER), Did::Next);
    kernel.store.remove_stale();
    assert_eq!(kernel.store.stale(), 1, "it was refused again");
    assert!(kernel.store.control().lease_left().is_zero());
}

#[test]
fn ports_of_dns_addresses_come_go_and_stay() {
    if skipped_without_root("ports_of_dns_addresses_come_go_and_stay") {
        return;
    }
    let mut kernel = Kernel::new(&Cluster::standard());
    let asked = question(OTHER, A).encode();
    let ports = |kernel: &mut Kernel, ports: &[u16]| -> Vec<u16> {
        let server = |port: &u16| address(&format!("192.0.2.53:{port}"));
        let addresses = ports.iter().map(server).collect();
        let _ = kernel
            .store
            .set_destinations(&addresses)
            .expect("addresses");
        let answered = (5350..5360).filter(|port| {
            let frame = between(Family::V4.pod(), server(port), &asked);
            let (did, _) = kernel.run(Program::Peer, &frame).expect("a whole question");
            did == Did::SentBack
        });
        answered.collect()
    };
    assert_eq!(ports(&mut kernel, &[5355]), [5355]);
    assert_eq!(ports(&mut kernel, &[5351, 5355]), [5351, 5355]);
    assert_eq!(ports(&mut kernel, &[0, 5351, 5352]), [5351, 5352]);
    let all: Vec<u16> = (5350..5360).collect();
    assert_eq!(ports(&mut kernel, &all), all[..8], "eight ports beside 53");
    assert!(ports(&mut kernel, &[]).is_empty());
}
