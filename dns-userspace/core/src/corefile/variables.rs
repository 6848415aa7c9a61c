//! References to environment variables in a token: `{$NAME}` and `{%NAME%}`.

use std::collections::BTreeMap;

/// More references than this in one token are taken for one that refers to itself.
const REFERENCES: usize = 100;

/// The token's text with its references replaced, those in the values too.
///
/// # Errors
/// A variable that is not known, in words for a person.
pub(super) fn expand(text: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let text = replace(text.to_owned(), "{%", "%}", environment)?;
    replace(text, "{$", "}", environment)
}

fn replace(
    mut text: String,
    opening: &str,
    closing: &str,
    environment: &BTreeMap<String, String>,
) -> Result<String, String> {
    for _ in 0..REFERENCES {
        let Some((_, tail)) = text.split_once(opening) else {
            return Ok(text);
        };
        // As in the original, the closing sign may begin inside the opening one: `{%}` is no reference.
        let Some((name, _)) = tail.split_once(closing) else {
            return Ok(text);
        };
        if name.is_empty() {
            return Ok(text);
        }
        let value = environment.get(name).ok_or_else(|| {
            format!(
                "found the variable `{name}`, whose value in the DNS server's environment is not known; \
                 give it in the container as a plain value"
            )
        })?;
        text = text.replace(&format!("{opening}{name}{closing}"), value);
    }
    Err(format!(
        "found more than {REFERENCES} references to variables in one word"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_also_within_values() {
        let environment = BTreeMap::from([
            ("ZONE".to_owned(), "cluster.local".to_owned()),
            ("NESTED".to_owned(), "x.{$ZONE}".to_owned()),
        ]);
        for (text, expected) in [
            ("{$ZONE}", "cluster.local"),
            ("a.{%ZONE%}:53", "a.cluster.local:53"),
            ("{$NESTED}", "x.cluster.local"),
            ("{$ZONE}.{$ZONE}", "cluster.local.cluster.local"),
            ("{$}", "{$}"),
            ("{$OPEN", "{$OPEN"),
            ("{{ .Name }}", "{{ .Name }}"),
        ] {
            assert_eq!(expand(text, &environment).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_or_endless_variable_is_told_by_name() {
        assert!(
            expand("{$NO}", &BTreeMap::new())
                .unwrap_err()
                .contains("`NO`")
        );
        let endless = BTreeMap::from([("A".to_owned(), "{$A}".to_owned())]);
        assert!(expand("{$A}", &endless).is_err());
    }
}
