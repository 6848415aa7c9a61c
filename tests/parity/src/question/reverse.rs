//! Names of addresses (RFC 1035 §3.5, RFC 3596 §2.5), right and nearly right.

use std::net::IpAddr;

use super::{Labels, labels_of};
use crate::random::Random;

/// The name of an address.
pub(super) fn name_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => {
            let [a, b, c, d] = four.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(six) => {
            let octets = six.octets().into_iter().rev();
            let nibbles = octets.map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4));
            nibbles.collect::<String>() + "ip6.arpa"
        }
    }
}

/// The name of one of the addresses, or something near.
pub(super) fn near(random: &mut Random, addresses: &[IpAddr]) -> Labels {
    let address = match addresses.is_empty() || random.percent(15) {
        true => "10.96.0.77"
            .parse()
            .unwrap_or(IpAddr::V4([10, 96, 0, 77].into())),
        false => *random.one_of(addresses),
    };
    let mut labels = labels_of(&name_of(address));
    match random.below(16) {
        0 => labels.insert(0, b"1".to_vec()),
        1 => {
            labels.insert(0, b"surplus".to_vec());
            labels.insert(0, b"0".to_vec());
        }
        2 => {
            labels.remove(0);
        }
        3 => labels.drain(..random.between(1, 3)).for_each(drop),
        4 => labels[0] = [b"0", &labels[0][..]].concat(),
        5 => {
            let place = random.below(labels.len());
            labels[place] = labels[place].to_ascii_uppercase();
        }
        6 => labels[0] = random.text(&["256", "-1", "", "a", "*", "1 "]).into_bytes(),
        7 => {
            return labels_of(&random.text(&[
                "in-addr.arpa",
                "ip6.arpa",
                "arpa",
                "svc.in-addr.arpa",
                "pod.ip6.arpa",
                "default.svc.in-addr.arpa",
                "dns-version.in-addr.arpa",
                "10.in-addr.arpa",
                "96.10.in-addr.arpa",
                "0.96.10.in-addr.arpa",
                "web.shop.svc.in-addr.arpa",
                "ns.dns.ip6.arpa",
                "d.f.ip6.arpa",
                "IN-ADDR.ARPA",
            ]));
        }
        _ => {}
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_their_names() {
        assert_eq!(
            name_of("10.96.0.1".parse().unwrap()),
            "1.0.96.10.in-addr.arpa"
        );
        let six = name_of("fd00::1".parse().unwrap());
        assert!(
            six.starts_with("1.0.0.0.") && six.ends_with("0.0.d.f.ip6.arpa"),
            "{six}"
        );
        assert_eq!(labels_of(&six).len(), 34);
    }
}
