//! What is to be said of a file: faults, warnings and notes, each at its place.

use std::ops::Range;

use crate::documents::tree::Trouble;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Envoy or the filter would refuse it, or it would leave the app open.
    Fault,
    /// It works, and is most likely not what was meant.
    Warning,
    /// Something to know of, or that couldn't be looked at.
    Note,
}

/// One thing to be said.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The path: of a setting as the filter names it, of anything else in the document.
    pub path: String,
    /// The path in the document, which is longer where the document holds more than the configuration.
    pub document_path: String,
    /// What it is.
    pub message: String,
    /// What to do about it, where that isn't plain.
    pub help: Option<String>,
    /// Where it stands, in bytes of the file.
    pub span: Range<usize>,
    /// What of the file wasn't read because of it, so that nobody knows what is a secret there.
    pub unread: Option<Range<usize>>,
}

impl Finding {
    /// Something about a part of the document.
    pub fn new(
        severity: Severity,
        path: impl Into<String>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let path = path.into();
        Self {
            severity,
            document_path: path.clone(),
            path,
            message: message.into(),
            help: None,
            span,
            unread: None,
        }
    }

    /// A fault of a part of the document.
    pub fn fault(path: impl Into<String>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Fault, path, span, message)
    }

    /// A fault of how a part of the document is written.
    pub fn trouble(path: impl Into<String>, Trouble { message, span, unread }: Trouble) -> Self {
        Self { unread: Some(unread), ..Self::fault(path, span, message) }
    }

    /// A warning about a part of the document.
    pub fn warning(path: impl Into<String>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, path, span, message)
    }

    /// The same with a word on what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
