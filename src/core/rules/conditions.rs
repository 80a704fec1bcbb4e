//! What a rule demands of claims, and what is known about a person's claims.

use std::time::Duration;

use crate::rules::glob::Glob;
use crate::time::UnixTime;

/// A value of a claim in the form in which rules compare it. The form tells types apart: text begins with a quote.
pub fn text_value(text: &str) -> String {
    ["\"", text].concat()
}

/// The form of `true` and `false`.
pub const fn flag_value(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// The form of a number: its digits if it is whole, else its bits.
pub fn number_value(number: f64) -> String {
    // `as` saturates, and equal numbers have equal forms in any case.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::float_cmp)]
    let whole = (number as i64, number as i64 as f64 == number);
    match whole {
        (whole, true) => whole.to_string(),
        (_, false) => ["#", &number.to_bits().to_string()].concat(),
    }
}

/// The claims of a person that rules ask for, in the order of [`Rules::claims`](crate::rules::Rules::claims). `None`
/// if it isn't known whether the person has the claim: the session is older than the rule. A claim that the person
/// doesn't have is an empty list.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    values: Vec<Option<Vec<String>>>,
    is_complete: bool,
}

impl Facts {
    /// The facts of a person.
    pub fn new(values: Vec<Option<Vec<String>>>) -> Self {
        Self { is_complete: values.iter().all(Option::is_some), values }
    }

    /// Whether every claim that rules ask for is known.
    pub const fn are_complete(&self) -> bool {
        self.is_complete
    }

    fn of(&self, claim: usize) -> Option<&[String]> {
        self.values.get(claim)?.as_deref()
    }
}

/// What a rule demands of one claim.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The claim's index among [`Rules::claims`](crate::rules::Rules::claims).
    pub claim: usize,
    /// One of these values is required, in the form in which values are compared. In a claim that is a list, one item
    /// suffices.
    pub any: Vec<Glob>,
}

impl Condition {
    /// Whether the person meets it; `None` if the claim isn't known.
    pub(super) fn is_met_by(&self, facts: &Facts) -> Option<bool> {
        let values = facts.of(self.claim)?;
        Some(values.iter().any(|value| self.any.iter().any(|wanted| wanted.matches(value))))
    }
}

/// The sign-in that a rule asks for: how long ago, how strong, by which methods (OIDC Core, section 2: `auth_time`,
/// `acr`, `amr`).
#[derive(Clone, Debug)]
pub struct StepUp {
    /// Identifies what is asked for; the same in all workers. Always even.
    pub id: u32,
    /// How long ago the person may have signed in.
    pub max_age: Option<Duration>,
    /// One of these authentication context classes is required, unless the list is empty.
    pub acr_any: Vec<String>,
    /// One of these authentication methods is required, unless the list is empty.
    pub amr_any: Vec<String>,
    /// The indexes of `auth_time`, `acr` and `amr` among [`Rules::claims`](crate::rules::Rules::claims).
    pub claims: [usize; 3],
}

/// What a person's sign-in lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Whether Cognito must ask for credentials again: `acr_values` alone makes it ask for what is missing, but it
    /// doesn't help against a sign-in that is too old or used another method.
    pub needs_prompt: bool,
}

impl StepUp {
    /// What is asked for, identified by its content.
    pub fn new(
        max_age: Option<Duration>,
        levels: Vec<String>,
        methods: Vec<String>,
        claims: [usize; 3],
    ) -> Self {
        // FNV-1a: nobody but the operator chooses these texts.
        let mut id = 0x811c_9dc5_u32;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                id = (id ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
            }
        };
        add(&max_age.map_or(0, |age| age.as_secs()).to_le_bytes());
        for list in [&levels, &methods] {
            for text in list {
                add(text.as_bytes());
                add(&[0]);
            }
            add(&[1]);
        }
        Self { id: id & !1, max_age, acr_any: levels, amr_any: methods, claims }
    }

    /// What the person's sign-in lacks at `now`; `Ok(None)` if it lacks nothing.
    ///
    /// # Errors
    /// If a claim isn't known.
    pub fn unmet(&self, facts: &Facts, now: UnixTime) -> Result<Option<Unmet>, UnknownClaim> {
        let [auth_time, acr, amr] = self.claims;
        let is_old = match self.max_age {
            Some(max_age) => {
                !facts.of(auth_time).ok_or(UnknownClaim)?.iter().any(|value| is_younger(value, max_age, now))
            }
            None => false,
        };
        let lacks_method = lacks(&self.amr_any, facts, amr)?;
        let needs_prompt = is_old || lacks_method;
        Ok((lacks(&self.acr_any, facts, acr)? || needs_prompt).then_some(Unmet { needs_prompt }))
    }
}

/// It isn't known whether a person has a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownClaim;

/// Whether an `auth_time` is at most `max_age` ago. One in the future is another clock's now.
fn is_younger(auth_time: &str, max_age: Duration, now: UnixTime) -> bool {
    auth_time.parse().is_ok_and(|signed_in_at| now.since(UnixTime::from_secs(signed_in_at)) <= max_age)
}

fn lacks(any: &[String], facts: &Facts, claim: usize) -> Result<bool, UnknownClaim> {
    if any.is_empty() {
        return Ok(false);
    }
    let is_wanted = |value: &String| {
        let text = value.strip_prefix('"');
        text.is_some_and(|text| any.iter().any(|wanted| wanted == text))
    };
    Ok(!facts.of(claim).ok_or(UnknownClaim)?.iter().any(is_wanted))
}
