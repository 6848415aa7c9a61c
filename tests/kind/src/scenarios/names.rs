//! Names that every cluster has, asked on the ordinary path from a pod on each node.

use anyhow::{Result, ensure};
use pod::protocol::{Asked, Transport};

use crate::{report::Report, stage::Stage};

/// Asks from a pod on each node.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    for node in &stage.nodes {
        let pod = stage.glibc_pod(&format!("names-{}", node.name), node)?;
        let asked = Asked {
            name: "kubernetes.default.svc.cluster.local".to_owned(),
            record_type: 1,
            edns: None,
            transport: Transport::Udp,
        };
        let replied = pod.ask(&stage.dns_server(), &[asked])?;
        report.check(
            "a service's name is answered on the pod's own interface",
            || {
                ensure!(replied[0].crossed_no_router(), "{:?}", replied[0]);
                Ok(())
            },
        );
        pod.delete()?;
    }
    Ok(())
}
