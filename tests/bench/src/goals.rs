//! The goals of `docs/performance.md`, each with what was measured.

use serde_json::{Value, json};

use crate::cases::Measured;
use crate::chains::{
    CALLS, NATIVE_CALLS, NATIVE_NOTHING, NATIVE_SIGNED_IN, OAUTH2, OAUTH2_AND_JWT, SIGNED_IN,
    measure_signed_in,
};
use crate::lab::Lab;
use crate::report::Table;
use crate::sign_in;

/// The ratio of what one case adds to what another one adds.
pub struct Ratio {
    case: String,
    other: String,
    by_medians: f64,
    by_the_least: f64,
    goal: Option<f64>,
}

impl Ratio {
    /// `None` if one of the cases wasn't measured.
    pub fn of(measured: &Measured, case: &str, other: &str, goal: Option<f64>) -> Option<Self> {
        let median = |name: &str| Some(measured.added(name)?.median);
        Some(Self {
            case: case.to_owned(),
            other: other.to_owned(),
            by_medians: median(case)? / median(other)?,
            by_the_least: measured.least_added(case)? / measured.least_added(other)?,
            goal,
        })
    }

    fn verdict(&self) -> &'static str {
        match self.goal {
            None => "",
            Some(goal) if self.by_medians <= goal => "met",
            Some(_) => "not met",
        }
    }
}

/// The goals, and the least that can be reached: what a filter adds that only makes the same calls.
const GOALS: [(&str, &str, Option<f64>); 8] = [
    (NATIVE_SIGNED_IN, OAUTH2_AND_JWT, Some(0.2)),
    (NATIVE_CALLS, OAUTH2_AND_JWT, None),
    (NATIVE_SIGNED_IN, OAUTH2, Some(0.25)),
    (NATIVE_CALLS, OAUTH2, None),
    (NATIVE_SIGNED_IN, NATIVE_NOTHING, Some(2.0)),
    (NATIVE_CALLS, NATIVE_NOTHING, None),
    (SIGNED_IN, OAUTH2_AND_JWT, Some(0.5)),
    (CALLS, OAUTH2_AND_JWT, None),
];

/// Measures everything that has a goal, and prints the goals in one table. `BENCH_BEFORE` names an earlier build of the
/// wasm filter; a sign-in and a refresh are compared with it.
///
/// # Errors
/// If something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    let signed_in = measure_signed_in(lab, rounds)?;
    let rows = signed_in.print("chain");
    let sign_in = sign_in::measure(lab, rounds)?;
    let steps = sign_in.print("step");
    let mut ratios: Vec<Ratio> =
        GOALS.iter().filter_map(|(case, other, goal)| Ratio::of(&signed_in, case, other, *goal)).collect();
    ratios.extend(Ratio::of(&signed_in, SIGNED_IN, CALLS, Some(1.5)));
    for step in [sign_in::REDIRECT, sign_in::CALLBACK, sign_in::REFRESH] {
        ratios.extend(Ratio::of(&sign_in, step, &sign_in::before_name(step), Some(0.5)));
    }
    let callbacks = [sign_in::CALLBACK.to_owned(), sign_in::native_callback()];
    let callbacks =
        callbacks.iter().filter_map(|case| Ratio::of(&sign_in, case, sign_in::OAUTH2_CALLBACK, None));
    ratios.extend(callbacks);
    Ok(json!({ "signed_in": rows, "sign_in": steps, "goals": print(&ratios) }))
}

/// Prints ratios. Returns them for the report.
pub fn print(ratios: &[Ratio]) -> Value {
    let mut table = Table::new(&["added by", "as against", "by medians", "by the least", "goal", ""]);
    let mut rows = Vec::new();
    for ratio in ratios {
        table.row(&[
            ratio.case.clone(),
            ratio.other.clone(),
            format!("{:.2}", ratio.by_medians),
            format!("{:.2}", ratio.by_the_least),
            ratio.goal.map_or_else(String::new, |goal| format!("{goal}")),
            ratio.verdict().to_owned(),
        ]);
        rows.push(json!({
            "case": ratio.case,
            "against": ratio.other,
            "by_medians": ratio.by_medians,
            "by_the_least": ratio.by_the_least,
            "goal": ratio.goal,
        }));
    }
    table.print();
    Value::Array(rows)
}
