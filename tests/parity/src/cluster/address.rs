//! Few addresses, so that they meet, in the forms in which objects may hold them.

use super::Oddity;
use crate::random::Random;

/// What is no address in canonical form; some of it is still one for CoreDNS.
const ODD: [&str; 16] = [
    "2001:DB8::1",
    "2001:db8:0:0::1",
    "fd00:10:96:0::7",
    "::ffff:10.9.9.9",
    "::ffff:a09:909",
    "010.0.0.1",
    "10.0.0",
    "1.2.3.4.5",
    "fe80::1%eth0",
    "",
    "not-an-address",
    "256.1.1.1",
    "::1.2.3.4",
    " 10.0.0.1",
    "0:0:0:0:0:0:0:1",
    "10.0.0.1/32",
];

/// The address of a service.
pub(super) fn service(random: &mut Random, oddity: Oddity, six: bool) -> String {
    if oddity == Oddity::Any && random.percent(4) {
        return random.text(&ODD);
    }
    let host = random.between(1, 60);
    match six {
        true => format!("fd00:10:96::{host:x}"),
        false => format!("10.96.{}.{host}", random.below(2)),
    }
}

/// The address of an endpoint.
pub(super) fn endpoint(random: &mut Random, oddity: Oddity, six: bool) -> String {
    if oddity == Oddity::Any && random.percent(4) {
        return random.text(&ODD);
    }
    let host = random.between(1, 30);
    match (six, random.below(10)) {
        (true, 0) => format!("fd00:10:244:{host:x}::"),
        (true, 1) => "::".to_owned(),
        (true, 2) => format!("::{host:x}"),
        (true, 3) => format!("2001:db8:1:2:3:4:5:{host:x}"),
        (true, _) => format!("fd00:10:244::{host:x}"),
        // A service's own address behind another service, as some meshes do.
        (false, 0) => format!("10.96.0.{host}"),
        (false, _) => format!("10.244.{}.{host}", random.below(2)),
    }
}
