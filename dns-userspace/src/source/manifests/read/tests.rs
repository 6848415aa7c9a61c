//! Manifests as text in, objects and complaints out.

mod endpoints;
mod texts;

use dns_core::objects::Address;

use super::*;

fn reading(yaml: &str) -> Reading {
    let mut reading = Reading::default();
    reading.add_yaml("f.yaml", yaml);
    reading.finish();
    reading
}

fn names(reading: &Reading) -> Vec<String> {
    reading
        .objects()
        .map(|object| object.reference().to_string())
        .collect()
}

fn skipped(reading: &Reading) -> Vec<String> {
    reading.skipped.iter().map(ToString::to_string).collect()
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {clusterIP: 10.96.0.1}\n";

#[test]
fn a_namespace_exists_if_any_object_names_it() {
    let reading = reading(&format!(
        "{SERVICE}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d, namespace: other}}\nspec: {{replicas: 1}}\n"
    ));
    assert_eq!(
        names(&reading),
        [
            "Namespace default",
            "Namespace kube-system",
            "Namespace other",
            "Namespace shop",
            "Service shop/web"
        ]
    );
    assert_eq!(reading.others.to_string(), "Deployment (apps/v1) other/d");
    assert!(reading.is_usable());
    assert_eq!(skipped(&reading), [""; 0]);
}

#[test]
fn manifests_without_a_watched_kind_are_not_usable() {
    assert!(!reading("").is_usable());
    assert!(!reading("# nothing\n---\n---\n%YAML 1.2\n---\n").is_usable());
    assert!(!reading("kind: Deployment\nmetadata: {name: d, namespace: n}\n").is_usable());
    assert!(reading("kind: Namespace\nmetadata: {name: n}\n").is_usable());
}

#[test]
fn a_service_of_another_api_group_is_another_kind() {
    let reading =
        reading("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k}\n");
    assert_eq!(
        reading.others.to_string(),
        "Service (serving.knative.dev/v1) k"
    );
    assert!(!reading.is_usable());
}

#[test]
fn objects_of_no_use_are_told_in_few_words_however_many_there_are() {
    let objects: Vec<String> = (0..12)
        .flat_map(|kind| (0..=kind * 10).map(move |name| (kind, name)))
        .map(|(kind, name)| {
            format!("kind: Kind{kind:02}\nmetadata: {{name: \"o{name}\\a\", namespace: n}}\n")
        })
        .collect();
    let told = reading(&objects.join("---\n")).others.to_string();
    let beginning =
        "Kind00 n/o0\\u{7}; Kind01 n/o0\\u{7}, n/o1\\u{7}, n/o2\\u{7} and 8 more; Kind02";
    assert!(told.starts_with(beginning), "{told}");
    assert!(told.ends_with(" and 88 more; and 2 more kinds"), "{told}");
}

#[test]
fn an_invalid_document_is_named_by_its_line_and_the_others_are_served() {
    let reading = reading(&format!(
        "# comment\n{SERVICE}---\nkind: Service\nmetadata: {{name: broken\nspec: [\n--- # next\nkind: Namespace\nmetadata: {{name: last}}\n"
    ));
    assert!(names(&reading).contains(&"Service shop/web".to_owned()));
    assert!(names(&reading).contains(&"Namespace last".to_owned()));
    assert_eq!(reading.skipped.len(), 1);
    let place = &reading.skipped[0].object;
    let line: u64 = place.strip_prefix("f.yaml:").unwrap().parse().unwrap();
    assert!((6..=9).contains(&line), "{place}");
    assert_eq!(reading.unreadable.as_deref(), Some(place.as_str()));
}

#[test]
fn a_field_of_a_wrong_type_is_named_by_its_line_and_the_name_is_left_uncertain() {
    let reading = reading(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  clusterIP: 10.96.0.1\n  ports:\n  - port: many\n",
    );
    let skipped = skipped(&reading);
    assert_eq!(skipped.len(), 1);
    assert!(
        skipped[0].starts_with("f.yaml:8: Service default/web: "),
        "{skipped:?}"
    );
    assert_eq!(reading.unreadable, None);
    let service = reading.objects().find_map(|object| match object {
        Object::Service(service) => Some(service),
        Object::Namespace(_) | Object::EndpointSlice(_) => None,
    });
    assert!(service.unwrap().cluster_ips.is_empty());
}

#[test]
fn an_unreadable_slice_leaves_its_service_uncertain() {
    let reading = reading(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s-1, labels: {kubernetes.io/service-name: s}}\nendpoints: 7\n",
    );
    let slice = reading.objects().find_map(|object| match object {
        Object::EndpointSlice(slice) => Some(slice),
        Object::Namespace(_) | Object::Service(_) => None,
    });
    let slice = slice.unwrap();
    assert_eq!(slice.service.as_deref(), Some("s"));
    assert!(slice.uncertain);
}

#[test]
fn a_service_without_an_address_is_said_aloud() {
    for spec in ["{}", "{type: NodePort}", "{clusterIP: ''}"] {
        let reading = reading(&format!(
            "kind: Service\nmetadata: {{name: web}}\nspec: {spec}\n"
        ));
        let skipped = skipped(&reading);
        assert_eq!(skipped.len(), 1, "{spec}");
        assert!(
            skipped[0].starts_with("f.yaml:1: Service default/web: it has no clusterIP"),
            "{skipped:?}"
        );
    }
    let alias = "{type: ExternalName, externalName: x.example}";
    for spec in ["{clusterIP: None}", alias] {
        let reading = reading(&format!(
            "kind: Service\nmetadata: {{name: web}}\nspec: {spec}\n"
        ));
        assert_eq!(reading.skipped, [], "{spec}");
    }
}

#[test]
fn of_many_objects_with_the_same_fault_the_first_are_told_and_none_again() {
    let objects: Vec<String> = (0..WARNINGS_MAX + 2)
        .map(|index| format!("kind: Service\nmetadata: {{name: s{index}}}\n"))
        .collect();
    let before = reading(&objects[0]);
    let now = reading(&objects.join("---\n"));
    let warnings = now.warnings(&before);
    assert_eq!(warnings.len(), WARNINGS_MAX + 1);
    assert!(warnings[0].contains("Service default/s1:"), "{warnings:?}");
    assert!(warnings[WARNINGS_MAX].starts_with("and 1 more;"));
    assert_eq!(now.warnings(&now), [""; 0]);
}

#[test]
fn lists_hold_objects_with_or_without_their_own_kind() {
    let item = "{metadata: {name: a, namespace: n}, spec: {clusterIP: 10.96.0.1}}";
    let with_kind = format!("{{apiVersion: v1, kind: Service, {}", &item[1..]);
    for list in [
        format!(
            "apiVersion: v1\nkind: List\nitems:\n- {with_kind}\n- {{kind: Pod, metadata: {{name: p}}}}\n"
        ),
        format!("apiVersion: v1\nkind: ServiceList\nitems: [{item}]\n"),
    ] {
        let reading = reading(&list);
        assert_eq!(skipped(&reading), [""; 0]);
        assert!(
            names(&reading).contains(&"Service n/a".to_owned()),
            "{list}"
        );
        assert!(
            names(&reading).contains(&"Namespace n".to_owned()),
            "{list}"
        );
        assert_eq!(reading.skipped, []);
    }
}

#[test]
fn of_an_object_that_is_written_twice_the_last_counts() {
    let reading = reading(&format!(
        "{SERVICE}---\n{}",
        SERVICE.replace("10.96.0.1", "10.96.0.2")
    ));
    let service = reading.objects().find_map(|object| match object {
        Object::Service(service) => Some(service),
        Object::Namespace(_) | Object::EndpointSlice(_) => None,
    });
    assert_eq!(*service.unwrap().cluster_ips, [Address::from("10.96.0.2")]);
    assert_eq!(
        skipped(&reading),
        ["f.yaml:5: Service shop/web stands here again; this one counts, not f.yaml:1"]
    );
}

#[test]
fn a_list_of_a_thousand_services_is_within_the_limits_of_the_parser() {
    let items: String = (0..20_000)
        .map(|index| {
            format!(
                "- {{apiVersion: v1, kind: Service, metadata: {{name: s{index}, labels: {{a: b, c: d}}}}, spec: {{clusterIP: 10.96.0.1, ports: [{{port: 80}}]}}}}\n"
            )
        })
        .collect();
    let reading = reading(&format!("apiVersion: v1\nkind: List\nitems:\n{items}"));
    assert_eq!(skipped(&reading), [""; 0]);
    assert_eq!(reading.objects().count(), 20_002);
}
