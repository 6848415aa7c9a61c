//! Texts as people and programs write them: their documents, and what is known of an object that is invalid.

use super::*;

fn told(reading: &Reading, expected: &[&str]) {
    let told = skipped(reading);
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told} instead of {expected}");
    }
}

fn is_uncertain(reading: &Reading, name: &str) -> bool {
    reading.objects().any(|object| match object {
        Object::Service(service) => service.uncertain && &*service.name == name,
        Object::Namespace(_) | Object::EndpointSlice(_) => false,
    })
}

#[test]
fn json_is_read_with_tabs_and_one_object_after_another() {
    let service = |name: &str| {
        format!(
            "{{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Service\",\n\t\"metadata\": {{\"name\": \"{name}\"}},\n\t\"spec\": {{\"clusterIP\": \"10.96.0.1\"}}\n}}\n"
        )
    };
    let mut reading = Reading::default();
    reading.add_json("f.json", &(service("a") + &service("b") + &service("a")));
    assert_eq!(names(&reading), ["Service default/a", "Service default/b"]);
    told(
        &reading,
        &["f.json:13: Service default/a stands here again; this one counts, not f.json:1"],
    );
    reading.add_json("g.json", "{\n\"kind\": }");
    assert_eq!(reading.unreadable.as_deref(), Some("g.json:2"));
}

#[test]
fn markers_separate_documents_only_at_the_beginning_of_a_line() {
    let text = "a: 1\n---\nb: |\n  ---\n  ...\n--- # c\r\nc: 1\n...\n---d: 1\n... # e\n...\n# f\n";
    let documents = documents(text);
    let lines: Vec<_> = documents.iter().map(|(lines, _)| *lines).collect();
    assert_eq!(lines, [0, 1, 5, 8]);
    let whole: String = documents.iter().map(|(_, text)| *text).collect();
    assert_eq!(whole + "...\n# f\n", text);
}

#[test]
fn documents_that_end_with_dots_are_read_each() {
    let ended = format!("{SERVICE}...\n{}...\n", SERVICE.replace("web", "other"));
    let reading = reading(&ended);
    assert_eq!(skipped(&reading), [""; 0]);
    assert!(names(&reading).contains(&"Service shop/other".to_owned()));
    assert!(names(&reading).contains(&"Service shop/web".to_owned()));
}

#[test]
fn an_object_that_is_invalid_and_tells_its_name_leaves_only_that_name_uncertain() {
    let twice = SERVICE.replace(
        "clusterIP: 10.96.0.1",
        "clusterIP: 10.96.0.1, clusterIP: 10.96.0.2",
    );
    let labels = SERVICE.replace("namespace: shop", "namespace: shop, labels: [a]");
    for document in [twice, labels] {
        let reading = reading(&document);
        assert!(is_uncertain(&reading, "web"), "{document}");
        assert!(names(&reading).contains(&"Namespace shop".to_owned()));
        assert_eq!(reading.unreadable, None, "{document}");
        let told = skipped(&reading);
        assert!(
            told.len() == 1 && told[0].contains(": Service shop/web: "),
            "{told:?}"
        );
        assert!(
            !told[0].contains("Policy"),
            "no words for programmers: {told:?}"
        );
    }
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s, labels: {kubernetes.io/service-name: db, a: {}}}\n";
    let reading = reading(slice);
    told(&reading, &["f.yaml:3: EndpointSlice default/s: "]);
    assert_eq!(reading.unreadable, None);
}

#[test]
fn an_invalid_object_of_no_use_for_names_changes_nothing() {
    let reading = reading(&format!(
        "{SERVICE}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d, namespace: n}}\nspec: {{replicas: 1, replicas: 2}}\n"
    ));
    assert_eq!(reading.unreadable, None);
    assert_eq!(reading.others.to_string(), "Deployment (apps/v1) n/d");
    assert_eq!(skipped(&reading), [""; 0]);
}

#[test]
fn items_of_a_list_are_told_by_their_numbers_kinds_and_names() {
    let reading = reading(
        "apiVersion: v1\nkind: List\nitems:\n\
         - {kind: Service, metadata: {name: a, namespace: n, labels: {version: 1}}, spec: {clusterIP: 10.96.0.1}}\n\
         - {kind: Service, metadata: {name: b, namespace: n}, spec: {clusterIP: 10.96.0.2, ports: [{port: http}]}}\n\
         - {kind: Service, metadata: {name: c, namespace: n}, spec: {clusterIP: 10.96.0.3}}\n\
         - {metadata: {name: d}}\n",
    );
    told(
        &reading,
        &[
            "f.yaml:1, item 1: Service n/a: invalid type: integer `1`, expected a string; its names",
            "f.yaml:1, item 2: Service n/b: invalid type: string \"http\", expected",
            "f.yaml:1, item 4: d: it has no kind",
        ],
    );
    assert!(is_uncertain(&reading, "a") && is_uncertain(&reading, "b"));
    assert!(!is_uncertain(&reading, "c"));
    assert_eq!(reading.unreadable, None, "the names of all are known");
}

#[test]
fn what_is_no_object_in_a_list_leaves_every_name_uncertain() {
    for (items, reason) in [
        (
            "[null]",
            "f.yaml:1, item 1: invalid type: null, expected a Kubernetes object",
        ),
        (
            "[text]",
            "f.yaml:1, item 1: invalid type: string \"text\", expected a Kubernetes object",
        ),
        ("{a: b}", "f.yaml:1: it is a list, and its items are none"),
        (
            "[{kind: Service, metadata: {name: 5}}]",
            "f.yaml:1, item 1: Service: invalid type: integer `5`",
        ),
    ] {
        let reading = reading(&format!("kind: List\nitems: {items}\n"));
        told(&reading, &[reason]);
        assert!(reading.unreadable.is_some(), "{items}");
    }
}

#[test]
fn objects_of_other_kinds_may_have_items_of_their_own_and_be_called_lists() {
    let reading = reading(
        "apiVersion: x.example/v1\nkind: AllowList\nmetadata: {name: l}\nitems: [a, b]\n---\n\
         apiVersion: x.example/v1\nkind: Table\nmetadata: {name: t}\nitems: {a: b}\n",
    );
    assert_eq!(skipped(&reading), [""; 0]);
    assert_eq!(
        reading.others.to_string(),
        "AllowList (x.example/v1) l; Table (x.example/v1) t"
    );
}
