//! Services and their endpoints, from their creation to their end.

use anyhow::Result;
use tests::{hickory_proto::rr::RecordType, skipped_without_root};

use crate::scene::{Scene, denied, records};

const WEB: &str = "web.default.svc.cluster.local";
const PORTS: &str = "ports: [{port: 80}]";

#[test]
fn a_service_is_answered_once_it_is_there_and_denied_once_it_is_gone() -> Result<()> {
    if skipped_without_root("a_service_is_answered_once_it_is_there_and_denied_once_it_is_gone") {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.follow(WEB, RecordType::A, &denied())?;
    for ip in ["10.96.7.1", "10.96.7.2"] {
        scene.apply_service("default", "web", &format!("{{clusterIP: {ip}, {PORTS}}}"))?;
        scene.follow(WEB, RecordType::A, &records(&[ip]))?;
        for other in [RecordType::AAAA, RecordType::MX, RecordType::TXT] {
            scene.follow(WEB, other, &records(&[]))?;
        }
        scene.api.delete("service", "default", "web")?;
        scene.follow(WEB, RecordType::A, &denied())?;
        scene.follow(WEB, RecordType::TXT, &denied())?;
    }
    Ok(())
}

#[test]
fn a_dual_stack_service_has_addresses_of_both_families() -> Result<()> {
    if skipped_without_root("a_dual_stack_service_has_addresses_of_both_families") {
        return Ok(());
    }
    let scene = Scene::new()?;
    let dual = "ipFamilyPolicy: RequireDualStack, clusterIP: 10.96.5.5, clusterIPs: [10.96.5.5, 'fd00:10:96::55']";
    scene.apply_service("default", "web", &format!("{{{dual}, {PORTS}}}"))?;
    scene.follow(WEB, RecordType::A, &records(&["10.96.5.5"]))?;
    scene.follow(WEB, RecordType::AAAA, &records(&["fd00:10:96::55"]))?;
    let single = r#"{"spec": {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"], "clusterIPs": ["10.96.5.5"]}}"#;
    scene.api.patch("service", "default", "web", single)?;
    scene.follow(WEB, RecordType::AAAA, &records(&[]))?;
    scene.follow(WEB, RecordType::A, &records(&["10.96.5.5"]))
}

#[test]
fn a_headless_service_follows_its_endpoints_and_does_not_exist_without() -> Result<()> {
    if skipped_without_root("a_headless_service_follows_its_endpoints_and_does_not_exist_without") {
        return Ok(());
    }
    let scene = Scene::new()?;
    let named = |last: u8| format!("{{addresses: [10.244.9.{last}], hostname: web-{last}}}");
    let not_ready = "{addresses: [10.244.9.9], hostname: web-9, conditions: {ready: false}}";
    scene.apply_service("default", "web", &format!("{{clusterIP: None, {PORTS}}}"))?;
    scene.apply_slice("web", "[]")?;
    scene.follow(WEB, RecordType::A, &denied())?;

    let three = [1, 2, 3].map(named).join(", ");
    scene.apply_slice("web", &format!("[{three}, {not_ready}]"))?;
    let all = records(&["10.244.9.1", "10.244.9.2", "10.244.9.3"]);
    scene.follow(WEB, RecordType::A, &all)?;
    scene.follow(WEB, RecordType::AAAA, &records(&[]))?;
    for last in 1..=3 {
        let ip = format!("10.244.9.{last}");
        scene.follow(
            &format!("web-{last}.{WEB}"),
            RecordType::A,
            &records(&[&ip]),
        )?;
    }
    // An endpoint that is not ready has no name, nor has one with a host name a second one.
    for label in ["web-9", "10-244-9-1"] {
        scene.follow(&format!("{label}.{WEB}"), RecordType::A, &denied())?;
    }

    scene.apply_slice("web", &format!("[{}]", named(2)))?;
    scene.follow(WEB, RecordType::A, &records(&["10.244.9.2"]))?;
    scene.follow(&format!("web-1.{WEB}"), RecordType::A, &denied())?;
    // Without a host name, an endpoint's name is its address with dashes.
    scene.apply_slice("web", "[{addresses: [10.244.9.2]}]")?;
    let dashed = format!("10-244-9-2.{WEB}");
    scene.follow(&dashed, RecordType::A, &records(&["10.244.9.2"]))?;
    scene.follow(&format!("web-2.{WEB}"), RecordType::A, &denied())?;

    scene.apply_slice("web", "[]")?;
    scene.follow(WEB, RecordType::A, &denied())?;
    scene.follow(&dashed, RecordType::A, &denied())
}

#[test]
fn an_external_name_shows_its_changes_at_once() -> Result<()> {
    if skipped_without_root("an_external_name_shows_its_changes_at_once") {
        return Ok(());
    }
    let scene = Scene::new()?;
    for target in ["database.example.com", "other.example.com"] {
        scene.apply_service(
            "default",
            "web",
            &format!("{{type: ExternalName, externalName: {target}}}"),
        )?;
        let expected = records(&[&format!("{target}.")]);
        scene.follow(WEB, RecordType::CNAME, &expected)?;
        // The target's addresses are not the cluster's to know.
        let answer = scene.ask(WEB, RecordType::A)?;
        assert_eq!(answer, expected.passed());
    }
    let spec = r#"{"spec": {"type": "ClusterIP", "externalName": null, "clusterIP": "10.96.8.8", "ports": [{"port": 80}]}}"#;
    scene.api.patch("service", "default", "web", spec)?;
    scene.follow(WEB, RecordType::A, &records(&["10.96.8.8"]))?;
    scene.follow(WEB, RecordType::CNAME, &records(&[]))
}
