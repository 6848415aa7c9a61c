//! Server blocks and what stands in them.

use super::options;
use crate::random::Random;

/// The zones that a Corefile serves, for whoever makes names in them.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    /// Zones of the cluster's names, the first one first; none is a reverse zone.
    pub names: Vec<String>,
    /// Names that the Corefile speaks of otherwise: entries of `hosts`, zones of templates, stub zones.
    pub others: Vec<String>,
}

/// The text of all server blocks.
pub(super) fn server_blocks(random: &mut Random) -> (String, Zones) {
    let mut zones = Zones {
        names: vec!["cluster.local".to_owned()],
        others: vec!["example.org".to_owned()],
    };
    match random.below(10) {
        0 => zones.names.push("cluster.example".to_owned()),
        1 => zones.names.insert(0, "cell-7.prod.example.net".to_owned()),
        2 => zones.names.push("sub.cluster.local".to_owned()),
        _ => {}
    }
    // Half of the Corefiles are one of those that are found in the field, so that most is answered.
    let mut text = match random.below(10) {
        0..4 => in_the_field(random, &mut zones),
        _ => any(random, &mut zones),
    };
    if random.percent(10) {
        let stub = random.text(&[
            "stub.cluster.local",
            "example.org",
            "shop.svc.cluster.local",
            "consul",
        ]);
        text += &format!("{stub}:53 {{\n    errors\n    forward . /etc/resolv.conf\n}}\n");
        zones.others.push(stub);
    }
    (text, zones)
}

/// What most clusters run with.
fn in_the_field(random: &mut Random, zones: &mut Zones) -> String {
    zones.names.truncate(1);
    zones.names[0] = "cluster.local".to_owned();
    let cache = random.text(&[
        "    cache 30 {\n        disable success cluster.local\n        disable denial cluster.local\n    }\n",
        "    cache 30 {\n        disable success cluster.local\n        disable denial cluster.local\n    }\n",
        "    cache 30\n",
    ]);
    let ttl = random.text(&["        ttl 30\n", "        ttl 30\n", ""]);
    format!(
        ".:53 {{\n    errors\n    health {{\n        lameduck 0s\n    }}\n    ready\n    \
         kubernetes cluster.local in-addr.arpa ip6.arpa {{\n        pods insecure\n        \
         fallthrough in-addr.arpa ip6.arpa\n{ttl}    }}\n    prometheus :9153\n    \
         forward . /etc/resolv.conf {{\n        max_concurrent 1000\n    }}\n{cache}    loop\n    reload\n    \
         loadbalance\n}}\n"
    )
}

fn any(random: &mut Random, zones: &mut Zones) -> String {
    let mut lines = vec!["errors".to_owned()];
    lines.push(options::kubernetes(random, &zones.names));
    if random.percent(70) {
        lines.extend(options::cache(random, &zones.names));
    }
    if random.percent(65) {
        lines.push(options::loadbalance(random));
    }
    if random.percent(85) {
        lines.push("forward . /etc/resolv.conf".to_owned());
    }
    for (chance, line) in [
        (20, "prometheus :9153"),
        (15, "health"),
        (15, "ready"),
        (15, "reload"),
        (10, "loop"),
        (8, "minimal"),
        (8, "any"),
        (3, "log"),
        (6, "log . {\n        class error\n    }"),
        (2, "chaos"),
        (1, "nsid"),
        (1, "whoami"),
        (1, "local"),
    ] {
        if random.percent(chance) {
            lines.push(line.to_owned());
        }
    }
    if random.percent(12) {
        lines.push(format!(
            "bufsize {}",
            random.one_of(&[512, 600, 1232, 4096])
        ));
    }
    for plugin in [
        options::hosts,
        options::template,
        options::rewrite,
        options::acl,
        options::rare,
    ] {
        if random.percent(9) {
            lines.push(plugin(random, zones));
        }
    }
    random.shuffle(&mut lines);
    let snippet = match random.percent(8) {
        true => {
            let some = lines.split_off(lines.len() / 2);
            lines.push("import common".to_owned());
            let body = some.iter().map(|line| format!("    {line}\n"));
            format!("(common) {{\n{}}}\n", body.collect::<String>())
        }
        false => String::new(),
    };
    let body = lines.iter().map(|line| format!("    {line}\n"));
    format!(
        "{snippet}{} {{\n{}}}\n",
        keys(random, zones),
        body.collect::<String>()
    )
}

fn keys(random: &mut Random, zones: &Zones) -> String {
    match random.below(10) {
        0 => format!(
            "{}:53 in-addr.arpa:53 ip6.arpa:53",
            zones.names.join(":53 ")
        ),
        1 => "dns://.:53".to_owned(),
        _ => ".:53".to_owned(),
    }
}
