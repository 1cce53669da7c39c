//! A browser in which people sign in to the hub under test.

use anyhow::Context;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use super::hub::Hub;

const SESSION: &str = "__Host-countersign-session";

/// The sign-in form of a browser.
pub(super) struct SignInForm {
    cookie: String,
    nonce: String,
}

impl SignInForm {
    /// Opens the sign-in page.
    pub(super) async fn open(hub: &Hub) -> anyhow::Result<Self> {
        let page = hub.request(Method::GET, "/sign-in").send().await?;
        let cookie = cookie(page.headers(), "__Host-countersign-form").context("no cookie with the form")?;
        let text = page.text().await?;
        let nonce = text.split("name=\"nonce\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(Self { cookie, nonce: nonce.context("no nonce in the form")?.to_owned() })
    }

    /// Signs in with a token; returns the session's secret.
    pub(super) async fn sign_in(&self, hub: &Hub, token: &str) -> anyhow::Result<String> {
        let response = self.call(hub, token).send().await?;
        anyhow::ensure!(response.status() == StatusCode::SEE_OTHER, "the sign-in was answered {}", response.status());
        cookie(response.headers(), SESSION).context("a sign-in without a cookie")
    }

    /// Signs in with a one-time link; returns the session's secret. The session has all rights of the person.
    pub(super) async fn sign_in_by_link(&self, hub: &Hub, url: &str) -> anyhow::Result<String> {
        let path = url::Url::parse(url)?.path().to_owned();
        let request = self.form(hub, &path, &[("nonce", self.nonce.as_str())]);
        let response = request.send().await?;
        anyhow::ensure!(response.status() == StatusCode::SEE_OTHER, "the link was answered {}", response.status());
        cookie(response.headers(), SESSION).context("a sign-in without a cookie")
    }

    /// The call that signs in with a token.
    pub(super) fn call(&self, hub: &Hub, token: &str) -> RequestBuilder {
        self.form(hub, "/sign-in/token", &[("nonce", self.nonce.as_str()), ("token", token)])
    }

    fn form(&self, hub: &Hub, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        hub.request(Method::POST, path)
            .header(header::COOKIE, format!("__Host-countersign-form={}", self.cookie))
            .header("Sec-Fetch-Site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
    }
}

/// Makes a token of a person.
pub(super) async fn token_of(hub: &Hub, person: &str) -> anyhow::Result<String> {
    let input = json!({"name": person, "scope": "approver", "person": person});
    let made = hub.call(Method::POST, "/v1/tokens", Some(&input)).await?;
    made.get("secret").and_then(Value::as_str).map(str::to_owned).context("a token without a secret")
}

/// Reads a path with a session, as a page of the hub would.
pub(super) fn get(hub: &Hub, path: &str, session: &str) -> RequestBuilder {
    let request = hub.request(Method::GET, path).header("Sec-Fetch-Site", "same-origin");
    request.header(header::COOKIE, format!("{SESSION}={session}"))
}

/// The value of a cookie that an answer sets.
fn cookie(headers: &header::HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let value = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).next()?;
    value.split(';').next().map(str::to_owned)
}
