//! Writes families of metrics with the encoder of prometheus-client.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, MetricEncoder},
    metrics::{MetricType, gauge::ConstGauge},
};

/// Writes families of metrics; a family without any value is left out. Writing to a string never
/// fails.
pub(super) struct Sheet<'a>(pub(super) DescriptorEncoder<'a>);

impl Sheet<'_> {
    /// A gauge without labels, if it is known.
    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: Option<f64>,
    ) -> Result<(), fmt::Error> {
        let Some(value) = value else { return Ok(()) };
        ConstGauge::new(value).encode(self.head(name, help, MetricType::Gauge)?)
    }

    /// A counter without labels; `name` ends in `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
        ConstGauge::new(value).encode(self.head(name, help, MetricType::Counter)?)
    }

    /// Gauges, by their labels.
    pub(super) fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> Result<(), fmt::Error> {
        self.family(name, help, MetricType::Gauge, values)
    }

    /// Counters, by their labels; `name` ends in `_total`.
    pub(super) fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> Result<(), fmt::Error> {
        self.family(name, help, MetricType::Counter, values)
    }

    /// The values of a counter are written as those of a gauge: the encoder's own counters have
    /// `_total` on their samples but not on their family, and in Prometheus's text format both must
    /// have the same name.
    fn family<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> Result<(), fmt::Error> {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut family = self.head(name, help, kind)?;
        for (labels, value) in values {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn head<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, &format!("{help}."), None, kind)
    }
}
