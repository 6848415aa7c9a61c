//! `zerohop detach` removes what is ours, and only that.

use anyhow::Result;
use tests::hickory_proto::rr::RecordType;

use crate::site::{Answerer, Site, at_a_site, full};

/// A filter of somebody else's, as network plugins add them: it lets everything go on.
const FOREIGN: [&str; 8] = [
    "ingress",
    "prio",
    "1",
    "handle",
    "1",
    "bpf",
    "bytecode",
    "1,6 0 0 0,",
];

fn add_foreign_filter(site: &Site) -> Result<()> {
    let device = site.pod.node_interface();
    let clsact = ["tc", "qdisc", "add", "dev", device, "clsact"];
    site.node.run(&clsact)?;
    let add = ["tc", "filter", "add", "dev", device];
    site.node.run(&[&add[..], &FOREIGN].concat()).map(drop)
}

#[test]
fn detach_removes_all_of_ours_and_leaves_what_is_not() -> Result<()> {
    let name = "detach_removes_all_of_ours_and_leaves_what_is_not";
    at_a_site(name, |site| {
        let device = site.pod.node_interface();
        add_foreign_filter(site)?;
        for arguments in [
            &["--hook", "tcx"][..],
            &["--hook", "clsact"],
            &["--xdp", device],
        ] {
            let agent = site.agent(arguments)?;
            let answer = site.ask(&full("web"), RecordType::A)?;
            assert_eq!(answer.by, Answerer::Kernel, "{arguments:?}");
            assert_eq!(site.attached()?.len(), 1, "{arguments:?}");

            let refused = agent.run_verb("detach", &[]).expect_err("an agent runs");
            let holder = format!("process {}", agent.process().id());
            assert!(format!("{refused:#}").contains(&holder), "{refused:#}");
            let answer = site.ask(&full("web"), RecordType::A)?;
            assert_eq!(answer.by, Answerer::Kernel, "{arguments:?}");

            agent.terminate()?;
            let said = agent.run_verb("detach", &[])?;
            assert_eq!(site.attached()?, Vec::<String>::new(), "{said}");
            let left = site.filters()?;
            assert!(left.contains("bytecode"), "{left}");
            let qdiscs = site.node.run(&["tc", "qdisc", "show", "dev", device])?;
            assert!(qdiscs.contains("clsact"), "{qdiscs}");
            assert!(!site.pins.path().exists(), "{said}");
            let answer = site.ask(&full("web"), RecordType::A)?;
            assert_eq!(answer.by, Answerer::Service, "{arguments:?}");
        }
        Ok(())
    })
}

#[test]
fn detach_clears_up_after_an_agent_that_was_killed() -> Result<()> {
    let name = "detach_clears_up_after_an_agent_that_was_killed";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        agent.kill();
        agent.run_verb("detach", &[])?;
        assert_eq!(site.attached()?, Vec::<String>::new());
        assert!(!site.pins.path().exists());
        let answer = site.ask(&full("web"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service);
        Ok(())
    })
}
