//! A fixture's Kubernetes objects, as the agent's source would have told of them.

use dns_core::{
    objects::{
        Kind, Skipped,
        written::{Written, WrittenEndpointSlice, WrittenNamespace, WrittenService},
    },
    world::{Event, World},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Lists of a fixture, with the kind of objects that say none themselves.
const LISTS: [(&str, &str); 6] = [
    ("namespaces", "Namespace"),
    ("services", "Service"),
    ("endpointslices", "EndpointSlice"),
    ("pods", "Pod"),
    ("serviceimports", "ServiceImport"),
    ("objects", ""),
];

/// What a fixture's objects come to.
#[derive(Debug, Default)]
pub struct Told {
    /// The state of all objects.
    pub world: World,
    /// Objects and parts of objects that are not served, as the agent would tell of them.
    pub skipped: Vec<Skipped>,
}

/// Reads the objects of a fixture.
///
/// `unsynced` names the watches, such as `endpointslices`, that have not delivered a first list: nothing is
/// known of their objects, and the world is not complete.
///
/// # Errors
/// The fixture holds something else than lists of objects.
pub fn told(fixture: &Value, unsynced: &[String]) -> Result<Told, String> {
    let fixture = fixture.as_object().ok_or("the fixture is no JSON object")?;
    let mut objects = Vec::new();
    for (list, kind) in LISTS {
        match fixture.get(list) {
            None | Some(Value::Null) => {}
            Some(Value::Array(found)) => found
                .iter()
                .for_each(|object| add(object, kind, &mut objects)),
            Some(_) => return Err(format!("the fixture's {list} is no list")),
        }
    }
    let mut told = Told::default();
    let is_unsynced = |kind: Kind| unsynced.iter().any(|watch| *watch == watch_of(kind));
    let known = |watch: &String| Kind::ALL.iter().any(|kind| watch_of(*kind) == *watch);
    let foreign: Vec<&String> = unsynced.iter().filter(|watch| !known(watch)).collect();
    for watch in &foreign {
        told.skipped.push(Skipped {
            object: format!("the watch of {watch}"),
            reason: "is none of the agent's; nothing is answered before every watch has delivered"
                .to_owned(),
        });
    }
    let synced: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| foreign.is_empty() && !is_unsynced(*kind))
        .collect();
    for kind in &synced {
        told.world.apply(Event::Relisting(*kind));
    }
    for (kind, object) in &objects {
        match event(kind, object) {
            Ok((event, mut skipped)) => {
                told.skipped.append(&mut skipped);
                if synced.contains(&event.0) {
                    told.world.apply(event.1);
                }
            }
            Err(skipped) => told.skipped.push(skipped),
        }
    }
    for kind in synced {
        told.world.apply(Event::Listed(kind));
    }
    Ok(told)
}

/// Adds an object, or those of a Kubernetes `List`; a bare text stands for the name of one.
fn add(object: &Value, kind: &str, objects: &mut Vec<(String, Value)>) {
    if let Some(name) = object.as_str() {
        let named = json!({"metadata": {"name": name}});
        return objects.push((kind.to_owned(), named));
    }
    let own = object.get("kind").and_then(Value::as_str).unwrap_or(kind);
    match object.get("items").and_then(Value::as_array) {
        Some(items) => {
            let of_items = own.strip_suffix("List").filter(|kind| !kind.is_empty());
            for item in items {
                add(item, of_items.unwrap_or(kind), objects);
            }
        }
        None => objects.push((own.to_owned(), object.clone())),
    }
}

/// The name of a kind's watch: its resource in the Kubernetes API.
fn watch_of(kind: Kind) -> String {
    format!("{}s", kind.name().to_lowercase())
}

fn event(kind: &str, object: &Value) -> Result<((Kind, Event), Vec<Skipped>), Skipped> {
    match kind {
        "Namespace" => read::<WrittenNamespace>(object),
        "Service" => read::<WrittenService>(object),
        "EndpointSlice" => read::<WrittenEndpointSlice>(object),
        other => Err(Skipped {
            object: format!("{other} {}", name_of(object)),
            reason: "objects of this kind are not watched".to_owned(),
        }),
    }
}

fn read<W: Written + for<'de> Deserialize<'de>>(
    object: &Value,
) -> Result<((Kind, Event), Vec<Skipped>), Skipped> {
    let written = W::deserialize(object).map_err(|error| Skipped {
        object: format!("{} {}", W::KIND, name_of(object)),
        reason: format!("cannot be read: {error}"),
    })?;
    let (object, skipped) = written.into_object()?;
    Ok(((W::KIND, Event::Applied(object)), skipped))
}

fn name_of(object: &Value) -> String {
    let metadata = object.get("metadata");
    let field = |name| metadata?.get(name)?.as_str();
    match (field("namespace"), field("name")) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => name.to_owned(),
        (_, None) => "without a name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> Value {
        json!({
            "namespaces": ["bare", {"metadata": {"name": "shop"}}],
            "services": [{"metadata": {"name": "web", "namespace": "shop"}, "spec": {"clusterIP": "10.96.0.1"}}],
            "endpointslices": [],
            "pods": [{"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}}],
            "objects": [
                {"kind": "NamespaceList", "items": [{"metadata": {"name": "listed"}}]},
                {"kind": "Service", "metadata": {"namespace": "shop"}},
            ],
        })
    }

    #[test]
    fn every_list_of_a_fixture_is_told_and_what_is_not_served_is_named() {
        let told = told(&fixture(), &[]).unwrap();
        assert!(told.world.fresh());
        for namespace in ["bare", "shop", "listed"] {
            assert!(told.world.namespace_exists(namespace), "{namespace}");
        }
        assert!(told.world.service("shop", "web").is_some());
        let skipped: Vec<String> = told.skipped.iter().map(Skipped::to_string).collect();
        assert_eq!(skipped.len(), 2, "{skipped:?}");
        assert!(skipped[0].starts_with("Pod shop/p: "), "{skipped:?}");
        assert!(skipped[1].contains("metadata.name"), "{skipped:?}");
    }

    #[test]
    fn a_watch_that_has_not_delivered_leaves_the_world_incomplete() {
        for unsynced in ["services", "pods"] {
            let told = told(&fixture(), &[unsynced.to_owned()]).unwrap();
            assert!(!told.world.complete(), "{unsynced}");
        }
        let told = told(&fixture(), &["services".to_owned()]).unwrap();
        assert!(told.world.service("shop", "web").is_none());
        assert!(told.world.namespace_exists("shop"));
    }

    #[test]
    fn a_fixture_of_another_shape_is_refused() {
        assert!(told(&json!("observed"), &[]).is_err());
        assert!(told(&json!({"services": {}}), &[]).is_err());
    }
}
