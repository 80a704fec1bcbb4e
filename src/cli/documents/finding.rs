//! What to report about a file: errors, warnings and notes, each with its place.

use std::ops::Range;

use crate::documents::tree::Trouble;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Envoy or the filter would refuse it, or it would leave the app open.
    Fault,
    /// It works, but is probably not what was meant.
    Warning,
    /// Something to know, or something that couldn't be checked.
    Note,
}

/// One thing to report.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How serious it is.
    pub severity: Severity,
    /// The path of a setting as the filter names it; for anything else the path in the document.
    pub path: String,
    /// The path in the document. It is longer if the document contains more than the configuration.
    pub document_path: String,
    /// What it is.
    pub message: String,
    /// How to correct it, if that isn't obvious.
    pub help: Option<String>,
    /// The byte range in the file.
    pub span: Range<usize>,
    /// The range of the file that wasn't read because of it. Nothing is known about secrets there.
    pub unread: Option<Range<usize>>,
}

impl Finding {
    /// A finding about a part of the document.
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

    /// An error in a part of the document.
    pub fn fault(path: impl Into<String>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Fault, path, span, message)
    }

    /// A syntax error in a part of the document.
    pub fn trouble(path: impl Into<String>, Trouble { message, span, unread }: Trouble) -> Self {
        Self { unread: Some(unread), ..Self::fault(path, span, message) }
    }

    /// A warning about a part of the document.
    pub fn warning(path: impl Into<String>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, path, span, message)
    }

    /// Adds advice on how to correct it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
