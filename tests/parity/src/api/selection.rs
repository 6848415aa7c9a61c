//! Which objects a list or a watch is about: label and field selectors.

use serde_json::Value;

use super::store::Object;

/// A label selector and a field selector; empty ones select everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

/// A requirement for the text under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    name: String,
    allowed: Allowed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    In(Vec<String>),
    /// Also if there is none.
    NotIn(Vec<String>),
    Any,
    None,
}

impl Selection {
    /// Reads both selectors, as clients write them in canonical form (Kubernetes: "Labels and Selectors").
    ///
    /// # Errors
    /// The part that is not understood: nothing may be selected by a guess.
    pub(super) fn read(labels: &str, fields: &str) -> Result<Self, String> {
        let read = |text: &str| {
            split(text)
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(requirement)
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            labels: read(labels)?,
            fields: read(fields)?,
        })
    }

    /// Whether an object is selected. It is read only if that depends on it.
    pub(super) fn holds(&self, object: &Object) -> bool {
        let selects_all = self.labels.is_empty() && self.fields.is_empty();
        selects_all || self.holds_value(&object.value())
    }

    fn holds_value(&self, object: &Value) -> bool {
        let label = |name: &str| object["metadata"]["labels"][name].as_str();
        let field = |name: &str| {
            let value = name.split('.').fold(object, |value, part| &value[part]);
            // A field that is not set counts as empty.
            Some(value.as_str().unwrap_or_default())
        };
        self.labels.iter().all(|one| one.holds(label(&one.name)))
            && self.fields.iter().all(|one| one.holds(field(&one.name)))
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let among = |texts: &[String]| value.is_some_and(|value| texts.iter().any(|t| t == value));
        match &self.allowed {
            Allowed::In(texts) => among(texts),
            Allowed::NotIn(texts) => !among(texts),
            Allowed::Any => value.is_some(),
            Allowed::None => value.is_none(),
        }
    }
}

/// Splits at the commas that are not in parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let is_between = |letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    };
    text.split(is_between).map(str::trim).collect()
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let listed = |values: &str| {
        let inner = values.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|one| one.trim().to_owned()).collect())
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    let (name, allowed) = if let Some((name, values)) = text.split_once(" notin ") {
        (name, Allowed::NotIn(listed(values).ok_or(text)?))
    } else if let Some((name, values)) = text.split_once(" in ") {
        (name, Allowed::In(listed(values).ok_or(text)?))
    } else if let Some((name, value)) = text.split_once("!=") {
        (name, Allowed::NotIn(one(value)))
    } else if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (name, Allowed::In(one(value)))
    } else if let Some(name) = text.strip_prefix('!') {
        (name, Allowed::None)
    } else {
        (text, Allowed::Any)
    };
    let name = name.trim();
    if name.is_empty() || name.contains(' ') {
        return Err(format!("{text:?} is not understood as a requirement"));
    }
    Ok(Requirement {
        name: name.to_owned(),
        allowed,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(labels: &str, object: &Value) -> bool {
        Selection::read(labels, "").unwrap().holds_value(object)
    }

    #[test]
    fn labels_are_compared_by_every_operator() {
        let object = json!({"metadata": {"labels": {"team": "a", "tier": "web"}}});
        for yes in [
            "",
            "team",
            "team=a",
            "team==a",
            "!no",
            "no!=a",
            "team in (a,b),tier notin (db)",
        ] {
            assert!(selects(yes, &object), "{yes}");
        }
        for no in [
            "no",
            "team!=a",
            "!team",
            "team in (b)",
            "tier notin (web,db)",
            "team=a,no",
        ] {
            assert!(!selects(no, &object), "{no}");
        }
    }

    #[test]
    fn a_pod_is_selected_by_its_phase() {
        let fields = "status.phase!=Succeeded,status.phase!=Failed";
        let selection = Selection::read("", fields).unwrap();
        assert!(selection.holds_value(&json!({"status": {"phase": "Running"}})));
        assert!(selection.holds_value(&json!({})));
        assert!(!selection.holds_value(&json!({"status": {"phase": "Failed"}})));
    }

    #[test]
    fn what_is_not_understood_selects_nothing_by_a_guess() {
        assert!(Selection::read("a b c", "").is_err());
        assert!(Selection::read("team in a", "").is_err());
    }
}
