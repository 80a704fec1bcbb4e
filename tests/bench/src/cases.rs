//! Cases that are measured together, and what is told of them.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::lab::Site;
use crate::load::Load;
use crate::report::{Table, figure};
use crate::rounds::{Case, Costs, Summary, added, measure};

/// Cases to be measured, each with so many requests a round where nothing else is said.
pub struct Cases {
    list: Vec<Case>,
    requests: usize,
}

impl Cases {
    pub const fn new(requests: usize) -> Self {
        Self { list: Vec::new(), requests }
    }

    /// Adds one. Gives its place, for those whose baseline it is.
    pub fn add(
        &mut self,
        name: &str,
        site: &Site,
        requests: Rc<Vec<Vec<u8>>>,
        status: u16,
        baseline: Option<usize>,
    ) -> usize {
        self.list.push(Case {
            name: name.to_owned(),
            pid: site.envoy.pid(),
            load: Load { address: site.address, requests, status },
            baseline,
            requests: self.requests,
        });
        self.list.len() - 1
    }

    /// Has the case that was added last send so many requests a round.
    pub fn send(&mut self, requests: usize) {
        if let Some(case) = self.list.last_mut() {
            case.requests = requests;
        }
    }

    /// # Errors
    /// As [`measure`].
    pub fn measure(self, rounds: usize) -> Result<Measured, String> {
        let costs = measure(&self.list, rounds)?;
        Ok(Measured { cases: self.list, costs })
    }
}

/// Cases, and what each has cost.
pub struct Measured {
    cases: Vec<Case>,
    costs: Vec<Costs>,
}

impl Measured {
    /// What the case of that name adds to its baseline.
    pub fn added(&self, name: &str) -> Option<Summary> {
        self.added_by(self.cases.iter().position(|case| case.name == name)?)
    }

    fn added_by(&self, number: usize) -> Option<Summary> {
        added(&self.cases, &self.costs, number).map(|figures| Summary::of(&figures))
    }

    /// Prints every case, baselines too. Gives the same for the report.
    pub fn print(&self, what: &str) -> Value {
        let mut table =
            Table::new(&[what, "bytes", "CPU µs", "min", "spread", "added µs", "spread", "req/s"]);
        let mut rows = Vec::new();
        for (number, (case, costs)) in self.cases.iter().zip(&self.costs).enumerate() {
            let (cpu, rate) = (Summary::of(&costs.cpu), Summary::of(&costs.throughput));
            let over = self.added_by(number);
            table.row(&[
                case.name.clone(),
                case.request_bytes().to_string(),
                figure(cpu.median),
                figure(cpu.min),
                figure(cpu.spread),
                over.map_or_else(String::new, |over| figure(over.median)),
                over.map_or_else(String::new, |over| figure(over.spread)),
                format!("{:.0}", rate.median),
            ]);
            rows.push(json!({
                "case": case.name,
                "request_bytes": case.request_bytes(),
                "cpu_us": cpu.to_json(),
                "added_us": over.map(Summary::to_json),
                "requests_per_second": rate.median,
            }));
        }
        table.print();
        Value::Array(rows)
    }

    /// Prints the cases that have a baseline, and how what each adds compares with what the first does. Gives
    /// the same for the report.
    pub fn print_growth(&self, what: &str) -> Value {
        let heads = [what, "bytes", "no filter µs", "with it µs", "added µs", "spread", "to the first"];
        let mut table = Table::new(&heads);
        let mut rows = Vec::new();
        let mut first = None;
        for (number, (case, costs)) in self.cases.iter().zip(&self.costs).enumerate() {
            let (Some(over), Some(baseline)) = (self.added_by(number), case.baseline) else { continue };
            let (base, cpu) = (Summary::of(&self.costs[baseline].cpu), Summary::of(&costs.cpu));
            let ratio = over.median / *first.get_or_insert(over.median);
            table.row(&[
                case.name.clone(),
                case.request_bytes().to_string(),
                figure(base.median),
                figure(cpu.median),
                figure(over.median),
                figure(over.spread),
                format!("{ratio:.2}"),
            ]);
            rows.push(json!({
                "case": case.name,
                "request_bytes": case.request_bytes(),
                "no_filter_us": base.to_json(),
                "cpu_us": cpu.to_json(),
                "added_us": over.to_json(),
                "to_the_first": ratio,
            }));
        }
        table.print();
        Value::Array(rows)
    }
}
