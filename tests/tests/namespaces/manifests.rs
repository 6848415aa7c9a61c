//! Objects from files: followed when they change, told of when they cannot be used.

use anyhow::{Result, ensure};
use tests::{
    Agent, Tool, eventually,
    hickory_proto::{op::ResponseCode, rr::RecordType},
    program,
};

use crate::{
    catalogue::{DNS_SERVICE, Service},
    site::{Answerer, LIMIT, Site, at_a_site, full, wait_attached},
};

/// Waits until the kernel answers for `service` with `code` and `data`.
fn wait_for(site: &Site, service: &str, code: ResponseCode, data: &[&str]) -> Result<()> {
    eventually(LIMIT, &format!("{service} to have {data:?}"), || {
        let answer = site.ask(&full(service), RecordType::A)?;
        let found = answer.by == Answerer::Kernel && answer.code == code && answer.data == data;
        ensure!(found, "{answer:?}");
        Ok(())
    })
}

#[test]
fn files_that_change_come_and_go_are_followed() -> Result<()> {
    at_a_site("files_that_change_come_and_go_are_followed", |site| {
        let (found, missing) = (ResponseCode::NoError, ResponseCode::NXDomain);
        let _agent = site.agent(&[])?;
        wait_for(site, "new", missing, &[])?;
        let write = |file: &str, address: &str| {
            let manifest = Service::new("new", &[address]).manifest();
            site.manifests.write(file, &manifest)
        };
        let path = write("new.yaml", "10.96.1.1")?;
        wait_for(site, "new", found, &["10.96.1.1"])?;
        write("new.yaml", "10.96.1.2")?;
        wait_for(site, "new", found, &["10.96.1.2"])?;
        // As an editor saves: another file takes the name.
        let other = write("new.yaml.part", "10.96.1.3")?;
        std::fs::rename(other, &path)?;
        wait_for(site, "new", found, &["10.96.1.3"])?;
        std::fs::remove_file(&path)?;
        wait_for(site, "new", missing, &[])?;
        std::fs::create_dir(site.manifests.path().join("more"))?;
        write("more/new.yaml", "10.96.1.4")?;
        wait_for(site, "new", found, &["10.96.1.4"])
    })
}

#[test]
fn endpoints_count_until_there_are_slices_and_what_cannot_be_read_is_passed() -> Result<()> {
    let name = "endpoints_count_until_there_are_slices_and_what_cannot_be_read_is_passed";
    at_a_site(name, |site| {
        let found = ResponseCode::NoError;
        let write = |file: &str, kind: &str, rest: &str| {
            let text = format!("{kind}metadata: {{name: db, namespace: shop, {rest}\n");
            site.manifests.write(file, &text)
        };
        let endpoints = |subsets: &str| {
            let rest = format!("}}\nsubsets: {subsets}");
            write("endpoints.yaml", "apiVersion: v1\nkind: Endpoints\n", &rest)
        };
        let headless = "apiVersion: v1\nkind: Service\n";
        write("service.yaml", headless, "}\nspec: {clusterIP: None}")?;
        site.manifests
            .write("config.yaml", "kind: ConfigMap\nmetadata: {name: c}\n")?;
        let agent = site.agent(&[])?;
        agent.wait_for("of no use for DNS: ConfigMap c", LIMIT)?;
        wait_for(site, "db", ResponseCode::NXDomain, &[])?;
        endpoints("[{addresses: [{ip: 10.9.0.1}], notReadyAddresses: [{ip: 10.9.0.2}]}]")?;
        wait_for(site, "db", found, &["10.9.0.1"])?;
        wait_for(site, "10-9-0-2.db", ResponseCode::NXDomain, &[])?;
        endpoints("7")?;
        let line = agent.wait_for("Service shop/db", LIMIT)?;
        assert!(line.contains("endpoints.yaml:"), "{line}");
        site.wait_for(Answerer::Service, &full("db"))?;
        site.wait_for(Answerer::Service, &full("10-9-0-2.db"))?;
        wait_for(site, "nothing", ResponseCode::NXDomain, &[])?;
        let slice = "apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\naddressType: IPv4\n\
                     endpoints: [{addresses: [10.9.0.3]}]\n";
        let labels = "labels: {kubernetes.io/service-name: db}}";
        write("slice.yaml", slice, labels)?;
        site.manifests.write("endpoints.yaml", "# none\n")?;
        wait_for(site, "db", found, &["10.9.0.3"])
    })
}

#[test]
fn invalid_yaml_is_told_with_file_line_and_reason_and_the_rest_is_served() -> Result<()> {
    let name = "invalid_yaml_is_told_with_file_line_and_reason_and_the_rest_is_served";
    at_a_site(name, |site| {
        let broken = Service::new("fine", &["10.96.1.1"]).manifest()
            + "apiVersion: v1\nkind: Service\nmetadata: {name: broken\nspec: {]\n";
        let path = site.manifests.write("broken.yaml", &broken)?;
        let agent = site.agent(&[])?;
        let line = agent.wait_for("broken.yaml", LIMIT)?;
        // Four lines of the first document and its mark come before.
        let place = format!("{}:", path.display());
        let rest = line.split(&place).nth(1).expect("the file's path");
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let number: u32 = number.parse()?;
        assert!((6..=10).contains(&number), "{line}");
        let reason = rest.trim_start_matches(|letter: char| !letter.is_alphabetic());
        assert!(reason.len() > 10, "{line}");
        wait_for(site, "fine", ResponseCode::NoError, &["10.96.1.1"])?;
        wait_for(site, "web", ResponseCode::NoError, &["10.96.0.80"])?;
        // What the broken document names is not known, so nothing is denied.
        let answer = site.ask(&full("nothing"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service);
        assert!(agent.status()?.passed["no_denial"] > 0);
        // An empty file may be half of a rewriting; what has no documents on purpose says so.
        site.manifests.write("broken.yaml", "")?;
        agent.wait_for("it is empty", LIMIT)?;
        let answer = site.ask(&full("nothing"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service);
        site.manifests.write("broken.yaml", "# mended\n")?;
        wait_for(site, "nothing", ResponseCode::NXDomain, &[])
    })
}

#[test]
fn a_service_without_an_address_is_told_of_and_left_to_the_dns_service() -> Result<()> {
    let name = "a_service_without_an_address_is_told_of_and_left_to_the_dns_service";
    at_a_site(name, |site| {
        let manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: bare, namespace: shop}\n";
        site.manifests.write("bare.yaml", manifest)?;
        let agent = site.agent(&[])?;
        let line = agent.wait_for("Service shop/bare", LIMIT)?;
        assert!(line.contains("bare.yaml:1"), "{line}");
        assert!(line.contains("clusterIP"), "{line}");
        let answer = site.ask(&full("bare"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service);
        wait_for(site, "nothing", ResponseCode::NXDomain, &[])
    })
}

#[test]
fn nothing_usable_is_an_error_at_the_start_and_keeps_what_there_was_later() -> Result<()> {
    let name = "nothing_usable_is_an_error_at_the_start_and_keeps_what_there_was_later";
    at_a_site(name, |site| {
        site.manifests.write("all.yaml", "kind: [\n")?;
        let agent = site.spawn_agent(&[])?;
        let status = agent.process().wait(LIMIT)?;
        let said = agent.process().last_lines();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("all.yaml:"), "{said}");
        assert!(
            said.contains("give files or folders with Kubernetes YAML"),
            "{said}"
        );

        let web = Service::new("web", &["10.96.0.80"]).manifest();
        site.manifests
            .write("all.yaml", &(DNS_SERVICE.to_owned() + &web))?;
        let agent = site.agent(&[])?;
        site.manifests.write("all.yaml", "kind: [\n")?;
        agent.wait_for("the objects of before are kept", LIMIT)?;
        wait_for(site, "web", ResponseCode::NoError, &["10.96.0.80"])?;
        let answer = site.wait_for(Answerer::Service, &full("nothing"))?;
        assert_eq!(answer.code, ResponseCode::NXDomain);
        Ok(())
    })
}

#[test]
fn without_an_address_of_the_dns_service_the_agent_says_so_once_until_there_is_one() -> Result<()> {
    let name = "without_an_address_of_the_dns_service_the_agent_says_so_once_until_there_is_one";
    at_a_site(name, |site| {
        let web = Service::new("web", &["10.96.0.80"]).manifest();
        site.manifests.write("all.yaml", &web)?;
        let agent = site.spawn_agent(&[])?;
        let line = agent.wait_for("not ready", LIMIT)?;
        for part in ["kube-system/kube-dns", "--dns-service", "--dns-address"] {
            assert!(line.contains(part), "{line}");
        }
        let answer = site.ask(&full("web"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service);
        for _ in 0..3 {
            site.wait_for(Answerer::Service, &full("web"))?;
            let file = site.manifests.write("dns.yaml", DNS_SERVICE)?;
            agent.wait_until_ready(LIMIT)?;
            wait_for(site, "web", ResponseCode::NoError, &["10.96.0.80"])?;
            std::fs::remove_file(file)?;
        }
        let lines = agent.process().lines();
        for said in ["not ready", "answering questions"] {
            let times = lines.iter().filter(|line| line.contains(said)).count();
            assert_eq!(times, 1, "{lines:#?}");
        }
        Ok(())
    })
}

#[test]
fn the_examples_are_answered_as_their_comments_say() -> Result<()> {
    at_a_site("the_examples_are_answered_as_their_comments_say", |site| {
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        let binary = program(Tool::Zerohop)?;
        let words = ["--manifests", examples];
        let agent = Agent::start(&site.node, &binary, &site.pins, &words)?;
        agent.wait_until_ready(LIMIT)?;
        wait_attached(&agent, site.pod.node_interface())?;
        let replicas = ["10.244.3.7", "10.244.4.9", "10.244.5.4", "10.244.6.2"];
        let cases: [(&str, RecordType, &[&str]); 6] = [
            ("kubernetes.default", RecordType::A, &["10.96.0.1"]),
            ("web.shop", RecordType::A, &["10.96.12.34"]),
            ("web.shop", RecordType::AAAA, &["fd00:10:96::1234"]),
            ("database.shop", RecordType::A, &replicas),
            ("database-0.database.shop", RecordType::A, &replicas[..1]),
            ("10-244-1-8.web.shop", RecordType::A, &["10.244.1.8"]),
        ];
        for (name, record_type, data) in cases {
            let answer = site.ask(&format!("{name}.svc.cluster.local"), record_type)?;
            assert_eq!(
                (answer.by, answer.code),
                (Answerer::Kernel, ResponseCode::NoError)
            );
            assert_eq!(answer.data, data, "{name}");
        }
        let alias = "ext-service.default.svc.cluster.local";
        let answer = site.ask(alias, RecordType::CNAME)?;
        assert_eq!(answer.by, Answerer::Kernel);
        assert_eq!(answer.data, ["database.mycompany.com."]);
        // The DNS service says that there is no such name as the target here.
        let answer = site.wait_for(Answerer::Kernel, alias)?;
        assert_eq!(answer.data, ["database.mycompany.com."]);
        let not_ready = "database-4.database.shop.svc.cluster.local";
        let answer = site.wait_for(Answerer::Kernel, not_ready)?;
        assert_eq!(answer.code, ResponseCode::NXDomain);
        Ok(())
    })
}
