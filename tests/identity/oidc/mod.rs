//! Sign-in through an `OpenID` provider.

mod failures;
mod fresh;
mod groups;
mod logout;
mod provider;
mod sign_in;
mod threats;

use countersign::config::OidcSettings;
use countersign::oidc::EmailRule;

use crate::support::{Answer, Browser, Database, Issuer, OIDC_CLIENT, OIDC_SECRET, Options, TestHub};

const SESSION: &str = "__Host-countersign-session";

/// The settings of a hub whose provider this is.
fn settings(issuer: &Issuer) -> OidcSettings {
    OidcSettings {
        issuer: issuer.url.clone(),
        client_id: OIDC_CLIENT.to_owned(),
        client_secret: Some(OIDC_SECRET.to_owned().into()),
        client_auth: None,
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        email_claim: "email".to_owned(),
        email_rule: EmailRule::Required,
        groups_claim: "groups".to_owned(),
        name: Some("Example ID".to_owned()),
    }
}

/// A hub with a provider.
async fn hub(database: Database) -> (TestHub, Issuer) {
    let issuer = Issuer::start("2026-11-21T12:00:00Z".parse().expect("a time")).await;
    let hub = hub_of(database, settings(&issuer)).await;
    (hub, issuer)
}

async fn hub_of(database: Database, settings: OidcSettings) -> TestHub {
    TestHub::start_with(database, Options { oidc: Some(settings), ..Options::default() }).await
}

/// Goes to the provider, which knows the person, and returns the path with which it sends the browser back.
async fn visit(browser: &mut Browser<'_>, path: &str) -> String {
    let url = browser.open(path).await.location().to_owned();
    let answer = browser.outside().get(url).send().await.expect("the provider answers");
    assert_eq!(answer.status(), 303);
    answer.headers()["location"].to_str().expect("a text").to_owned()
}

/// Signs in.
async fn sign_in(browser: &mut Browser<'_>, return_path: &str) -> Answer {
    let back = visit(browser, &format!("/sign-in/oidc?return={return_path}")).await;
    browser.open(&back).await
}
