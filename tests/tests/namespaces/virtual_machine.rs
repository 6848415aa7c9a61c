//! A virtual machine behind a pod, and then behind another one.

use anyhow::{Context, Result, ensure};
use tests::{Agent, MachineBridge, Pod, VirtualMachine, skip};

use crate::{
    resolvers::count,
    site::{LIMIT, SERVERS, Site, at_a_site, full, ip, wait_attached},
};

/// What is asked, and what the machine's own program must print.
fn questions() -> [(&'static str, String, &'static str); 5] {
    [
        ("a", full("web"), "Address: 10.96.0.80"),
        ("a", full("many"), "Address: 10.244.20.20"),
        // It says no more than whom it asked.
        ("aaaa", full("old"), "Server:"),
        ("a", full("nothing"), "NXDOMAIN"),
        (
            "srv",
            "_dns._udp.kube-dns.kube-system.svc.cluster.local".to_owned(),
            "0 50 53 kube-dns.kube-system",
        ),
    ]
}

/// Asks under every setting of offload, of the machine and of the bridge.
fn ask_all(machine: &mut VirtualMachine, bridge: &MachineBridge) -> Result<()> {
    for (own, bridged) in [(1, true), (1, false), (0, true), (0, false)] {
        let trouble = machine.run(&format!("offload {own}"))?;
        ensure!(trouble.is_empty(), "{trouble}");
        bridge.set_checksum_offload(bridged)?;
        for server in SERVERS {
            for (kind, name, expected) in questions() {
                let line = format!("nslookup -type={kind} {name} {}", ip(server));
                let printed = machine.run(&line)?;
                let about = format!("{line}, offload {own}, {bridged}:\n{printed}");
                ensure!(printed.contains(expected), about);
            }
        }
    }
    Ok(())
}

/// Loses the answers of the kernel behind this pod, and no longer those of the DNS service, until it is left to the
/// latter. The machine's resolver asks again after 2.5 s.
fn lose_answers(
    site: &Site,
    agent: &Agent,
    machine: &mut VirtualMachine,
    (pod, bridge): (&Pod, &MachineBridge),
) -> Result<()> {
    // The kernel's replies are told by their TTL.
    site.node.set_sysctl("ipv4/ip_default_ttl", "63")?;
    let trouble = machine.run("offload 1")?;
    ensure!(trouble.is_empty(), "{trouble}");
    bridge.set_checksum_offload(false)?;
    assert_eq!(machine.wrong_sums()?, 0);
    bridge.spoil_sums()?;
    let mut look_up = |number: u8| {
        let name = full(&format!("absent-{number}"));
        machine.run(&format!("nslookup -type=a {name} {}", ip(SERVERS[0])))
    };
    let mut printed = String::new();
    for number in 0..15 {
        printed += &look_up(number)?;
    }
    let (_, report) = agent.full_status(LIMIT)?;
    let breaker = (report.breaker.unheard, report.breaker.opened);
    assert_eq!(breaker, (1, 1), "{printed}");
    assert_eq!(report.breaker.first[0].interface, pod.node_interface());
    let printed = look_up(15)?;
    let lost = machine.wrong_sums()?;
    assert!(printed.contains("NXDOMAIN"), "{printed}");
    println!("{lost} answers were lost");
    assert!(lost > 0);
    Ok(())
}

#[test]
fn a_virtual_machine_is_answered_by_the_kernel_in_each_pod_and_by_the_dns_service_once_sums_are_wrong()
-> Result<()> {
    let name = "a_virtual_machine_is_answered_by_the_kernel_in_each_pod_and_by_the_dns_service_once_sums_are_wrong";
    if let Err(reason) = VirtualMachine::kernel() {
        skip(name, &reason.to_string());
        return Ok(());
    }
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        let other = Pod::new(&site.node, 2)?;
        wait_attached(&agent, other.node_interface())?;
        let bridges = [MachineBridge::new(&site.pod)?, MachineBridge::new(&other)?];
        let mut machine = VirtualMachine::behind(&bridges[0])?;
        let asked = 4 * SERVERS.len() * questions().len();
        for (number, bridge) in bridges.iter().enumerate() {
            if number > 0 {
                bridge.take_over(&bridges[number - 1])?;
            }
            let test = || ask_all(&mut machine, bridge);
            let counted = count(site, &agent, test).with_context(|| format!("pod {number}"))?;
            // One that got lost would be asked again.
            assert_eq!(counted, (asked as u64, 0, 0), "pod {number}");
        }
        lose_answers(site, &agent, &mut machine, (&other, &bridges[1]))
    })
}
