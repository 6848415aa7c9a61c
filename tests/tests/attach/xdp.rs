//! XDP beside or instead of traffic control.

use std::path::Path;

use aya::programs::{Xdp, XdpMode};
use dns_userspace::datapath::{
    attach::{AttachedBy, Hook, detach_all},
    interfaces::{AttachPoint, Interface},
};
use tests::skip;

use crate::stage::*;

#[test]
fn xdp_is_attached_instead_of_traffic_control_and_never_in_place_of_another() {
    alone(
        "xdp_is_attached_instead_of_traffic_control_and_never_in_place_of_another",
        || {
            run(
                "ip",
                &["link", "add", "one", "type", "veth", "peer", "name", "two"],
            );
            let programs = programs();
            let mut attachments = attachments(Hook::Auto);
            let xdp = |name: &str| Interface {
                point: AttachPoint::Xdp,
                ..interface(name)
            };
            attach(&mut attachments, &interface("one"), &programs);
            assert_eq!(
                attach(&mut attachments, &xdp("one"), &programs).by,
                AttachedBy::XdpGeneric,
                "a veth loses what native XDP sends back"
            );
            assert_eq!(
                tcx_names("one"),
                Vec::<String>::new(),
                "XDP is attached instead"
            );
            let generic = attach(&mut attachments, &xdp("lo"), &programs);
            assert_eq!((generic.by, generic.first), (AttachedBy::XdpGeneric, true));
            let again = attach(
                &mut self::attachments(Hook::Auto),
                &xdp("lo"),
                &self::programs(),
            );
            assert_eq!(again.by, AttachedBy::XdpGeneric);
            let mut foreign = object();
            let foreign: &mut Xdp = foreign
                .program_mut("intercept_xdp")
                .unwrap()
                .try_into()
                .unwrap();
            foreign.attach("two", XdpMode::default()).unwrap();
            let error = attachments
                .attach(&xdp("two"), &programs)
                .unwrap_err()
                .to_string();
            assert!(error.contains("another XDP program"), "{error}");
            assert_eq!(detach_all(Path::new(PINS)).unwrap().links, 2);
            assert!(!output("ip", &["link", "show", "one"]).contains("xdp"));
            assert!(output("ip", &["link", "show", "two"]).contains("xdp"));
        },
    );
}

#[test]
fn a_driver_that_can_runs_xdp_natively() {
    let name = "a_driver_that_can_runs_xdp_natively";
    if !Path::new("/dev/net/tun").exists() {
        return skip(name, "needs a tap device, and this kernel has none");
    }
    alone(name, || {
        run("ip", &["tuntap", "add", "tap0", "mode", "tap"]);
        let tap = Interface {
            kind: Some("tun".into()),
            point: AttachPoint::Xdp,
            ..interface("tap0")
        };
        for _ in 0..2 {
            let attached = attach(&mut attachments(Hook::Auto), &tap, &programs());
            assert_eq!(attached.by, AttachedBy::XdpNative);
        }
        assert!(output("ip", &["link", "show", "tap0"]).contains("prog/xdp"));
    });
}
