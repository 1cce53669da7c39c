//! A hub in this process, on a free port, with a manual clock.

use std::sync::Arc;
use std::time::Duration;

use countersign::config::{IdentitySettings, LogFormat, NetworkSettings, OidcSettings, Settings};
use countersign::delivery::RetrySchedule;
use countersign::identity::workload::TrustedIssuer;
use countersign::server::Server;
use countersign::time::{Clock, ManualClock, Timestamp};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::leaks::{self, Watch};
use super::{Database, assert_times, eventually};

/// A running hub.
pub(crate) struct TestHub {
    pub(crate) server: Server,
    pub(crate) clock: ManualClock,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) database: Database,
    pub(crate) http: reqwest::Client,
    _leaks: Watch,
}

/// What a test may set differently.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) allow_targets: Vec<&'static str>,
    pub(crate) templates_dir: Option<std::path::PathBuf>,
    pub(crate) delivery_timeout_sec: u32,
    pub(crate) identity: IdentitySettings,
    pub(crate) network: NetworkSettings,
    pub(crate) trusted_issuers: Vec<TrustedIssuer>,
    pub(crate) oidc: Option<OidcSettings>,
    /// Where it listens, and at which URL people reach it, if that is not the same.
    pub(crate) behind: Option<(u16, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_targets: vec!["127.0.0.0/8"],
            templates_dir: None,
            delivery_timeout_sec: 5,
            identity: IdentitySettings::default(),
            network: NetworkSettings::default(),
            trusted_issuers: Vec::new(),
            oidc: None,
            behind: None,
        }
    }
}

/// An answer that was read completely.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Sends a call and reads the answer.
    pub(crate) async fn to(call: reqwest::RequestBuilder) -> Self {
        let response = call.send().await.expect("the hub answers");
        let path = response.url().path().to_owned();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a whole body");
        if let Ok(json) = serde_json::from_str(&text) {
            assert_times(&json);
        }
        let answer = Self { status, headers, text };
        leaks::answered(&path, &answer);
        answer
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// The body of an answer, which must have this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The error code of an answer, which must have this status and be a complete problem document.
    pub(crate) fn problem(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(body["status"], status);
        assert!(!body["detail"].as_str().expect("a detail").is_empty());
        body["code"].as_str().expect("a code").to_owned()
    }
}

impl TestHub {
    pub(crate) async fn start(database: Database) -> Self {
        Self::start_with(database, Options::default()).await
    }

    pub(crate) async fn start_with(database: Database, options: Options) -> Self {
        let clock = ManualClock::starting_at("2026-11-21T12:00:00Z".parse().expect("a time"));
        Self::start_at(database, options, clock).await
    }

    pub(crate) async fn start_at(database: Database, options: Options, clock: ManualClock) -> Self {
        let settings = Settings {
            listen: ([127, 0, 0, 1], options.behind.as_ref().map_or(0, |behind| behind.0)).into(),
            public_url: options.behind.map(|behind| behind.1),
            database_url: Some(database.url.clone().into()),
            data_dir: database.folder.path().to_owned(),
            secrets_key_file: None,
            admin_token: None,
            review_timeout_sec: 3_600,
            groups_max_age: 12 * 3_600,
            allow_targets: options.allow_targets.iter().map(|target| target.parse().expect("a target")).collect(),
            delivery_timeout_sec: options.delivery_timeout_sec,
            templates_dir: options.templates_dir,
            // Each replica of a test has a folder of its own.
            init: true,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            identity: options.identity,
            network: options.network,
            trusted_issuers: options.trusted_issuers,
            oidc: options.oidc,
        };
        leaks::listen();
        if let Some(secret) = settings.oidc.as_ref().and_then(|oidc| oidc.client_secret.as_ref()) {
            leaks::secret(secret.expose_secret());
        }
        let schedule = RetrySchedule { attempts: 4, ..RetrySchedule::default() };
        let server = Server::start(&settings, Arc::new(clock.clone()), schedule).await.expect("the hub starts");
        leaks::secret(server.admin_token.0.expose_secret());
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self {
            _leaks: Watch::over(database.folder.path()),
            url: server.public_url.clone(),
            token: server.admin_token.0.expose_secret().to_owned(),
            server,
            clock,
            database,
            http: http.expect("a client"),
        }
    }

    /// Stops the hub and starts another one on the same database.
    pub(crate) async fn restart(self) -> Self {
        let (database, clock) = (self.database, self.clock);
        self.server.shut_down().await;
        Self::start_at(database, Options::default(), clock).await
    }

    /// Stops the hub; returns its database and clock.
    pub(crate) async fn stop(self) -> (Database, ManualClock) {
        self.server.shut_down().await;
        (self.database, self.clock)
    }

    /// Another hub on the same PostgreSQL database, whose clock starts at the same time but is moved separately.
    pub(crate) async fn replica(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Replicas share the key of stored secrets.
        let key = "secrets.key";
        std::fs::copy(self.database.folder.path().join(key), folder.path().join(key)).expect("the key is copied");
        let twin = Database { url: self.database.url.clone(), folder };
        Self::start_at(twin, Options::default(), ManualClock::starting_at(self.now())).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        self.http.request(method, url)
    }

    pub(crate) async fn send(&self, call: reqwest::RequestBuilder) -> Answer {
        Answer::to(call).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.call(Method::GET, path).bearer_auth(&self.token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.call(Method::POST, path).bearer_auth(&self.token).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.call(Method::PUT, path).bearer_auth(&self.token).json(body)).await
    }

    /// Groups `dba` (dana, erik) and `security` (sam, dana), resources `orders` (dba) and `customers` (both).
    pub(crate) async fn with_policy(self) -> Self {
        let manifest = json!({
            "groups": {
                "dba": {"members": ["dana@example.com", "erik@example.com"]},
                "security": {"members": ["sam@example.com", "dana@example.com"]},
            },
            "people": {"dana@example.com": {"name": "Dana Reyes"}},
            "resources": {
                "orders": {"slots": [{"group": "dba"}]},
                "customers": {"slots": [{"group": "dba"}, {"group": "security"}], "reject_reason_required": true},
            },
        });
        self.post("/v1/apply", &manifest).await.expect(200);
        self
    }

    /// Creates an endpoint; returns its id and signing secret.
    pub(crate) async fn endpoint(&self, name: &str, channel: &str, url: &str, groups: &[&str]) -> (String, String) {
        let input = json!({"name": name, "channel": channel, "url": url, "groups": groups});
        let made = self.post("/v1/endpoints", &input).await.expect(201);
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        (text("id"), text("secret"))
    }

    /// Requests `command` on `resource` as nora; returns the request.
    pub(crate) async fn ask(&self, resource: &str, command: &str) -> Value {
        let ask = json!({"resource": resource, "command": command, "requester": {"email": "nora@example.com"}});
        self.post("/v1/requests", &ask).await.expect(201)
    }

    pub(crate) async fn vote(&self, request: &Value, verb: &str, voter: &str) -> Answer {
        let path = format!("/v1/requests/{}/{verb}", request["id"].as_str().expect("an id"));
        self.post(&path, &json!({"on_behalf_of": voter})).await
    }

    pub(crate) async fn show(&self, request: &Value) -> Value {
        self.get(&format!("/v1/requests/{}", request["id"].as_str().expect("an id"))).await.expect(200)
    }

    /// The endpoint's only delivery of this event with its attempts, once it is in this state.
    pub(crate) async fn delivery(&self, endpoint: &str, event: &str, state: &str) -> Value {
        let path = format!("/v1/endpoints/{endpoint}/deliveries");
        let what = format!("{event} to {endpoint} is {state}");
        let found = eventually(&what, || async {
            let page = self.get(&path).await.expect(200);
            let items = page["items"].as_array().expect("items").clone();
            items.into_iter().find(|item| item["event"] == event && item["state"] == state)
        })
        .await;
        let id = found["id"].as_str().expect("an id").to_owned();
        self.get(&format!("/v1/deliveries/{id}")).await.expect(200)
    }
}
