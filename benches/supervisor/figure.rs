//! Figures: samples, their middle and spread, beside those of a floor from the same run.

use serde_json::{Value, json};

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) samples: Vec<f64>,
    pub(crate) floor: Vec<f64>,
    pub(crate) aim: Aim,
}

/// What the figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// At most so much.
    AtMost(f64),
    /// At most so many times the floor.
    TimesFloor(f64),
    /// At least this share of the floor.
    ShareOfFloor(f64),
    /// At most so much above the floor.
    AboveFloor(f64),
    /// It is only shown.
    Shown,
}

impl Figure {
    /// A figure without a floor.
    pub(crate) fn plain(name: &str, unit: &'static str, samples: Vec<f64>, aim: Aim) -> Self {
        Self { name: name.to_owned(), unit, samples, floor: Vec::new(), aim }
    }

    /// The same with a floor.
    pub(crate) fn over(self, floor: Vec<f64>) -> Self {
        Self { floor, ..self }
    }

    /// Whether it is as it should be.
    pub(crate) fn is_met(&self) -> bool {
        let (value, floor) = (median(&self.samples), median(&self.floor));
        match self.aim {
            Aim::AtMost(most) => value <= most,
            Aim::TimesFloor(times) => value <= times * floor,
            Aim::ShareOfFloor(share) => value >= share * floor,
            Aim::AboveFloor(extra) => value <= floor + extra,
            Aim::Shown => true,
        }
    }

    fn ratio(&self) -> Option<f64> {
        (!self.floor.is_empty()).then(|| median(&self.samples) / median(&self.floor))
    }

    fn aim_text(&self) -> String {
        match self.aim {
            Aim::AtMost(most) => format!("≤ {} {}", short(most), self.unit),
            Aim::TimesFloor(times) => format!("≤ {times} × floor"),
            Aim::ShareOfFloor(share) => format!("≥ {share} × floor"),
            Aim::AboveFloor(extra) => format!("≤ floor + {} {}", short(extra), self.unit),
            Aim::Shown => "–".to_owned(),
        }
    }

    /// The row in Markdown.
    pub(crate) fn row(&self) -> String {
        let (low, high) = spread(&self.samples);
        let floor = match self.floor.is_empty() {
            true => "–".to_owned(),
            false => format!("{} {}", short(median(&self.floor)), self.unit),
        };
        let ratio = self.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        format!(
            "| {} | {} {} | {}…{} | {floor} | {ratio} | {} | {} |",
            self.name,
            short(median(&self.samples)),
            self.unit,
            short(low),
            short(high),
            self.aim_text(),
            if self.is_met() { "yes" } else { "no" },
        )
    }

    /// The row for programs.
    pub(crate) fn json(&self) -> Value {
        let (low, high) = spread(&self.samples);
        json!({
            "name": self.name, "unit": self.unit, "median": median(&self.samples),
            "low": low, "high": high, "samples": self.samples.len(),
            "floor": (!self.floor.is_empty()).then(|| median(&self.floor)),
            "ratio": self.ratio(), "aim": self.aim_text(), "met": self.is_met(),
        })
    }
}

/// The head of the table.
pub(crate) const HEAD: &str = "| what | median | spread | floor | ratio | aim | met |\n\
    |---|---|---|---|---|---|---|";

/// The middle of some samples; NaN if there are none.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let sorted = sorted(samples);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Between which values the inner four fifths lie.
fn spread(samples: &[f64]) -> (f64, f64) {
    let sorted = sorted(samples);
    if sorted.is_empty() {
        return (f64::NAN, f64::NAN);
    }
    let cut = sorted.len() / 10;
    (sorted[cut], sorted[sorted.len() - 1 - cut])
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
