//! Recordings, replayed: what is answered is what CoreDNS answered. `unit.json` holds its own unit tests of the plugin
//! kubernetes, `observed.json` what running servers of several versions answered under 43 Corefiles.

use replay::{
    kernel::Kernel,
    recording::{Group, Recording},
    run::{self, Observer},
};

/// Shows what is told; the test's output is kept unless it fails.
struct Printed;

impl Observer for Printed {
    fn begin(&mut self, _group: &Group) {}

    fn advance(&mut self) {}

    fn tell(&mut self, text: &str) {
        println!("{text}");
    }
}

/// Replays a recording of so many cases, at least `equal` of which are answered: a number that may grow and must
/// not shrink.
fn check(name: &str, recording: &[u8], cases: usize, equal: usize) {
    if tests::skipped_without_root(name) {
        return;
    }
    let recording = Recording::read(recording).expect("a recording");
    let mut kernel = Kernel::load().expect("the kernel takes the program");
    let report = run::run(&recording, &mut kernel, &mut Printed).expect("the kernel runs it");
    print!("{}", report.text());
    for case in &report.cases {
        println!(
            "{:?}: {} {}: {}",
            case.outcome, case.group, case.asked, case.reason
        );
    }
    assert_eq!((report.different, report.skipped), (0, 0));
    assert_eq!(report.equal + report.passed, cases);
    assert!(report.equal >= equal, "{}", report.equal);
}

#[test]
fn the_plugins_own_unit_tests_are_answered_as_it_answers_them_or_left_to_it() {
    check(
        "the_plugins_own_unit_tests_are_answered_as_it_answers_them_or_left_to_it",
        include_bytes!("../data/unit.json"),
        98,
        76,
    );
}

#[test]
fn what_running_servers_were_asked_is_answered_as_they_answered_it_or_left_to_them() {
    check(
        "what_running_servers_were_asked_is_answered_as_they_answered_it_or_left_to_them",
        include_bytes!("../data/observed.json"),
        808,
        558,
    );
}
