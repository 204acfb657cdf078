//! How numbers are written down.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric, counter::ConstCounter, gauge::ConstGauge},
};

/// What comes of writing; a text takes every number.
pub(super) type Outcome = Result<(), fmt::Error>;

/// Where families of numbers are written. One without any number is left out.
pub(super) struct Sheet<'a>(pub(super) DescriptorEncoder<'a>);

impl Sheet<'_> {
    /// A gauge without labels, if it is known.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) -> Outcome {
        let Some(value) = value else { return Ok(()) };
        ConstGauge::new(value).encode(self.head(name, help, MetricType::Gauge)?)
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: f64) -> Outcome {
        ConstCounter::new(value).encode(self.head(name, help, MetricType::Counter)?)
    }

    /// Gauges, by their labels.
    pub(super) fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> Outcome {
        let values = values.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family(name, help, values)
    }

    /// Counters, by their labels.
    pub(super) fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> Outcome {
        let values = values.into_iter().map(|(labels, value)| (labels, ConstCounter::new(value)));
        self.family(name, help, values)
    }

    fn family<L: EncodeLabelSet, M: EncodeMetric + TypedMetric>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (L, M)>,
    ) -> Outcome {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut family = self.head(name, help, M::TYPE)?;
        for (labels, value) in values {
            value.encode(family.encode_family(&labels)?)?;
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
