//! A careful client: it repeats each call with the same key until it gets an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TOKEN;

/// Calls a hub, or several replicas in turn.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) urls: Vec<String>,
    /// The number of 503 answers so far.
    pub(super) refused: Arc<AtomicUsize>,
    /// The number of calls so far, which chooses the replica.
    calls: Arc<AtomicUsize>,
}

impl Client {
    pub(super) fn new(urls: Vec<String>) -> Self {
        // A missing answer counts as lost: a real client gives up on it, and asks again.
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(8));
        Self { http: http.build().unwrap(), urls, refused: Arc::default(), calls: Arc::default() }
    }

    pub(super) async fn call(&self, method: Method, path: &str, key: &str, body: &Value) -> (u16, Value) {
        for _ in 0..2_000 {
            let turn = self.calls.fetch_add(1, Ordering::Relaxed) % self.urls.len();
            let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.urls[turn]) };
            let call =
                self.http.request(method.clone(), &url).bearer_auth(TOKEN).header("Idempotency-Key", key).json(body);
            if let Ok(response) = call.send().await {
                let status = response.status().as_u16();
                self.refused.fetch_add(usize::from(status == 503), Ordering::Relaxed);
                if let (Ok(body), true) = (response.json().await, status != 503) {
                    return (status, body);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{method} {path} was never answered");
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, "-", &json!({})).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Makes a request and returns its id.
    pub(super) async fn ask(&self, number: usize) -> String {
        let ask = json!({"resource": "orders", "command": format!("select {number}"), "requester": {"email": "nora@example.com"}});
        let (status, request) = self.call(Method::POST, "/v1/requests", &format!("ask-{number}"), &ask).await;
        assert_eq!(status, 201, "{request}");
        request["id"].as_str().unwrap().to_owned()
    }
}
