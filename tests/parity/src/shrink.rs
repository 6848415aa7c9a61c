//! Makes a difference small: fewer objects, smaller objects, a simpler question, a shorter Corefile.

use anyhow::Result;
use serde_json::Value;

use crate::{
    cluster::Cluster,
    corefile::Corefile,
    judge::Found,
    question::Question,
    report::Difference,
    stage::{ApiKind, Outcome, Scene, Stage},
};

/// How many smaller clusters are tried; where CoreDNS has to be started anew for each, fewer.
const TRIALS: usize = 400;
const TRIALS_WITH_START: usize = 60;
/// How many shorter Corefiles are tried.
const COREFILES: usize = 40;

/// Makes a difference small, if it comes again with its objects alone.
///
/// # Errors
/// As [`Scene::begin`].
pub fn shrink(stage: &mut Stage, corefile: &Corefile, difference: &mut Difference) -> Result<()> {
    let Ok(scene) = Scene::begin(stage, ApiKind::Small, corefile, &difference.objects)? else {
        return Ok(());
    };
    let trials = match corefile.repeats() {
        true => TRIALS_WITH_START,
        false => TRIALS,
    };
    let mut shrinking = Shrinking {
        scene,
        trials,
        difference,
    };
    if !shrinking.comes_again()? {
        return Ok(());
    }
    shrinking.question()?;
    shrinking.objects()?;
    shrinking.parts()?;
    shrinking.question()?;
    drop(shrinking);
    shorten(stage, corefile, difference)
}

/// Leaves lines out of the Corefile while the difference stays.
fn shorten(stage: &mut Stage, corefile: &Corefile, difference: &mut Difference) -> Result<()> {
    let mut corefile = corefile.clone();
    let mut left = COREFILES;
    'again: loop {
        for shorter in corefile.without_one_line() {
            if left == 0 {
                break 'again;
            }
            left -= 1;
            let scene = Scene::begin(stage, ApiKind::Small, &shorter, &difference.objects)?;
            let Ok(mut scene) = scene else {
                continue;
            };
            if let Some(found) = ask(&mut scene, &difference.question)? {
                difference.found = found;
                corefile = shorter;
                continue 'again;
            }
        }
        break;
    }
    difference.corefile = corefile.to_string();
    Ok(())
}

struct Shrinking<'a> {
    scene: Scene<'a>,
    trials: usize,
    difference: &'a mut Difference,
}

impl Shrinking<'_> {
    fn comes_again(&mut self) -> Result<bool> {
        let question = self.difference.question.clone();
        let found = ask(&mut self.scene, &question)?;
        self.difference.is_small = found.is_some();
        if let Some(found) = found {
            self.difference.found = found;
        }
        Ok(self.difference.is_small)
    }

    /// Simplifies the question, one respect after the other.
    fn question(&mut self) -> Result<()> {
        let mut again = true;
        while again {
            again = false;
            for simpler in self.difference.question.simpler() {
                if let Some(found) = ask(&mut self.scene, &simpler)? {
                    self.difference.question = simpler;
                    self.difference.found = found;
                    again = true;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Leaves objects out: halves first, then fewer.
    fn objects(&mut self) -> Result<()> {
        let mut size = self.difference.objects.objects.len().div_ceil(2);
        while size > 0 {
            let keys: Vec<_> = self.difference.objects.objects.keys().cloned().collect();
            for some in keys.chunks(size) {
                let mut fewer = self.difference.objects.clone();
                fewer.objects.retain(|key, _| !some.contains(key));
                self.keep_if_different(fewer)?;
            }
            size /= 2;
        }
        Ok(())
    }

    /// Leaves out elements of lists and optional parts in the objects.
    fn parts(&mut self) -> Result<()> {
        let keys: Vec<_> = self.difference.objects.objects.keys().cloned().collect();
        for key in keys {
            let mut skip = 0;
            while let Some(object) = self.difference.objects.objects.get(&key) {
                let Some(smaller) = without_part(object, skip) else {
                    break;
                };
                let mut fewer = self.difference.objects.clone();
                fewer.objects.insert(key.clone(), smaller);
                if !self.keep_if_different(fewer)? {
                    skip += 1;
                }
            }
        }
        Ok(())
    }

    fn keep_if_different(&mut self, fewer: Cluster) -> Result<bool> {
        if self.trials == 0 {
            return Ok(false);
        }
        self.trials -= 1;
        self.scene.set(&fewer)?;
        let question = self.difference.question.clone();
        let Some(found) = ask(&mut self.scene, &question)? else {
            return Ok(false);
        };
        self.difference.found = found;
        self.difference.objects = fewer;
        Ok(true)
    }
}

fn ask(scene: &mut Scene<'_>, question: &Question) -> Result<Option<Found>> {
    let outcome = scene
        .ask(std::slice::from_ref(question))?
        .into_iter()
        .next();
    Ok(match outcome {
        Some(Outcome::Different(found)) => Some(found),
        _ => None,
    })
}

/// The object without its part of this number: an element of a list, or an optional field.
fn without_part(object: &Value, number: usize) -> Option<Value> {
    let mut smaller = object.clone();
    let mut left = number;
    let lists = ["/endpoints", "/ports", "/spec/ports", "/spec/clusterIPs"];
    for list in lists {
        if let Some(Value::Array(elements)) = smaller.pointer_mut(list) {
            if left < elements.len() {
                elements.remove(left);
                return Some(smaller);
            }
            left -= elements.len();
        }
    }
    for parent in ["/metadata", "/spec", ""] {
        for field in [
            "labels",
            "deletionTimestamp",
            "status",
            "publishNotReadyAddresses",
            "externalIPs",
        ] {
            // Without its label a slice would be another one.
            let is_slice = smaller["kind"] == "EndpointSlice" && field == "labels";
            let map = smaller.pointer_mut(parent).and_then(Value::as_object_mut);
            let Some(map) = map.filter(|map| !is_slice && map.contains_key(field)) else {
                continue;
            };
            if left == 0 {
                map.remove(field);
                return Some(smaller);
            }
            left -= 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_part_is_left_out_once() {
        let object =
            json!({"kind": "Service", "metadata": {"labels": {}}, "spec": {"ports": [1, 2]}});
        let parts: Vec<Value> = (0..)
            .map_while(|number| without_part(&object, number))
            .collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0]["spec"]["ports"], json!([2]));
        assert!(parts[2]["metadata"].get("labels").is_none());
    }
}
