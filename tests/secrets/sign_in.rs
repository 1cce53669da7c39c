//! The secrets of sign-in and links: the database has digests of them, or nothing, and they are shown where they are made.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};

use super::{assert_sealed, dump};
use crate::support::{Answer, Browser, Database, HubProcess, Receiver, TOKEN, TestHub, on_both};

on_both! {
    async fn nothing_of_a_sign_in_can_be_read_in_the_database(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        hub.put("/v1/resources/vault", &json!({"slots": [{"group": "dba"}], "min_assurance": "token"})).await.expect(200);
        hub.ask("vault", "select 1").await;
        let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
        let decision = links["approve"].as_str().unwrap().to_owned();
        let made = hub.post("/v1/sign-in-links", &json!({"person": "dana@example.com"})).await.expect(201);
        let used = made["url"].as_str().unwrap().to_owned();
        let made = hub.post("/v1/sign-in-links", &json!({"person": "erik@example.com"})).await.expect(201);
        let unused = made["url"].as_str().unwrap().to_owned();
        let token = json!({"name": "dana", "scope": "approver", "person": "dana@example.com"});
        let token = hub.post("/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();

        let mut browser = Browser::new(&hub);
        browser.open(&decision).await;
        browser.submit(&decision, &[("decision", "approve"), ("reason", "checked")]).await.location();
        browser.open(&used).await;
        let nonce = browser.nonce();
        browser.submit(&used, &[]).await.location();
        let mut with_token = Browser::new(&hub);
        with_token.open("/sign-in").await;
        with_token.submit("/sign-in/token", &[("token", &token)]).await.location();
        let mut needles = vec![nonce, token];
        for (browser, names) in [(&browser, &["session", "form", "draft"][..]), (&with_token, &["session", "form"])] {
            for name in names {
                needles.push(browser.cookie(&format!("__Host-countersign-{name}")).expect(name).to_owned());
            }
        }
        needles.extend([&decision, &used, &unused].iter().map(|url| url.rsplit('/').next().unwrap().to_owned()));
        assert!(needles.iter().all(|needle| needle.len() > 40), "{needles:?}");
        // The key that signs links.
        let keys = std::fs::read_to_string(hub.database.folder.path().join("keys.json")).unwrap();
        let keys: Vec<String> = keys.split('"').filter(|part| part.len() > 40).map(str::to_owned).collect();
        assert_eq!(keys.len(), 1);
        needles.extend(keys);
        assert_sealed(&hub.database, &needles).await;
        let (database, _) = hub.stop().await;
        assert_sealed(&database, &needles).await;
        let rows = dump(&database.url).await;
        assert!(rows.iter().any(|row| row.starts_with("sessions.")) && rows.iter().any(|row| row.starts_with("drafts.")));
    }
}

/// A browser, and everything that was answered to it and to programs.
pub(super) struct Watched {
    pub(super) hub: HubProcess,
    pub(super) http: reqwest::Client,
    cookies: BTreeMap<String, String>,
    page: String,
    /// What was called, and the whole answer.
    answers: Vec<(String, String)>,
}

impl Watched {
    pub(super) async fn start(folder: &std::path::Path, settings: &[(&str, &str)]) -> Self {
        let settings = [&[("RUST_BACKTRACE", "0")], settings].concat();
        let hub = HubProcess::start_logging(folder, "trace,sqlx=debug", &settings).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { hub, http, cookies: BTreeMap::new(), page: String::new(), answers: Vec::new() }
    }

    pub(super) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.hub.url) };
        self.http.request(method, url)
    }

    pub(super) async fn sent(&mut self, name: &str, call: RequestBuilder) -> Answer {
        let answer = Answer::to(call).await;
        self.answers.push((name.to_owned(), format!("{} {:?} {}", answer.status, answer.headers, answer.text)));
        answer
    }

    pub(super) async fn api(&mut self, name: &str, path: &str, body: &Value) -> Value {
        let method = if body.is_null() { Method::GET } else { Method::POST };
        let call = self.call(method, path).bearer_auth(TOKEN);
        let answer = self.sent(name, if body.is_null() { call } else { call.json(body) }).await;
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    /// As a browser sends it, with its cookies.
    async fn browse(&mut self, name: &str, call: RequestBuilder) -> Answer {
        let line: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = call.header("Sec-Fetch-Site", "same-origin").header(header::COOKIE, line.join("; "));
        let answer = self.sent(name, call).await;
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
        }
        self.page.clone_from(&answer.text);
        answer
    }

    pub(super) async fn open(&mut self, name: &str, path: &str) -> Answer {
        self.browse(name, self.call(Method::GET, path)).await
    }

    pub(super) fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.call(Method::POST, path).header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    async fn submit(&mut self, name: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let nonce = self.page.split("name=\"nonce\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let fields = [&[("nonce", nonce.unwrap_or_default())], fields].concat();
        self.browse(name, self.form(path, &fields)).await
    }

    pub(super) fn cookie(&self, name: &str) -> String {
        self.cookies[&format!("__Host-countersign-{name}")].clone()
    }
}

/// The last part of a URL.
fn last(url: &str) -> String {
    url.rsplit('/').next().unwrap().to_owned()
}

/// Signs in with a link, decides with another one, and signs a device in; returns each secret with the calls that may show it.
async fn sign_in_and_decide(watched: &mut Watched, decision: &str) -> Vec<(String, &'static [&'static str])> {
    let made = watched.api("new sign-in link", "/v1/sign-in-links", &json!({"person": "dana@example.com"})).await;
    let link = made["url"].as_str().unwrap().to_owned();
    watched.open("link page", decision).await.expect_page(200);
    watched.submit("to sign-in", decision, &[("decision", "approve"), ("reason", "checked")]).await.location();
    let draft = watched.cookie("draft");
    watched.open("sign-in page", &link).await.expect_page(200);
    let form = watched.cookie("form");
    watched.submit("sign-in", &link, &[]).await.location();
    let session = watched.cookie("session");
    watched.open("used sign-in page", &link).await.expect_page(410);
    watched.open("link page", decision).await.expect_page(200);
    watched.submit("decision", decision, &[("decision", "approve")]).await.location();
    watched.open("link page", decision).await.expect_page(200);
    watched.open("account", "/account").await.expect_page(200);
    let waiting = [("client_id", "countersign"), ("device_name", "build-7")];
    let started = watched.sent("device", watched.form("/v1/device/authorize", &waiting)).await.json();
    let (device, user) = (started["device_code"].as_str().unwrap(), started["user_code"].as_str().unwrap());
    watched.open("device page", &format!("/device?code={user}")).await.expect_page(200);
    watched.submit("device decision", "/device", &[("code", user), ("decision", "confirm")]).await.expect_page(200);
    let poll = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", "countersign"),
        ("device_code", device),
    ];
    let polled = watched.sent("device poll", watched.form("/v1/device/token", &poll)).await.json();
    let access = polled["access_token"].as_str().unwrap().to_owned();
    watched.sent("device poll again", watched.form("/v1/device/token", &poll)).await;
    vec![
        (last(&link), &["new sign-in link", "sign-in page"]),
        (last(decision), &["link page", "to sign-in", "decision"]),
        (draft, &["to sign-in"]),
        (form, &["sign-in page"]),
        (session, &["sign-in"]),
        (device.to_owned(), &["device"]),
        (access, &["device poll"]),
    ]
}

/// Each secret in each wrong place.
async fn misuse(watched: &mut Watched, secrets: &[(String, &'static [&'static str])]) {
    for (secret, _) in secrets {
        for path in ["/v1/requests", "/v1/me", "/scim/v2/Users"] {
            watched.sent("bearer", watched.call(Method::GET, path).bearer_auth(secret)).await;
        }
        for cookie in ["session", "form", "draft"] {
            let cookie = format!("__Host-countersign-{cookie}={secret}");
            watched.sent("cookie", watched.call(Method::GET, "/account").header(header::COOKIE, &cookie)).await;
            watched.sent("cookie", watched.call(Method::GET, "/v1/requests").header(header::COOKIE, &cookie)).await;
        }
        let fields = [("token", secret.as_str()), ("nonce", secret), ("return", "/account")];
        for path in ["/sign-in/token", "/sign-out", "/account/sessions", "/device", "/v1/device/token", "/v1/token"] {
            watched.sent("form", watched.form(path, &fields)).await;
        }
        let input = json!({"nonce": secret});
        watched.sent("body", watched.call(Method::POST, "/v1/requests").bearer_auth(TOKEN).json(&input)).await;
    }
    for path in ["/v1/audit?limit=200", "/v1/tokens", "/v1/endpoints", "/v1/requests", "/readyz", "/metrics"] {
        watched.api("list", path, &Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_a_sign_in_is_shown_twice_or_logged() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut watched = Watched::start(folder.path(), &[]).await;
    let manifest = json!({
        "groups": {"dba": {"members": ["dana@example.com"]}},
        "resources": {"vault": {"slots": [{"group": "dba"}], "min_assurance": "token"}},
        "endpoints": [{"name": "x", "channel": "custom", "url": receiver.url, "groups": ["dba"]}],
    });
    watched.api("apply", "/v1/apply", &manifest).await;
    watched
        .api(
            "ask",
            "/v1/requests",
            &json!({"resource": "vault", "command": "x", "requester": {"email": "nora@example.com"}}),
        )
        .await;
    let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
    let secrets = sign_in_and_decide(&mut watched, links["approve"].as_str().unwrap()).await;
    assert!(secrets.iter().all(|(secret, _)| secret.len() > 40), "{secrets:?}");
    misuse(&mut watched, &secrets).await;
    watched.assert_shown_once(&secrets).await;
}

impl Watched {
    /// Ends the hub. Fails if a secret was logged, or was in an answer to another call than those beside it.
    pub(super) async fn assert_shown_once(self, secrets: &[(String, &'static [&'static str])]) {
        let Watched { hub, answers, .. } = self;
        hub.signal("TERM");
        let (_, log) = hub.ended().await;
        assert!(log.lines().count() > 100 && answers.len() > 30, "{} answers", answers.len());
        for (secret, shown_by) in secrets {
            // Not even a part of it.
            let part = &secret[secret.len().saturating_sub(30)..];
            let line = log.lines().find(|line| line.contains(part));
            assert_eq!(line, None, "{shown_by:?} is logged");
            for (name, answer) in answers.iter().filter(|(name, _)| !shown_by.contains(&name.as_str())) {
                assert!(!answer.contains(part), "the secret of {shown_by:?} is shown by {name}: {answer}");
            }
            let is_shown =
                shown_by.iter().any(|name| answers.iter().any(|(by, text)| by == name && text.contains(part)));
            assert!(is_shown || shown_by.is_empty(), "{shown_by:?}");
        }
    }
}
