//! Pods that come, go and change while the agent runs, and pods that ask somebody else.

use anyhow::{Result, ensure};
use tests::{HeldThread, Pod, Question, eventually, hickory_proto::rr::RecordType};

use crate::{
    catalogue::Service,
    site::{
        Answerer, LIMIT, OTHER_SERVERS, SERVERS, address, answer, ask, at_a_site, full, ip,
        wait_attached,
    },
};

#[test]
fn a_pod_that_asks_another_server_is_left_alone_and_told_of() -> Result<()> {
    let name = "a_pod_that_asks_another_server_is_left_alone_and_told_of";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        for (number, server) in (3..).zip(OTHER_SERVERS) {
            for _ in 0..number {
                // Exactly one, since they are counted.
                let client = site.pod.client(address(server))?;
                let answer = answer(&client.resolve(&Question::new(&full("web"), RecordType::A))?)?;
                assert_eq!(answer.by, Answerer::Service, "{server}");
            }
        }
        let status = agent.status()?;
        assert_eq!(status.answered_in_kernel(), 0);
        assert_eq!(status.passed.get("unknown_destination"), Some(&7));
        let unknown = status.unknown_destinations.iter();
        let unknown: Vec<_> = unknown
            .map(|one| (one.address.clone(), one.questions))
            .collect();
        let expected = [(1, 4), (0, 3)];
        let expected =
            expected.map(|(server, count)| (ip(OTHER_SERVERS[server]).to_string(), count));
        assert_eq!(unknown, expected, "the busiest first");
        Ok(())
    })
}

#[test]
fn a_pod_made_while_the_agent_runs_is_answered_also_when_made_anew() -> Result<()> {
    let name = "a_pod_made_while_the_agent_runs_is_answered_also_when_made_anew";
    at_a_site(name, |site| {
        for hook in ["tcx", "clsact"] {
            let agent = site.agent(&["--hook", hook])?;
            for round in 0..3 {
                let pod = Pod::with_interface(&site.node, 2, "lxc0123456789ab")?;
                wait_attached(&agent, pod.node_interface())?;
                for server in SERVERS {
                    let question = Question::new(&full("web"), RecordType::A);
                    let answer = ask(&pod, server, &question)?;
                    assert_eq!(answer.by, Answerer::Kernel, "{hook} {round} {server}");
                }
                pod.delete_link()?;
                eventually(LIMIT, "the agent to let go of it", || {
                    let interfaces = agent.status()?.interfaces;
                    ensure!(interfaces.len() == 1, "{interfaces:?}");
                    Ok(())
                })?;
            }
            agent.terminate()?;
        }
        Ok(())
    })
}

/// A filter of one protocol only, whose priority ours may not share.
const FOREIGN_FILTER: [&str; 11] = [
    "protocol",
    "ip",
    "prio",
    "1",
    "handle",
    "7",
    "bpf",
    "bytecode",
    "1,6 0 0 0,",
    "flowid",
    "1:1",
];

#[test]
fn a_program_before_ours_on_every_pod_is_told_of_once_and_counted() -> Result<()> {
    let name = "a_program_before_ours_on_every_pod_is_told_of_once_and_counted";
    at_a_site(name, |site| {
        let pods = (2..5).map(|number| Pod::new(&site.node, number));
        let pods = pods.collect::<Result<Vec<_>>>()?;
        for pod in &pods {
            let device = pod.node_interface();
            site.node
                .run(&["tc", "qdisc", "add", "dev", device, "clsact"])?;
            let add = ["tc", "filter", "add", "dev", device, "ingress"];
            site.node.run(&[&add, &FOREIGN_FILTER[..]].concat())?;
        }
        let agent = site.agent(&["--hook", "clsact"])?;
        eventually(LIMIT, "the agent to count them", || {
            let (_, report) = agent.full_status(LIMIT)?;
            ensure!(report.interfaces_behind == 3, "{report:?}");
            Ok(())
        })?;
        let lines = agent.process().lines();
        let told = lines
            .iter()
            .filter(|line| line.contains("runs before ours"));
        assert_eq!(told.count(), 1, "{lines:#?}");
        Ok(())
    })
}

#[test]
fn changes_of_objects_do_not_wait_for_an_interface_that_takes_long() -> Result<()> {
    let name = "changes_of_objects_do_not_wait_for_an_interface_that_takes_long";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        // As the kernel does, which lets an attachment wait for as long as others hold its lock of all interfaces.
        let held = HeldThread::hold(agent.process().id(), "interfaces")?;
        let pod = Pod::new(&site.node, 2)?;
        for address in ["10.96.1.1", "10.96.1.2"] {
            let manifest = Service::new("new", &[address]).manifest();
            site.manifests.write("new.yaml", &manifest)?;
            eventually(LIMIT, "the kernel to answer with the new address", || {
                let answer = site.ask(&full("new"), RecordType::A)?;
                ensure!(answer.by == Answerer::Kernel && answer.data == [address]);
                Ok(())
            })?;
        }
        let attached = agent.status()?.interfaces;
        assert_eq!(attached.len(), 1, "the new pod waits: {attached:?}");
        drop(held);
        wait_attached(&agent, pod.node_interface())?;
        let answer = ask(
            &pod,
            SERVERS[0],
            &Question::new(&full("new"), RecordType::A),
        )?;
        assert_eq!(answer.by, Answerer::Kernel);
        agent.terminate()
    })
}

#[test]
fn an_answer_beyond_the_interface_goes_to_the_dns_service() -> Result<()> {
    let name = "an_answer_beyond_the_interface_goes_to_the_dns_service";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        let large = Question::new(&full("large"), RecordType::A).with_edns(1232);
        let wait_for = |by: Answerer| {
            eventually(LIMIT, &format!("{by:?} to answer"), || {
                let answer = ask(&site.pod, SERVERS[0], &large)?;
                ensure!(answer.by == by, "{:?} does", answer.by);
                assert_eq!(answer.data.len(), 40);
                Ok(())
            })
        };
        wait_for(Answerer::Kernel)?;
        site.pod.set_mtu(600)?;
        wait_for(Answerer::Service)?;
        let small = site.ask(&full("many"), RecordType::A)?;
        assert_eq!(
            (small.by, small.data.len()),
            (Answerer::Kernel, 20),
            "348 octets still fit"
        );
        assert!(agent.status()?.passed["mtu"] > 0);
        // Another pod's wider interface is not held back by this one's.
        let other = Pod::new(&site.node, 2)?;
        wait_attached(&agent, other.node_interface())?;
        let answer = ask(&other, SERVERS[0], &large)?;
        assert_eq!(answer.by, Answerer::Kernel);
        site.pod.set_mtu(1500)?;
        wait_for(Answerer::Kernel)
    })
}

#[test]
fn an_answer_beyond_the_client_goes_to_the_dns_service() -> Result<()> {
    let name = "an_answer_beyond_the_client_goes_to_the_dns_service";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        // 12 octets of header, 34 of question, 40 records of 16, and 11 of OPT: 697.
        let question = Question::new(&full("large"), RecordType::A);
        let client = site.pod.client(address(SERVERS[0]))?;
        let reply = client.resolve(&question)?;
        assert!(reply.metadata.truncation, "the DNS service cuts it");
        assert_eq!(agent.status()?.passed["client_size"], 1);
        for (size, by) in [(697, Answerer::Kernel), (696, Answerer::Service)] {
            let reply = client.resolve(&question.clone().with_edns(size))?;
            let kernel = reply.answers.len() == 40 && !reply.metadata.truncation;
            assert_eq!(kernel, by == Answerer::Kernel, "{size}: {reply:?}");
        }
        assert_eq!(agent.status()?.passed["client_size"], 2);
        Ok(())
    })
}
