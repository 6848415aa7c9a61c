//! Which clients the circuit breaker leaves to the DNS service: those of resolvers whose answers are lost, and no others.

use proptest::prelude::*;
use tests::hickory_proto::rr::RecordType;

use crate::{
    clients::{Ask, Node},
    frames::address,
    generated::settings,
};

/// When a resolver asks, in milliseconds from its first try, and how: as seen on the wire with no answer coming.
struct Resolver {
    what: &'static str,
    tries: &'static [u64],
    /// Whether each try has an ID of its own.
    new_ids: bool,
    types: &'static [RecordType],
}

const BOTH: &[RecordType] = &[RecordType::A, RecordType::AAAA];
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

fn fresh(next_id: &mut u16) -> u16 {
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
    let (mut node, mut id) = (Node::new(), 1);
    let glibc = &RESOLVERS[0];
    let mut number = 0;
    while node.opened.is_none() {
        look_up(&mut node, glibc, &format!("absent-{number}"), &mut id);
        number += 1;
    }
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
        let (mut node, mut id) = (Node::new(), 1);
        let glibc = &RESOLVERS[0];
        let mut number = 0;
        while node.opened.is_none() {
            look_up(&mut node, glibc, &format!("absent-{number}"), &mut id);
            number += 1;
        }
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
fn who_asks_seldom_under_the_same_ids_is_answered() {
    for pace in [7_000, 12_000, 30_000, 90_000] {
        let mut node = Node::new();
        for round in 0..100 {
            for name in 0..2 {
                for record_type in BOTH {
                    node.ask(Ask {
                        id: name,
                        record_type: *record_type,
                        ..Ask::of(&format!("seldom-{name}"))
                    });
                }
            }
            node.wait_until((round + 1) * pace);
        }
        stayed_closed(&node, &format!("every {pace} ms"));
    }
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

/// No circuit was opened.
fn stayed_closed(node: &Node, what: &str) {
    assert_eq!(node.opened, None, "{what}: {:?}", node.counted());
}

#[test]
fn who_asks_at_a_steady_pace_is_answered() {
    for pace in [1_000, 2_000, 2_500, 5_000] {
        for same_id in [true, false] {
            for names in [1, 2, 3, 6] {
                let (mut node, mut id) = (Node::new(), 1);
                for round in 0..200_u64 {
                    for name in 0..names {
                        let asked = if same_id { name } else { fresh(&mut id) };
                        for record_type in BOTH {
                            node.ask(Ask {
                                id: asked,
                                record_type: *record_type,
                                ..Ask::of(&format!("polled-{name}"))
                            });
                        }
                    }
                    node.wait_until((round + 1) * pace);
                }
                stayed_closed(
                    &node,
                    &format!("{names} names every {pace} ms, same ID: {same_id}"),
                );
                let share = f64::from(node.repeats) / f64::from(node.answered);
                assert!(share < 0.35, "{names} {pace} {same_id}: {share}");
            }
        }
    }
}

#[test]
fn who_asks_in_a_closed_loop_under_the_same_ids_is_answered() {
    for names in [1, 3, 8, 100, 1_000] {
        let mut node = Node::new();
        for number in 0..15_000_u64 {
            let name = format!("looped-{}", number % names);
            node.ask(Ask {
                id: 1,
                ..Ask::of(&name)
            });
            node.wait_until(number);
        }
        stayed_closed(&node, &format!("{names} names"));
        assert!(
            node.repeats * 100 < node.answered,
            "{names}: {}",
            node.repeats
        );
    }
}

#[test]
fn a_load_generator_whose_ids_come_round_is_answered() {
    // 16,384 IDs at 8,000 questions a second: each comes again after two seconds, with its name.
    let mut node = Node::new();
    for number in 0..60_000_u64 {
        let name = format!("loaded-{}", number % 16);
        node.ask(Ask {
            id: (number % 16_384) as u16,
            ..Ask::of(&name)
        });
        if number % 8 == 0 {
            node.wait_until(number / 8);
        }
    }
    stayed_closed(&node, "a load generator");
    assert!(node.repeats * 100 < node.answered, "{}", node.repeats);
}

#[test]
fn a_busy_client_that_loses_many_answers_in_its_own_buffer_is_answered() {
    for lost_of_ten in [2, 5, 8] {
        let mut node = Node::new();
        // What was lost is asked again under its ID, whoever answers it.
        let mut again = std::collections::VecDeque::<(u64, u64)>::new();
        let mut dice = 1_u64;
        let mut number = 0;
        while node.time() < 13_000 {
            let due = again.front().is_some_and(|(at, _)| *at <= node.time());
            let asked = if due {
                again.pop_front().map_or(0, |(_, asked)| asked)
            } else {
                number += 1;
                number
            };
            let name = format!("busy-{}", asked % 200);
            node.ask(Ask {
                id: (asked.wrapping_mul(40_503) % 65_536) as u16,
                ..Ask::of(&name)
            });
            dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            if (dice >> 33) % 10 < lost_of_ten {
                again.push_back((node.time() + 5_000, asked));
            }
            if number % 5 == 0 {
                node.wait(1);
            }
        }
        stayed_closed(&node, &format!("{lost_of_ten} of ten lost"));
    }
}

proptest! {
    #![proptest_config(settings(25))]

    #[test]
    fn who_asks_now_and_then_is_answered(seed: u64, names in 1_u64..4, shortest in 200_u64..5_000, spread in 100_u64..5_000) {
        let (mut node, mut id) = (Node::new(), seed as u16);
        let mut dice = seed;
        for _ in 0..500 {
            dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let name = format!("asked-{}", (dice >> 50) % names);
            for record_type in BOTH {
                node.ask(Ask { id: fresh(&mut id), record_type: *record_type, ..Ask::of(&name) });
            }
            node.wait(shortest + (dice >> 33) % spread);
        }
        stayed_closed(&node, "now and then");
    }
}
