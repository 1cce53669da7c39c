//! What the threat model says of admins where there is a provider.

use reqwest::Method;
use serde_json::json;

use super::hub;
use crate::support::{Browser, Database, on_both};

on_both! {
    async fn with_a_provider_no_admin_votes_for_another_person(database: Database) {
        let (hub, _issuer) = hub(database).await;
        let hub = hub.with_policy().await;
        let request = hub.ask("orders", "delete from carts").await;
        let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        // The admin token in dana's name, a token made for her, and a sign-in link made for her.
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(403), "assurance_too_low");
        let token = json!({"name": "dana", "scope": "approver", "person": "dana@example.com"});
        let secret = hub.new_token(&token).await.1;
        assert_eq!(hub.post_with(&secret, &path, &json!({})).await.problem(403), "assurance_too_low");
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        let call = hub.call(Method::POST, &path).header("Sec-Fetch-Site", "same-origin").json(&json!({}));
        assert_eq!(browser.send(call).await.problem(403), "assurance_too_low");
        assert_eq!(hub.show(&request).await["votes"], json!([]));
    }
}
