//! The options of the plugins, each written as one directive.

use super::block::Zones;
use crate::{random::Random, stage::MARKED};

/// `kubernetes`, whose zones' order decides where PTR records point to.
pub(super) fn kubernetes(random: &mut Random, names: &[String]) -> String {
    let mut zones = names.to_vec();
    let reverse: &[&str] = match random.below(12) {
        0 => &[],
        1 => &["10.96.0.0/16"],
        2 => &["10.244.0.0/16", "fd00::/16", "10.96.0.0/12"],
        3 => &["in-addr.arpa"],
        4 => &["fd00:10:96::/112", "in-addr.arpa"],
        5 => &["ip6.arpa", "10.in-addr.arpa"],
        _ => &["in-addr.arpa", "ip6.arpa"],
    };
    let reverse: Vec<String> = reverse.iter().map(|zone| (*zone).to_owned()).collect();
    match random.percent(10) {
        true => zones = [reverse, zones].concat(),
        false => zones.extend(reverse),
    }
    let mut lines = Vec::new();
    if random.percent(70) {
        let ttl = *random.one_of(&[30, 30, 30, 5, 0, 60, 300, 3600, 299, 301]);
        lines.push(format!("ttl {ttl}"));
    }
    if random.percent(85) {
        lines.push(format!(
            "pods {}",
            random.text(&["insecure", "insecure", "insecure", "verified", "disabled"])
        ));
    }
    if random.percent(12) {
        let listed = random.text(&[
            "default shop kube-system",
            "default",
            "shop data svc nowhere x",
        ]);
        lines.push(format!("namespaces {listed} {}", MARKED.join(" ")));
    } else if random.percent(5) {
        lines.push(format!(
            "namespace_labels {}",
            random.text(&["team=a", "team in (a,c)"])
        ));
    }
    if random.percent(2) {
        lines.push("labels team=a".to_owned());
    }
    if random.percent(12) {
        lines.push("ignore empty_service".to_owned());
    }
    if random.percent(5) {
        lines.push("noendpoints".to_owned());
    }
    if random.percent(15) {
        lines.push("endpoint_pod_names".to_owned());
    }
    if random.percent(55) {
        let zone = names.first().map_or("", String::as_str);
        let zones = match random.below(12) {
            0 => String::new(),
            1 => format!(" {zone}"),
            2 => " in-addr.arpa".to_owned(),
            _ => " in-addr.arpa ip6.arpa".to_owned(),
        };
        lines.push(format!("fallthrough{zones}"));
    }
    random.shuffle(&mut lines);
    let lines: String = lines
        .iter()
        .map(|line| format!("        {line}\n"))
        .collect();
    format!("kubernetes {} {{\n{lines}    }}", zones.join(" "))
}

/// `cache`, or a few times two lines of which only one counts.
pub(super) fn cache(random: &mut Random, names: &[String]) -> Option<String> {
    let zone = names.first()?;
    let disable = format!(
        "        disable success {}\n        disable denial {}\n",
        names.join(" "),
        names.join(" ")
    );
    Some(match random.below(16) {
        0 => "cache".to_owned(),
        1..4 => "cache 30".to_owned(),
        4 => format!("cache {}", random.one_of(&[1, 4, 5, 10, 300, 3600])),
        5 => format!("cache 30 {zone}"),
        6 => "cache 30 example.org".to_owned(),
        7 => "cache {\n        success 1000 20 7\n        denial 1000 10 3\n    }".to_owned(),
        8 => "cache 900 {\n        denial 9984 30\n    }".to_owned(),
        9 => format!("cache 20 {{\n        disable success {zone}\n    }}"),
        10 => format!("cache 20 {{\n        disable denial {zone}\n    }}"),
        11 => "cache 30 {\n        prefetch 5\n    }".to_owned(),
        12 => format!("cache 30 {{\n        serve_stale\n{disable}    }}"),
        _ => format!(
            "cache {} {{\n{disable}    }}",
            random.one_of(&[30, 10, 60, 3600])
        ),
    })
}

/// `loadbalance` in one of its forms.
pub(super) fn loadbalance(random: &mut Random) -> String {
    random.text(&[
        "loadbalance",
        "loadbalance",
        "loadbalance",
        "loadbalance round_robin",
    ])
}

/// `hosts` with entries of its own.
pub(super) fn hosts(random: &mut Random, zones: &mut Zones) -> String {
    let zone = zones.names.first().cloned().unwrap_or_default();
    let listed = random.text(&[
        "web.shop.svc",
        "node-1",
        "absent.default.svc",
        "api.data.svc",
        "nowhere",
    ]);
    let name = match random.percent(70) {
        true => format!("{listed}.{zone}"),
        false => format!("{listed}.example.org"),
    };
    zones.others.push(name.clone());
    let address = random.text(&["10.96.0.1", "192.0.2.77", "fd00:10:96::1", "10.244.0.3"]);
    let fallthrough = match random.percent(85) {
        true => "        fallthrough\n",
        false => "",
    };
    let at = random.text(&["", "", " cluster.local", " example.org"]);
    match at.is_empty() {
        true => format!("hosts {{\n        {address} {name}\n{fallthrough}    }}"),
        false => format!("hosts /dev/null{at} {{\n        {address} {name}\n{fallthrough}    }}"),
    }
}

/// `template` for some zone.
pub(super) fn template(random: &mut Random, zones: &mut Zones) -> String {
    let zone = random.text(&[
        "internal.example",
        "reddog.example.com",
        "shop.svc.cluster.local",
        "made.cluster.local",
        ".",
    ]);
    let kind = random.text(&["ANY", "A", "AAAA"]);
    let fallthrough = match random.percent(50) {
        true => "        fallthrough\n",
        false => "",
    };
    zones.others.push(zone.clone());
    format!(
        "template IN {kind} {zone} {{\n        match ^made\n        rcode NXDOMAIN\n{fallthrough}    }}"
    )
}

/// `rewrite` of names.
pub(super) fn rewrite(random: &mut Random, zones: &mut Zones) -> String {
    zones.others.push("old.example.org".to_owned());
    zones.others.push("old.cluster.local".to_owned());
    random.text(&[
        "rewrite name old.example.org web.shop.svc.cluster.local",
        "rewrite name exact old.cluster.local web.shop.svc.cluster.local",
        "rewrite name exact web.shop.svc.cluster.local db.data.svc.cluster.local",
        "rewrite stop {\n        name regex (.*)\\.old\\.example\\.org {1}.default.svc.cluster.local\n        answer auto\n    }",
        "rewrite name suffix .old.cluster.local .svc.cluster.local",
        "rewrite type ANY HINFO",
        "rewrite edns0 local set 0xffee 0x61626364",
    ])
}

/// `acl`.
pub(super) fn acl(random: &mut Random, _: &mut Zones) -> String {
    random.text(&[
        "acl {\n        allow net *\n    }",
        "acl cluster.local {\n        block type AAAA net 127.0.0.0/8\n    }",
        "acl example.org {\n        block net *\n    }",
        "acl {\n        filter type TXT net *\n    }",
    ])
}

/// What few clusters have.
pub(super) fn rare(random: &mut Random, _: &mut Zones) -> String {
    random.text(&[
        "header {\n        response set ra\n    }",
        "dns64",
        "dnssec",
        "autopath @kubernetes",
        "k8s_external cluster.external",
        "transfer {\n        to *\n    }",
        "cancel",
        "metadata",
        "multisocket 2",
        "timeouts {\n        read 3s\n    }",
        "debug",
        "root /tmp",
        "view other {\n        expr type() == 'TXT'\n    }",
        "loadbalance weighted /dev/null",
        "errors {\n        consolidate 5m \".*\"\n    }",
    ])
}
