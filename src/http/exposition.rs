//! The two text formats of metrics: OpenMetrics 1.0, and the older one of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), which many programs still request.

use axum::http::{HeaderMap, header};

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposition {
    OpenMetrics,
    /// Prometheus text format 0.0.4.
    Plain,
}

impl Exposition {
    /// The format that the caller's `Accept` prefers (RFC 9110, section 12.5.1); OpenMetrics without a preference.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let (mut open, mut plain) = (0.0_f32, 0.0_f32);
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality =
                parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
            let quality = quality.map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0));
            match kind.as_str() {
                "application/openmetrics-text" => open = open.max(quality),
                "text/plain" | "text/*" => plain = plain.max(quality),
                _ => {}
            }
        }
        if plain > open { Self::Plain } else { Self::OpenMetrics }
    }

    /// Its `Content-Type`.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Converts OpenMetrics text to this format. In the older format the description of a counter uses the same name as
    /// its samples, and there are neither units nor an end marker.
    pub(super) fn of(self, text: String) -> String {
        if self == Self::OpenMetrics {
            return text;
        }
        let counters: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
        let mut plain = String::with_capacity(text.len());
        for line in text.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
            let mut words = line.splitn(4, ' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(rest)) if counters.contains(&name) => {
                    plain.push_str(&format!("# {what} {name}_total {rest}\n"));
                }
                _ => plain.extend([line, "\n"]),
            }
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_caller_chooses() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, wanted) in [
            (None, Exposition::OpenMetrics),
            (Some("*/*"), Exposition::OpenMetrics),
            (Some(prometheus), Exposition::OpenMetrics),
            (Some("text/plain"), Exposition::Plain),
            (Some("Text/Plain; version=0.0.4; charset=utf-8"), Exposition::Plain),
            (Some("application/openmetrics-text;q=0.1, text/plain;q=0.9"), Exposition::Plain),
            (Some("text/plain;q=0, application/openmetrics-text;q=0.5"), Exposition::OpenMetrics),
            (Some("text/html, text/*;q=0.2, */*;q=0.1"), Exposition::Plain),
            (Some("text/plain;q=nonsense"), Exposition::OpenMetrics),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Exposition::wanted(&headers), wanted, "{accept:?}");
        }
    }

    #[test]
    fn counters_have_one_name_in_the_older_format() {
        let open = "# HELP a Some.\n# TYPE a counter\na_total{x=\"# TYPE b counter\"} 1\n# HELP b_seconds Time.\n\
                    # TYPE b_seconds gauge\n# UNIT b_seconds seconds\nb_seconds 4.0\n# EOF\n";
        let plain = "# HELP a_total Some.\n# TYPE a_total counter\na_total{x=\"# TYPE b counter\"} 1\n\
                     # HELP b_seconds Time.\n# TYPE b_seconds gauge\nb_seconds 4.0\n";
        assert_eq!(Exposition::Plain.of(open.to_owned()), plain);
        assert_eq!(Exposition::OpenMetrics.of(open.to_owned()), open);
    }
}
