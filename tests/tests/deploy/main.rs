//! The chart and the plain manifests, as Helm renders them and as a real API server takes them.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{ApiServer, Namespace, deploy_folder, eventually, render_chart, skipped_without_root};

/// Generous, because test machines are shared.
const LIMIT: Duration = Duration::from_secs(60);

/// The namespaces that the manifests take for granted.
const NAMESPACES: [&str; 2] = ["kube-system", "openshift-dns"];

/// Every manifest that there is, with its name: the chart with its defaults and with each value file, and the plain
/// ones.
fn manifests() -> Result<Vec<(String, String)>> {
    let plain = deploy_folder().join("zerohop.yaml");
    let text = fs::read_to_string(&plain).with_context(|| format!("read {}", plain.display()))?;
    let mut manifests = vec![
        ("zerohop.yaml".to_owned(), text),
        ("the defaults".to_owned(), render_chart(&[])?),
    ];
    for values in value_files()? {
        let path = values.to_string_lossy();
        manifests.push((path.to_string(), render_chart(&["--values", &path])?));
    }
    Ok(manifests)
}

fn value_files() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(deploy_folder().join("chart/zerohop/ci"))?;
    let files: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    ensure!(files.len() >= 3, "only these value files: {files:?}");
    Ok(files)
}

/// What the server would make of them, to the last field.
fn dry_run(api: &ApiServer, manifests: &str) -> Result<String> {
    let words = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    api.kubectl(&words, manifests)
}

#[test]
fn an_api_server_takes_every_manifest_and_knows_every_field() -> Result<()> {
    if skipped_without_root("an_api_server_takes_every_manifest_and_knows_every_field") {
        return Ok(());
    }
    let node = Namespace::node("node")?;
    let api = ApiServer::start_in(&node)?;
    for namespace in NAMESPACES {
        api.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}"
        ))?;
    }
    // The server makes its priority classes in its own time.
    eventually(LIMIT, "the node-critical priority class", || {
        api.kubectl(&["get", "priorityclass", "system-node-critical"], "")
    })?;
    for (name, manifests) in manifests()? {
        let made = dry_run(&api, &manifests).with_context(|| name.clone())?;
        assert!(made.contains("daemonset.apps/"), "{name}: {made}");
        // A field that it does not know would have been told.
        let mistyped = manifests.replace("hostNetwork:", "hostNetwrok:");
        let error = dry_run(&api, &mistyped).unwrap_err();
        assert!(format!("{error:#}").contains("hostNetwrok"), "{error:#}");
    }
    Ok(())
}

#[test]
fn values_that_are_mistyped_or_out_of_range_are_refused_by_name() {
    for (value, complaint) in [
        ("hok=tcx", "'hok' not allowed"),
        ("listen.prt=80", "'prt' not allowed"),
        ("hook=tcq", "/hook"),
        ("listen.port=70000", "/listen/port"),
        ("image.digest=latest", "/image/digest"),
        ("dnsAddresses={10.0.0.10}", "/dnsAddresses/0"),
        ("maxUnavailable=0", "/maxUnavailable"),
        ("pinDirectory=/var/lib/zerohop", "/pinDirectory"),
        ("corednsVersion=1.12.0 and more", "/corednsVersion"),
        ("seLinuxOptions.typ=spc_t", "'typ' not allowed"),
        ("architectures={}", "/architectures"),
    ] {
        let error = render_chart(&["--set", value]).expect_err(value);
        let text = format!("{error:#}");
        assert!(text.contains(complaint), "{value}: {text}");
    }
}

#[test]
fn an_address_of_all_interfaces_is_probed_at_the_loopback() -> Result<()> {
    let manifests = render_chart(&["--set", "listen.address=::,listen.port=9000"])?;
    assert!(manifests.contains("--listen=[::]:9000"), "{manifests}");
    assert_eq!(
        manifests.matches("host: \"127.0.0.1\"").count(),
        3,
        "{manifests}"
    );
    Ok(())
}

#[test]
fn every_verb_is_told_the_same_place_of_the_pins() -> Result<()> {
    let place = "pinDirectory=/sys/fs/bpf/other";
    for (detach, verbs) in [
        ("detach=false", &["mount-bpffs", "run"][..]),
        ("detach=true", &["mount-bpffs", "detach", "detach"]),
    ] {
        let manifests = render_chart(&["--set", place, "--set", detach])?;
        let lines: Vec<&str> = manifests.lines().map(str::trim).collect();
        let told: Vec<&str> = lines
            .windows(2)
            .filter(|pair| pair[1] == "- --pin-directory=/sys/fs/bpf/other")
            .map(|pair| pair[0].trim_start_matches("- "))
            .collect();
        assert_eq!(told, verbs, "{detach}: {manifests}");
        let containers = lines.iter().filter(|line| **line == "args:").count();
        assert_eq!(containers, verbs.len(), "{detach}: {manifests}");
    }
    Ok(())
}

#[test]
fn options_of_selinux_are_those_of_the_agent_whether_it_detaches_or_not() -> Result<()> {
    for detach in ["detach=false", "detach=true"] {
        let set = format!("seLinuxOptions.type=spc_t,mountBpffs=false,{detach}");
        let manifests = render_chart(&["--set", &set])?;
        let containers = manifests.matches("securityContext:").count();
        let options = manifests.matches("seLinuxOptions:").count();
        assert_eq!(options, containers, "{detach}: {manifests}");
    }
    assert!(!render_chart(&[])?.contains("seLinuxOptions"));
    Ok(())
}

/// How often the manifests require each of these things of a node.
fn requirements(manifests: &str) -> [usize; 4] {
    let words: Vec<&str> = manifests.split_whitespace().collect();
    let words = words.join(" ");
    [
        "key: kubernetes.io/arch operator: In values: - amd64",
        "key: eks.amazonaws.com/compute-type operator: NotIn values: - fargate - auto -",
        "key: type operator: NotIn values: - virtual-kubelet",
        "- matchExpressions:",
    ]
    .map(|requirement| words.matches(requirement).count())
}

#[test]
fn nodes_that_can_never_run_the_image_get_no_pod_that_stays_pending() -> Result<()> {
    let plain = fs::read_to_string(deploy_folder().join("zerohop.yaml"))?;
    for manifests in [
        plain,
        render_chart(&[])?,
        render_chart(&["--set", "detach=true"])?,
        render_chart(&["--set", "affinity=null"])?,
    ] {
        assert_eq!(requirements(&manifests), [1; 4], "{manifests}");
    }
    let more = render_chart(&["--set", "architectures={amd64,arm64}"])?;
    assert!(more.contains("- arm64"), "{more}");
    Ok(())
}

#[test]
fn each_term_of_an_affinity_of_the_users_own_is_narrowed_and_the_rest_of_it_stays() -> Result<()> {
    let terms =
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    let expression = |term: usize, key: &str| {
        let expression = format!("{terms}[{term}].matchExpressions[0]");
        format!("{expression}.key={key},{expression}.operator=Exists")
    };
    let manifests = render_chart(&[
        "--set",
        &expression(0, "rack"),
        "--set",
        &expression(1, "zone"),
        "--set",
        "affinity.podAffinity.preferred=kept",
    ])?;
    assert_eq!(requirements(&manifests), [2; 4], "{manifests}");
    for kept in ["key: rack", "key: zone", "preferred: kept"] {
        assert_eq!(manifests.matches(kept).count(), 1, "{kept}: {manifests}");
    }
    Ok(())
}
