//! Namespaces, with which the names in them come and go.

use anyhow::Result;
use tests::{hickory_proto::rr::RecordType, skipped_without_root};

use crate::scene::{Scene, denied, records};

const SHOP: &str = "shop.svc.cluster.local";
const WEB: &str = "web.shop.svc.cluster.local";

#[test]
fn names_exist_until_their_namespace_is_gone_whatever_is_left_in_it() -> Result<()> {
    if skipped_without_root("names_exist_until_their_namespace_is_gone_whatever_is_left_in_it") {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.follow(SHOP, RecordType::A, &denied())?;
    scene.make_namespace("shop")?;
    scene.follow(SHOP, RecordType::A, &records(&[]))?;
    scene.apply_service("shop", "web", "{clusterIP: 10.96.9.9, ports: [{port: 80}]}")?;
    scene.follow(WEB, RecordType::A, &records(&["10.96.9.9"]))?;
    // The zone's other namespaces stay as they are.
    scene.follow(
        "kubernetes.default.svc.cluster.local",
        RecordType::A,
        &records(&["10.96.0.1"]),
    )?;

    // A namespace that is being deleted exists until it is gone. What waits for its contents to go is a
    // controller; without one the service stays for ever.
    scene.api.delete("namespace", "default", "shop")?;
    scene.follow(WEB, RecordType::A, &records(&["10.96.9.9"]))?;
    scene.api.kubectl(
        &["replace", "--raw", "/api/v1/namespaces/shop/finalize", "-f", "-"],
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "spec": {"finalizers": []}}"#,
    )?;
    scene.follow(WEB, RecordType::A, &denied())?;
    scene.follow(SHOP, RecordType::A, &denied())?;

    scene.make_namespace("shop")?;
    scene.follow(WEB, RecordType::A, &records(&["10.96.9.9"]))
}
