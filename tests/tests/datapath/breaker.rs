//! Clients whose answers are lost: the circuit breaker leaves them to the DNS service, and answers them again.

use tests::hickory_proto::rr::RecordType;

use crate::{
    clients::{Ask, Node},
    frames::address,
};

/// When a resolver asks, in milliseconds from its first try, and how: as seen on the wire with no answer coming.
struct Resolver {
    what: &'static str,
    tries: &'static [u64],
    /// Whether each try has an ID of its own.
    new_ids: bool,
    types: &'static [RecordType],
}

pub(super) const BOTH: &[RecordType] = &[RecordType::A, RecordType::AAAA];
const RESOLVERS: [Resolver; 8] = [
    Resolver {
        what: "glibc",
        tries: &[0, 5_000],
        new_ids: false,
        types: BOTH,
    },
    Resolver {
        what: "musl",
        tries: &[0, 2_500],
        new_ids: false,
        types: BOTH,
    },
    Resolver {
        what: "Go",
        tries: &[0, 5_003],
        new_ids: true,
        types: BOTH,
    },
    Resolver {
        what: "c-ares 1.18",
        tries: &[0, 5_000, 15_000, 35_000],
        new_ids: false,
        types: BOTH,
    },
    Resolver {
        what: "c-ares 1.34",
        tries: &[0, 2_000, 4_900],
        new_ids: false,
        types: BOTH,
    },
    Resolver {
        what: "Java",
        tries: &[0, 1_001, 3_003, 7_008],
        new_ids: false,
        types: &[RecordType::A],
    },
    Resolver {
        what: "systemd-resolved",
        tries: &[0, 5_000, 10_000, 15_000],
        new_ids: false,
        types: BOTH,
    },
    Resolver {
        what: "Netty, asked again",
        tries: &[0, 5_020],
        new_ids: true,
        types: BOTH,
    },
];

/// Looks a name up while every answer of the kernel is lost; says at which try the DNS service's came for all types.
fn look_up(node: &mut Node, resolver: &Resolver, name: &str, next_id: &mut u16) -> Option<usize> {
    let begin = node.time();
    let mut open: Vec<(RecordType, u16)> = (resolver.types.iter())
        .map(|record_type| (*record_type, fresh(next_id)))
        .collect();
    for (number, at) in resolver.tries.iter().enumerate() {
        node.wait_until(begin + at);
        open.retain_mut(|(record_type, id)| {
            if resolver.new_ids && number > 0 {
                *id = fresh(next_id);
            }
            node.ask(Ask {
                id: *id,
                record_type: *record_type,
                ..Ask::of(name)
            })
        });
        if open.is_empty() {
            return Some(number);
        }
    }
    None
}

/// A node whose only client has lost its answers until its circuit was opened; and the next ID.
fn open() -> (Node, u16) {
    let (mut node, mut id) = (Node::new(), 1);
    let glibc = &RESOLVERS[0];
    let mut number = 0;
    while node.opened.is_none() {
        look_up(&mut node, glibc, &format!("absent-{number}"), &mut id);
        number += 1;
    }
    (node, id)
}

pub(super) fn fresh(next_id: &mut u16) -> u16 {
    *next_id = next_id.wrapping_mul(25_173).wrapping_add(13_849);
    *next_id
}

#[test]
fn a_client_whose_answers_are_lost_gets_the_dns_services_at_the_second_try_and_soon_at_the_first() {
    for resolver in &RESOLVERS {
        let (what, mut node, mut id) = (resolver.what, Node::new(), 1);
        let mut look_ups = 0;
        while node.opened.is_none() {
            let tried = look_up(&mut node, resolver, &format!("absent-{look_ups}"), &mut id);
            assert_eq!(tried, Some(1), "{what}");
            look_ups += 1;
            assert!(look_ups < 20, "{what}");
        }
        println!(
            "{what}: {look_ups} look-ups, {} questions answered, {} ms",
            node.answered,
            node.time()
        );
        assert_eq!(
            look_up(&mut node, resolver, "another", &mut id),
            Some(0),
            "{what}"
        );
        // It is tried again with one answer in a hundred, which is lost as well.
        let before = node.answered;
        node.wait(61_000);
        for number in 0..1_000 {
            let tried = look_up(&mut node, resolver, &format!("later-{number}"), &mut id);
            assert!(tried <= Some(1), "{what}");
            node.wait(500);
        }
        assert!(
            node.answered - before < 40,
            "{what}: {}",
            node.answered - before
        );
        assert!(node.circuit().times > 1, "{what}");
    }
}

#[test]
fn a_client_that_gets_its_answers_again_is_answered_again_whichever_agent_asks() {
    let (mut node, mut id) = open();
    node.restart_agent();
    node.wait(10_000);
    assert!(
        !node.ask(Ask {
            id: fresh(&mut id),
            ..Ask::of("absent")
        }),
        "another agent heeds it"
    );
    node.wait(60_000);
    let mut asked = 0;
    while !node.circuit().is_closed() {
        node.wait(500);
        node.ask(Ask {
            id: fresh(&mut id),
            ..Ask::of(&format!("absent-{asked}"))
        });
        asked += 1;
        assert!(asked < 2_000);
    }
    assert!(node.unheard > 0 && asked > 3, "{asked}");
}

#[test]
fn who_asks_at_a_steady_pace_is_answered_again_when_the_fault_is_mended() {
    for pace in [1_000, 5_000] {
        let (mut node, mut id) = open();
        let mut rounds = 0;
        while !node.circuit().is_closed() {
            node.wait(pace);
            for record_type in BOTH {
                node.ask(Ask {
                    id: fresh(&mut id),
                    record_type: *record_type,
                    ..Ask::of("polled")
                });
            }
            rounds += 1;
            assert!(rounds < 5_000, "every {pace} ms");
        }
    }
}

#[test]
fn a_busy_client_whose_answers_stay_lost_is_not_answered_again() {
    let (mut node, mut id) = (Node::new(), 1);
    let mut tries = std::collections::VecDeque::<(u64, u64, u16)>::new();
    let mut number = 0;
    while node.time() < 200_000 {
        for _ in 0..3 {
            let due = tries.front().is_some_and(|(at, ..)| *at <= node.time());
            let again = tries.pop_front_if(|_| due);
            let (name, id) = match again {
                Some((_, name, id)) => (name, id),
                None => {
                    number += 1;
                    (number, fresh(&mut id))
                }
            };
            if node.ask(Ask {
                id,
                ..Ask::of(&format!("busy-{name}"))
            }) {
                tries.push_back((node.time() + 5_000, name, id));
            }
        }
        node.wait(10);
    }
    println!("opened after {:?} ms, {:?}", node.opened, node.circuit());
    assert!(node.opened.is_some_and(|opened| opened < 120_000));
    assert!(node.circuit().times >= 2);
}

#[test]
fn many_clients_without_answers_are_told_from_few() {
    let (mut node, mut id) = (Node::new(), 1);
    for number in 1..=20 {
        let source = address(&format!("10.244.1.{number}:40000"));
        node.ask(Ask {
            source,
            ..Ask::of("absent")
        });
    }
    assert_eq!(node.many(), None);
    for round in 0..10_u16 {
        for try_ in 0..2 {
            for number in 1..=3_u16 {
                let source = address(&format!("10.244.1.{number}:40000"));
                let name = format!("absent-{round}");
                node.ask(Ask {
                    source,
                    id: 100 * number + round,
                    ..Ask::of(&name)
                });
            }
            node.wait(if try_ == 0 { 5_000 } else { 10 });
        }
        let _ = fresh(&mut id);
    }
    assert_eq!(node.many(), Some((3, 20)));
}
