//! Nothing secret leaves: neither in answers, nor in logs, metrics or the delivery log. Documented one-time answers are the
//! only exception.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY, MARK};
use crate::support::{Behaviour, HubProcess, Receiver, TOKEN, eventually};

/// A hub as a process, and everything that it has answered.
struct Watched {
    hub: HubProcess,
    http: reqwest::Client,
    answers: std::sync::Mutex<Vec<String>>,
}

impl Watched {
    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        self.call_with(method, path, body.to_string(), TOKEN).await
    }

    /// Makes a call; keeps the whole answer, without the secret that an answer shows once.
    async fn call_with(&self, method: Method, path: &str, body: String, token: &str) -> Value {
        let call = self.http.request(method.clone(), format!("{}{path}", self.hub.url)).bearer_auth(token);
        let call =
            if method == Method::GET { call } else { call.header("content-type", "application/json").body(body) };
        let answer = call.send().await.unwrap();
        let (status, headers) = (answer.status(), format!("{:?}", answer.headers()));
        let text = answer.text().await.unwrap();
        let mut json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let once = json.as_object_mut().and_then(|fields| fields.remove("secret"));
        let kept = if once.is_some() { json.to_string() } else { text.clone() };
        self.answers.lock().unwrap().push(format!("{method} {path} -> {status} {headers} {kept}"));
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, &Value::Null).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, path, body).await
    }
}

/// Endpoints that are refused, each with a secret in it.
fn refused() -> Vec<Value> {
    let url = "https://hooks.example.com/x";
    let fine = |more: Value| {
        let mut input = json!({"name": "refused", "channel": "custom", "url": url});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let slack = |token: &str, secret: &str| {
        json!({"name": "refused", "channel": "slack_app", "slack": {
        "bot_token": token, "signing_secret": secret, "channel": "C1", "team": "T0123ABCD"}})
    };
    vec![
        fine(json!({"url": format!("https://user:{MARK}@hooks.example.com/x")})),
        fine(json!({"url": format!("ftp://hooks.example.com/{MARK}")})),
        fine(json!({"url": format!("https://10.0.0.1/{MARK}?key={MARK}")})),
        fine(json!({"url": format!("{MARK} no url")})),
        fine(json!({"url": [MARK]})),
        fine(json!({"secret": format!("whsec_{MARK}")})),
        fine(json!({"secret": {"value": MARK}})),
        fine(json!({"headers": {"x-a": format!("{MARK}\nx")}})),
        fine(json!({"headers": {"host": MARK}})),
        fine(json!({"headers": MARK})),
        fine(json!({"headers": {"x-a": [MARK]}})),
        fine(json!({"auth": {"type": "bearer", "token": format!("{MARK}\nx")}})),
        fine(json!({"auth": {"type": "bearer", "password": MARK}})),
        fine(json!({"auth": {"type": "basic", "username": "u:v", "password": MARK}})),
        fine(json!({"auth": MARK})),
        fine(
            json!({"auth": {"type": "oauth2", "token_url": format!("http://u:{MARK}@x"), "client_id": "a", "client_secret": MARK}}),
        ),
        fine(json!({"client_certificate": {"certificate": "x", "key": MARK}})),
        fine(
            json!({"client_certificate": {"certificate": KEY, "key": format!("-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n")}}),
        ),
        fine(json!({"proxy": format!("ftp://u:{MARK}@proxy.example.com")})),
        fine(json!({"proxy": format!("http://u:{MARK}@10.0.0.1:99999")})),
        fine(json!({"proxy": {"url": MARK}})),
        slack(&format!("{MARK}\u{1}"), "8f742231b10e8888abcd99yyyzzz85a5"),
        slack("xoxb-1", MARK),
        slack(&format!("xoxp-{MARK}"), &format!("{MARK} ")),
    ]
}

/// Endpoints that fail in all the ways there are while a message is sent; returns their ids.
async fn failing(watched: &Watched, receiver: &Receiver) -> Vec<String> {
    let port = receiver.url.rsplit(':').next().unwrap();
    let mut ids = Vec::new();
    for (number, endpoint) in [
        json!({"channel": "custom", "url": format!("{}/{MARK}-path?key={MARK}", receiver.url),
            "headers": {"x-api-key": format!("{MARK}-header")},
            "auth": {"type": "basic", "username": "hub", "password": format!("{MARK}-password")}}),
        json!({"channel": "custom", "url": format!("{}/x", receiver.url), "auth": {"type": "bearer", "token": format!("{MARK}-token")}}),
        json!({"channel": "teams", "url": format!("{}/{MARK}-teams", receiver.url)}),
        json!({"channel": "discord", "url": format!("{}/{MARK}-discord", receiver.url)}),
        // Nobody listens there, and nobody speaks TLS here.
        json!({"channel": "custom", "url": format!("http://127.0.0.1:9/{MARK}-closed")}),
        json!({"channel": "custom", "url": format!("https://127.0.0.1:{port}/{MARK}-tls")}),
        json!({"channel": "custom", "url": format!("https://no-such-name.invalid/{MARK}-name")}),
        json!({"channel": "custom", "url": format!("http://127.0.0.1:{port}/{MARK}"), "proxy": format!("http://user:{MARK}-proxy@127.0.0.1:9")}),
        json!({"channel": "custom", "url": format!("{}/y", receiver.url), "auth": {"type": "oauth2",
            "token_url": format!("http://127.0.0.1:{port}/{MARK}-token"), "client_id": "hub", "client_secret": format!("{MARK}-client")}}),
        json!({"channel": "slack_app", "slack": {"bot_token": format!("xoxb-{MARK}"), "signing_secret": format!("{MARK}-signing-secret"),
            "channel": "C1", "team": "T0123ABCD", "api_url": format!("{}/{MARK}-api", receiver.url)}}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut endpoint = endpoint;
        endpoint["name"] = json!(format!("e{number}"));
        endpoint["schedule"] = json!([0]);
        let made = watched.post("/v1/endpoints", &endpoint).await;
        ids.push(made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned());
    }
    ids
}

/// A target that sends back what it was sent, with an error or a redirect.
fn echoing(receiver: &Receiver) {
    receiver.choose(|received, _| {
        let headers: String = received.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let body: String = received.body.chars().take(300).collect();
        let echo = format!("{headers}\n{body}\nat /{MARK}-path?key={MARK} /{MARK}-teams /{MARK}-discord");
        let (status, more) = match received.body.len() % 3 {
            0 => ("500 No", String::new()),
            1 => ("400 No", String::new()),
            _ => ("302 Found", format!("location: https://elsewhere.example/{MARK}-location?key={MARK}\r\n")),
        };
        Behaviour::Raw(format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}\r\n{echo}"))
    });
}

/// Sends a test message to each endpoint, changes it, and waits until each was tried.
async fn try_all(watched: &Watched, ids: &[String]) {
    for id in ids {
        watched.post(&format!("/v1/endpoints/{id}/test"), &json!({})).await;
        watched
            .call(
                Method::PATCH,
                &format!("/v1/endpoints/{id}"),
                &json!({"headers": {"x-b": format!("{MARK}-patched")}}),
            )
            .await;
        watched
            .call(Method::PATCH, &format!("/v1/endpoints/{id}"), &json!({"headers": {"x-b": format!("{MARK}\u{1}")}}))
            .await;
        watched.post(&format!("/v1/endpoints/{id}/rotate-secret"), &json!({"secret": format!("whsec_{MARK}")})).await;
    }
    eventually("every endpoint was tried", || async {
        let mut tried = 0;
        for id in ids {
            let attempts = watched.get(&format!("/v1/endpoints/{id}/attempts")).await;
            tried += usize::from(!attempts["items"].as_array().unwrap().is_empty());
        }
        (tried == ids.len()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_log_line_or_metric_contains_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("COUNTERSIGN_DELIVERY_TIMEOUT_SEC", "2")];
    let hub = HubProcess::start_logging(folder.path(), "countersign=debug", &settings).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let watched = Watched { hub, http, answers: std::sync::Mutex::default() };
    let receiver = Receiver::start().await;
    echoing(&receiver);
    watched.call(Method::PUT, "/v1/groups/dba", &json!({"members": ["dana@example.com"]})).await;
    watched.call(Method::PUT, "/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await;
    let mut count = 0;
    for input in refused() {
        let answer = watched.post("/v1/endpoints", &input).await;
        count += usize::from(answer["code"].is_string());
        watched.post("/v1/apply", &json!({"endpoints": {"refused": input}})).await;
    }
    assert!(count >= 20, "{count} were refused");
    let ids = failing(&watched, &receiver).await;
    let ask = json!({"resource": "orders", "command": "select 1", "requester": {"email": "nora@example.com"}});
    watched.post("/v1/requests", &ask).await;
    try_all(&watched, &ids).await;
    // Tokens and links that are wrong, and calls that look like Slack's.
    let wrong = format!("cs_{MARK}{}", "A".repeat(43));
    watched.call_with(Method::GET, "/v1/requests", String::new(), &wrong).await;
    watched.call_with(Method::POST, "/v1/slack/commands", format!("token={MARK}"), &wrong).await;
    let made = watched.post("/v1/tokens", &json!({"name": "pipeline", "scope": "requester"})).await;
    let token = made["secret"].as_str().unwrap().to_owned();
    watched.call_with(Method::GET, "/v1/endpoints", String::new(), &token).await;
    for path in ["/v1/endpoints", "/v1/audit?limit=200", "/v1/tokens", "/readyz", "/metrics", "/v1/requests", "/"] {
        watched.get(path).await;
    }
    for id in &ids {
        let page = watched.get(&format!("/v1/endpoints/{id}/deliveries")).await;
        for delivery in page["items"].as_array().unwrap() {
            watched.get(&format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap())).await;
        }
    }
    let key = KEY.lines().nth(1).unwrap();
    let Watched { hub, answers, .. } = watched;
    let log = std::sync::Arc::clone(&hub.log);
    hub.kill().await;
    let (log, answers) = (log.lock().unwrap().clone(), answers.into_inner().unwrap());
    assert!(log.len() > 20 && answers.len() > 100, "{} lines, {} answers", log.len(), answers.len());
    let mut found: Vec<&String> = answers.iter().chain(&log).collect();
    found.retain(|text| [MARK, key, TOKEN, &token, &wrong].iter().any(|secret| text.contains(*secret)));
    assert!(
        found.is_empty(),
        "{} leaks:\n{}",
        found.len(),
        found.iter().map(|text| format!("{text}\n")).collect::<String>()
    );
}
