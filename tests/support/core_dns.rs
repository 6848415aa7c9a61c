//! CoreDNS as a cluster's DNS service.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use hickory_proto::rr::RecordType;

use crate::{
    client::Client,
    folder::Folder,
    namespace::Namespace,
    process::Process,
    question::Question,
    tool::{Tool, program},
    wait::eventually,
};

const START_LIMIT: Duration = Duration::from_secs(20);
const ATTEMPT_LIMIT: Duration = Duration::from_millis(100);

/// A running CoreDNS. Dropping it kills it.
#[derive(Debug)]
pub struct CoreDns {
    namespace: Namespace,
    process: Process,
    _folder: Folder,
}

impl CoreDns {
    /// Where the Corefile must put the `prometheus` plugin if questions are to be counted. Each
    /// namespace has a loopback of its own, so that several servers can run at once.
    pub const METRICS: &str = "127.0.0.1:9153";

    /// Starts CoreDNS in `namespace` and returns when it answers at `address`, over UDP.
    ///
    /// `zones` are files (name, text) beside the Corefile, which names them without a folder. The
    /// program is the one that `ZEROHOP_COREDNS` names.
    ///
    /// # Errors
    ///
    /// When it does not answer within 20 s; with what it printed.
    pub fn start(
        namespace: &Namespace,
        address: SocketAddr,
        corefile: &str,
        zones: &[(&str, &str)],
    ) -> Result<Self> {
        let binary = program(Tool::CoreDns)?;
        Self::start_program(&binary, namespace, address, corefile, zones)
    }

    /// As [`CoreDns::start`], with the path of the program given.
    ///
    /// # Errors
    ///
    /// As [`CoreDns::start`].
    pub fn start_program(
        binary: &Path,
        namespace: &Namespace,
        address: SocketAddr,
        corefile: &str,
        zones: &[(&str, &str)],
    ) -> Result<Self> {
        let folder = Folder::new()?;
        for (name, text) in zones.iter().chain(&[("Corefile", corefile)]) {
            folder.write(name, text)?;
        }
        let mut command = namespace.command(binary);
        command
            .args(["-conf", "Corefile"])
            .current_dir(folder.path());
        let process = Process::spawn("CoreDNS", command)?;
        let server = Self {
            namespace: namespace.clone(),
            process,
            _folder: folder,
        };
        server.wait_until_it_answers(address)?;
        Ok(server)
    }

    fn wait_until_it_answers(&self, address: SocketAddr) -> Result<()> {
        // It prints its version once it listens everywhere; then the first question must succeed.
        self.process.wait_for("CoreDNS-", START_LIMIT)?;
        let client = Client::new(&self.namespace, address)?;
        client.set_limit(ATTEMPT_LIMIT)?;
        let question = Question::new(".", RecordType::NS).encode();
        eventually(START_LIMIT, "CoreDNS to answer", || client.ask(&question))
            .with_context(|| format!("CoreDNS printed:\n{}", self.process.last_lines()))?;
        Ok(())
    }

    /// How many questions it has got since its start, over all transports, zones and types; among them
    /// those with which [`CoreDns::start`] found out that it answers, and those that the server puts to
    /// itself for the target of a CNAME. Compare two counts; a question is counted just after it has
    /// been answered, so that the second may have to be read again.
    ///
    /// # Errors
    ///
    /// When the Corefile has no `prometheus` plugin at [`CoreDns::METRICS`].
    pub fn questions(&self) -> Result<u64> {
        let metrics = self
            .namespace
            .enter(|| http_get(Self::METRICS, "/metrics"))?;
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("coredns_dns_requests_total{"));
        let mut sum = 0;
        for line in counts {
            let count = line.rsplit(' ').next().unwrap_or_default();
            // Prometheus prints every number as a floating-point one, large ones as 1e+06.
            let count: f64 = count
                .parse()
                .with_context(|| format!("the count of {line}"))?;
            sum += count as u64;
        }
        Ok(sum)
    }

    /// The process: for its output, and for SIGSTOP and SIGCONT.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn http_get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)
        .with_context(|| format!("connect to {address}, where the metrics should be"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // HTTP/1.0: the reply ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").context("ask for metrics")?;
    let mut reply = String::new();
    stream
        .read_to_string(&mut reply)
        .context("read the metrics")?;
    let Some((head, body)) = reply.split_once("\r\n\r\n") else {
        bail!("{address} gave no HTTP reply: {reply}");
    };
    if !head.contains(" 200 ") {
        bail!("{address} refused {path}: {head}");
    }
    Ok(body.to_owned())
}
