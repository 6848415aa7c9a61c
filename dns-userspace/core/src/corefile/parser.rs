//! The Corefile's server blocks: their keys, and the directives of each, in order.
//!
//! As in Caddyfiles, imports and snippets are spliced in as tokens, before what they mean is looked at.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    fault::{Fault, Place, Source},
    import,
    lexer::{Token, tokens},
    mounted::{File, Mounted, file_of},
    variables,
};

/// More tokens than this, imports included, are not read: a Corefile has a few hundred.
const TOKENS: usize = 100_000;
/// More imports than this are taken for one that imports itself.
const IMPORTS: u32 = 500;

/// A server block.
#[derive(Debug)]
pub(super) struct Block {
    /// Zones with ports; never empty.
    pub(super) keys: Vec<Token>,
    pub(super) directives: Vec<Directive>,
}

/// A directive of a server block: mostly, the name of a plugin and its options.
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) name: Token,
    /// All that follows the name.
    pub(super) tokens: Vec<Token>,
}

/// The server blocks of the Corefile.
///
/// # Errors
/// A Corefile whose text, or that of a file it imports, is not known or cannot be split into blocks: then
/// nothing in it is certain.
pub(super) fn blocks(mounted: &Mounted) -> Result<Vec<Block>, Fault> {
    let source = Arc::new(Source {
        path: mounted.path.clone(),
        shown: file_of(&mounted.path).to_owned(),
    });
    let start = Place {
        source: Arc::clone(&source),
        line: 1,
        column: 1,
    };
    let File::Known(text) = mounted.file(&mounted.path) else {
        return Err(start.fault(format!(
            "there is no text of {}; it is read from the ConfigMap that is mounted there",
            mounted.path
        )));
    };
    let mut parser = Parser {
        mounted,
        tokens: tokens(&source, text)?,
        next: 0,
        snippets: BTreeMap::new(),
        imports: 0,
        start,
    };
    let mut blocks = Vec::new();
    while parser.next < parser.tokens.len() {
        blocks.extend(parser.block()?);
    }
    Ok(blocks)
}

/// Whether CoreDNS certainly refuses the Corefile: a brace is never closed, and no import or variable can
/// close it.
pub(super) fn is_refused(mounted: &Mounted) -> bool {
    let File::Known(text) = mounted.file(&mounted.path) else {
        return false;
    };
    let source = Arc::new(Source {
        path: mounted.path.clone(),
        shown: file_of(&mounted.path).to_owned(),
    });
    let Ok(tokens) = tokens(&source, text) else {
        return false;
    };
    let count = |brace: &str| tokens.iter().filter(|token| token.text == brace).count();
    let is_open = tokens.iter().any(|token| {
        token.text == "import" || token.text.contains("{$") || token.text.contains("{%")
    });
    !is_open && count("{") > count("}")
}

struct Parser<'a> {
    mounted: &'a Mounted,
    tokens: Vec<Token>,
    /// Index of the token that is read next.
    next: usize,
    snippets: BTreeMap<String, Vec<Token>>,
    imports: u32,
    start: Place,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn previous(&self) -> Option<&Token> {
        self.next.checked_sub(1).and_then(|at| self.tokens.get(at))
    }

    fn begins_line(&self) -> bool {
        match (self.previous(), self.peek()) {
            (Some(previous), Some(token)) => previous.is_before_line_of(token),
            _ => true,
        }
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned()?;
        self.next = self.next.saturating_add(1);
        Some(token)
    }

    fn ended(&self, wanted: &str) -> Fault {
        let place = self.tokens.last().map_or(&self.start, |last| &last.place);
        place.fault(format!(
            "found the end of the Corefile after this; {wanted} is wanted"
        ))
    }

    fn expanded(&self, token: Token) -> Result<Token, Fault> {
        match variables::expand(&token.text, &self.mounted.environment) {
            Ok(text) => Ok(Token { text, ..token }),
            Err(message) => Err(token.place.fault(message)),
        }
    }

    /// The next block; none if it was a snippet, or nothing but imports of nothing.
    fn block(&mut self) -> Result<Option<Block>, Fault> {
        let keys = self.keys()?;
        let snippet = match keys.as_slice() {
            [key] => key
                .text
                .strip_prefix('(')
                .and_then(|name| name.strip_suffix(')')),
            _ => None,
        };
        if let Some(name) = snippet {
            let name = name.to_owned();
            let body = self.snippet()?;
            if self.snippets.insert(name.clone(), body).is_some() {
                let place = keys.first().map_or(&self.start, |key| &key.place);
                return Err(place.fault(format!("found a second snippet `{name}`; one is wanted")));
            }
            return Ok(None);
        }
        let directives = match self.peek() {
            None => Vec::new(),
            Some(brace) if brace.text == "{" => {
                self.next = self.next.saturating_add(1);
                self.directives(true)?
            }
            Some(_) => self.directives(false)?,
        };
        Ok((!keys.is_empty()).then_some(Block { keys, directives }))
    }

    fn keys(&mut self) -> Result<Vec<Token>, Fault> {
        let mut keys: Vec<Token> = Vec::new();
        let mut another = false;
        while let Some(token) = self.peek().cloned() {
            let mut token = self.expanded(token)?;
            if token.text == "import" && self.begins_line() {
                self.import()?;
                continue;
            }
            if token.text == "{" {
                if another {
                    return Err(token
                        .place
                        .fault("found `{` after a comma; another zone is wanted"));
                }
                return Ok(keys);
            }
            if token.text == "}" {
                return Err(token
                    .place
                    .fault("found `}` where no block is open; a zone is wanted"));
            }
            self.next = self.next.saturating_add(1);
            if !token.text.is_empty() {
                another = token.text.ends_with(',');
                if another {
                    token.text.pop();
                }
                keys.push(token);
            }
            if !another && self.begins_line() {
                return Ok(keys);
            }
        }
        if another {
            return Err(self.ended("another zone"));
        }
        Ok(keys)
    }

    /// The tokens of a snippet's body, as they stand.
    fn snippet(&mut self) -> Result<Vec<Token>, Fault> {
        match self.take() {
            Some(brace) if brace.text == "{" => {}
            Some(other) => {
                let message = format!(
                    "found `{}` after a snippet's name; `{{` is wanted",
                    other.text
                );
                return Err(other.place.fault(message));
            }
            None => return Err(self.ended("`{`")),
        }
        let mut body = Vec::new();
        let mut depth = 1_usize;
        while let Some(token) = self.take() {
            match token.text.as_str() {
                "{" => depth = depth.saturating_add(1),
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Ok(body);
            }
            body.push(token);
        }
        Err(self.ended("the snippet's `}`"))
    }

    fn directives(&mut self, braced: bool) -> Result<Vec<Directive>, Fault> {
        let mut directives = Vec::new();
        while let Some(token) = self.peek() {
            match token.text.as_str() {
                "}" if braced => {
                    self.next = self.next.saturating_add(1);
                    return Ok(directives);
                }
                "}" => {
                    return Err(token
                        .place
                        .fault("found `}` where no block is open; a plugin is wanted"));
                }
                "{" => {
                    return Err(token
                        .place
                        .fault("found `{` without a plugin before it; a plugin is wanted"));
                }
                "import" => self.import()?,
                _ => directives.push(self.directive()?),
            }
        }
        if braced {
            return Err(self.ended("the block's `}`"));
        }
        Ok(directives)
    }

    fn directive(&mut self) -> Result<Directive, Fault> {
        let name = self.take().ok_or_else(|| self.ended("a plugin"))?;
        let name = self.expanded(name)?;
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match token.text.as_str() {
                "{" => depth = depth.saturating_add(1),
                _ if depth == 0 && self.begins_line() => break,
                "}" if depth == 0 => {
                    return Err(token.place.fault(
                        "found `}` on a directive's line; it is wanted on a line of its own",
                    ));
                }
                "}" => depth = depth.saturating_sub(1),
                "import" if self.begins_line() => {
                    self.import()?;
                    continue;
                }
                _ => {}
            }
            let token = token.clone();
            tokens.push(self.expanded(token)?);
            self.next = self.next.saturating_add(1);
        }
        if depth > 0 {
            return Err(self.ended(&format!("the `}}` of `{}`", name.text)));
        }
        Ok(Directive { name, tokens })
    }

    /// Puts what is imported in the place of the word `import`, which is next, and its argument.
    fn import(&mut self) -> Result<(), Fault> {
        let at = self.next;
        let Some(word) = self.take() else {
            return Err(self.ended("`import`"));
        };
        let argument = match self.peek() {
            Some(argument) if word.is_continued_by(argument) => argument.clone(),
            _ => {
                return Err(word
                    .place
                    .fault("found `import` alone; a file or snippet is wanted"));
            }
        };
        self.next = self.next.saturating_add(1);
        if let Some(more) = self.peek().filter(|more| argument.is_continued_by(more)) {
            return Err(more.place.fault(format!(
                "found `{}` after what is imported; the end of the line is wanted",
                more.text
            )));
        }
        let argument = self.expanded(argument)?;
        self.imports = self.imports.saturating_add(1);
        if self.imports > IMPORTS {
            return Err(argument.place.fault(format!(
                "found more than {IMPORTS} imports; this one may import itself"
            )));
        }
        let imported = match self.snippets.get(&argument.text) {
            Some(body) => body.clone(),
            None => import::tokens(self.mounted, &argument)?,
        };
        if self.tokens.len().saturating_add(imported.len()) > TOKENS {
            return Err(argument.place.fault(format!(
                "found more than {TOKENS} words, with what is imported; fewer are wanted"
            )));
        }
        self.tokens.splice(at..self.next, imported);
        self.next = at;
        Ok(())
    }
}
