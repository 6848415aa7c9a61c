//! Detaching removes what is ours.

use std::path::Path;

use dns_userspace::datapath::attach::{Hook, PinError, PinLock, detach_all};

use crate::stage::*;

#[test]
fn detach_removes_everything_once_and_then_says_that_there_is_nothing() {
    alone(
        "detach_removes_everything_once_and_then_says_that_there_is_nothing",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            let programs = programs();
            attach(&mut attachments(Hook::Tcx), &interface("pod1"), &programs);
            programs.pin(Path::new(PINS)).unwrap();
            let lock = PinLock::acquire(Path::new(PINS)).unwrap();
            let error = PinLock::acquire(Path::new(PINS)).unwrap_err();
            assert!(matches!(error, PinError::InUse { .. }));
            assert!(
                error
                    .to_string()
                    .contains(&format!("process {}", std::process::id())),
                "{error}"
            );
            assert!(detach_all(Path::new(PINS)).is_err(), "an agent is running");
            drop(lock);
            let removed = detach_all(Path::new(PINS)).unwrap();
            assert_eq!((removed.links, removed.filters, removed.pins), (1, 0, 4));
            assert!(!Path::new(PINS).exists());
            assert_eq!(tcx_names("pod1"), Vec::<String>::new());
            let removed = detach_all(Path::new(PINS)).unwrap();
            assert!(removed.is_empty());
            assert!(removed.to_string().contains("nothing"));
        },
    );
}
