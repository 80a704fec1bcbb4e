//! What the reader of the file refuses, although it is YAML.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use crate::documents::tree::Trouble;
use crate::documents::yaml::builder::{Builder, Reader};
use crate::documents::yaml::yaml_cpp;

impl Builder<'_> {
    /// Reports what the reader refuses in a scalar.
    pub(super) fn check_scalar(&mut self, range: Range<usize>, style: ScalarStyle) {
        let text = self.places.text;
        let who = self.reader.name();
        let in_flow = self.open.iter().any(|open| open.is_flow);
        let in_braces = self.open.last().is_some_and(|open| open.is_flow);
        let is_plain = style == ScalarStyle::Plain && !range.is_empty();
        if in_flow
            && is_plain
            && let Some((at, sign)) = yaml_cpp::refused_in_flow(text, &range)
        {
            let message = format!(
                "{who} refuses `{sign}` in an unquoted text between brackets or braces; put the text in quotes"
            );
            self.refuse(at, message);
        } else if in_braces && self.is_at_key() && yaml_cpp::is_cut_off(text, range.end) {
            self.refuse(range.start, format!("{who} requires the colon on the same line as its key"));
        }
        if self.reader == Reader::Envoy && !in_flow {
            self.check_tabs(range, is_plain);
        }
    }

    /// Reports the tabs around a scalar in a block that Envoy refuses.
    fn check_tabs(&mut self, range: Range<usize>, is_plain: bool) {
        let text = self.places.text;
        if self.is_at_key() && yaml_cpp::has_tab_before(text, range.start) {
            self.refuse(range.start, "Envoy refuses a tab before a key".to_owned());
        }
        let indent = self.open.last().map_or(0, |open| self.places.column(open.start) + 1);
        if is_plain && let Some(at) = yaml_cpp::tab_behind(text, range.end, indent) {
            self.refuse(at, "Envoy refuses a tab where a text might continue".to_owned());
        }
    }

    pub(super) fn refuse(&mut self, at: usize, message: String) {
        self.documents.troubles.push(Trouble { message, span: at..at + 1, unread: at..at });
    }

    /// Reports the commas that Envoy refuses between the brackets that open at `start`.
    pub(super) fn check_commas(&mut self, start: usize) {
        if self.reader != Reader::Envoy {
            return;
        }
        for at in yaml_cpp::leading_commas(self.places.text, start) {
            self.refuse(at, "since 1.38, Envoy refuses a comma at the start of a line".to_owned());
        }
    }
}
