//! An ExternalName service, its change to another target, and to a service with an address.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::hickory_proto::rr::RecordType;

use super::{
    objects::{ALIAS, SERVICE, alias_to, full_name, service},
    scene::{HEARD, Scene, apply, service_address},
};
use crate::{
    kubectl::eventually,
    meaning::{all_over_tcp, answers, in_kernel, kernel_says_one, question},
    report::Report,
    stage::Stage,
};

/// Changes the service step by step; every pod that asks must see each step.
pub(super) fn check(stage: &Stage, scene: &Scene, report: &mut Report) -> Result<()> {
    // Nobody owns this zone (RFC 6761 §6.2); the CNAME itself needs nobody.
    let first = alias_to("foo.example.test");
    let _guard = apply(stage, std::slice::from_ref(&first))?;
    report.check("an ExternalName service is answered in the kernel", || {
        becomes(
            stage,
            scene,
            RecordType::CNAME,
            &["CNAME foo.example.test."],
        )
    });
    report.check("its new target is answered in the kernel", || {
        stage.kubectl.apply(&alias_to("bar.example.test"))?;
        becomes(
            stage,
            scene,
            RecordType::CNAME,
            &["CNAME bar.example.test."],
        )
    });
    report.check(
        "a target within the cluster is answered with its address in the kernel",
        || {
            let target = full_name(SERVICE);
            stage.kubectl.apply(&alias_to(&target))?;
            let alias = format!("CNAME {target}.");
            let address = address_record(stage, &scene.service);
            becomes(stage, scene, address_type(stage), &[&alias, &address])
        },
    );
    report.check(
        "once it is a service with an address, that is answered in the kernel",
        || {
            stage.kubectl.apply(&with_address())?;
            let address = address_record(stage, &service_address(stage, ALIAS)?);
            becomes(stage, scene, address_type(stage), &[&address])
        },
    );
    Ok(())
}

fn with_address() -> Value {
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    service(ALIAS, json!({"type": "ClusterIP", "ports": ports}))
}

fn address_type(stage: &Stage) -> RecordType {
    if stage.dns.is_ipv4() {
        RecordType::A
    } else {
        RecordType::AAAA
    }
}

fn address_record(stage: &Stage, address: &str) -> String {
    format!("{} {address}", address_type(stage))
}

/// Waits until the kernel on each node gives this answer, and every CoreDNS pod does.
fn becomes(stage: &Stage, scene: &Scene, record_type: RecordType, expected: &[&str]) -> Result<()> {
    let asked = [question(&full_name(ALIAS), record_type)];
    for asker in &scene.askers {
        let node = &asker.node.name;
        eventually(HEARD, &format!("the change on {node}"), || {
            let replied = asker.glibc.ask(&stage.dns_server(), &asked)?;
            let replied = replied.first().context("no reply")?;
            in_kernel(replied)?;
            let told = answers(replied)?;
            let is_told = |record: &&str| told.iter().any(|one| one.ends_with(*record));
            ensure!(
                told.len() == expected.len() && expected.iter().all(is_told),
                "the kernel says {told:?} instead of {expected:?}"
            );
            for server in stage.core_dns_servers()? {
                let core_dns = asker.glibc.ask(&server, &all_over_tcp(&asked))?;
                kernel_says_one(core_dns.first().context("no reply")?, replied)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
