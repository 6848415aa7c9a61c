//! Objects that nobody should write: each is told of once, with its reason, and none of them keeps another
//! from being served.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use tests::{
    Agent, eventually,
    hickory_proto::{op::ResponseCode, rr::RecordType},
};

use crate::{
    catalogue::Service,
    site::{Answerer, LIMIT, Site, at_a_site, full},
};

/// One object that is not served, or not as it is written.
struct Bad {
    /// What the object is called in status, log and metric.
    object: String,
    /// What the reason says.
    reason: &'static str,
    /// Its documents.
    manifest: String,
}

fn bad(object: String, reason: &'static str, manifest: String) -> Bad {
    Bad {
        object,
        reason,
        manifest,
    }
}

fn service(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
    )
}

/// A headless Service and a slice of it with these fields.
fn endpoints(name: &str, fields: &str) -> String {
    let headless = service(name, "{clusterIP: None}");
    format!(
        "{headless}---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n\
         metadata: {{name: {name}-1, namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}\n{fields}\n"
    )
}

/// A list in YAML of `count` items.
fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..count).map(item).collect();
    format!("[{}]", items.join(", "))
}

/// Services, by name, whose own name the DNS service has to answer.
fn bad_services() -> Vec<Bad> {
    let long = format!("{{type: ExternalName, externalName: {}}}", "a.".repeat(150));
    let ports = list(4, |index| {
        format!("{{name: p{index}, port: {}}}", index * 70_000)
    });
    [
        ("noip", "clusterIP", "{clusterIP: nonsense}"),
        ("range", "clusterIP", "{clusterIP: 10.96.0.999}"),
        ("half", "clusterIP", "{clusterIPs: [10.96.1.1, \"\"]}"),
        ("control", "u{7}", "{clusterIP: \"\\a\\x1b[2J\"}"),
        ("empty", "no clusterIP", "{clusterIP: \"\", clusterIPs: []}"),
        (
            "nulls-only",
            "no clusterIP",
            "{clusterIP: null, type: null, ports: null}",
        ),
        ("nothing-at-all", "no clusterIP", "null"),
        ("list", "expected", "[a, b]"),
        (
            "number",
            "i64",
            "{clusterIP: 10.96.1.2, ports: [{port: http}]}",
        ),
        (
            "huge",
            "i64",
            "{clusterIP: 10.96.1.3, ports: [{port: 1000000000000000000000}]}",
        ),
        (
            "ports",
            "not between",
            &format!("{{clusterIP: 10.96.1.4, ports: {ports}}}"),
        ),
        ("long", "of 300 octets", &long),
        (
            "dots",
            "externalName",
            "{type: ExternalName, externalName: a..b}",
        ),
        (
            "unicode",
            "externalName",
            "{type: ExternalName, externalName: datenbänk.de}",
        ),
    ]
    .map(|(name, reason, spec)| bad(format!("Service shop/{name}"), reason, service(name, spec)))
    .into()
}

/// Objects whose names nobody can ask for, and services of which a part is left.
fn bad_parts() -> Vec<Bad> {
    let fine = "{clusterIP: 10.96.1.5}";
    let label = "x".repeat(64);
    let slice = |name: &str, reason, fields: &str| {
        bad(
            format!("EndpointSlice shop/{name}-1"),
            reason,
            endpoints(name, fields),
        )
    };
    let ports = list(1000, |index| {
        format!("{{name: p{index}, port: {}}}", index + 1)
    });
    let many = list(5000, |index| {
        format!("{{addresses: [10.20.{}.{}]}}", index / 250, index % 250)
    });
    let mut all: Vec<Bad> = [label.as_str(), "Upper", "do.ts", "ünï"]
        .map(|name| {
            let object = format!("Service shop/{name}");
            bad(object, "not a DNS label", service(name, fine))
        })
        .into();
    all.extend([
        bad(
            "Service shop/thousand".to_owned(),
            "1000 ports",
            service(
                "thousand",
                &format!("{{clusterIP: 10.96.1.6, ports: {ports}}}"),
            ),
        ),
        bad(
            "Service shop/crowd".to_owned(),
            "more A and SRV records",
            endpoints(
                "crowd",
                &format!("endpoints: {many}\nports: [{{name: http, port: 80}}]"),
            ),
        ),
        slice(
            "places",
            "\"bogus\"",
            "endpoints: [{addresses: [bogus, \"\", 10.21.0.1]}]",
        ),
        slice(
            "hosts",
            "\"a.b\"",
            "endpoints: [{addresses: [10.21.0.2], hostname: a.b}]",
        ),
        slice("wrong", "expected", "endpoints: {a: 1}"),
        slice("nulls", "expected", "endpoints: [null]"),
        slice(
            "port",
            "port 99999",
            "endpoints: [{addresses: [10.21.0.3]}]\nports: [{port: 99999}]",
        ),
    ]);
    all
}

/// Objects that look odd and are served as they are written.
fn odd() -> String {
    let mut odd = service("same", "{clusterIPs: [10.96.1.7, 10.96.1.7, 10.96.1.7]}");
    let twice = "endpoints: [{addresses: [10.22.0.1, 10.22.0.1]}, {addresses: [10.22.0.1]}]";
    let nothing = "endpoints: null\nports: null";
    for (name, fields) in [("twice", twice), ("none", nothing)] {
        let _ = write!(odd, "---\n{}", endpoints(name, fields));
    }
    // A slice of a service that does not exist.
    let orphan = endpoints("orphan", "endpoints: [{addresses: [10.22.0.2]}]");
    let orphan = orphan.split("---\n").nth(1).unwrap_or_default();
    odd + "---\n" + orphan
}

/// What `zerohop status` lists as not served: object and reason in one text.
fn listed(agent: &Agent) -> Result<Vec<String>> {
    let url = agent.url(LIMIT)?;
    let printed = agent.run_verb("status", &["--output", "json", "--agent", &url])?;
    let status: serde_json::Value = serde_json::from_str(&printed)?;
    let skipped = &status["agent"]["skipped"];
    let first = skipped["first"].as_array().context("no list")?;
    ensure!(
        skipped["count"].as_u64() == u64::try_from(first.len()).ok(),
        "the count differs from the list: {skipped}"
    );
    let text = |one: &serde_json::Value| {
        let part = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", part("object"), part("reason"))
    };
    Ok(first.iter().map(text).collect())
}

/// Waits until exactly `count` objects are listed.
fn wait_listed(agent: &Agent, count: usize) -> Result<Vec<String>> {
    eventually(LIMIT, &format!("{} objects to be listed", count), || {
        let listed = listed(agent)?;
        ensure!(listed.len() == count, "{listed:#?}");
        Ok(listed)
    })
}

/// Those texts that are about an object.
fn about<'text>(texts: &'text [String], object: &str) -> Vec<&'text String> {
    let is_about = |text: &&String| {
        let text = text.strip_prefix("name ").unwrap_or(text);
        text.split(object)
            .skip(1)
            .any(|rest| rest.starts_with(':') || rest.starts_with(' '))
            || text.ends_with(object)
    };
    texts.iter().filter(is_about).collect()
}

/// The number that the agent's metrics say.
fn metric(site: &Site, agent: &Agent) -> Result<usize> {
    let url = format!("{}/metrics", agent.url(LIMIT)?);
    let metrics = site.node.run(&["curl", "-s", &url])?;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("zerohop_skipped_objects "))
        .context("no such metric")?;
    Ok(line.trim().parse()?)
}

fn wait_for_kernel(site: &Site, name: &str, data: &[&str]) -> Result<()> {
    eventually(LIMIT, &format!("{name} to have {data:?}"), || {
        let answer = site.ask(&full(name), RecordType::A)?;
        ensure!(
            answer.by == Answerer::Kernel && answer.data == data,
            "{answer:?}"
        );
        Ok(())
    })
}

#[test]
fn each_object_with_nonsense_is_told_once_and_the_others_are_served() -> Result<()> {
    let name = "each_object_with_nonsense_is_told_once_and_the_others_are_served";
    at_a_site(name, |site| {
        let (services, parts) = (bad_services(), bad_parts());
        let all: Vec<&Bad> = services.iter().chain(&parts).collect();
        for (index, bad) in all.iter().enumerate() {
            let file = format!("bad-{index}.yaml");
            site.manifests.write(&file, &bad.manifest)?;
        }
        site.manifests.write("odd.yaml", &odd())?;
        let agent = site.agent(&[])?;

        let listed = wait_listed(&agent, all.len())?;
        assert_eq!(metric(site, &agent)?, all.len());
        let lines = agent.process().lines();
        let warnings: Vec<String> = lines
            .into_iter()
            .filter(|line| line.contains("WARN"))
            .collect();
        for bad in &all {
            let entries = about(&listed, &bad.object);
            assert_eq!(entries.len(), 1, "{}: {entries:#?}", bad.object);
            assert!(entries[0].contains(bad.reason), "{}", entries[0]);
            let said = about(&warnings, &bad.object);
            assert_eq!(said.len(), 1, "{}: {said:#?}", bad.object);
            assert!(!entries[0].contains('\u{1b}') && !said[0].contains('\u{1b}'));
        }
        let text = agent.run_verb("status", &["--agent", &agent.url(LIMIT)?])?;
        let title = format!("{} objects are not served", all.len());
        assert!(text.contains(&title), "{text}");

        // Whatever is not certain is left to the DNS service, which knows nothing of these.
        for bad in &services {
            let name = bad.object.rsplit('/').next().unwrap_or_default();
            let answer = site.ask(&full(name), RecordType::A)?;
            assert_eq!(answer.by, Answerer::Service, "{name}");
        }
        for (name, data) in [
            ("web", "10.96.0.80"),
            ("old", "10.96.0.82"),
            ("same", "10.96.1.7"),
            ("twice", "10.22.0.1"),
            ("thousand", "10.96.1.6"),
        ] {
            wait_for_kernel(site, name, &[data])?;
        }
        for absent in ["orphan", "no-such"] {
            let answer = site.wait_for(Answerer::Kernel, &full(absent))?;
            assert_eq!(answer.code, ResponseCode::NXDomain, "{absent}");
        }

        // What is mended is served at once, and told of no longer.
        let mended = [services.len() - 3, 0, 10];
        for (left, index) in (0..all.len()).rev().zip(mended) {
            let name = all[index].object.rsplit('/').next().unwrap_or_default();
            let good = Service::new(name, &["10.96.1.99"]).manifest();
            site.manifests.write(&format!("bad-{index}.yaml"), &good)?;
            wait_for_kernel(site, name, &["10.96.1.99"])?;
            wait_listed(&agent, left)?;
        }
        // And what stayed as it was has not been told again.
        let lines = agent.process().lines();
        let said = about(&lines, &services[1].object);
        assert_eq!(said.len(), 1, "{said:#?}");
        agent.terminate()
    })
}

#[test]
fn items_of_one_list_are_told_one_by_one() -> Result<()> {
    at_a_site("items_of_one_list_are_told_one_by_one", |site| {
        let items = list(3, |index| {
            format!(
                "{{\"kind\": \"Service\", \"metadata\": {{\"name\": \"item{index}\", \"namespace\": \"shop\"}}}}"
            )
        });
        let json = format!("{{\"kind\": \"List\", \"items\": {items}}}");
        site.manifests.write("items.json", &json)?;
        let agent = site.agent(&[])?;
        let listed = wait_listed(&agent, 3)?;
        for index in 0..3 {
            let entries = about(&listed, &format!("Service shop/item{index}"));
            assert_eq!(entries.len(), 1, "{listed:#?}");
        }
        Ok(())
    })
}

#[test]
fn twenty_zones_are_served_at_once() -> Result<()> {
    at_a_site("twenty_zones_are_served_at_once", |site| {
        let zones: Vec<String> = (0..20).map(|index| format!("zone{index}.local")).collect();
        let arguments: Vec<&str> = zones.iter().flat_map(|zone| ["--zone", zone]).collect();
        let _agent = site.agent(&arguments)?;
        for zone in &zones {
            let answer = site.ask(&format!("web.shop.svc.{zone}"), RecordType::A)?;
            assert_eq!(answer.by, Answerer::Kernel, "{zone}");
            assert_eq!(answer.data, ["10.96.0.80"], "{zone}");
        }
        Ok(())
    })
}
