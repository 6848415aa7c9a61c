//! What is a repeat, and what is none: question by question.

use tests::hickory_proto::rr::RecordType;

use crate::{
    clients::{Ask, Node},
    frames::address,
};

const KERNEL: bool = true;
const SERVICE: bool = false;

/// The same question under another ID and from another port.
fn anew(ask: Ask<'_>, number: u16) -> Ask<'_> {
    let mut ask = Ask {
        id: ask.id.wrapping_add(number),
        ..ask
    };
    ask.source.set_port(ask.source.port() + number);
    ask
}

#[test]
fn the_same_question_again_after_nine_tenths_of_a_second_is_left_to_the_dns_service() {
    for (pause, expected) in [
        (890, KERNEL),
        (910, SERVICE),
        (2_500, SERVICE),
        (5_000, SERVICE),
        (30_000, SERVICE),
    ] {
        let mut node = Node::new();
        assert_eq!(node.ask(Ask::of("absent")), KERNEL);
        node.wait(pause);
        assert_eq!(node.ask(Ask::of("absent")), expected, "{pause}");
    }
}

#[test]
fn both_types_of_a_name_are_repeats_and_so_is_one_from_another_port() {
    let mut node = Node::new();
    let a = Ask::of("absent");
    let aaaa = Ask {
        id: 8,
        record_type: RecordType::AAAA,
        ..a
    };
    assert_eq!((node.ask(a), node.ask(aaaa)), (KERNEL, KERNEL));
    node.wait(5_000);
    let mut from_another_port = aaaa;
    from_another_port.source.set_port(41_000);
    assert_eq!(
        (node.ask(a), node.ask(from_another_port)),
        (SERVICE, SERVICE)
    );
    assert_eq!(node.counted().signs, [2, 0, 0, 0, 0]);
}

#[test]
fn another_id_is_a_repeat_a_usual_time_out_later_only() {
    for (pause, kind) in [
        (880, 0),
        (920, 1),
        (1_090, 1),
        (1_120, 0),
        (1_750, 0),
        (1_820, 2),
        (2_190, 2),
        (2_260, 3),
        (2_740, 3),
        (2_800, 0),
        (4_400, 0),
        (4_510, 4),
        (5_490, 4),
        (5_600, 0),
        (30_000, 0),
    ] {
        let mut node = Node::new();
        let ask = Ask::of("absent");
        assert_eq!(node.ask(ask), KERNEL);
        node.wait(pause);
        assert_eq!(node.ask(anew(ask, 1)), kind == 0, "{pause}");
        assert_eq!(
            node.counted()
                .signs
                .iter()
                .position(|signs| *signs > 0)
                .unwrap_or(0),
            kind,
            "{pause}"
        );
    }
}

#[test]
fn another_name_in_between_makes_another_id_no_repeat_and_another_type_does_not() {
    let ask = Ask::of("absent");
    for (between, expected) in [
        (
            Ask {
                record_type: RecordType::AAAA,
                id: 8,
                ..ask
            },
            SERVICE,
        ),
        (
            Ask {
                name: "web",
                id: 8,
                ..ask
            },
            KERNEL,
        ),
    ] {
        let mut node = Node::new();
        assert_eq!(node.ask(ask), KERNEL);
        assert_eq!(node.ask(between), KERNEL);
        node.wait(5_000);
        assert_eq!(node.ask(anew(ask, 1)), expected, "{between:?}");
    }
}

#[test]
fn another_name_in_between_does_not_hide_the_same_id() {
    let mut node = Node::new();
    assert_eq!(node.ask(Ask::of("absent")), KERNEL);
    for number in 0..5 {
        assert_eq!(
            node.ask(Ask {
                name: &format!("other-{number}"),
                id: 100,
                ..Ask::of("")
            }),
            KERNEL
        );
    }
    node.wait(5_000);
    assert_eq!(node.ask(Ask::of("absent")), SERVICE);
}

#[test]
fn a_question_of_somebody_else_is_no_repeat() {
    let mut node = Node::new();
    let ask = Ask::of("absent");
    let neighbour = Ask {
        source: address("10.244.1.3:40001"),
        ..ask
    };
    let by_ipv6 = Ask {
        source: address("[fd00:10:244::2]:40001"),
        ..ask
    };
    assert_eq!(node.ask(ask), KERNEL);
    node.wait(5_000);
    assert_eq!(
        (node.ask(neighbour), node.ask(by_ipv6), node.ask(ask)),
        (KERNEL, KERNEL, SERVICE)
    );
}

#[test]
fn who_asks_again_after_the_dns_service_has_answered_is_answered_by_the_kernel() {
    for (pause, number) in [(1_000, 0), (1_000, 1), (5_000, 0), (5_000, 1), (20_000, 0)] {
        let mut node = Node::new();
        let ask = Ask::of("absent");
        assert_eq!(node.ask(ask), KERNEL);
        node.wait(pause);
        assert_eq!(node.ask(anew(ask, number)), SERVICE, "{pause} {number}");
        for round in 2..20 {
            node.wait(pause);
            assert_eq!(
                node.ask(anew(ask, number * round)),
                KERNEL,
                "{pause} {number} {round}"
            );
        }
        let counted = node.counted();
        assert_eq!(counted.signs, counted.retracted, "{pause} {number}");
    }
}

#[test]
fn more_clients_than_there_is_room_for_are_answered_all_the_same() {
    let mut node = Node::new();
    for round in [KERNEL, SERVICE] {
        let mut passed = 0;
        for number in 0..2_000_u16 {
            let [high, low] = number.to_be_bytes();
            let source = address(&format!("10.244.{high}.{low}:40000"));
            let source = if low == 0 {
                address(&format!("10.245.{high}.1:40000"))
            } else {
                source
            };
            passed += u32::from(!node.ask(Ask {
                source,
                ..Ask::of("absent")
            }));
        }
        // Each of two places is taken by somebody else for some of them, who are not watched.
        let expected = if round == KERNEL { 0..=0 } else { 900..=1_024 };
        assert!(expected.contains(&passed), "{passed}");
        node.wait(5_000);
    }
}
