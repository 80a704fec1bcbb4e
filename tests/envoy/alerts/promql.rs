//! The part of PromQL that the documentation uses, evaluated with two scrapes of a real Envoy. Panics at everything
//! else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use promql_parser::label::METRIC_NAME;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, VectorSelector, parse,
};

/// Labels, including the name of the series.
pub type Labels = BTreeMap<String, String>;

/// The content of `/stats/prometheus`.
#[derive(Clone, Debug, Default)]
pub struct Scrape(BTreeMap<Labels, f64>);

impl Scrape {
    /// Reads the text format: one sample per line, and comments.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// With other names, as Prometheus does while it scrapes.
    pub fn relabelled(mut self, rule: &Relabelling) -> Self {
        // The part of a regular expression that the documentation uses: a fixed beginning and one group.
        let (beginning, group) = rule.regex.split_once('(').expect("a group");
        let kept = group.strip_suffix(".*)").expect("a group that ends with anything");
        assert_eq!(rule.replacement, "$1");
        let rename = |(mut labels, value): (Labels, f64)| {
            if let Some(rest) = labels[METRIC_NAME].strip_prefix(beginning)
                && rest.starts_with(kept)
            {
                let rest = rest.to_owned();
                labels.insert(METRIC_NAME.to_owned(), rest);
            }
            (labels, value)
        };
        self.0 = self.0.into_iter().map(rename).collect();
        self
    }

    /// The names of its series.
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.keys().map(|labels| labels[METRIC_NAME].as_str()).collect()
    }

    /// Whether the selector matches any series.
    pub fn has(&self, selector: &VectorSelector) -> bool {
        self.selected(selector).next().is_some()
    }

    fn selected<'a>(&'a self, selector: &VectorSelector) -> impl Iterator<Item = (&'a Labels, f64)> {
        assert!(selector.offset.is_none() && selector.at.is_none(), "not supported here: {selector}");
        let matches = |labels: &Labels| {
            let has = |name: &str| labels.get(name).map_or("", String::as_str);
            selector.name.as_ref().is_none_or(|name| has(METRIC_NAME) == name)
                && selector.matchers.matchers.iter().all(|matcher| matcher.is_match(has(&matcher.name)))
        };
        self.0.iter().filter(move |(labels, _)| matches(labels)).map(|(labels, value)| (labels, *value))
    }
}

fn sample(line: &str) -> Option<(Labels, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
    let mut labels: Labels =
        pairs.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect();
    labels.insert(METRIC_NAME.to_owned(), name.to_owned());
    Some((labels, value.parse().ok()?))
}

/// A rule that renames series.
pub struct Relabelling {
    pub regex: String,
    pub replacement: String,
}

/// Two scrapes with this time between them. What happened between them is assumed to continue for as long as an
/// expression looks back.
pub struct Scrapes {
    pub before: Scrape,
    pub after: Scrape,
    pub apart: Duration,
}

/// A value of PromQL.
enum Value {
    Scalar(f64),
    Vector(BTreeMap<Labels, f64>),
}

impl Scrapes {
    /// Whether an alert with that expression fires.
    pub fn fires(&self, expression: &str) -> bool {
        match self.value(&parse(expression).expect(expression)) {
            Value::Vector(vector) => !vector.is_empty(),
            Value::Scalar(_) => panic!("{expression} isn't a condition"),
        }
    }

    fn value(&self, expression: &Expr) -> Value {
        match expression {
            Expr::NumberLiteral(number) => Value::Scalar(number.val),
            Expr::Paren(paren) => self.value(&paren.expr),
            Expr::VectorSelector(selector) => Value::Vector(
                self.after.selected(selector).map(|(labels, value)| (labels.clone(), value)).collect(),
            ),
            Expr::Call(call) => Value::Vector(self.call(call)),
            Expr::Binary(binary) => Value::Vector(self.binary(binary)),
            Expr::Aggregate(aggregate) => Value::Vector(self.sum_by(aggregate)),
            other => panic!("not supported here: {other}"),
        }
    }

    fn call(&self, call: &Call) -> BTreeMap<Labels, f64> {
        let [argument] = call.args.args.as_slice() else { panic!("not supported here: {call}") };
        let Expr::MatrixSelector(MatrixSelector { vs, range }) = argument.as_ref() else {
            panic!("not supported here: {call}")
        };
        let times = match call.func.name {
            "rate" => 1.0,
            "increase" => range.as_secs_f64(),
            other => panic!("not supported here: {other}"),
        };
        // One sample is no increase: a series that is new has none.
        let grown = self.after.selected(vs).filter_map(|(labels, after)| {
            let before = self.before.0.get(labels)?;
            Some((unnamed(labels), (after - before) / self.apart.as_secs_f64() * times))
        });
        grown.collect()
    }

    fn sum_by(&self, aggregate: &AggregateExpr) -> BTreeMap<Labels, f64> {
        let Some(LabelModifier::Include(by)) = &aggregate.modifier else {
            panic!("not supported here: {aggregate}")
        };
        assert!(
            aggregate.op.to_string() == "sum" && aggregate.param.is_none(),
            "not supported here: {aggregate}"
        );
        let Value::Vector(vector) = self.value(&aggregate.expr) else {
            panic!("not supported here: {aggregate}")
        };
        let mut sums = BTreeMap::new();
        for (mut labels, value) in vector {
            labels.retain(|name, _| by.labels.contains(name));
            *sums.entry(labels).or_insert(0.0) += value;
        }
        sums
    }

    fn binary(&self, binary: &BinaryExpr) -> BTreeMap<Labels, f64> {
        let plain = binary
            .modifier
            .as_ref()
            .is_none_or(|modifier| !modifier.return_bool && modifier.matching.is_none());
        assert!(plain, "not supported here: {binary}");
        let Value::Vector(left) = self.value(&binary.lhs) else { panic!("not supported here: {binary}") };
        let operator = binary.op.to_string();
        match self.value(&binary.rhs) {
            Value::Scalar(right) => {
                let keeps = |left: f64| match operator.as_str() {
                    ">" => left > right,
                    "<" => left < right,
                    "==" => left.total_cmp(&right).is_eq(),
                    _ => panic!("not supported here: {binary}"),
                };
                left.into_iter().filter(|(_, value)| keeps(*value)).collect()
            }
            Value::Vector(right) => {
                let right: BTreeMap<Labels, f64> =
                    right.into_iter().map(|(labels, value)| (unnamed(&labels), value)).collect();
                let paired = left.into_iter().filter_map(|(labels, left)| {
                    let right = right.get(&unnamed(&labels))?;
                    match operator.as_str() {
                        "and" => Some((labels, left)),
                        "+" => Some((unnamed(&labels), left + right)),
                        _ => panic!("not supported here: {binary}"),
                    }
                });
                paired.collect()
            }
        }
    }
}

fn unnamed(labels: &Labels) -> Labels {
    labels.iter().filter(|(name, _)| *name != METRIC_NAME).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The series in an expression, by name, each with the labels that it selects by.
pub fn selectors(expression: &str) -> Vec<VectorSelector> {
    fn collect(expression: &Expr, found: &mut Vec<VectorSelector>) {
        match expression {
            Expr::VectorSelector(selector) => found.push(selector.clone()),
            Expr::MatrixSelector(matrix) => found.push(matrix.vs.clone()),
            Expr::Call(call) => call.args.args.iter().for_each(|argument| collect(argument, found)),
            Expr::Binary(binary) => [&binary.lhs, &binary.rhs].iter().for_each(|side| collect(side, found)),
            Expr::Aggregate(aggregate) => collect(&aggregate.expr, found),
            Expr::Unary(unary) => collect(&unary.expr, found),
            Expr::Paren(paren) => collect(&paren.expr, found),
            Expr::Subquery(subquery) => collect(&subquery.expr, found),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }
    let mut found = Vec::new();
    collect(&parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}")), &mut found);
    found
}

#[test]
fn an_increase_needs_two_samples_and_a_condition_a_series() {
    let scrapes = Scrapes {
        before: Scrape::read(
            "# TYPE a counter\na{x=\"1\",y=\"a, b\"} 0\na{x=\"2\"} 0\nb{x=\"1\",y=\"a, b\"} 3\n",
        ),
        after: Scrape::read("a{x=\"1\",y=\"a, b\"} 2\na{x=\"2\"} 2\nb{x=\"1\",y=\"a, b\"} 3\nnew{} 1\n"),
        apart: Duration::from_secs(10),
    };
    for (expression, fires) in [
        ("increase(a[10m]) > 119", true),
        ("increase(a[10m]) > 120", false),
        ("rate(a[5m]) > 0.1", true),
        ("rate(a{x=\"1\"}[5m]) > 0.1", true),
        ("rate(a{x=\"3\"}[5m]) > 0.1", false),
        ("sum by (z) (increase(a[10m])) > 239", true),
        ("sum by (z) (increase(a[10m])) > 240", false),
        ("sum by (x) (increase(a[10m])) > 120", false),
        ("sum by (z) (increase(a[10m])) > 0 and sum by (z) (increase(b[10m])) == 0", true),
        ("increase(b[10m]) == 0", true),
        ("increase(a[10m]) > 0 and increase(b[10m]) == 0", true),
        ("increase(a[10m]) > 0 and increase(b[10m]) > 0", false),
        ("increase(a[10m]) + increase(b[10m]) > 0", true),
        ("increase(new[10m]) > 0", false),
        ("new > 0", true),
        ("increase(missing[10m]) == 0", false),
    ] {
        assert_eq!(scrapes.fires(expression), fires, "{expression}");
    }
}
