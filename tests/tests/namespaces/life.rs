//! The agent's life: killed, frozen, stopped, started again, started twice.

use anyhow::Result;
use tests::hickory_proto::{op::ResponseCode, rr::RecordType};

use crate::{
    asker::Asker,
    catalogue,
    site::{Answerer, LIMIT, at_a_site, full},
};

#[test]
fn after_a_kill_the_kernel_answers_until_the_lease_ends_and_then_the_dns_service() -> Result<()> {
    let name = "after_a_kill_the_kernel_answers_until_the_lease_ends_and_then_the_dns_service";
    at_a_site(name, |site| {
        for hook in ["tcx", "clsact"] {
            let agent = site.agent(&["--hook", hook])?;
            let asker = Asker::start(&site.pod)?;
            asker.wait_for_next(Answerer::Kernel)?;
            assert_eq!(asker.count(Answerer::Service), 0, "{hook}");
            agent.kill();
            asker.wait_for_next(Answerer::Kernel)?;
            asker.wait_for_next(Answerer::Service)?;
            let by_kernel = asker.count(Answerer::Kernel);
            asker.wait_for_next(Answerer::Service)?;
            assert_eq!(asker.count(Answerer::Kernel), by_kernel, "{hook}");
            asker.stop()?;
            assert!(agent.status()?.passed["lease"] > 0, "{hook}");
        }
        Ok(())
    })
}

#[test]
fn a_frozen_agent_loses_its_lease_and_gets_it_back_when_it_goes_on() -> Result<()> {
    let name = "a_frozen_agent_loses_its_lease_and_gets_it_back_when_it_goes_on";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        let asker = Asker::start(&site.pod)?;
        asker.wait_for_next(Answerer::Kernel)?;
        agent.pause()?;
        asker.wait_for_next(Answerer::Service)?;
        assert_eq!(agent.status()?.lease_seconds, Some(0.0));
        agent.resume()?;
        asker.wait_for_next(Answerer::Kernel)?;
        asker.stop()
    })
}

#[test]
fn a_restarted_agent_adopts_the_maps_and_removes_what_vanished_meanwhile() -> Result<()> {
    let name = "a_restarted_agent_adopts_the_maps_and_removes_what_vanished_meanwhile";
    at_a_site(name, |site| {
        for hook in ["tcx", "clsact"] {
            site.manifests
                .write("all.yaml", &catalogue::manifests(&catalogue::services()))?;
            let agent = site.agent(&["--hook", hook])?;
            let answer = site.ask(&full("old"), RecordType::A)?;
            assert_eq!((answer.by, answer.data.len()), (Answerer::Kernel, 1));
            let asker = Asker::start(&site.pod)?;
            asker.wait_for_next(Answerer::Kernel)?;
            agent.kill();
            let mut left = catalogue::services();
            left.retain(|service| !service.manifest().contains("name: old,"));
            site.manifests
                .write("all.yaml", &catalogue::manifests(&left))?;
            let agent = site.agent(&["--hook", hook])?;
            let loaded = agent.wait_for("the datapath is loaded", LIMIT)?;
            assert!(loaded.contains("adopted=true"), "{loaded}");
            asker.wait_for_next(Answerer::Kernel)?;
            // Both lists are complete, so nobody has to be asked for the name that vanished.
            let answer = site.wait_for(Answerer::Kernel, &full("old"))?;
            assert_eq!(answer.code, ResponseCode::NXDomain, "{hook}");
            asker.stop()?;
            agent.terminate()?;
        }
        Ok(())
    })
}

#[test]
fn maps_of_another_size_are_replaced_and_nobody_loses_a_look_up() -> Result<()> {
    let name = "maps_of_another_size_are_replaced_and_nobody_loses_a_look_up";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        let asker = Asker::start(&site.pod)?;
        asker.wait_for_next(Answerer::Kernel)?;
        agent.kill();
        let agent = site.agent(&["--entries", "512", "--sections", "256"])?;
        let loaded = agent.wait_for("the datapath is loaded", LIMIT)?;
        assert!(loaded.contains("adopted=false"), "{loaded}");
        asker.wait_for_next(Answerer::Kernel)?;
        asker.stop()
    })
}

#[test]
fn on_sigterm_the_dns_service_answers_at_once() -> Result<()> {
    at_a_site("on_sigterm_the_dns_service_answers_at_once", |site| {
        let agent = site.agent(&[])?;
        let asker = Asker::start(&site.pod)?;
        asker.wait_for_next(Answerer::Kernel)?;
        agent.terminate()?;
        let answer = site.ask(&full("web"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service, "the agent has ended");
        asker.wait_for_next(Answerer::Service)?;
        let _agent = site.agent(&[])?;
        asker.wait_for_next(Answerer::Kernel)?;
        asker.stop()
    })
}

#[test]
fn a_second_agent_is_refused_and_the_first_goes_on() -> Result<()> {
    at_a_site("a_second_agent_is_refused_and_the_first_goes_on", |site| {
        let first = site.agent(&[])?;
        let second = site.spawn_agent(&[])?;
        let status = second.process().wait(LIMIT)?;
        let said = second.process().last_lines();
        assert_eq!(status.code(), Some(1), "{said}");
        let holder = format!("is in use by process {} (zerohop)", first.process().id());
        assert!(said.contains(&holder), "{said}");
        assert!(
            said.contains("only one agent may use a pin directory"),
            "{said}"
        );
        let answer = site.ask(&full("web"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Kernel);
        Ok(())
    })
}
