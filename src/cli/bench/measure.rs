//! Functions that all scenarios share.

use std::time::Instant;

use reqwest::RequestBuilder;

use crate::cli::output;

/// Prints progress to standard error.
pub(super) fn progress(text: &str) {
    output::eprint(&format!("bench: {text}"));
}

/// Returns a rate per second; times are in nanoseconds.
pub(super) fn per_second(count: u32, start: u64, end: u64) -> f64 {
    f64::from(count) * 1e9 / end.saturating_sub(start).max(1) as f64
}

/// Milliseconds until a call has been answered completely. The answer must be a success.
pub(super) async fn timed(call: RequestBuilder) -> anyhow::Result<f64> {
    let began = Instant::now();
    let response = call.send().await?;
    let status = response.status();
    response.bytes().await?;
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    anyhow::ensure!(status.is_success(), "a read was answered {status}");
    Ok(took)
}

/// Returns the value that `share` of the values do not exceed.
pub(super) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Returns the median.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    (middle(values.len().saturating_sub(1) / 2) + middle(values.len() / 2)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(quantile(values.clone(), 0.99), 198.0);
        assert_eq!(quantile(values, 1.0), 200.0);
        assert!(quantile(Vec::new(), 0.5).is_nan());
    }

    #[test]
    fn a_rate_is_per_second() {
        assert_eq!(per_second(10, 0, 2_000_000_000), 5.0);
    }
}
