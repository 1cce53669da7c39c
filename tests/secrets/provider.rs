//! The secrets of a sign-in through a provider, and of pipelines: they are not logged, and in no answer but their own.

use countersign::time::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use super::MARK;
use super::sign_in::Watched;
use crate::support::{Conduct, Issuer, OIDC_CLIENT, OIDC_SECRET, TOKEN};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Goes to the provider; returns the path with which it sends the browser back.
async fn visit(watched: &mut Watched) -> String {
    let begun = watched.open("begin", "/sign-in/oidc?return=/account").await;
    let answer = watched.http.get(begun.location()).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    back.strip_prefix(&watched.hub.url).unwrap().to_owned()
}

/// All the ways in which the provider fails after it has sent somebody back.
fn failures() -> Vec<fn(&mut Conduct)> {
    vec![
        |conduct| conduct.token = Some((400, json!({"error": "invalid_grant", "error_description": MARK}))),
        |conduct| conduct.token = Some((401, json!({"error": "invalid_client", "error_description": MARK}))),
        |conduct| conduct.token = Some((400, json!({"error": MARK, "error_uri": MARK}))),
        |conduct| {
            conduct.token = Some((200, json!({"access_token": MARK, "refresh_token": MARK, "token_type": "Bearer"})))
        },
        |conduct| {
            conduct.token = Some((200, json!({"access_token": MARK, "id_token": format!("{MARK}.{MARK}.{MARK}")})))
        },
        |conduct| conduct.token = Some((200, json!([MARK]))),
        |conduct| conduct.signature = Some("mArKeDmArKeD"),
        |conduct| conduct.claims = json!({"nonce": MARK}),
        |conduct| conduct.claims = json!({"aud": "another"}),
        |conduct| conduct.claims = json!({"exp": 1}),
        |conduct| conduct.claims = json!({"email_verified": false}),
        |conduct| conduct.claims = json!({"groups": 7}),
        |conduct| conduct.down = vec!["/token"],
    ]
}

/// Signs in, well and badly; returns the secrets with the calls that may show them.
async fn sign_in(watched: &mut Watched, issuer: &Issuer) -> Vec<(String, &'static [&'static str])> {
    issuer.conduct().claims = json!({"groups": null});
    issuer.conduct().userinfo = json!({"groups": ["dba"]});
    let back = visit(watched).await;
    let kept = watched.cookie("oidc");
    watched.open("callback", &back).await.location();
    let session = watched.cookie("session");
    watched.open("account", "/account").await.expect_page(200);
    watched.open("callback again", &back).await;
    for fail in failures() {
        fail(&mut issuer.conduct());
        let back = visit(watched).await;
        let answer = watched.open("failed", &back).await;
        assert!(answer.status >= 400, "{}", answer.text);
        let mut conduct = issuer.conduct();
        (conduct.token, conduct.signature, conduct.claims) = (None, None, Value::Null);
        conduct.down.clear();
    }
    let code = "marker-code-of-another-sign-in-0000000000000";
    for query in [
        format!("code={code}&state={kept}"),
        format!("error=access_denied&error_description={MARK}&state={kept}"),
        format!("code={code}&state={code}&iss={MARK}"),
    ] {
        watched.open("failed", &format!("/sign-in/callback?{query}")).await;
    }
    let basic = url::form_urlencoded::byte_serialize(OIDC_SECRET.as_bytes()).collect();
    vec![
        (OIDC_SECRET.to_owned(), &[]),
        (basic, &[]),
        (MARK.to_owned(), &[]),
        (code.to_owned(), &[]),
        (kept, &["begin"]),
        (session, &["callback"]),
    ]
}

/// Exchanges a pipeline's token, well and badly; returns the hub's token with the call that shows it.
async fn exchange(watched: &mut Watched, issuer: &Issuer) -> Vec<(String, &'static [&'static str])> {
    let jwt = |changes: &Value| {
        let mut claims = json!({"sub": "repo:acme/shop", "aud": "hub", "repository": "acme/shop", "jti": "one"});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        issuer.sign(&claims)
    };
    let right = jwt(&json!({}));
    let mut secret = String::new();
    for (name, token) in [
        ("exchange", right.clone()),
        ("exchange again", right.clone()),
        ("failed", jwt(&json!({"aud": "another"}))),
        ("failed", jwt(&json!({"exp": 1}))),
        ("failed", jwt(&json!({"repository": "acme/other"}))),
        ("failed", format!("{right}x")),
        ("failed", format!("{MARK}.{MARK}.{MARK}")),
    ] {
        let fields = [("grant_type", EXCHANGE), ("subject_token_type", JWT), ("subject_token", token.as_str())];
        let answer = watched.sent(name, watched.form("/v1/token", &fields)).await;
        match name {
            "exchange" => secret = answer.expect(200)["access_token"].as_str().unwrap().to_owned(),
            _ => assert!(answer.status >= 400, "{name}: {}", answer.text),
        }
    }
    for path in ["/v1/me", "/v1/endpoints"] {
        watched.sent("as a pipeline", watched.call(Method::GET, path).bearer_auth(&secret)).await;
        watched.sent("as a pipeline", watched.call(Method::GET, path).bearer_auth(&right)).await;
    }
    vec![(secret, &["exchange"])]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_a_provider_or_a_pipeline_is_shown_or_logged() {
    let issuer = Issuer::start(SystemClock.now()).await;
    let folder = tempfile::tempdir().unwrap();
    let trusted = format!(
        "[[trusted_issuers]]\nname = \"shop\"\nissuer = \"{}\"\naudience = \"hub\"\nresources = [\"orders\"]\n\
         [trusted_issuers.conditions]\nrepository = \"acme/shop\"\n",
        issuer.url
    );
    std::fs::write(folder.path().join("countersign.toml"), trusted).unwrap();
    let settings = [
        ("COUNTERSIGN_OIDC_ISSUER", issuer.url.as_str()),
        ("COUNTERSIGN_OIDC_CLIENT_ID", OIDC_CLIENT),
        ("COUNTERSIGN_OIDC_CLIENT_SECRET", OIDC_SECRET),
    ];
    let mut watched = Watched::start(folder.path(), &settings).await;
    let orders = json!({"groups": {"dba": {"members": []}}, "resources": {"orders": {"slots": [{"group": "dba"}]}}});
    watched.api("apply", "/v1/apply", &orders).await;
    let mut secrets = sign_in(&mut watched, &issuer).await;
    secrets.extend(exchange(&mut watched, &issuer).await);
    secrets.extend(issuer.secrets().into_iter().map(|secret| (secret, &[][..])));
    secrets.push((TOKEN.to_owned(), &[]));
    for path in ["/v1/audit?limit=200", "/v1/tokens", "/v1/requests", "/readyz", "/metrics"] {
        watched.api("list", path, &Value::Null).await;
    }
    assert!(secrets.len() > 40, "{}", secrets.len());
    watched.assert_shown_once(&secrets).await;
}
