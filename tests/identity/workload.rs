//! Workload tokens (RFC 8693): which tokens of a platform are exchanged, and for what.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::http::HeaderMap;
use countersign::identity::workload::{TrustedIssuer, UncheckedIssuer};
use reqwest::Method;
use serde_json::{Value, json};

use super::device::error;
use crate::secrets::dump;
use crate::support::{Answer, Database, HubProcess, Issuer, Options, SigningKey, TestHub, eventually, on_both};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const AUDIENCE: &str = "https://hub.example.com";

fn trusted(name: &str, issuer: &Issuer, conditions: &[(&str, &[&str])], resources: &[&str]) -> TrustedIssuer {
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let unchecked = UncheckedIssuer {
        name: name.to_owned(),
        issuer: issuer.url.clone(),
        audience: AUDIENCE.to_owned(),
        conditions: conditions.iter().map(|(claim, values)| ((*claim).to_owned(), owned(values))).collect(),
        resources: resources.iter().map(|name| name.parse().expect("a name")).collect(),
        expires_seconds: None,
    };
    unchecked.check().expect("a usable issuer")
}

/// A hub that trusts the pipelines of `acme/shop` for `orders`, and their tags also for `customers`.
struct Setup {
    hub: TestHub,
    issuer: Issuer,
}

impl Setup {
    /// The token service of a run of GitHub Actions, which gives each caller another token. Returns its URL.
    async fn github(self: &Arc<Self>) -> String {
        let setup = Arc::clone(self);
        let token = move |Query(query): Query<BTreeMap<String, String>>, headers: HeaderMap| {
            let is_asked = query["audience"] == setup.hub.url && query["api-version"] == "2.0";
            assert!(is_asked && headers["authorization"] == "Bearer of-the-run", "{query:?}");
            let answer = Json(json!({"count": 1, "value": setup.jwt(&json!({}))}));
            std::future::ready(answer)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/token?api-version=2.0", listener.local_addr().expect("an address"));
        let routes = axum::Router::new().route("/token", axum::routing::get(token));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    async fn new(database: Database) -> Self {
        let issuer = Issuer::start("2026-11-21T12:00:00Z".parse().expect("a time")).await;
        let trusted_issuers = vec![
            trusted(
                "tags",
                &issuer,
                &[("repository", &["acme/shop"]), ("ref", &["refs/tags/v*"])],
                &["orders", "customers"],
            ),
            trusted("shop", &issuer, &[("repository", &["acme/shop"])], &["orders"]),
        ];
        let hub = TestHub::start_with(database, Options { trusted_issuers, ..Options::default() }).await;
        Self { hub: hub.with_policy().await, issuer }
    }

    fn jwt(&self, changes: &Value) -> String {
        let mut claims = json!({
            "sub": "repo:acme/shop:ref:refs/heads/main", "aud": AUDIENCE, "repository": "acme/shop", "ref": "refs/heads/main",
            "jti": countersign::random::secret_text(),
        });
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        self.issuer.sign(&claims)
    }

    async fn exchange(&self, jwt: &str) -> Answer {
        let fields = [("grant_type", GRANT), ("subject_token_type", JWT), ("subject_token", jwt)];
        self.hub.form("/v1/token", &fields).await
    }

    async fn token(&self, changes: &Value) -> String {
        let got = self.exchange(&self.jwt(changes)).await.expect(200);
        got["access_token"].as_str().expect("a secret").to_owned()
    }

    async fn ask(&self, secret: &str, resource: &str) -> Answer {
        self.hub.post_with(secret, "/v1/requests", &json!({"resource": resource, "command": "x"})).await
    }
}

on_both! {
    async fn a_pipeline_gets_a_short_lived_token_for_its_resources(database: Database) {
        let setup = Setup::new(database).await;
        let (hub, jwt) = (&setup.hub, setup.jwt(&json!({})));
        let answer = setup.exchange(&jwt).await;
        let got = answer.expect(200);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(
            (&got["issued_token_type"], &got["token_type"], &got["expires_in"], &got["scope"]),
            (&json!("urn:ietf:params:oauth:token-type:access_token"), &json!("Bearer"), &json!(900), &json!("requester"))
        );
        let secret = got["access_token"].as_str().unwrap();
        let asked = setup.ask(secret, "orders").await.expect(201);
        assert_eq!(setup.ask(secret, "customers").await.problem(403), "forbidden");
        let vote = hub.post_with(secret, &format!("/v1/requests/{}/approve", asked["id"].as_str().unwrap()), &json!({})).await;
        assert_eq!(vote.problem(403), "forbidden");
        let me = hub.get_with(secret, "/v1/me").await.expect(200);
        assert_eq!((&me["name"], &me["scopes"], &me["resources"]), (&json!("shop repo:acme/shop:ref:refs/heads/main"), &json!(["requester"]), &json!(["orders"])));
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let entry = trail["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "token.exchanged").expect("an entry").clone();
        assert_eq!(entry["details"]["matched"], json!({"repository": "acme/shop"}));
        assert_eq!(entry["details"]["subject"], "repo:acme/shop:ref:refs/heads/main");
        assert!(!trail.to_string().contains(&jwt) && !trail.to_string().contains(secret));
        assert!(!dump(&hub.database.url).await.iter().any(|text| text.contains(&jwt) || text.contains(secret)));
        hub.advance(900);
        assert_eq!(setup.ask(secret, "orders").await.problem(401), "unauthenticated");
    }

    async fn a_platforms_token_works_once(database: Database) {
        let setup = Setup::new(database).await;
        let jwt = setup.jwt(&json!({}));
        let (one, two) = tokio::join!(setup.exchange(&jwt), setup.exchange(&jwt));
        let mut both = [one.status, two.status];
        both.sort_unstable();
        assert_eq!(both, [200, 400], "{} {}", one.text, two.text);
        let again = setup.exchange(&jwt).await;
        assert_eq!(error(&again, 400), "invalid_request");
        assert!(again.text.contains("exchanged before"), "{}", again.text);
        setup.exchange(&setup.jwt(&json!({}))).await.expect(200);
    }

    async fn what_a_workload_asked_for_stays_its_own_and_strangers_see_nothing(database: Database) {
        let setup = Setup::new(database).await;
        let first = setup.token(&json!({})).await;
        let asked = setup.ask(&first, "orders").await.expect(201);
        let path = format!("/v1/requests/{}", asked["id"].as_str().unwrap());
        setup.hub.advance(890);
        setup.issuer.conduct().now = setup.hub.now();
        let second = setup.token(&json!({})).await;
        setup.hub.advance(20);
        assert_eq!(setup.hub.get_with(&first, &path).await.problem(401), "unauthenticated");
        setup.hub.get_with(&second, &path).await.expect(200);
        setup.hub.vote(&asked, "approve", "dana@example.com").await.expect(200);
        let claim = setup.hub.post_with(&second, &format!("{path}/claim"), &json!({"digest": asked["digest"]})).await;
        claim.expect(200);
        let tokens = setup.hub.get("/v1/tokens?limit=500").await.expect(200);
        let of_workload = |token: &&Value| token["name"].as_str().is_some_and(|name| name.starts_with("shop "));
        assert_eq!(tokens["items"].as_array().unwrap().iter().filter(of_workload).count(), 1, "{tokens}");
        // Another branch of the same repository is another workload.
        setup.issuer.conduct().now = setup.hub.now();
        let other = setup.token(&json!({"sub": "repo:acme/shop:ref:refs/heads/other"})).await;
        let cancel = setup.hub.post_with(&other, &format!("{path}/cancel"), &json!({})).await;
        assert!(matches!(cancel.status, 403 | 404), "{}", cancel.text);
    }

    async fn the_first_issuer_whose_conditions_are_met_says_what_a_token_is_for(database: Database) {
        let setup = Setup::new(database).await;
        let tag = setup.token(&json!({"ref": "refs/tags/v1.2", "sub": "repo:acme/shop:ref:refs/tags/v1.2"})).await;
        setup.ask(&tag, "customers").await.expect(201);
        for (changes, claim) in [
            (json!({"repository": "acme/shop2"}), "repository"),
            (json!({"repository": "ACME/shop"}), "repository"),
            (json!({"repository": null}), "repository"),
            (json!({"sub": null}), "sub"),
            (json!({"sub": ""}), "sub"),
        ] {
            let answer = setup.exchange(&setup.jwt(&changes)).await;
            assert_eq!(error(&answer, 400), "invalid_request", "{changes}");
            assert!(answer.text.contains(claim) && !answer.text.contains("acme/shop\""), "{changes}: {}", answer.text);
        }
    }

    async fn tokens_that_prove_nothing_are_refused(database: Database) {
        let setup = Setup::new(database).await;
        let now = setup.hub.now().as_seconds();
        let other = Issuer::start(setup.hub.now()).await;
        let stranger = other.sign(&json!({"sub": "x", "aud": AUDIENCE, "repository": "acme/shop"}));
        let signed = setup.jwt(&json!({}));
        let (body, signature) = signed.rsplit_once('.').unwrap();
        for (what, jwt) in [
            ("another issuer", stranger.clone()),
            ("another issuer's key", {
                setup.issuer.conduct().signer = Some(SigningKey::es256("first"));
                let forged = setup.jwt(&json!({}));
                setup.issuer.conduct().signer = None;
                forged
            }),
            ("no signature", format!("{body}.")),
            ("another body", format!("{}.{signature}", setup.jwt(&json!({})).rsplit_once('.').unwrap().0)),
            ("another audience", setup.jwt(&json!({"aud": "https://other.example.com"}))),
            ("more audiences", setup.jwt(&json!({"aud": [AUDIENCE, "https://other.example.com"]}))),
            ("expired", setup.jwt(&json!({"exp": now - 3_600}))),
            ("not yet", setup.jwt(&json!({"nbf": now + 3_600}))),
            ("no text", "e30.e30.e30".to_owned()),
            ("nothing", "x".to_owned()),
        ] {
            let answer = setup.exchange(&jwt).await;
            assert_eq!(error(&answer, 400), "invalid_request", "{what}: {}", answer.text);
            assert!(!answer.text.contains(signature), "{what}: {}", answer.text);
        }
        setup.issuer.conduct().header = json!({"alg": "none"});
        assert_eq!(error(&setup.exchange(&setup.jwt(&json!({}))).await, 400), "invalid_request");
        setup.issuer.conduct().header = Value::Null;
        setup.exchange(&setup.jwt(&json!({}))).await.expect(200);
    }

    async fn the_call_is_as_the_rfc_says_or_it_is_refused(database: Database) {
        let setup = Setup::new(database).await;
        let jwt = setup.jwt(&json!({}));
        let usual = [("grant_type", GRANT), ("subject_token_type", JWT), ("subject_token", jwt.as_str())];
        for (name, value, expected) in [
            ("grant_type", "client_credentials", "unsupported_grant_type"),
            ("grant_type", "", "invalid_request"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:saml2", "invalid_request"),
            ("subject_token", "", "invalid_request"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token", "invalid_request"),
            ("actor_token", "x", "invalid_request"),
            ("audience", "other", "invalid_target"),
            ("resource", "https://other.example.com", "invalid_target"),
            ("scope", "admin", "invalid_scope"),
        ] {
            let kept = usual.iter().filter(|(known, _)| *known != name).copied();
            let fields: Vec<(&str, &str)> = kept.chain([(name, value)]).collect();
            assert_eq!(error(&setup.hub.form("/v1/token", &fields).await, 400), expected, "{name}={value}");
        }
        let more = [("scope", "requester"), ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")];
        setup.hub.form("/v1/token", &[&usual[..], &more].concat()).await.expect(200);
    }

    async fn a_platform_that_is_down_is_no_fault_of_the_pipeline(database: Database) {
        let setup = Setup::new(database).await;
        setup.issuer.conduct().down = vec!["/keys"];
        let jwt = setup.jwt(&json!({}));
        assert_eq!(error(&setup.exchange(&jwt).await, 503), "temporarily_unavailable");
        setup.issuer.conduct().down = Vec::new();
        setup.hub.advance(6);
        setup.exchange(&jwt).await.expect(200);
    }

    async fn a_revoked_workload_begins_again_and_an_unused_one_is_forgotten(database: Database) {
        let setup = Setup::new(database).await;
        let count = async || {
            let tokens = setup.hub.get("/v1/tokens?limit=500").await.expect(200);
            tokens["items"].as_array().unwrap().len()
        };
        let secret = setup.token(&json!({})).await;
        let me = setup.hub.get_with(&secret, "/v1/me").await.expect(200);
        let path = format!("/v1/tokens/{}", me["id"].as_str().unwrap());
        assert_eq!(setup.hub.send(setup.hub.call(Method::DELETE, &path).bearer_auth(&setup.hub.token)).await.status, 204);
        assert_eq!(setup.ask(&secret, "orders").await.problem(401), "unauthenticated");
        setup.token(&json!({})).await;
        setup.token(&json!({"sub": "another"})).await;
        assert_eq!(count().await, 2);
        setup.hub.advance(31 * 86_400);
        setup.issuer.conduct().now = setup.hub.now();
        setup.token(&json!({"sub": "a third"})).await;
        assert_eq!(count().await, 1);
    }
}

/// Starts a hub with this settings file; returns what it says when it does not start.
async fn refused(settings: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("countersign.toml"), settings).unwrap();
    HubProcess::start_logging(folder.path(), "warn", &[]).await.map(|_| ()).expect_err(settings)
}

#[tokio::test]
async fn a_hub_that_would_trust_everybody_does_not_start() {
    let entry = |rest: &str| {
        format!(
            "public_url = \"https://hub.example.com\"\n[[trusted_issuers]]\nname = \"ci\"\n\
             issuer = \"https://token.actions.githubusercontent.com\"\nresources = [\"deploy\"]\n{rest}"
        )
    };
    for (rest, says) in [
        ("", "everybody whom the issuer signs for"),
        ("conditions = { repository = \"**\" }", "everybody whom the issuer signs for"),
        ("conditions = { ref = \"refs/heads/main\" }", "signs for everybody in the world"),
        ("conditions = { repository = [\"acme/shop\", \"*/x\"] }", "signs for everybody in the world"),
        ("conditions = { repository = 1.5 }", "expected a text"),
        ("conditions = { aud = \"x\", repository = \"acme/shop\" }", "conditions.aud"),
        ("expires_seconds = 4000\nconditions = { repository = \"acme/shop\" }", "expires_seconds"),
        ("sub = \"x\"", "unknown field"),
    ] {
        let error = refused(&entry(rest)).await;
        assert!(error.contains(says), "{rest}: {error}");
    }
    let error =
        refused(&entry("conditions = { repository = \"acme/shop\" }").replace("https://token", "http://token")).await;
    assert!(error.contains("\"ci\"") && error.contains("https://"), "{error}");
}

#[tokio::test]
async fn the_commands_exchange_the_token_of_their_pipeline() {
    let setup = Setup::new(Database::sqlite()).await;
    let run = async |args: &[&str], settings: &[(&str, &str)]| {
        let mut program = HubProcess::command(setup.hub.database.folder.path());
        program
            .args(args)
            .env("COUNTERSIGN_URL", &setup.hub.url)
            .env_remove("COUNTERSIGN_TOKEN")
            .envs(settings.iter().copied());
        let output = program.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let create = ["request", "create", "--resource", "orders", "--command", "x", "--json"];
    let jwt = setup.jwt(&json!({}));
    let given = [("COUNTERSIGN_ID_TOKEN", jwt.as_str())];
    let (code, out, err) = run(&create, &given).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!err.contains("expires"), "a token that lives for minutes is not warned of: {err}");
    let (code, _, err) = run(&create, &given).await;
    assert!(code == Some(1) && err.contains("countersign token exchange"), "{err}");
    // Once for several commands.
    let jwt = setup.jwt(&json!({}));
    let (code, out, err) = run(&["token", "exchange"], &[("COUNTERSIGN_ID_TOKEN", jwt.as_str())]).await;
    assert_eq!(code, Some(0), "{err}");
    for _ in 0..2 {
        let (code, _, err) = run(&create, &[("COUNTERSIGN_TOKEN", out.trim())]).await;
        assert!(code == Some(0) && err.is_empty(), "{err}");
    }
    let jwt = setup.jwt(&json!({}));
    let named = ["token", "exchange", "--id-token-variable", "HUB_TOKEN"];
    let (code, out, err) = run(&named, &[("HUB_TOKEN", jwt.as_str())]).await;
    assert!(code == Some(0) && out.starts_with("csw_"), "{out}{err}");
    let (code, _, err) = run(&named, &[]).await;
    assert!(code == Some(1) && err.contains("HUB_TOKEN"), "{err}");
    let (code, _, err) = run(&["token", "exchange"], &[]).await;
    assert!(code == Some(1) && err.contains("id-token: write"), "{err}");
    let (code, _, err) = run(&create, &[("COUNTERSIGN_ID_TOKEN", "two words")]).await;
    assert!(code == Some(1) && err.contains("COUNTERSIGN_ID_TOKEN"), "{err}");
}

/// A command that waits longer than its token is valid gets another one, and keeps its request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exec_in_github_actions_outlives_its_token() {
    let setup = Arc::new(Setup::new(Database::sqlite()).await);
    let github = setup.github().await;
    let mut program = HubProcess::command(setup.hub.database.folder.path());
    program.args(["exec", "--resource", "orders", "--", "echo", "done"]).env("COUNTERSIGN_URL", &setup.hub.url);
    program.env_remove("COUNTERSIGN_TOKEN").env("ACTIONS_ID_TOKEN_REQUEST_URL", &github);
    let program = program.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-run").spawn().unwrap();
    let asked = eventually("exec asks", async || {
        let page = setup.hub.get("/v1/requests").await.expect(200);
        page["items"].as_array().unwrap().first().cloned()
    })
    .await;
    setup.hub.advance(1_000);
    setup.issuer.conduct().now = setup.hub.now();
    setup.hub.vote(&asked, "approve", "dana@example.com").await.expect(200);
    let output = program.wait_with_output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"done\n"[..]), "{err}");
    let trail = setup.hub.get("/v1/audit?limit=500").await.expect(200);
    let exchanged =
        trail["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "token.exchanged").count();
    assert_eq!(exchanged, 2, "{err}");
}
