//! Measuring: every case once per round, and the rounds one after the other, so that other load on the machine
//! affects all cases alike. The measured value is the CPU time of Envoy's process per request.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::{Client, Load};
use crate::process::cpu_time;

/// Simultaneous connections: enough to keep Envoy busy, and few enough that none waits long.
pub const CONNECTIONS: usize = 16;

/// How long after the last answer Envoy's time is read. The kernel counts a thread's time when the thread stops.
const SETTLING: Duration = Duration::from_millis(2);

/// Something to measure.
pub struct Case {
    pub name: String,
    /// The Envoy that is measured.
    pub pid: u32,
    pub load: Load,
    /// The index of the case without a filter that sends the same requests.
    pub baseline: Option<usize>,
    /// Requests per round.
    pub requests: usize,
}

impl Case {
    /// How long its first request is.
    pub fn request_bytes(&self) -> usize {
        self.load.requests.first().map_or(0, Vec::len)
    }
}

/// The cost of a case, round by round.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// Microseconds of CPU for one request.
    pub cpu: Vec<f64>,
    /// Requests per second.
    pub throughput: Vec<f64>,
}

/// Warm-up requests: Envoys take turns, and each finds the processor's caches full of another's code.
const WARM_UP: usize = 300;

/// Runs all cases for `rounds` rounds, after one warm-up round.
///
/// # Errors
/// If a case gets an unexpected response.
pub fn measure(cases: &[Case], rounds: usize) -> Result<Vec<Costs>, String> {
    let clients = cases.iter().map(|case| Client::connect(&case.load, CONNECTIONS));
    let mut clients = clients.collect::<Result<Vec<_>, _>>()?;
    let mut costs = vec![Costs::default(); cases.len()];
    for round in 0..=rounds {
        for step in 0..cases.len() {
            // Each round begins with another case, so that no case always follows the same one.
            let number = (step + round) % cases.len();
            let case = &cases[number];
            let (cpu, took) = turn(case, &mut clients[number], round)?;
            if round > 0 {
                costs[number].cpu.push(micros(cpu) / case.requests as f64);
                costs[number].throughput.push(case.requests as f64 / took.as_secs_f64());
            }
        }
        eprint!("\r  round {round} of {rounds} ");
    }
    eprintln!();
    Ok(costs)
}

/// One turn of a case: the CPU time of Envoy, and the time that it took.
fn turn(case: &Case, client: &mut Client, round: usize) -> Result<(Duration, Duration), String> {
    let failed = |error: String| format!("{}: {error}", case.name);
    // Requests that may be sent only once aren't used for the warm-up.
    if case.load.requests.len() == 1 {
        client.run(&case.load, 0, WARM_UP, false).map_err(failed)?;
        std::thread::sleep(SETTLING);
    }
    let before = cpu_time(case.pid).map_err(failed)?;
    let tally = client.run(&case.load, round * case.requests, case.requests, false).map_err(failed)?;
    std::thread::sleep(SETTLING);
    let used = cpu_time(case.pid).map_err(failed)?.saturating_sub(before);
    Ok((used, tally.took))
}

/// What a case costs over its baseline, round by round.
pub fn added(cases: &[Case], costs: &[Costs], number: usize) -> Option<Vec<f64>> {
    let baseline = &costs[cases[number].baseline?];
    Some(costs[number].cpu.iter().zip(&baseline.cpu).map(|(cost, base)| cost - base).collect())
}

pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The smallest, the middle, and the middle half's width of some figures.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    pub min: f64,
    pub median: f64,
    pub spread: f64,
}

impl Summary {
    pub fn of(figures: &[f64]) -> Self {
        let sorted = sorted(figures);
        let at = |share| quantile(&sorted, share);
        Self { min: at(0.0), median: at(0.5), spread: at(0.75) - at(0.25) }
    }

    pub fn to_json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "spread": self.spread })
    }
}

pub fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The quantile of sorted values at this share; not a number if there are none.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
