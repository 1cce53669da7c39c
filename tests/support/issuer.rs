//! An OpenID provider that signs with real keys and misbehaves on demand. It signs everybody in at once, as `dana`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::time::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

use super::leaks;
use super::signing_key::SigningKey;

/// The hub's id at the provider.
pub(crate) const CLIENT: &str = "countersign";
/// The hub's secret at the provider: the form encoding of Basic credentials changes it.
pub(crate) const SECRET: &str = "marker secret+/=%é";
const ACCESS: &str = "marker-access-token";

/// What the provider does.
pub(crate) struct Conduct {
    /// The keys that it publishes. The first one signs.
    pub(crate) keys: Vec<SigningKey>,
    /// Signs instead of the first published key.
    pub(crate) signer: Option<SigningKey>,
    /// Changes to the discovery document; null removes a member.
    pub(crate) discovery: Value,
    /// Changes to the header of tokens.
    pub(crate) header: Value,
    /// Changes to the claims of ID tokens.
    pub(crate) claims: Value,
    /// Changes to userinfo.
    pub(crate) userinfo: Value,
    /// Changes to the query with which people come back.
    pub(crate) answer: Value,
    /// Replaces the token endpoint's answer.
    pub(crate) token: Option<(u16, Value)>,
    /// Replaces the signature by this text.
    pub(crate) signature: Option<&'static str>,
    /// The paths at which it does not answer.
    pub(crate) down: Vec<&'static str>,
    pub(crate) now: Timestamp,
    /// How clients may identify themselves.
    pub(crate) accepts: &'static [&'static str],
    calls: BTreeMap<String, usize>,
    /// What the hub got that nobody else may see.
    secrets: Mutex<Vec<String>>,
    codes: HashMap<String, BTreeMap<String, String>>,
}

/// A running provider.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) url: String,
    conduct: Arc<Mutex<Conduct>>,
}

/// Writes the members of `changes` into an object.
fn change(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        let members = object.as_object_mut().expect("an object");
        if value.is_null() {
            members.remove(name)
        } else {
            members.insert(name.clone(), value.clone())
        };
    }
    object
}

impl Issuer {
    /// Starts a provider with one ES256 key.
    pub(crate) async fn start(now: Timestamp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/realm", listener.local_addr().expect("an address"));
        let conduct = Conduct {
            keys: vec![SigningKey::es256("first")],
            signer: None,
            discovery: Value::Null,
            header: Value::Null,
            claims: Value::Null,
            userinfo: Value::Null,
            answer: Value::Null,
            token: None,
            signature: None,
            down: Vec::new(),
            now,
            accepts: &["client_secret_basic"],
            calls: BTreeMap::new(),
            secrets: Mutex::default(),
            codes: HashMap::new(),
        };
        let issuer = Self { url, conduct: Arc::new(Mutex::new(conduct)) };
        let routes = Router::new()
            .route("/realm/.well-known/openid-configuration", get(discovery))
            .route("/realm/keys", get(keys))
            .route("/realm/authorize", get(authorize))
            .route("/realm/token", post(token))
            .route("/realm/userinfo", get(userinfo))
            .layer(from_fn_with_state(issuer.clone(), watch))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        issuer
    }

    /// What it does, to be changed.
    pub(crate) fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.conduct.lock().expect("no test failed with it")
    }

    /// What it gave to hubs, and they to it, that nobody else may see.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.conduct().secrets.lock().expect("no test failed with it").clone()
    }

    /// How often a path below the issuer was called.
    pub(crate) fn calls(&self, path: &str) -> usize {
        self.conduct().calls.get(path).copied().unwrap_or(0)
    }

    /// A signed token with these claims besides `iss`, `exp` and `iat`.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let conduct = self.conduct();
        let now = conduct.now.as_seconds();
        let usual = json!({"iss": self.url, "exp": now + 300, "iat": now});
        conduct.sign(&change(usual, claims))
    }

    /// The claims of a sign-in.
    fn id_token(&self, asked: &BTreeMap<String, String>) -> String {
        let conduct = self.conduct();
        let now = conduct.now.as_seconds();
        let usual = json!({
            "iss": self.url, "aud": CLIENT, "exp": now + 300, "iat": now, "auth_time": now, "sub": "dana-1", "sid": "session-1",
            "nonce": asked.get("nonce"), "email": "dana@example.com", "email_verified": true, "name": "Dana",
            "groups": ["dba"],
        });
        conduct.sign(&change(usual, &conduct.claims))
    }
}

impl Conduct {
    /// Remembers what the hub gets and nobody else may see.
    fn secret(&self, text: String) -> String {
        leaks::secret(&text);
        self.secrets.lock().expect("no test failed with it").push(text.clone());
        text
    }

    fn sign(&self, claims: &Value) -> String {
        let key = self.signer.as_ref().unwrap_or(&self.keys[0]);
        let header = change(json!({"alg": key.algorithm, "kid": key.kid, "typ": "JWT"}), &self.header);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        match self.signature {
            Some(signature) => format!("{signed}.{signature}"),
            // The claims of a token are no secret: its signature proves it.
            None => format!("{signed}.{}", self.secret(URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))),
        }
    }
}

/// Counts calls, and breaks the connection where the provider is down.
async fn watch(State(issuer): State<Issuer>, request: Request, next: Next) -> Response {
    let path = request.uri().path().trim_start_matches("/realm").to_owned();
    {
        let mut conduct = issuer.conduct();
        *conduct.calls.entry(path.clone()).or_default() += 1;
        if conduct.down.iter().any(|down| *down == "*" || *down == path) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    next.run(request).await
}

async fn discovery(State(issuer): State<Issuer>) -> Response {
    let at = |path: &str| format!("{}/{path}", issuer.url);
    let document = json!({
        "issuer": issuer.url,
        "authorization_endpoint": at("authorize"), "token_endpoint": at("token"), "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("keys"), "end_session_endpoint": at("end"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "token_endpoint_auth_methods_supported": issuer.conduct().accepts,
        "authorization_response_iss_parameter_supported": true,
    });
    axum::Json(change(document, &issuer.conduct().discovery)).into_response()
}

async fn keys(State(issuer): State<Issuer>) -> Response {
    let keys: Vec<Value> = issuer.conduct().keys.iter().map(SigningKey::public).collect();
    axum::Json(json!({"keys": keys})).into_response()
}

async fn authorize(State(issuer): State<Issuer>, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let mut back = Url::parse(&asked["redirect_uri"]).expect("a URL to come back to");
    let mut conduct = issuer.conduct();
    let code = conduct.secret(format!("marker-code-{}", countersign::random::secret_text()));
    let answer = json!({"code": code, "state": asked.get("state"), "iss": issuer.url});
    for (name, value) in change(answer, &conduct.answer).as_object().expect("an object") {
        back.query_pairs_mut().append_pair(name, value.as_str().unwrap_or_default());
    }
    conduct.codes.insert(code, asked);
    Redirect::to(back.as_str()).into_response()
}

async fn token(State(issuer): State<Issuer>, headers: HeaderMap, body: String) -> Response {
    let error = |status: StatusCode, code: &str| (status, axum::Json(json!({"error": code}))).into_response();
    let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let (asked, instead) = {
        let mut conduct = issuer.conduct();
        if !conduct.accepts.contains(&method(&headers, &form).as_str()) {
            return error(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        // A code is used once.
        (form.get("code").and_then(|code| conduct.codes.remove(code)), conduct.token.clone())
    };
    if let Some((status, body)) = instead {
        return (StatusCode::from_u16(status).expect("a status"), axum::Json(body)).into_response();
    }
    let Some(asked) = asked else { return error(StatusCode::BAD_REQUEST, "invalid_grant") };
    let secret = |text: String| issuer.conduct().secret(text);
    form.get("code_verifier").cloned().map(secret);
    let challenge = form.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    if challenge.as_ref() != asked.get("code_challenge") || form.get("redirect_uri") != asked.get("redirect_uri") {
        return error(StatusCode::BAD_REQUEST, "invalid_grant");
    }
    let answer = json!({"access_token": secret(ACCESS.to_owned()), "refresh_token": secret("marker-refresh-token".to_owned()),
        "token_type": "Bearer", "id_token": issuer.id_token(&asked)});
    axum::Json(answer).into_response()
}

/// How the client identified itself.
fn method(headers: &HeaderMap, form: &BTreeMap<String, String>) -> String {
    let decoded =
        |text: &str| form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, text)| text.into_owned());
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let basic = basic.and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
    if let Some((id, secret)) = basic.as_deref().and_then(|text| text.split_once(':')) {
        let is_right = decoded(id).as_deref() == Some(CLIENT) && decoded(secret).as_deref() == Some(SECRET);
        return if is_right { "client_secret_basic" } else { "wrong" }.to_owned();
    }
    match (form.get("client_id").map(String::as_str), form.get("client_secret").map(String::as_str)) {
        (Some(CLIENT), Some(SECRET)) => "client_secret_post".to_owned(),
        (Some(CLIENT), None) => "none".to_owned(),
        _ => "wrong".to_owned(),
    }
}

async fn userinfo(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != format!("Bearer {ACCESS}").as_str()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let usual = Value::Object(Map::from_iter([("sub".to_owned(), json!("dana-1"))]));
    axum::Json(change(usual, &issuer.conduct().userinfo)).into_response()
}
