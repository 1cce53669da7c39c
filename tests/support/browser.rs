//! A browser with cookies, as far as the hub's pages need one: it opens pages and sends their forms.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder, header};

use super::hub::{Answer, TestHub};

/// A browser.
pub(crate) struct Browser<'h> {
    hub: &'h TestHub,
    cookies: BTreeMap<String, String>,
    /// The last page that was shown.
    pub(crate) page: String,
}

impl<'h> Browser<'h> {
    pub(crate) fn new(hub: &'h TestHub) -> Self {
        Self { hub, cookies: BTreeMap::new(), page: String::new() }
    }

    /// A browser in which that person has signed in with a one-time link.
    pub(crate) async fn signed_in(hub: &'h TestHub, person: &str) -> Self {
        let made = hub.post("/v1/sign-in-links", &serde_json::json!({"person": person})).await.expect(201);
        let mut browser = Self::new(hub);
        let link = made["url"].as_str().expect("a link").to_owned();
        browser.open(&link).await.expect_page(200);
        assert_eq!(browser.submit(&link, &[]).await.location(), "/");
        browser
    }

    /// Opens a page. Redirects are not followed.
    pub(crate) async fn open(&mut self, path: &str) -> Answer {
        let call = self.hub.call(Method::GET, path).header("Sec-Fetch-Site", "none");
        self.send(call).await
    }

    /// Sends the form of the page that is shown, with its nonce and these fields.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let nonce = self.nonce();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body: String = form.append_pair("nonce", &nonce).extend_pairs(fields).finish();
        let call = self
            .hub
            .call(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("Sec-Fetch-Site", "same-origin")
            .body(body);
        self.send(call).await
    }

    /// Calls with this browser's cookies.
    pub(crate) async fn send(&mut self, call: RequestBuilder) -> Answer {
        let answer = self.hub.send(self.with_cookies(call)).await;
        for set in answer.headers.get_all(header::SET_COOKIE) {
            self.keep(set.to_str().expect("a text"));
        }
        self.page.clone_from(&answer.text);
        answer
    }

    /// A call with this browser's cookies.
    pub(crate) fn with_cookies(&self, call: RequestBuilder) -> RequestBuilder {
        let line: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if line.is_empty() { call } else { call.header(header::COOKIE, line.join("; ")) }
    }

    fn keep(&mut self, set: &str) {
        let (name, rest) = set.split_once('=').expect("a cookie");
        let value = rest.split(';').next().unwrap_or_default();
        // What a browser demands of this prefix, without which it drops the cookie silently.
        assert!(name.starts_with("__Host-") && set.contains("; Secure") && set.contains("; Path=/;"), "{set}");
        assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Lax") && !set.contains("Domain"), "{set}");
        if rest.contains("Max-Age=0;") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The nonce of the form of the page that is shown.
    pub(crate) fn nonce(&self) -> String {
        let rest = self.page.split("name=\"nonce\" value=\"").nth(1);
        rest.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    }

    /// For pages of others: without cookies.
    pub(crate) fn outside(&self) -> &reqwest::Client {
        &self.hub.http
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// As when the person deletes a cookie, or another page sets it.
    pub(crate) fn set_cookie(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            None => drop(self.cookies.remove(name)),
        }
    }
}

impl Answer {
    /// The page, which must have this status and be HTML.
    pub(crate) fn expect_page(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(self.headers["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/html")), "{}", self.text);
        &self.text
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.headers["location"].to_str().expect("a text")
    }
}
