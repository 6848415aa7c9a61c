//! A text as tokens: words between white space, and quoted ones.
//!
//! The rules are those of the Caddyfile lexer that CoreDNS uses, its oddities included: a `#` inside a word
//! ends the word and hides the text up to the next white space only, a closing quote ends the token even
//! without white space after it, and a backslash escapes nothing but a quote, and only within quotes.

use std::sync::Arc;

use super::fault::{Fault, Place, Source};

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// Where it begins; for a quoted one, at its quote.
    pub(super) place: Place,
}

impl Token {
    /// Whether `next` continues this token's line.
    pub(super) fn is_continued_by(&self, next: &Self) -> bool {
        self.place.source == next.place.source && self.last_line() == next.place.line
    }

    /// Whether `next` begins a later line, or comes from another text.
    ///
    /// Not the opposite of [`Token::is_continued_by`]: tokens of a snippet that follow those of another one
    /// may stand on an earlier line, and are neither.
    pub(super) fn is_before_line_of(&self, next: &Self) -> bool {
        self.place.source != next.place.source || self.last_line() < next.place.line
    }

    fn last_line(&self) -> u32 {
        let breaks = self.text.bytes().filter(|octet| *octet == b'\n').count();
        self.place
            .line
            .saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX))
    }
}

/// The tokens of a text.
///
/// # Errors
/// A quote that is not closed.
pub(super) fn tokens(source: &Arc<Source>, text: &str) -> Result<Vec<Token>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lexer = Lexer {
        source,
        rest: text.chars(),
        line: 1,
        column: 0,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    source: &'a Arc<Source>,
    rest: std::str::Chars<'a>,
    line: u32,
    column: u32,
}

impl Lexer<'_> {
    /// The next character; moves the place to it.
    fn character(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        self.column = self.column.saturating_add(1);
        Some(character)
    }

    fn end_line(&mut self) {
        self.line = self.line.saturating_add(1);
        self.column = 0;
    }

    fn place(&self) -> Place {
        Place {
            source: Arc::clone(self.source),
            line: self.line,
            column: self.column,
        }
    }

    fn next(&mut self) -> Result<Option<Token>, Fault> {
        let mut word: Option<Token> = None;
        let mut comment = false;
        while let Some(character) = self.character() {
            if character.is_whitespace() {
                if character == '\r' {
                    continue;
                }
                if character == '\n' {
                    self.end_line();
                    comment = false;
                }
                if word.is_some() {
                    return Ok(word);
                }
                continue;
            }
            comment |= character == '#';
            if comment {
                continue;
            }
            match &mut word {
                Some(word) => word.text.push(character),
                None if character == '"' => return self.quoted().map(Some),
                None => {
                    word = Some(Token {
                        text: character.to_string(),
                        place: self.place(),
                    });
                }
            }
        }
        Ok(word)
    }

    /// The rest of a quoted token, after its opening quote.
    fn quoted(&mut self) -> Result<Token, Fault> {
        let place = self.place();
        let mut text = String::new();
        let mut escaped = false;
        while let Some(character) = self.character() {
            if !escaped {
                match character {
                    '\\' => {
                        escaped = true;
                        continue;
                    }
                    '"' => return Ok(Token { text, place }),
                    _ => {}
                }
            }
            if character == '\n' {
                self.end_line();
            }
            if escaped && character != '"' {
                text.push('\\');
            }
            text.push(character);
            escaped = false;
        }
        Err(place.fault("found a quote that is never closed; a second `\"` is wanted"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Arc<Source> {
        Arc::new(Source {
            path: "/etc/coredns/Corefile".to_owned(),
            shown: "Corefile".to_owned(),
        })
    }

    fn words(text: &str) -> Vec<String> {
        tokens(&source(), text)
            .unwrap()
            .into_iter()
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn words_are_split_as_caddy_splits_them() {
        for (text, expected) in [
            ("a b\tc\r\nd", &["a", "b", "c", "d"][..]),
            ("a {\n}\n", &["a", "{", "}"]),
            ("a{ }b", &["a{", "}b"]),
            ("# whole line\na # rest\nb", &["a", "b"]),
            // A comment that begins inside a word ends at white space, not at the line's end.
            ("a#b c\nd", &["a", "c", "d"]),
            (r#""a b" "" "c\"d" "e\f""#, &["a b", "", "c\"d", "e\\f"]),
            (r#""a"b c"d"#, &["a", "b", "c\"d"]),
            ("\u{feff}a", &["a"]),
            ("", &[]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_token_knows_where_it_begins() {
        let tokens = tokens(&source(), "a\n  bc \"d\ne\" f").unwrap();
        let places: Vec<_> = tokens.iter().map(|token| token.place.to_string()).collect();
        assert_eq!(
            places,
            [
                "Corefile:1:1",
                "Corefile:2:3",
                "Corefile:2:6",
                "Corefile:3:4"
            ]
        );
        assert!(tokens[2].is_continued_by(&tokens[3]), "a quoted line break");
        assert!(tokens[0].is_before_line_of(&tokens[1]));
    }

    #[test]
    fn an_open_quote_is_told_with_its_place() {
        let fault = tokens(&source(), "a\n b \"c").unwrap_err();
        assert!(fault.to_string().starts_with("Corefile:2:4: "), "{fault}");
    }
}
