//! Cases that are measured together, and their results.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::lab::Site;
use crate::load::Load;
use crate::report::{Table, figure};
use crate::rounds::{Case, Costs, Summary, added, measure};

/// Cases to measure, each with the default number of requests per round.
pub struct Cases {
    list: Vec<Case>,
    requests: usize,
}

impl Cases {
    /// Cases with so many requests per round, or with `BENCH_REQUESTS`.
    pub fn new(requests: usize) -> Self {
        let wanted = std::env::var("BENCH_REQUESTS").ok().and_then(|wanted| wanted.parse().ok());
        Self { list: Vec::new(), requests: wanted.unwrap_or(requests) }
    }

    /// Adds a case. Returns its index, to use it as a baseline.
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

    /// Sets the number of requests per round for the last case.
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

/// Cases, and the cost of each.
pub struct Measured {
    cases: Vec<Case>,
    costs: Vec<Costs>,
}

impl Measured {
    /// What the case of that name adds to its baseline.
    pub fn added(&self, name: &str) -> Option<Summary> {
        self.added_by(self.number(name)?)
    }

    /// The minimum that a case adds: its best round less the best round of its baseline.
    pub fn least_added(&self, name: &str) -> Option<f64> {
        let number = self.number(name)?;
        let least = |number: usize| Summary::of(&self.costs[number].cpu).min;
        Some(least(number) - least(self.cases[number].baseline?))
    }

    /// Prints all cases with their whole cost, and its ratio to that of the first: by the medians of the rounds, and by
    /// their minima. For requests that the filter answers, there is no baseline: they don't go upstream. Returns them
    /// for the report.
    pub fn print_whole(&self, what: &str) -> Value {
        let mut table =
            Table::new(&[what, "bytes", "CPU µs", "spread", "to the first", "least µs", "to the first"]);
        let costs: Vec<Summary> = self.costs.iter().map(|costs| Summary::of(&costs.cpu)).collect();
        let mut rows = Vec::new();
        for (case, cpu) in self.cases.iter().zip(&costs) {
            let first = costs.first().unwrap_or(cpu);
            let (median, least) = (cpu.median / first.median, cpu.min / first.min);
            table.row(&[
                case.name.clone(),
                case.request_bytes().to_string(),
                figure(cpu.median),
                figure(cpu.spread),
                format!("{median:.3}"),
                figure(cpu.min),
                format!("{least:.3}"),
            ]);
            rows.push(json!({
                "case": case.name,
                "cpu_us": cpu.to_json(),
                "to_the_first": median,
                "least_to_the_first": least,
            }));
        }
        table.print();
        Value::Array(rows)
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.cases.iter().position(|case| case.name == name)
    }

    /// How much more a case costs than another one: the median of the differences in each round.
    pub fn median_between(&self, less: &str, more: &str) -> Option<f64> {
        let (less, more) = (&self.costs[self.number(less)?].cpu, &self.costs[self.number(more)?].cpu);
        let differences: Vec<f64> = more.iter().zip(less).map(|(more, less)| more - less).collect();
        Some(Summary::of(&differences).median)
    }

    /// The same for the best round of each.
    pub fn least_between(&self, less: &str, more: &str) -> Option<f64> {
        let least = |name: &str| Some(Summary::of(&self.costs[self.number(name)?].cpu).min);
        Some(least(more)? - least(less)?)
    }

    fn added_by(&self, number: usize) -> Option<Summary> {
        added(&self.cases, &self.costs, number).map(|figures| Summary::of(&figures))
    }

    /// Prints every case, including baselines. Returns them for the report.
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

    /// Prints the cases that have a baseline, and the ratio of what each adds to what the first adds: by the medians
    /// of the rounds, and by their minima, which a busy machine disturbs less. Returns them for the report.
    pub fn print_growth(&self, what: &str) -> Value {
        let mut table = Table::new(&[
            what,
            "bytes",
            "no filter µs",
            "with it µs",
            "added µs",
            "spread",
            "to the first",
            "least added µs",
            "to the first",
        ]);
        let compared: Vec<Compared> =
            (0..self.cases.len()).filter_map(|number| self.compared(number)).collect();
        let first = compared.first();
        for case in &compared {
            table.row(&case.cells(first.unwrap_or(case)));
        }
        table.print();
        compared.iter().map(|case| case.to_json(first.unwrap_or(case))).collect()
    }

    fn compared(&self, number: usize) -> Option<Compared<'_>> {
        let (case, over) = (&self.cases[number], self.added_by(number)?);
        let (base, cpu) =
            (Summary::of(&self.costs[case.baseline?].cpu), Summary::of(&self.costs[number].cpu));
        Some(Compared { case, base, cpu, over, least: cpu.min - base.min })
    }
}

/// A case beside its baseline.
struct Compared<'a> {
    case: &'a Case,
    base: Summary,
    cpu: Summary,
    over: Summary,
    /// What the best round adds to the baseline's best.
    least: f64,
}

impl Compared<'_> {
    fn cells(&self, first: &Compared<'_>) -> [String; 9] {
        [
            self.case.name.clone(),
            self.case.request_bytes().to_string(),
            figure(self.base.median),
            figure(self.cpu.median),
            figure(self.over.median),
            figure(self.over.spread),
            format!("{:.2}", self.over.median / first.over.median),
            figure(self.least),
            format!("{:.2}", self.least / first.least),
        ]
    }

    fn to_json(&self, first: &Compared<'_>) -> Value {
        json!({
            "case": self.case.name,
            "request_bytes": self.case.request_bytes(),
            "no_filter_us": self.base.to_json(),
            "cpu_us": self.cpu.to_json(),
            "added_us": self.over.to_json(),
            "to_the_first": self.over.median / first.over.median,
            "least_added_us": self.least,
            "least_to_the_first": self.least / first.least,
        })
    }
}
