//! CoreDNS's own unit tests of its plugin kubernetes, replayed: what is answered is what the plugin answers.

use replay::{
    kernel::Kernel,
    recording::{Group, Recording},
    run::{self, Observer},
};

/// All cases, and those that are answered in the kernel: a number that may grow and must not shrink.
const CASES: usize = 98;
const EQUAL: usize = 76;

/// Shows what is told; the test's output is kept unless it fails.
struct Printed;

impl Observer for Printed {
    fn begin(&mut self, _group: &Group) {}

    fn advance(&mut self) {}

    fn tell(&mut self, text: &str) {
        println!("{text}");
    }
}

#[test]
fn the_plugins_own_unit_tests_are_answered_as_it_answers_them_or_left_to_it() {
    if tests::skipped_without_root(
        "the_plugins_own_unit_tests_are_answered_as_it_answers_them_or_left_to_it",
    ) {
        return;
    }
    let recording = Recording::read(include_bytes!("../data/unit.json")).expect("a recording");
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
    assert_eq!(report.equal + report.passed, CASES);
    assert!(report.equal >= EQUAL, "{}", report.equal);
}
