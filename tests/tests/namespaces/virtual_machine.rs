//! A virtual machine behind a pod, and then behind another one.

use anyhow::{Context, Result, ensure};
use tests::{MachineBridge, Pod, VirtualMachine, skip};

use crate::{
    resolvers::count,
    site::{SERVERS, at_a_site, full, ip, wait_attached},
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

#[test]
fn a_virtual_machine_is_answered_by_the_kernel_also_after_it_has_moved_to_another_pod() -> Result<()>
{
    let name = "a_virtual_machine_is_answered_by_the_kernel_also_after_it_has_moved_to_another_pod";
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
        Ok(())
    })
}
