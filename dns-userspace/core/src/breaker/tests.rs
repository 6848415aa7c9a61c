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

/// The same, of a client of whose watched questions one a second goes unrepeated, if `unrepeated` is so.
fn opens_among(answers: u32, signs: u32, unrepeated: bool) -> bool {
    let mut breaker = Breaker::default();
    (0..600).any(|second| {
        let mut seen = seen(second * answers, second * signs);
        seen.counted.unrepeated = second * u32::from(unrepeated);
        let now = Duration::from_secs(1_000 + u64::from(second));
        !breaker.beat(now, &[seen]).is_empty()
    })
}

#[test]
fn strong_signs_open_a_circuit_if_they_are_a_fifth_of_the_answers() {
    for (answers, signs, opens) in [(5, 1, true), (6, 1, false), (10, 2, true), (11, 2, false)] {
        assert_eq!(
            opens_among(answers, signs, true),
            opens,
            "{signs} of {answers}"
        );
    }
}

/// Beats once a second from `from` on with what `seen` is then, until something is switched; the second, and to what.
fn next_switch(
    breaker: &mut Breaker,
    from: u64,
    mut seen: impl FnMut(u64) -> Seen,
) -> (u64, Switch) {
    let mut seconds = from..from + 10_000;
    let found = seconds.find_map(|second| {
        let switches = breaker.beat(Duration::from_secs(second), &[seen(second)]);
        let switch = switches.into_iter().next()?;
        Some((second, switch))
    });
    found.expect("a switch within 10,000 s")
}

#[test]
fn three_strong_signs_open_a_circuit_and_two_do_not() {
    for (signs, opens) in [(2, false), (3, true)] {
        let mut breaker = Breaker::default();
        breaker.beat(Duration::from_secs(1_000), &[seen(0, 0)]);
        let switched = (1_001..1_100).any(|second| {
            let switches = breaker.beat(Duration::from_secs(second), &[seen(signs, signs)]);
            !switches.is_empty()
        });
        assert_eq!(switched, opens, "{signs}");
    }
}

#[test]
fn a_circuit_is_tried_after_a_minute_then_twice_as_long_up_to_an_hour_and_closed_by_three_answers()
{
    let mut breaker = Breaker::default();
    let with = |counts: (u32, u32), circuit: Circuit| Seen {
        circuit,
        ..seen(counts.0, counts.1)
    };
    breaker.beat(Duration::from_secs(1_000), &[seen(0, 0)]);
    let (mut at, mut switch) = next_switch(&mut breaker, 1_001, |_| seen(3, 3));
    let mut counts = (3, 3);
    for pause in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
        assert_eq!(switch.circuit.ration, NOTHING);
        let opened = at;
        let circuit = switch.circuit;
        (at, switch) = next_switch(&mut breaker, at + 1, |_| with(counts, circuit));
        assert_eq!((at - opened, switch.circuit.ration), (pause, RATION));
        // What is answered to try it brings a sign again.
        let circuit = switch.circuit;
        breaker.beat(Duration::from_secs(at + 1), &[with(counts, circuit)]);
        counts = (counts.0 + 1, counts.1 + 1);
        (at, switch) = next_switch(&mut breaker, at + 2, |_| with(counts, circuit));
    }
    assert_eq!(switch.circuit.times, 9);
    let circuit = switch.circuit;
    (at, switch) = next_switch(&mut breaker, at + 1, |_| with(counts, circuit));
    let circuit = switch.circuit;
    breaker.beat(Duration::from_secs(at + 1), &[with(counts, circuit)]);
    for (answers, closes) in [(2, false), (3, true)] {
        let counts = (counts.0 + answers, counts.1);
        let closed = (at + 2..at + 20).find_map(|second| {
            let switches = breaker.beat(Duration::from_secs(second), &[with(counts, circuit)]);
            switches.into_iter().next().map(|switch| switch.circuit)
        });
        assert_eq!(closed, closes.then(Circuit::default), "{answers} answers");
        at += 18;
    }
}

#[test]
fn a_client_whose_place_another_one_had_while_nobody_looked_is_counted_anew() {
    let mut breaker = Breaker::default();
    breaker.beat(Duration::from_secs(1_000), &[seen(50, 2)]);
    // The agent was stopped meanwhile, and the kernel has begun to count from nothing.
    let switched = (1_020..1_100).any(|second| {
        let switches = breaker.beat(Duration::from_secs(second), &[seen(1, 0)]);
        !switches.is_empty()
    });
    assert!(!switched);
    // It is watched as before from then on.
    let (opened, _) = next_switch(&mut breaker, 1_100, |_| seen(4, 3));
    assert!(opened < 1_110, "{opened}");
}

#[test]
fn counts_that_wrap_are_counted_on() {
    let counted = |answered: u32, signs: u32| seen(answered.wrapping_sub(5), signs.wrapping_sub(2));
    let mut breaker = Breaker::default();
    breaker.beat(Duration::from_secs(1_000), &[counted(0, 0)]);
    let (opened, switch) = next_switch(&mut breaker, 1_001, |_| counted(10, 3));
    assert!(opened < 1_010, "{opened}: {switch:?}");
}
