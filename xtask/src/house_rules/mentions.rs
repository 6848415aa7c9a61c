//! The paths that a file mentions, told from its tokens, so that macro bodies count and comments and
//! literals do not.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// An identifier or a path, such as `std::process::exit`; lists in braces are taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Its segments.
    pub(super) path: Vec<String>,
    /// The line on which it ends, from 1.
    pub(super) line: usize,
    /// Whether `use` or `crate` stands before it, so that a single segment is a crate's name.
    is_import: bool,
    /// Whether `!` follows: a macro call.
    pub(super) is_macro: bool,
}

impl Mention {
    /// Whether it names something in the crate `name`.
    pub(super) fn is_of_crate(&self, name: &str) -> bool {
        self.path[0] == name && (self.path.len() > 1 || self.is_import)
    }

    /// Whether the path starts with these segments, given with `::` between them.
    pub(super) fn starts_with(&self, path: &str) -> bool {
        let mut segments = self.path.iter();
        path.split("::")
            .all(|wanted| segments.next().is_some_and(|segment| segment == wanted))
    }

    /// Whether the path ends with these segments, given with `::` between them.
    pub(super) fn ends_with(&self, path: &str) -> bool {
        let mut segments = self.path.iter().rev();
        path.rsplit("::")
            .all(|wanted| segments.next().is_some_and(|segment| segment == wanted))
    }

    /// The path as written.
    pub(super) fn text(&self) -> String {
        self.path.join("::")
    }
}

/// Every mention in `tokens`.
pub(super) fn all(tokens: TokenStream) -> Vec<Mention> {
    collect(tokens, true)
}

/// Every mention outside items under `#[cfg(test)]`.
pub(super) fn outside_tests(tokens: TokenStream) -> Vec<Mention> {
    collect(tokens, false)
}

fn collect(tokens: TokenStream, with_tests: bool) -> Vec<Mention> {
    let mut collector = Collector {
        with_tests,
        found: Vec::new(),
    };
    collector.walk(tokens, &[]);
    collector.found
}

struct Collector {
    with_tests: bool,
    found: Vec<Mention>,
}

impl Collector {
    /// Walks over tokens; in a list such as `std::{fs, io}` each path starts with `prefix`.
    fn walk(&mut self, tokens: TokenStream, prefix: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) if !self.with_tests && is_cfg_test(&tokens, at - 1) => {
                    let _ = group;
                    at = after_item(&tokens, at);
                }
                TokenTree::Group(group) => self.walk(group.stream(), prefix_inside(group, prefix)),
                TokenTree::Ident(_) => at = self.path(&tokens, at - 1, prefix),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Takes in the path that starts at `start`; returns where it ends.
    fn path(&mut self, tokens: &[TokenTree], start: usize, prefix: &[String]) -> usize {
        let is_import = start.checked_sub(1).is_some_and(|before| {
            is_ident(&tokens[before], "use") || is_ident(&tokens[before], "crate")
        });
        let mut path = prefix.to_vec();
        let mut line = 0;
        let mut at = start;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(ident) => {
                    path.push(ident.to_string());
                    line = ident.span().start().line;
                }
                TokenTree::Punct(star) if star.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(list) if list.delimiter() == Delimiter::Brace => {
                    self.walk(list.stream(), &path);
                    return at + 1;
                }
                _ => break,
            }
            at += 1;
            if !is_path_separator(tokens, at) {
                break;
            }
            at += 2;
        }
        let is_macro = tokens.get(at).is_some_and(|token| is_punct(token, '!'));
        self.found.push(Mention {
            path,
            line,
            is_import,
            is_macro,
        });
        at
    }
}

/// Braces within a list go on with its prefix; brackets and parentheses do not occur in one.
fn prefix_inside<'a>(group: &Group, prefix: &'a [String]) -> &'a [String] {
    match group.delimiter() {
        Delimiter::Brace => prefix,
        Delimiter::Parenthesis | Delimiter::Bracket | Delimiter::None => &[],
    }
}

/// Whether the group at `at` is the `[cfg(test)]` of an attribute.
fn is_cfg_test(tokens: &[TokenTree], at: usize) -> bool {
    let follows_hash = at
        .checked_sub(1)
        .is_some_and(|before| is_punct(&tokens[before], '#'));
    let TokenTree::Group(attribute) = &tokens[at] else {
        return false;
    };
    let mut inner = attribute.stream().into_iter();
    let is_cfg = inner.next().is_some_and(|token| is_ident(&token, "cfg"));
    let Some(TokenTree::Group(condition)) = inner.next() else {
        return false;
    };
    let words = all(condition.stream());
    let says = |word: &str| words.iter().any(|mention| mention.path == [word]);
    follows_hash && is_cfg && says("test") && !says("not")
}

/// Where the item ends that starts at `at`: after its braces or its semicolon.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is_punct(other, ';'),
    };
    tokens[at..]
        .iter()
        .position(ends)
        .map_or(tokens.len(), |length| at + length + 1)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
    is_colon(at) && is_colon(at + 1)
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_ident(token: &TokenTree, wanted: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(mentions: &[Mention]) -> Vec<String> {
        mentions.iter().map(Mention::text).collect()
    }

    fn parse(text: &str) -> TokenStream {
        text.parse().expect("tokens")
    }

    #[test]
    fn lists_in_braces_are_taken_apart() {
        let found = all(parse("use std::{fs, net::{IpAddr, UdpSocket}, time::*};"));
        assert_eq!(
            texts(&found),
            [
                "use",
                "std::fs",
                "std::net::IpAddr",
                "std::net::UdpSocket",
                "std::time::*"
            ]
        );
    }

    #[test]
    fn macro_bodies_count_and_comments_and_literals_do_not() {
        let found = all(parse(
            "/// unsafe\nfn a() { /* unsafe */ m!(\"unsafe\", aya::Pod) }",
        ));
        let texts = texts(&found);
        assert!(!texts.contains(&"unsafe".to_owned()), "{texts:?}");
        assert!(texts.contains(&"aya::Pod".to_owned()), "{texts:?}");
    }

    #[test]
    fn a_single_word_is_a_crate_only_after_use() {
        assert!(
            all(parse("use aya;"))
                .iter()
                .any(|mention| mention.is_of_crate("aya"))
        );
        assert!(
            all(parse("use aya as x;"))
                .iter()
                .any(|mention| mention.is_of_crate("aya"))
        );
        assert!(
            !all(parse("let aya = 1;"))
                .iter()
                .any(|mention| mention.is_of_crate("aya"))
        );
        assert!(
            !all(parse("crate::aya::X"))
                .iter()
                .any(|mention| mention.is_of_crate("aya"))
        );
    }

    #[test]
    fn items_for_tests_are_left_out_on_request() {
        let text =
            "fn a() { kube::x() }\n#[cfg(test)]\nmod tests { use std::fs; }\nfn b() { tokio::y() }";
        assert!(texts(&all(parse(text))).contains(&"std::fs".to_owned()));
        let production = texts(&outside_tests(parse(text)));
        assert!(
            !production.contains(&"std::fs".to_owned()),
            "{production:?}"
        );
        assert!(
            production.contains(&"tokio::y".to_owned()),
            "{production:?}"
        );
    }

    #[test]
    fn what_is_compiled_when_not_testing_is_production() {
        let production = texts(&outside_tests(parse(
            "#[cfg(not(test))] fn a() { kube::x() }",
        )));
        assert!(production.contains(&"kube::x".to_owned()), "{production:?}");
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(all(parse("\n\nfirst::second"))[0].line, 3);
    }
}
