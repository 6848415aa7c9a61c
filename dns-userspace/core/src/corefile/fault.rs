//! Where something stands in a Corefile, and what is wrong there.

use std::{fmt, sync::Arc};

/// A text that is read: the Corefile, or a file it imports.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Absolute path, to which its own imports are relative.
    pub(super) path: String,
    /// How people are told of it: `Corefile`, or the whole path of an imported file.
    pub(super) shown: String,
}

/// A place in a text; line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: Arc<Source>,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}:{}",
            self.source.shown, self.line, self.column
        )
    }
}

/// What is wrong at a place, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) message: String,
}

impl Place {
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault {
            place: self.clone(),
            message: message.into(),
        }
    }
}
