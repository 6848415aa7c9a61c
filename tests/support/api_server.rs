//! A Kubernetes API server with its store, alone: objects, watches and authentication, without
//! nodes, controllers or containers.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::{
    folder::Folder,
    namespace::{Namespace, checked, success, with_input},
    process::Process,
    request::{self, Request},
    tool::{Tool, program},
    wait::eventually,
};

/// The namespace's loopback is its own, so that fixed ports do not collide.
const STORE_CLIENT_PORT: u16 = 2379;
const STORE_PEER_PORT: u16 = 2380;
/// Generous, because test machines are shared; 4 s is usual.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Where the server writes down what service accounts ask.
const AUDIT_LOG: &str = "audit.log";
/// What the server writes down: every request of a service account, once as it begins to answer and once at its end.
const AUDIT_POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, userGroups: [\"system:serviceaccounts\"]}
- {level: None}
";

/// etcd and kube-apiserver on a namespace's loopback. Dropping it kills both.
///
/// `ZEROHOP_ETCD`, `ZEROHOP_KUBE_APISERVER` and `ZEROHOP_KUBECTL` name the programs; `openssl` makes
/// the key for service account tokens.
#[derive(Debug)]
pub struct ApiServer {
    namespace: Namespace,
    // Before the store, so that it is dropped and killed before it.
    server: Option<Process>,
    store: Process,
    folder: Folder,
    kubectl: PathBuf,
}

impl ApiServer {
    /// The server's port on the loopback of its namespace.
    pub const PORT: u16 = 6443;

    /// Starts both in `namespace` and returns when the server is ready.
    ///
    /// # Errors
    ///
    /// When a program is missing or the server is not ready within 2 minutes; with what it printed.
    pub fn start_in(namespace: &Namespace) -> Result<Self> {
        let folder = Folder::new()?;
        prepare(&folder)?;
        let kubectl = program(Tool::Kubectl)?;
        let store = spawn_store(namespace, folder.path())?;
        let mut cluster = Self {
            namespace: namespace.clone(),
            server: None,
            store,
            folder,
            kubectl,
        };
        cluster.start()?;
        Ok(cluster)
    }

    /// The kubeconfig of an administrator; it works inside the namespace only.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The certificate that it shows, for 127.0.0.1; it exists once the server has started.
    pub fn certificate(&self) -> PathBuf {
        certificate(self.folder.path())
    }

    /// Starts the server again after [`ApiServer::kill`], with all objects as they were.
    ///
    /// # Errors
    ///
    /// As [`ApiServer::start_in`].
    pub fn start(&mut self) -> Result<()> {
        self.start_with(&[])
    }

    /// As [`ApiServer::start`], with these options more.
    ///
    /// # Errors
    ///
    /// As [`ApiServer::start_in`].
    pub fn start_with(&mut self, options: &[&str]) -> Result<()> {
        let server = spawn_server(&self.namespace, self.folder.path(), options)?;
        let ready = eventually(START_LIMIT, "the API server to be ready", || {
            anyhow::ensure!(
                server.is_running() && self.store.is_running(),
                "it has ended"
            );
            self.kubectl(&["get", "--raw", "/readyz"], "")
        });
        ready.with_context(|| {
            let store = self.store.last_lines();
            format!(
                "kube-apiserver printed:\n{}etcd printed:\n{store}",
                server.last_lines()
            )
        })?;
        self.server = Some(server);
        Ok(())
    }

    /// Kills the server at once; the store goes on.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Freezes the server: its connections stay open and silent.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match &self.server {
            Some(server) => server.signal(signal),
            None => Ok(()),
        }
    }

    /// Creates or changes the objects of a YAML text.
    ///
    /// # Errors
    ///
    /// What kubectl said.
    pub fn apply(&self, yaml: &str) -> Result<()> {
        self.kubectl(
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            yaml,
        )
        .map(drop)
    }

    /// Deletes an object and returns at once; `kind` as kubectl takes it, such as `service`.
    ///
    /// # Errors
    ///
    /// What kubectl said, for one when there is no such object.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        self.kubectl(&["delete", "--wait=false", "-n", namespace, kind, name], "")
            .map(drop)
    }

    /// Merges `patch` (JSON) into an object.
    ///
    /// # Errors
    ///
    /// What kubectl said.
    pub fn patch(&self, kind: &str, namespace: &str, name: &str, patch: &str) -> Result<()> {
        self.kubectl(
            &[
                "patch",
                "--type=merge",
                "-n",
                namespace,
                kind,
                name,
                "-p",
                patch,
            ],
            "",
        )
        .map(drop)
    }

    /// What the service account `name` of `namespace` has asked the server for so far.
    ///
    /// # Errors
    ///
    /// When the server's log cannot be read or understood.
    pub fn requests_of(&self, namespace: &str, name: &str) -> Result<Vec<Request>> {
        let path = self.folder.path().join(AUDIT_LOG);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        request::of_user(&format!("system:serviceaccount:{namespace}:{name}"), &text)
    }

    /// Runs kubectl as the administrator with `input` on stdin and returns what it printed.
    ///
    /// # Errors
    ///
    /// What kubectl said.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = self.namespace.command(&self.kubectl);
        command.arg("--kubeconfig").arg(self.kubeconfig());
        command
            .arg("--cache-dir")
            .arg(self.folder.path().join("cache"));
        command.args(arguments);
        let output = with_input(&mut command, input.as_bytes())?;
        let output = success(&command, output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Writes the files that both programs and their clients read.
fn prepare(folder: &Folder) -> Result<()> {
    let mut random = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .context("read /dev/urandom")?;
    let token = format!("{:032x}", u128::from_be_bytes(random));
    let key = folder.path().join("service-account.key");
    checked(
        Command::new("openssl")
            .args(["genrsa", "-out"])
            .arg(key)
            .arg("2048"),
    )
    .context("make a key for service account tokens")?;
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": format!("https://127.0.0.1:{}", ApiServer::PORT),
            "certificate-authority": certificate(folder.path()),
        }}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    });
    let files = [
        ("audit-policy.yaml", AUDIT_POLICY.to_owned()),
        (
            "tokens.csv",
            format!("{token},admin,admin,system:masters\n"),
        ),
        ("kubeconfig", kubeconfig.to_string()),
    ];
    for (name, text) in files {
        folder.write(name, &text)?;
    }
    Ok(())
}

fn certificate(folder: &Path) -> PathBuf {
    folder.join("pki/apiserver.crt")
}

fn spawn_store(namespace: &Namespace, folder: &Path) -> Result<Process> {
    let client = format!("http://127.0.0.1:{STORE_CLIENT_PORT}");
    let peer = format!("http://127.0.0.1:{STORE_PEER_PORT}");
    let mut command = namespace.command(program(Tool::Etcd)?);
    command.arg("--data-dir").arg(folder.join("etcd"));
    command.args([
        "--listen-client-urls",
        &client,
        "--advertise-client-urls",
        &client,
    ]);
    command.args([
        "--listen-peer-urls",
        &peer,
        "--initial-advertise-peer-urls",
        &peer,
    ]);
    command.args(["--initial-cluster", &format!("default={peer}")]);
    command.args(["--unsafe-no-fsync", "--log-level", "warn"]);
    Process::spawn("etcd", command)
}

fn spawn_server(namespace: &Namespace, folder: &Path, options: &[&str]) -> Result<Process> {
    let path = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    let mut command = namespace.command(program(Tool::KubeApiserver)?);
    command.args([
        format!("--etcd-servers=http://127.0.0.1:{STORE_CLIENT_PORT}"),
        format!("--secure-port={}", ApiServer::PORT),
        path("cert-dir", "pki"),
        path("token-auth-file", "tokens.csv"),
        path("service-account-key-file", "service-account.key"),
        path("service-account-signing-key-file", "service-account.key"),
        path("audit-policy-file", "audit-policy.yaml"),
        path("audit-log-path", AUDIT_LOG),
    ]);
    command.args([
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        // Without it the server writes endpoints of its own for `kubernetes` in `default`.
        "--endpoint-reconciler-type=none",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112",
        "--disable-admission-plugins=ServiceAccount",
        "--allow-privileged=true",
    ]);
    command.args(options);
    Process::spawn("kube-apiserver", command)
}
