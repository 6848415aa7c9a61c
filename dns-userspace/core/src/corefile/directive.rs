//! A directive's arguments and the entries of its block, split as CoreDNS's plugins read them.

use super::{fault::Fault, lexer::Token, parser::Directive};

/// A directive, split.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// What stands on the directive's own line.
    pub(super) arguments: Vec<&'a Token>,
    /// The lines of its block; each begins with the name of an option.
    pub(super) entries: Vec<Entry<'a>>,
}

/// One line of a directive's block.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a Token,
    pub(super) arguments: Vec<&'a Token>,
}

impl Directive {
    /// Checks that everything stands on the directive's line or in its block.
    ///
    /// CoreDNS reads what does not, such as a `{` on a line of its own, into the directive before it, and
    /// most plugins pass over it.
    ///
    /// # Errors
    /// There is something else.
    pub(super) fn bounded(&self) -> Result<(), Fault> {
        let mut rest = self.tokens.iter().peekable();
        let arguments = line(&self.name, &mut rest);
        let last = arguments.last().copied().unwrap_or(&self.name);
        if rest
            .next_if(|token| token.text == "{" && last.is_continued_by(token))
            .is_some()
        {
            let mut depth = 1_usize;
            while depth > 0
                && let Some(token) = rest.next()
            {
                match token.text.as_str() {
                    "{" => depth = depth.saturating_add(1),
                    "}" => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
        }
        match rest.next() {
            None => Ok(()),
            Some(token) => Err(self.unbounded(token)),
        }
    }

    fn unbounded(&self, token: &Token) -> Fault {
        token.place.fault(format!(
            "found `{}` after the directive `{}`; the end of its line is wanted",
            token.text, self.name.text
        ))
    }

    /// Splits a directive.
    ///
    /// Stricter than CoreDNS, which reads some malformed ones in ways that nobody means.
    ///
    /// # Errors
    /// Blocks within the block, and braces that do not stand where one puts them.
    pub(super) fn parts(&self) -> Result<Parts<'_>, Fault> {
        let mut rest = self.tokens.iter().peekable();
        let arguments = line(&self.name, &mut rest);
        let mut entries = Vec::new();
        if let Some(brace) = rest.next_if(|token| token.text == "{") {
            let before = arguments.last().copied().unwrap_or(&self.name);
            if !before.is_continued_by(brace) {
                return Err(brace.place.fault(format!(
                    "found `{{` on a line of its own; it is wanted on the line of `{}`",
                    self.name.text
                )));
            }
            loop {
                let Some(name) = rest.next() else {
                    return Err(brace
                        .place
                        .fault("found `{` that is never closed; `}` is wanted"));
                };
                match name.text.as_str() {
                    "}" => break,
                    "{" => return Err(nested(name)),
                    _ => {}
                }
                let arguments = line(name, &mut rest);
                if let Some(brace) = arguments.iter().find(|argument| argument.text == "}") {
                    return Err(brace.place.fault(
                        "found `}` on an option's line; it is wanted on a line of its own",
                    ));
                }
                entries.push(Entry { name, arguments });
            }
        }
        match rest.next() {
            None => Ok(Parts { arguments, entries }),
            Some(token) if token.text == "{" => Err(nested(token)),
            Some(token) => Err(self.unbounded(token)),
        }
    }
}

fn nested(brace: &Token) -> Fault {
    brace
        .place
        .fault("found a block within a directive's block; an option is wanted")
}

/// The tokens that continue the line of `first`, up to a brace that opens a block.
fn line<'a>(
    first: &'a Token,
    rest: &mut std::iter::Peekable<std::slice::Iter<'a, Token>>,
) -> Vec<&'a Token> {
    let mut last = first;
    let mut tokens = Vec::new();
    while let Some(token) = rest.next_if(|token| token.text != "{" && last.is_continued_by(token)) {
        last = token;
        tokens.push(token);
    }
    tokens
}

impl Entry<'_> {
    /// The only argument.
    ///
    /// # Errors
    /// None, or more than one.
    pub(super) fn only(&self) -> Result<&Token, Fault> {
        match self.arguments.as_slice() {
            [argument] => Ok(argument),
            others => Err(self.name.place.fault(format!(
                "found `{}` with {} arguments; one is wanted",
                self.name.text,
                others.len()
            ))),
        }
    }

    /// Checks that there are no arguments.
    ///
    /// # Errors
    /// There are.
    pub(super) fn alone(&self) -> Result<(), Fault> {
        match self.arguments.first() {
            None => Ok(()),
            Some(argument) => Err(argument.place.fault(format!(
                "found `{}` after `{}`; the end of the line is wanted",
                argument.text, self.name.text
            ))),
        }
    }

    /// That this option is not known.
    pub(super) fn unknown(&self, plugin: &str) -> Fault {
        self.name.place.fault(format!(
            "found the option `{}` of `{plugin}`, which is not known here; left to the DNS service",
            self.name.text
        ))
    }
}

/// A number.
///
/// # Errors
/// Other texts.
pub(super) fn number(token: &Token) -> Result<u32, Fault> {
    token.text.parse().map_err(|_| {
        token
            .place
            .fault(format!("found `{}`; a number is wanted", token.text))
    })
}
