//! The settings of a rule that depend on claims: conditions, and the sign-in that it asks for.

use std::time::Duration;

use crate::cognito::identity::{AUTH_TIME, is_flag, is_text};
use crate::config::document::Node;
use crate::config::reader::{Section, path_of};
use crate::config::rules::read_list;
use crate::rules::glob::Glob;
use crate::rules::{Condition, StepUp, flag_value, number_value, text_value};

/// The index of a claim among those that rules ask for. Adds it if no earlier rule asks for it.
fn index_of(claim: &str, claims: &mut Vec<String>) -> usize {
    claims.iter().position(|known| known == claim).unwrap_or_else(|| {
        claims.push(claim.to_owned());
        claims.len() - 1
    })
}

/// Reads `claims`: an object of claims, each with the value or the list of values that it may have.
pub(super) fn read_claims(section: &Section<'_>, claims: &mut Vec<String>) -> Vec<Condition> {
    let Some(members) = section.members("claims") else { return Vec::new() };
    if section.has("claims") && members.is_empty() {
        section.fault("claims", "is empty; remove it if it doesn't matter");
    }
    let mut conditions = Vec::new();
    for (name, node) in members {
        let at = path_of("claims", name);
        if name.trim() != name || name.is_empty() {
            section.fault(&at, "is not the name of a claim");
        }
        let any = match node {
            Node::List(list) if list.is_empty() => {
                section.fault(&at, "is empty; remove it if it doesn't matter");
                Vec::new()
            }
            Node::List(list) => {
                let item = |(index, node)| read_value(section, &format!("{at}[{index}]"), name, node);
                list.iter().enumerate().filter_map(item).collect()
            }
            node => read_value(section, &at, name, node).into_iter().collect(),
        };
        conditions.push(Condition { claim: index_of(name, claims), any });
    }
    conditions
}

/// A value of a claim that a rule accepts.
fn read_value(section: &Section<'_>, at: &str, claim: &str, node: &Node) -> Option<Glob> {
    let fault = |message: &str| {
        section.fault(at, message);
        None
    };
    match node {
        Node::Text(text) if text.trim().is_empty() => {
            fault("is empty; a claim that is empty counts as absent")
        }
        Node::Text(_) if is_flag(claim) => {
            fault("can never match: this claim is true or false, without quotes")
        }
        Node::Text(text) if claim == "email" => Some(Glob::new(text_value(&text.to_ascii_lowercase()))),
        Node::Text(text) => Some(Glob::new(text_value(text))),
        Node::Bool(_) | Node::Number(_) if is_text(claim) => {
            fault("can never match: Cognito sends this claim as text; write the value in quotes")
        }
        Node::Number(_) if is_flag(claim) => fault("can never match: this claim is true or false"),
        Node::Bool(flag) => Some(Glob::new(flag_value(*flag).to_owned())),
        Node::Number(number) => Some(Glob::new(number_value(*number))),
        Node::Unresolved => None,
        Node::Null | Node::List(_) | Node::Map(_) => {
            fault(&format!("{} where text, a number, true or false is needed", node.kind()))
        }
    }
}

/// Reads `max_age`, `acr_any` and `amr_any`.
pub(super) fn read_step_up(section: &Section<'_>, claims: &mut Vec<String>) -> Option<StepUp> {
    let max_age = section.optional_duration("max_age");
    if max_age.is_some_and(|age| age < Duration::from_secs(1) || age.subsec_nanos() != 0) {
        section.fault("max_age", "must be at least 1s, in whole seconds");
    }
    let levels = read_words(section, "acr_any");
    let methods = read_words(section, "amr_any");
    if max_age.is_none() && levels.is_empty() && methods.is_empty() {
        return None;
    }
    // Only the claims that the rule needs. Whether asking for a method helps is known from the time of the sign-in.
    let mut index = |is_needed: bool, claim| if is_needed { index_of(claim, claims) } else { usize::MAX };
    let indexes = [
        index(max_age.is_some() || !methods.is_empty(), AUTH_TIME),
        index(!levels.is_empty(), "acr"),
        index(!methods.is_empty(), "amr"),
    ];
    Some(StepUp::new(max_age, levels, methods, indexes))
}

/// A list of names that go into `acr_values`, where spaces separate them, and into a header, where they are quoted.
fn read_words(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let list = read_list(section, key);
    let mut words: Vec<String> = Vec::new();
    for (index, word) in list {
        let is_word = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if word.is_empty() || word.len() > 255 || !word.bytes().all(is_word) {
            section.fault(
                &format!("{key}[{index}]"),
                format!("`{word}` is not a valid value: it can't contain spaces, quotes or other special characters"),
            );
        }
        words.push(word);
    }
    words
}
