//! Label selectors, as the `kubernetes` plugin's options write them.

use std::{collections::BTreeMap, str::FromStr};

/// A label selector (Kubernetes: "Labels and Selectors"): all requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// Why a text is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a label selector: {reason}")]
pub struct SelectorError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Selector {
    /// Whether an object with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<Box<str>, Box<str>>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(requirement.key.as_str());
            let listed =
                value.is_some_and(|value| requirement.values.iter().any(|one| **one == **value));
            match requirement.operator {
                Operator::In => listed,
                Operator::NotIn => !listed,
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    /// Reads a selector as `kubectl --selector` takes it: `k=v`, `k==v`, `k!=v`, `k in (a,b)`,
    /// `k notin (a,b)`, `k` and `!k`, separated by commas.
    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let mut parser = Parser { rest: text };
        parser.selector().map_err(|reason| SelectorError {
            text: text.to_owned(),
            reason,
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Result<Selector, String> {
        let mut requirements: Vec<Requirement> = Vec::new();
        loop {
            let requirement = self.requirement()?;
            // Kubernetes keeps one of two equal keys here, and which one depends on their order.
            if requirements
                .iter()
                .any(|other| other.key == requirement.key)
            {
                return Err(format!("it names {} twice", requirement.key));
            }
            requirements.push(requirement);
            self.skip_space();
            if self.rest.is_empty() {
                return Ok(Selector { requirements });
            }
            self.expect(",")?;
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        self.skip_space();
        let absent = self.take("!");
        let key = self.word();
        if !is_key(key) {
            return Err(format!("{key:?} is not a label's name"));
        }
        let key = key.to_owned();
        if absent {
            return Ok(Requirement {
                key,
                operator: Operator::DoesNotExist,
                values: Vec::new(),
            });
        }
        let (operator, values) = if self.take("!=") {
            (Operator::NotIn, vec![self.value()?])
        } else if self.take("==") || self.take("=") {
            (Operator::In, vec![self.value()?])
        } else if self.rest.is_empty() || self.rest.starts_with(',') {
            (Operator::Exists, Vec::new())
        } else {
            let operator = match self.word() {
                "in" => Operator::In,
                "notin" => Operator::NotIn,
                other => return Err(format!("{other:?} is not `in` or `notin`")),
            };
            (operator, self.values()?)
        };
        Ok(Requirement {
            key,
            operator,
            values,
        })
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            if self.take(")") {
                return Ok(values);
            }
            self.expect(",")?;
        }
    }

    fn value(&mut self) -> Result<String, String> {
        let value = self.word();
        if !is_value(value) {
            return Err(format!("{value:?} is not a label's value"));
        }
        Ok(value.to_owned())
    }

    /// The text up to a sign that means something, with the space around it gone.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let end = self
            .rest
            .find(|sign: char| sign.is_ascii_whitespace() || "=!(),<>".contains(sign))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.skip_space();
        word
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) {
            return Ok(());
        }
        Err(format!("`{sign}` is wanted before {:?}", self.rest))
    }
}

/// A label's name: up to 63 characters, with a domain name and a slash before it or not (Kubernetes: "Labels
/// and Selectors").
fn is_key(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let is_domain = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|label| {
                is_bounded(
                    label,
                    |octet| octet.is_ascii_lowercase() || octet.is_ascii_digit(),
                    b"-",
                )
            })
    };
    !name.is_empty() && is_value(name) && prefix.is_none_or(is_domain)
}

/// A label's value: empty, or up to 63 characters.
fn is_value(text: &str) -> bool {
    text.len() <= 63
        && (text.is_empty() || is_bounded(text, |octet| octet.is_ascii_alphanumeric(), b"-_."))
}

/// Whether a text begins and ends with certain characters, and has no others between but some.
fn is_bounded(text: &str, ends: impl Fn(u8) -> bool, between: &[u8]) -> bool {
    let octets = text.as_bytes();
    octets.first().is_some_and(|octet| ends(*octet))
        && octets.last().is_some_and(|octet| ends(*octet))
        && octets
            .iter()
            .all(|octet| ends(*octet) || between.contains(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels
            .iter()
            .map(|(key, value)| (Box::from(*key), Box::from(*value)))
            .collect();
        selector.parse::<Selector>().unwrap().matches(&labels)
    }

    #[test]
    fn each_form_selects_what_kubernetes_selects() {
        for (selector, selected, others) in [
            ("a=1", &[("a", "1")][..], &[("a", "2")][..]),
            ("a==1", &[("a", "1")], &[("b", "1")]),
            ("a = 1", &[("a", "1")], &[]),
            ("a=", &[("a", "")], &[("a", "1")]),
            ("a!=1", &[("a", "2")], &[("a", "1")]),
            ("a!=1", &[], &[("a", "1")]),
            ("a in (1, 2)", &[("a", "2")], &[("a", "3")]),
            ("a in (,2)", &[("a", "")], &[("a", "3")]),
            ("a notin (1,2)", &[], &[("a", "1")]),
            ("a", &[("a", "x")], &[("b", "x")]),
            ("!a", &[("b", "x")], &[("a", "x")]),
            ("a=1,b", &[("a", "1"), ("b", "")], &[("a", "1")]),
            ("in in (in)", &[("in", "in")], &[]),
            (
                "kubernetes.io/metadata.name=testns",
                &[("kubernetes.io/metadata.name", "testns")],
                &[],
            ),
        ] {
            assert!(selects(selector, selected), "{selector} {selected:?}");
            assert!(!selects(selector, others), "{selector} {others:?}");
        }
    }

    #[test]
    fn what_kubernetes_does_not_take_is_told_with_the_text() {
        for text in [
            "",
            ",",
            "a=1,",
            "a in 1",
            "a in (1",
            "a in ()x",
            "a>1",
            "-a=1",
            "a=b c",
            "a=1,a=2",
            "!a=1",
            "A/b/c",
            "a=-",
            "a near (b)",
        ] {
            let error = text.parse::<Selector>().unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}
