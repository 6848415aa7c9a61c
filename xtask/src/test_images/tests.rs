//! What test pods find in their images.

use super::*;
use crate::setup;

#[test]
fn every_program_of_the_images_is_among_the_needs() {
    for name in GLIBC_PROGRAMS.iter().chain(SHARED_PROGRAMS) {
        let need = setup::Need::Program(name);
        assert!(setup::KIND.contains(&need), "{name}");
    }
}

#[test]
fn busybox_stands_in_only_for_what_is_not_there() {
    let applets = ["cat", "ip", "dig", "sh"].map(str::to_owned);
    let layer = with_applets(Layer::new(), &applets, &["ip"]);
    let expected = Layer::new().link("/usr/bin/cat", "busybox");
    assert_eq!(format!("{layer:?}"), format!("{expected:?}"));
}
