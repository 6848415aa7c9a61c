//! Clients that get their answers, however they ask: the circuit breaker answers them all the while.

use proptest::prelude::*;

use crate::{
    breaker::{BOTH, fresh},
    clients::{Ask, Node},
    generated::settings,
};

/// No circuit was opened.
fn stayed_closed(node: &Node, what: &str) {
    assert_eq!(node.opened, None, "{what}: {:?}", node.counted());
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
