//! Personal links: no one else decides with them, and they carry more assurance.

use serde_json::{Value, json};

use super::{nonce, open_link, post, submit, url};
use crate::support::{Database, Receiver, TestHub, on_both};

/// A hub with one endpoint for this person; the request and its links.
async fn with_personal_links(database: Database, person: &str) -> (TestHub, Receiver, Value, Value) {
    let hub = TestHub::start(database).await.with_policy().await;
    hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}], "min_assurance": "recipient"}))
        .await
        .expect(200);
    let receiver = Receiver::start().await;
    let input =
        json!({"name": "direct", "channel": "custom", "url": receiver.url, "groups": ["dba"], "recipient": person});
    let made = hub.post("/v1/endpoints", &input).await.expect(201);
    assert_eq!(made["recipient"], person.to_lowercase());
    let request = hub.ask("orders", "x").await;
    let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
    (hub, receiver, request, links)
}

on_both! {
    async fn only_its_person_decides_with_it(database: Database) {
        let (hub, _receiver, request, links) = with_personal_links(database, "Dana@example.com").await;
        let link = url(&links, "approve");
        let refused = post(&hub, &link, &json!({"approver": "erik@example.com"})).await;
        assert_eq!(refused.problem(403), "link_not_yours");
        let page = open_link(&hub, &link).await.text;
        assert!(page.contains("Dana Reyes") && !page.contains("erik@example.com"), "{page}");
        // A scanner presses the button and chooses no voter.
        let nonce = nonce(&page);
        let fields = [("nonce", nonce.as_str()), ("approver", ""), ("decision", "approve")];
        assert_eq!(submit(&hub, &link, &fields, &[]).await.status, 422);
        let fields = [("nonce", nonce.as_str()), ("approver", "dana@example.com"), ("decision", "approve")];
        assert_eq!(submit(&hub, &link, &fields, &[]).await.status, 303);
        let shown = hub.show(&request).await;
        assert_eq!(shown["status"], "approved");
        assert_eq!((&shown["votes"][0]["assurance"], &shown["votes"][0]["person"]), (&json!("recipient"), &json!("dana@example.com")));
    }

    async fn a_program_with_a_personal_link_need_not_name_the_voter(database: Database) {
        let (hub, _receiver, _request, links) = with_personal_links(database, "dana@example.com").await;
        let decided = post(&hub, &url(&links, "reject"), &json!({"reason": "no"})).await.expect(200);
        assert_eq!((&decided["status"], &decided["votes"][0]["assurance"]), (&json!("rejected"), &json!("recipient")));
    }

    async fn a_person_in_conflict_cannot_decide_by_a_personal_link(database: Database) {
        let (hub, _receiver, request, links) = with_personal_links(database, "nora@example.com").await;
        let link = url(&links, "approve");
        let page = open_link(&hub, &link).await.text;
        assert!(page.contains("sent to nora@example.com, who may not decide") && !page.contains("<form"), "{page}");
        assert_eq!(post(&hub, &link, &json!({})).await.problem(403), "conflict_of_interest");
        assert_eq!(hub.show(&request).await["votes"], json!([]));
    }

    async fn a_channels_link_has_less_assurance_than_a_personal_one(database: Database) {
        let (hub, _receiver, _request, _links) = with_personal_links(database, "dana@example.com").await;
        let channel = Receiver::start().await;
        hub.endpoint("channel", "custom", &channel.url, &["dba"]).await;
        hub.ask("orders", "y").await;
        let links = channel.wait_for(1).await[0].json()["data"]["links"].clone();
        let refused = post(&hub, &url(&links, "approve"), &json!({"approver": "dana@example.com"})).await;
        assert_eq!(refused.problem(403), "assurance_too_low");
    }
}
