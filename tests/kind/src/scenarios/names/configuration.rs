//! A pod with a `dnsConfig` of its own and the cluster's nameserver.

use anyhow::{Result, ensure};

use super::{
    counters::{counted, counted_as},
    look_up::finds,
    objects::{HEADLESS, ZONE, full_name},
    scene::Scene,
};
use crate::{report::Report, stage::Stage};

/// The search domains that kubelet writes before the pod's own.
const KUBELETS_DOMAINS: u64 = 3;

/// Asks from the pod whose search path is longer and whose `ndots` is 2.
pub(super) fn check(stage: &Stage, scene: &Scene, report: &mut Report) -> Result<()> {
    let pod = &scene.configured;
    report.check("a pod's own dnsConfig is in its resolv.conf", || {
        let text = pod.run(&["cat", "/etc/resolv.conf"])?;
        let has = |part: &str| text.split_whitespace().any(|word| word == part);
        ensure!(
            has("ndots:2") && has(&full_name(HEADLESS)),
            "it says {text:?}"
        );
        Ok(())
    });
    report.check(
        "a search domain of the pod's own leads to a name, and those before it are denied in the kernel",
        || {
            let name = format!("{HEADLESS}-1");
            let expected: [(&str, &[&str]); 1] = [(&name, &[&scene.members[1]])];
            let ((), moved) = counted(stage, &pod.node, || finds(pod, &expected))?;
            ensure!(
                moved.nxdomain >= 2 * KUBELETS_DOMAINS && moved.answer >= 1,
                "counted were {moved:?}"
            );
            Ok(())
        },
    );
    report.check(
        "with fewer dots a complete name is asked as it is, and answered in the kernel",
        || {
            let name = format!("kubernetes.default.{ZONE}");
            let expected: [(&str, &[&str]); 1] = [(&name, &[&scene.kubernetes])];
            counted_as(
                stage,
                &pod.node,
                || finds(pod, &expected),
                |moved| moved.nxdomain == 0 && moved.answer >= 1,
            )
        },
    );
    Ok(())
}
