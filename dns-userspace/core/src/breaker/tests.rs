//! Clients as the datapath would have counted them.

use super::*;

/// A client that was answered so often, and whose signs of the first kind were so many.
fn seen(answered: u32, strong: u32) -> Seen {
    let mut signs = [0; SIGNS];
    signs[0] = strong;
    Seen {
        place: 0,
        source: Source {
            interface: 1,
            address: Ipv6Addr::LOCALHOST,
        },
        counted: Counted {
            answered,
            signs,
            ..Counted::default()
        },
        circuit: Circuit::default(),
        quiet: Duration::ZERO,
    }
}

/// After how many seconds the circuit of a client opens that is answered so many questions a second, none of which that is
/// watched goes unrepeated, and so many of which bring a strong sign.
fn opens_after(answers: u32, signs: u32) -> Option<u32> {
    let mut breaker = Breaker::default();
    (0..600).find(|second| {
        let now = Duration::from_secs(1_000 + u64::from(*second));
        let seen = seen(second * answers, second * signs);
        !breaker.beat(now, &[seen]).is_empty()
    })
}

#[test]
fn a_load_generator_whose_names_take_turns_is_answered() {
    // IDs come round after 65,536 questions, and a name whose turn is over is not asked for again in time to retract a sign.
    for answers in [65_536, 100_000, 400_000] {
        assert_eq!(opens_after(answers, 1), None, "{answers} a second");
    }
}

#[test]
fn a_busy_client_that_gets_no_answer_is_found_by_the_few_questions_that_are_watched() {
    for answers in [300, 1_000, 4_000] {
        let opened = opens_after(answers, 1);
        assert!(
            opened.is_some_and(|seconds| (64..100).contains(&seconds)),
            "{answers} a second: {opened:?}"
        );
    }
}
