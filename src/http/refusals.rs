//! How many calls were refused, by kind, as a metric.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use crate::codes::Code;

/// The kinds, each with its label. Their number is fixed, so that callers cannot make more.
const KINDS: [(Code, &str); 8] = [
    (Code::RateLimited, "rate_limited"),
    (Code::Unauthenticated, "unauthenticated"),
    (Code::Forbidden, "forbidden"),
    (Code::CrossSite, "cross_site"),
    (Code::FormStale, "form_stale"),
    (Code::LinkForged, "link_forged"),
    (Code::SignatureInvalid, "signature_invalid"),
    (Code::SignInUnavailable, "sign_in_failed"),
];
/// What ends a text of metrics.
const END: &str = "# EOF\n";

/// Counts of the calls that were refused since the start.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; KINDS.len()]);

impl Refusals {
    fn count(&self, code: Code) {
        let place = KINDS.iter().position(|(kind, _)| *kind == code);
        if let Some(counter) = place.and_then(|place| self.0.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The text of metrics (OpenMetrics), with these counts.
    pub(super) fn added_to(&self, mut text: String) -> String {
        text.truncate(text.strip_suffix(END).map_or(text.len(), str::len));
        text.push_str("# HELP countersign_calls_refused Calls that were refused, by kind.\n# TYPE countersign_calls_refused counter\n");
        for ((_, kind), counter) in KINDS.iter().zip(&self.0) {
            let count = counter.load(Ordering::Relaxed);
            text.push_str(&format!("countersign_calls_refused_total{{kind=\"{kind}\"}} {count}\n"));
        }
        text + END
    }
}

/// Counts the call if it is refused.
pub(super) async fn counted(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(code) = response.extensions().get::<Code>() {
        app.refusals.count(*code);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_before_the_end() {
        let refusals = Refusals::default();
        refusals.count(Code::LinkForged);
        refusals.count(Code::NotFound);
        let text = refusals.added_to("a 1\n# EOF\n".to_owned());
        assert!(text.starts_with("a 1\n# HELP countersign_calls_refused ") && text.ends_with("\n# EOF\n"), "{text}");
        assert!(text.contains("countersign_calls_refused_total{kind=\"link_forged\"} 1\n"), "{text}");
        assert_eq!(text.matches(" 0\n").count(), KINDS.len() - 1, "{text}");
    }
}
