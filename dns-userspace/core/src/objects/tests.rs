//! Addresses as text.

use super::*;

#[test]
fn an_address_gives_back_its_text() {
    for text in [
        "10.0.0.1",
        "2001:db8::1",
        "2001:DB8::1",
        "::ffff:10.9.9.9",
        "010.0.0.1",
        "None",
        "",
    ] {
        assert_eq!(Address::from(text).to_string(), text);
    }
}

#[test]
fn only_canonical_addresses_are_usable() {
    for text in ["10.0.0.1", "2001:db8::1", "::", "fe80::1"] {
        assert!(matches!(Address::from(text), Address::Ip(_)), "{text}");
    }
    for text in [
        "2001:DB8::1",
        "2001:db8:0::1",
        "::ffff:10.9.9.9",
        "010.0.0.1",
        "fe80::1%eth0",
        "None",
        "",
    ] {
        assert!(matches!(Address::from(text), Address::Text(_)), "{text}");
    }
}
