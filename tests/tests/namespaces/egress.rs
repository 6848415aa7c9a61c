//! A policy engine on the way back into the pod, which drops what it did not see asked.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{Question, eventually, hickory_proto::rr::RecordType};

use crate::site::{Answerer, LIMIT, SERVERS, address, ask, at_a_site, full};

/// A classic BPF program over the whole frame: UDP over IPv4 and IPv6 is dropped (TC_ACT_SHOT, 2), all
/// else goes on (TC_ACT_OK, 0).
const DROP_UDP: &str = "9,\
    40 0 0 12,21 0 2 2048,48 0 0 23,21 3 4 17,\
    21 0 3 34525,48 0 0 20,21 0 1 17,\
    6 0 0 2,6 0 0 0";

#[test]
fn replies_come_past_a_program_that_drops_all_udp_on_its_way_into_the_pod() -> Result<()> {
    let name = "replies_come_past_a_program_that_drops_all_udp_on_its_way_into_the_pod";
    at_a_site(name, |site| {
        for hook in ["tcx", "clsact"] {
            let agent = site.agent(&["--hook", hook])?;
            let device = site.pod.node_interface();
            let tc = |words: &str| {
                let words: Vec<&str> = words.split(' ').collect();
                site.node.run(&[&["tc"], &words[..]].concat())
            };
            // With the hook clsact, the qdisc is there already.
            tc(&format!("qdisc replace dev {device} clsact"))?;
            let filter = ["filter", "add", "dev", device, "egress", "prio", "1"];
            let program = ["bpf", "da", "bytecode", DROP_UDP];
            site.node.run(&[&["tc"], &filter[..], &program].concat())?;
            for server in SERVERS {
                // It drops: an external name is answered by the DNS service, whose reply is lost.
                let before = site.core_dns.questions()?;
                let client = site.pod.client(address(server))?;
                client.set_limit(Duration::from_millis(300))?;
                let external = Question::new("www.example.com", RecordType::A);
                assert!(client.resolve(&external).is_err(), "{hook} {server}");
                eventually(LIMIT, "the DNS service to have answered", || {
                    ensure!(site.core_dns.questions()? > before);
                    Ok(())
                })?;
                for (service, record_type) in [
                    ("web", RecordType::A),
                    ("old", RecordType::AAAA),
                    ("nothing", RecordType::A),
                ] {
                    let question = Question::new(&full(service), record_type);
                    let answer = ask(&site.pod, server, &question)?;
                    assert_eq!(answer.by, Answerer::Kernel, "{hook} {server} {service}");
                }
            }
            tc(&format!("filter delete dev {device} egress prio 1"))?;
            agent.terminate()?;
        }
        Ok(())
    })
}
