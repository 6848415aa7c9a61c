//! The plugin `rewrite` (`plugin/rewrite/rewrite.go`, `name.go`).

use hickory_proto::rr::Name;

use crate::corefile::{
    address,
    effects::{Effects, Surroundings},
    fault::{Fault, Place},
    lexer::Token,
    parser::Directive,
};

/// An ending of names, in lower case and with the final dot, that need not begin at a label's border.
#[derive(Debug)]
pub(in crate::corefile) struct Suffix {
    pub(in crate::corefile) text: String,
    pub(in crate::corefile) reason: String,
}

/// Which names of a zone end in a suffix.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::corefile) enum Touched {
    None,
    /// No others than those at and below this name.
    Tree(Name),
    All,
}

/// Reads one rule. Rules for one name, and for names with one ending, leave these names; others are not
/// looked at.
pub(super) fn read(
    directive: &Directive,
    _: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    let parts = directive.parts()?;
    let mut words = parts.arguments;
    if words.len() < 2 {
        for entry in parts.entries {
            words.push(entry.name);
            words.extend(entry.arguments);
        }
    }
    let lower = |word: &&Token| word.text.to_ascii_lowercase();
    let mut rest = words.as_slice();
    if let [mode, after @ ..] = rest
        && matches!(lower(mode).as_str(), "continue" | "stop")
    {
        rest = after;
    }
    let Some((kind, rest)) = rest.split_first() else {
        return Err(
            place.fault("found `rewrite` without a rule; one such as `name FROM TO` is wanted")
        );
    };
    let kind = lower(kind);
    if kind == "name" {
        match rest {
            [from, _] => return exact(from, place, effects),
            [matching, from, _, ..] => match lower(matching).as_str() {
                "exact" => return exact(from, place, effects),
                "suffix" => return suffix(from, place, effects),
                _ => {}
            },
            _ => {
                return Err(
                    place.fault("found `rewrite name` without names; FROM and TO are wanted")
                );
            }
        }
    }
    effects.left.push(format!(
        "{place}: the plugin `rewrite` may change any name's answers; left to the DNS service"
    ));
    if kind == "edns0" {
        effects.make_uncertain(place, "the plugin `rewrite` tells other servers who asks");
    }
    Ok(())
}

fn exact(from: &Token, place: &Place, effects: &mut Effects) -> Result<(), Fault> {
    let name = address::name(&from.text).map_err(|message| from.place.fault(message))?;
    effects.left_names.push((
        name,
        format!("{place}: the name is changed by `rewrite`; left to the DNS service"),
    ));
    Ok(())
}

fn suffix(from: &Token, place: &Place, effects: &mut Effects) -> Result<(), Fault> {
    let mut text = from.text.to_ascii_lowercase();
    if !text.ends_with('.') {
        text.push('.');
    }
    // The part after the first dot must be a name for the tree to be told.
    address::name(
        text.strip_prefix('.')
            .filter(|rest| !rest.is_empty())
            .unwrap_or(&text),
    )
    .map_err(|message| from.place.fault(message))?;
    effects.left_suffixes.push(Suffix {
        text,
        reason: format!(
            "{place}: names with this ending are changed by `rewrite`; left to the DNS service"
        ),
    });
    Ok(())
}

impl Suffix {
    /// Which names in a zone have this ending.
    pub(in crate::corefile) fn touched(&self, zone: &Name) -> Touched {
        let apex = zone.to_ascii();
        if apex.ends_with(&self.text) || format!(".{apex}").ends_with(&self.text) {
            return Touched::All;
        }
        if !self.text.ends_with(&format!(".{apex}")) {
            return Touched::None;
        }
        // The first label may be the end of one.
        let tree = self.text.split_once('.').map_or("", |(_, tree)| tree);
        match address::name(tree) {
            Ok(tree) if tree != *zone && zone.zone_of(&tree) => Touched::Tree(tree),
            _ => Touched::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_touches_the_names_that_may_end_in_it() {
        let zone = Name::from_ascii("cluster.local.").unwrap();
        let tree = |text: &str| Touched::Tree(Name::from_ascii(text).unwrap());
        for (suffix, expected) in [
            (".example.com.", Touched::None),
            ("mycluster.local.", Touched::None),
            (".cluster.local.", Touched::All),
            ("cluster.local.", Touched::All),
            ("ster.local.", Touched::All),
            (".local.", Touched::All),
            ("local.", Touched::All),
            (".", Touched::All),
            // It may be the end of a longer label.
            ("foo.cluster.local.", Touched::All),
            (".foo.cluster.local.", tree("foo.cluster.local.")),
            ("bar.foo.cluster.local.", tree("foo.cluster.local.")),
        ] {
            let suffix = Suffix {
                text: suffix.to_owned(),
                reason: String::new(),
            };
            assert_eq!(suffix.touched(&zone), expected, "{}", suffix.text);
        }
    }
}
