//! Services that lead out of the cluster: the agent asks the DNS service for what the kernel then answers.
//!
//! The DNS service forwards to a server that says what the test tells it to. For the services themselves it
//! has addresses of its own ([`MARKS`]): whoever gets these was not answered in the kernel.

mod upstream;

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use tests::{
    Agent, CoreDns, Folder, Pod, Question, ReportedExternal, eventually,
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::RecordType,
    },
};

use self::upstream::{Says, Upstream, addresses};
use crate::{
    catalogue::DNS_SERVICE,
    site::{LIMIT, SERVERS, Site, address, full, lacks},
};

/// What the DNS service itself says of the services of the tests.
const MARKS: [&str; 2] = ["192.0.2.99", "2001:db8::99"];

const ZONE: &str = "\
$ORIGIN cluster.local.
$TTL 7
@ IN SOA ns.dns hostmaster 1 7200 1800 86400 7
*.shop.svc IN A 192.0.2.99
*.shop.svc IN AAAA 2001:db8::99
";

/// The Corefile that the DNS service would have in a cluster: as kubeadm's, but without a cache, so that short
/// lifetimes stay short.
const CLUSTER: &str = "\
.:53 {
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    forward . 127.0.0.1:5300
    loadbalance
}
";

/// The one that it has here: its zone is a file.
const COREFILE: &str = "\
.:53 {
    errors
    prometheus 127.0.0.1:9153
    file db.cluster.local cluster.local
    forward . 127.0.0.1:5300 {
        max_fails 0
    }
}
";

/// A site with a service `ext` that leads to `Database.example.com`.
struct Stage {
    upstream: Upstream,
    corefiles: Folder,
    site: Site,
}

impl Stage {
    fn agent(&self) -> Result<Agent> {
        self.agent_with(CLUSTER)
    }

    fn agent_with(&self, corefile: &str) -> Result<Agent> {
        let path = self.corefiles.write("Corefile", corefile)?;
        self.site.agent(&["--corefile", &path.to_string_lossy()])
    }

    /// Writes the service `ext`, or changes it.
    fn write(&self, spec: &str) -> Result<()> {
        let service = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: ext, namespace: shop}}\nspec: {spec}\n"
        );
        let manifests = DNS_SERVICE.to_owned() + &service;
        // In one step, as an editor does.
        let part = self.site.manifests.write("all.yaml.part", &manifests)?;
        std::fs::rename(part, self.site.manifests.path().join("all.yaml"))
            .context("rename the manifests")
    }

    fn ask(&self, record_type: RecordType) -> Result<Message> {
        let client = self.site.pod.client(address(SERVERS[0]))?;
        client.resolve(&Question::new(&full("ext"), record_type))
    }

    /// Waits until the kernel answers with exactly this address behind the CNAME record of `target`.
    fn wait_for(&self, target: &str, expected: &str) -> Result<Message> {
        let record_type = type_of(expected);
        eventually(LIMIT, &format!("{expected} from the kernel"), || {
            let message = self.ask(record_type)?;
            let aliases = addresses(&message, RecordType::CNAME);
            let found = addresses(&message, record_type);
            ensure!(aliases == [target] && found == [expected], "{message:?}");
            Ok(message)
        })
    }

    /// Waits until the DNS service is asked.
    fn wait_until_passed(&self) -> Result<()> {
        for mark in MARKS {
            let record_type = type_of(mark);
            eventually(LIMIT, "the DNS service to be asked", || {
                let found = addresses(&self.ask(record_type)?, record_type);
                ensure!(found == [mark], "{found:?}");
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn type_of(address: &str) -> RecordType {
    match address.contains(':') {
        true => RecordType::AAAA,
        false => RecordType::A,
    }
}

fn says(texts: &[&str], ttl: u32) -> Says {
    let addresses: Result<Vec<IpAddr>, _> = texts.iter().map(|text| text.parse()).collect();
    Says::Addresses(addresses.expect("addresses"), ttl)
}

/// What the agent tells of itself, once it is like this.
fn wait_for_report(agent: &Agent, met: impl Fn(&ReportedExternal) -> bool) -> Result<()> {
    eventually(LIMIT, "the agent to tell of it", || {
        let (_, report) = agent.full_status(LIMIT)?;
        ensure!(met(&report.external), "{:?}", report.external);
        Ok(())
    })
}

const EXT: &str = "{type: ExternalName, externalName: Database.example.com}";
const TARGET: &str = "Database.example.com.";

fn on_stage(name: &str, says: Says, test: impl FnOnce(&Stage) -> Result<()>) -> Result<()> {
    if lacks(name) {
        return Ok(());
    }
    let make_pod = |node: &_| Pod::new(node, 1);
    let site = Site::with_core_dns(make_pod, COREFILE, &[("db.cluster.local", ZONE)])?;
    let upstream = Upstream::start(&site.node, says)?;
    let stage = Stage {
        upstream,
        corefiles: Folder::new()?,
        site,
    };
    stage.write(EXT)?;
    test(&stage)
}

#[test]
fn external_addresses_are_answered_in_the_kernel_and_the_agents_own_questions_are_not() -> Result<()>
{
    let name = "external_addresses_are_answered_in_the_kernel_and_the_agents_own_questions_are_not";
    let both = ["203.0.113.1", "2001:db8::1"];
    on_stage(name, says(&both, 300), |stage| {
        let agent = stage.agent()?;
        wait_for_report(&agent, |external| {
            (external.wanted, external.fresh) == (2, 2)
        })?;
        let status = agent.status()?;
        assert_eq!((status.answered_in_kernel(), status.passed_on()), (0, 0));
        for address in both {
            let message = stage.ask(type_of(address))?;
            assert_eq!(addresses(&message, type_of(address)), [address]);
            assert_eq!(message.answers[0].ttl, 30);
            assert!(message.metadata.authoritative);
        }
        let status = agent.status()?;
        assert_eq!((status.answered.answer, status.passed_on()), (2, 0));
        Ok(())
    })
}

#[test]
fn external_lifetimes_fall() -> Result<()> {
    on_stage(
        "external_lifetimes_fall",
        says(&["203.0.113.1"], 20),
        |stage| {
            let _agent = stage.agent()?;
            let first = stage.wait_for(TARGET, "203.0.113.1")?.answers[1].ttl;
            assert!(first <= 20, "{first}");
            eventually(LIMIT, "the lifetime to fall", || {
                let message = stage.wait_for(TARGET, "203.0.113.1")?;
                let own = message.answers[0].ttl;
                assert_eq!(own, 30, "the service's own record");
                let now = message.answers[1].ttl;
                ensure!(now + 2 <= first, "{now} after {first}");
                Ok(())
            })
        },
    )
}

#[test]
fn an_external_change_is_followed_when_the_lifetime_ends() -> Result<()> {
    let name = "an_external_change_is_followed_when_the_lifetime_ends";
    on_stage(name, says(&["203.0.113.1"], 2), |stage| {
        let _agent = stage.agent()?;
        stage.wait_for(TARGET, "203.0.113.1")?;
        stage.upstream.say(says(&["203.0.113.2", "2001:db8::2"], 2));
        stage.wait_for(TARGET, "203.0.113.2")?;
        stage.wait_for(TARGET, "2001:db8::2")?;
        Ok(())
    })
}

#[test]
fn when_no_external_server_answers_the_question_passes_after_the_lifetime() -> Result<()> {
    let name = "when_no_external_server_answers_the_question_passes_after_the_lifetime";
    let address = ["203.0.113.1", "2001:db8::1"];
    on_stage(name, says(&address, 2), |stage| {
        let agent = stage.agent()?;
        for trouble in [Says::Code(ResponseCode::ServFail), Says::Nothing] {
            for address in address {
                stage.wait_for(TARGET, address)?;
            }
            stage.upstream.say(trouble.clone());
            stage.wait_until_passed()?;
            wait_for_report(&agent, |external| {
                let failing = &external.failing;
                let told = failing.first.iter().all(|failure| {
                    failure.object.starts_with("Database.example.com. ")
                        && !failure.reason.is_empty()
                });
                (external.fresh, failing.count) == (0, 2) && told
            })?;
            stage.upstream.say(says(&address, 2));
        }
        Ok(())
    })
}

#[test]
fn another_target_and_another_type_show_at_once() -> Result<()> {
    let name = "another_target_and_another_type_show_at_once";
    on_stage(name, says(&["203.0.113.1"], 300), |stage| {
        let agent = stage.agent()?;
        stage.wait_for(TARGET, "203.0.113.1")?;
        stage.upstream.say(says(&["203.0.113.2"], 300));
        stage.write("{type: ExternalName, externalName: other.example.com}")?;
        stage.wait_for("other.example.com.", "203.0.113.2")?;
        let asked = stage.upstream.questions();
        stage.write("{clusterIP: 10.96.0.77, clusterIPs: [10.96.0.77]}")?;
        eventually(LIMIT, "the service's own address", || {
            let message = stage.ask(RecordType::A)?;
            let found = addresses(&message, RecordType::A);
            ensure!(found == ["10.96.0.77"] && message.answers.len() == 1);
            Ok(())
        })?;
        wait_for_report(&agent, |external| external.wanted == 0)?;
        assert_eq!(stage.upstream.questions(), asked, "nobody wants to know");
        Ok(())
    })
}

#[test]
fn a_dns_service_that_is_started_again_is_asked_again() -> Result<()> {
    let name = "a_dns_service_that_is_started_again_is_asked_again";
    on_stage(name, says(&["203.0.113.1"], 2), |stage| {
        let _agent = stage.agent()?;
        stage.wait_for(TARGET, "203.0.113.1")?;
        stage.site.core_dns.process().kill();
        eventually(LIMIT, "the lifetime to end", || {
            ensure!(stage.ask(RecordType::A).is_err());
            Ok(())
        })?;
        stage.upstream.say(says(&["203.0.113.2"], 2));
        let _again = CoreDns::start(
            &stage.site.node,
            address(SERVERS[0]),
            COREFILE,
            &[("db.cluster.local", ZONE)],
        )?;
        stage.wait_for(TARGET, "203.0.113.2")?;
        Ok(())
    })
}

#[test]
fn nothing_is_asked_where_the_corefile_does_not_say_who_answers() -> Result<()> {
    let name = "nothing_is_asked_where_the_corefile_does_not_say_who_answers";
    on_stage(name, says(&["203.0.113.1"], 300), |stage| {
        let corefile = CLUSTER.replace("    forward . 127.0.0.1:5300\n", "");
        let agent = stage.agent_with(&corefile)?;
        wait_for_report(&agent, |external| external.wanted == 0)?;
        stage.wait_until_passed()?;
        assert_eq!(stage.upstream.questions(), 0);
        Ok(())
    })
}
