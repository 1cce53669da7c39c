//! A histogram with logarithmic buckets: percentiles with a relative error of at most one percent at a fixed cost.
//!
//! The scheme is that of `DDSketch` (Masson, Rim, Lee: "`DDSketch`: A Fast and Fully-Mergeable Quantile Sketch with
//! Relative-Error Guarantees", VLDB 2019): bucket *i* holds values in (γ^(i-1), γ^i] with γ = (1+α)/(1-α).

/// α: the maximum relative error.
const ERROR: f64 = 0.01;
/// γ.
const GAMMA: f64 = (1.0 + ERROR) / (1.0 - ERROR);

/// One bucket of microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(i64);

impl Bucket {
    /// Returns the bucket of a value. Everything below one microsecond is in the first.
    pub fn of_micros(micros: i64) -> Self {
        Self(((micros.max(1) as f64).ln() / GAMMA.ln()).ceil() as i64)
    }

    /// Restores a bucket from its stored number.
    pub const fn from_index(index: i64) -> Self {
        Self(index)
    }

    /// Returns its number, as stored.
    pub const fn index(self) -> i64 {
        self.0
    }

    /// The value that represents the bucket, in microseconds.
    fn value(self) -> f64 {
        2.0 * GAMMA.powi(self.0.clamp(0, 1 << 20) as i32) / (GAMMA + 1.0)
    }
}

/// Counts per bucket, ascending.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    buckets: std::collections::BTreeMap<Bucket, u64>,
}

impl Histogram {
    /// Adds `count` values to a bucket.
    pub fn add(&mut self, bucket: Bucket, count: u64) {
        *self.buckets.entry(bucket).or_default() += count;
    }

    /// Returns the smallest value that at least the fraction `q` of all values do not exceed, in microseconds; `None`
    /// if empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total: u64 = self.buckets.values().sum();
        let rank = ((q * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            seen += count;
            (seen >= rank).then(|| bucket.value())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent(mut values in prop::collection::vec(1_i64..5_000_000_000_000, 1..300), q in 0.01_f64..1.0) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.add(Bucket::of_micros(*value), 1));
            values.sort_unstable();
            let rank = (q * values.len() as f64).ceil() as usize;
            let exact = values[rank.max(1) - 1] as f64;
            let estimate = histogram.quantile(q).expect("not empty");
            prop_assert!((estimate - exact).abs() <= exact * 0.0101, "{estimate} for {exact}");
        }
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
