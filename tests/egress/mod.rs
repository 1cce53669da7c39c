//! Egress: its limits, whose fault a failure is, and the transports that an endpoint may use.

mod answers;
mod bounds;
mod peer;
mod proxy;
pub(crate) mod tls;
mod tokens;
mod transport;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use countersign::delivery::{Class, Egress, Lookup, SendOutcome, SystemLookup, TargetPolicy, send};
use countersign::store::endpoints::{Channel, Endpoint};
use countersign::store::transport::Transport;
use countersign::time::Timestamp;
use futures_util::future::BoxFuture;

/// 2024-01-01T00:00:00Z
const NOW: Timestamp = Timestamp::from_micros(1_704_067_200_000_000);

/// A resolver that answers by a function; `None` means that it never answers.
struct FixedNames(fn(&str) -> Option<Vec<IpAddr>>);

impl Lookup for FixedNames {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let found = (self.0)(&name);
        Box::pin(async move {
            match found {
                Some(found) => Ok(found),
                None => std::future::pending().await,
            }
        })
    }
}

/// Names under `.test` are this machine, `inside.test` is an internal address, and `silent.test` gets no answer.
fn names(name: &str) -> Option<Vec<IpAddr>> {
    match name {
        "silent.test" => None,
        "inside.test" => Some(vec![[10, 0, 0, 1].into()]),
        "mixed.test" => Some(vec![[127, 0, 0, 1].into(), [10, 0, 0, 1].into()]),
        "nothing.test" => Some(Vec::new()),
        _ => Some(vec![[127, 0, 0, 1].into()]),
    }
}

fn policy() -> Arc<TargetPolicy> {
    Arc::new(TargetPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]))
}

/// An egress to this machine, with a deadline of two seconds.
fn egress() -> Egress {
    Egress::with_lookup(policy(), Duration::from_secs(2), Arc::new(FixedNames(names))).unwrap()
}

fn endpoint(url: &str, transport: Transport) -> Endpoint {
    let url = url.to_owned().into();
    Endpoint { transport, ..Endpoint::new("target".parse().unwrap(), Channel::Custom, url, NOW) }
}

async fn send_event(egress: &Egress, endpoint: &Endpoint) -> SendOutcome {
    send(egress, endpoint, "evt_1", "{\"a\":1}".to_owned(), NOW).await
}

/// The outcome of one send to an endpoint with this transport.
async fn try_once(url: &str, transport: Transport) -> SendOutcome {
    send_event(&egress(), &endpoint(url, transport)).await
}

#[track_caller]
fn assert_failed(outcome: &SendOutcome, class: Class, words: &str) {
    let error = outcome.error.as_deref().unwrap_or_default();
    assert!(outcome.class == class && error.contains(words), "{outcome:?} is not {class:?} with {words:?}");
}

#[tokio::test]
async fn the_machines_own_names_are_judged_too() {
    let egress = Egress::with_lookup(Arc::default(), Duration::from_secs(5), Arc::new(SystemLookup)).unwrap();
    let name = std::fs::read_to_string("/etc/hostname").unwrap();
    let outcome = send_event(&egress, &endpoint(&format!("http://{}:8009/", name.trim()), Transport::default())).await;
    assert_failed(&outcome, Class::Forbidden, "COUNTERSIGN_ALLOW_TARGETS");
}
