//! The caller's trace is passed on to the targets unchanged (W3C Trace Context).

use reqwest::Method;
use serde_json::json;

use crate::support::{Behaviour, Database, Receiver, TestHub, on_both};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Makes a request with these headers; returns the `traceparent` and `tracestate` of its message.
async fn trace_of_message(hub: &TestHub, receiver: &Receiver, headers: &[(&str, &str)]) -> (String, String) {
    let before = receiver.received().len();
    let ask = json!({"resource": "orders", "command": "select 1", "requester": {"email": "nora@example.com"}});
    let mut call = hub.call(Method::POST, "/v1/requests").bearer_auth(&hub.token).json(&ask);
    for (name, value) in headers {
        call = call.header(*name, *value);
    }
    hub.send(call).await.expect(201);
    let message = receiver.wait_for(before + 1).await[before].clone();
    (message.header("traceparent").to_owned(), message.header("tracestate").to_owned())
}

on_both! {
    async fn flags_and_state_are_passed_on(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        hub.endpoint("bus", "custom", &receiver.url, &["dba"]).await;
        for flags in ["00", "01"] {
            let parent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            let state = [("tracestate", "rojo=00f067aa0ba902b7"), ("tracestate", "congo=t61rcWkgMzE")];
            let (parent_sent, state_sent) = trace_of_message(&hub, &receiver, &[&[("traceparent", parent.as_str())], &state[..]].concat()).await;
            let parts: Vec<&str> = parent_sent.split('-').collect();
            assert_eq!((parts[1], parts[3]), (TRACE, flags), "{parent_sent}");
            assert_ne!(parts[2], "00f067aa0ba902b7", "an attempt is a span of its own");
            assert_eq!(state_sent, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
        }
        // Without a trace, or with two, a new one begins; a state without a trace, or an invalid one, is not passed on.
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
        for headers in [&[][..], &[("tracestate", "a=1")], &[("traceparent", parent.as_str()), ("traceparent", parent.as_str())]] {
            let (parent_sent, state_sent) = trace_of_message(&hub, &receiver, headers).await;
            assert!(!parent_sent.contains(TRACE) && parent_sent.ends_with("-01") && state_sent.is_empty(), "{parent_sent}");
        }
        let (parent_sent, state_sent) = trace_of_message(&hub, &receiver, &[("traceparent", parent.as_str()), ("tracestate", "a")]).await;
        assert!(parent_sent.contains(TRACE) && parent_sent.ends_with("-00") && state_sent.is_empty(), "{parent_sent}");
    }

    async fn a_retry_carries_them_too(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(500)]);
        hub.endpoint("bus", "custom", &receiver.url, &["dba"]).await;
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
        let first = trace_of_message(&hub, &receiver, &[("traceparent", &parent), ("tracestate", "congo=t61rcWkgMzE")]).await;
        // A delivery that waits for its retry is read from the database by the next hub.
        let hub = hub.restart().await;
        hub.advance(60);
        let again = receiver.wait_for(2).await[1].clone();
        assert_ne!(again.header("traceparent"), first.0, "another attempt, another span");
        assert!(again.header("traceparent").contains(TRACE) && again.header("traceparent").ends_with("-00"));
        assert_eq!(again.header("tracestate"), "congo=t61rcWkgMzE");
    }

    async fn an_endpoints_own_trace_is_not_mixed_with_it(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let own = format!("00-{}-00f067aa0ba902b7-01", "a".repeat(32));
        let input = json!({"name": "bus", "channel": "custom", "url": receiver.url, "groups": ["dba"], "headers": {"traceparent": own}});
        hub.post("/v1/endpoints", &input).await.expect(201);
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
        let (parent_sent, state_sent) = trace_of_message(&hub, &receiver, &[("traceparent", &parent), ("tracestate", "a=1")]).await;
        assert_eq!((parent_sent, state_sent.as_str()), (own, ""));
    }
}
