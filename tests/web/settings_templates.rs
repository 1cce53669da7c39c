//! The pages of templates: tried before they are saved, drawn as the channel draws them, restored.

use serde_json::Value;

use crate::support::{Database, TestHub, on_both};

const PATH: &str = "/settings/templates/teams/request.created";

async fn stored(hub: &TestHub, query: &str) -> Value {
    hub.get(&format!("/v1/templates/teams/request.created{query}")).await.expect(200)
}

on_both! {
    async fn a_template_is_tried_saved_restored_and_reset(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (endpoint, _) = hub.endpoint("dba-teams", "teams", "http://127.0.0.1:9/hook", &["dba"]).await;
        let mut browser = hub.admin().await;
        let list = browser.open("/settings/templates").await;
        assert!(list.expect_page(200).contains(PATH) && list.text.contains("None: messages use the built-in"), "{}", list.text);
        let page = browser.open(PATH).await;
        assert!(page.expect_page(200).contains("As Teams draws it") && page.text.contains("<div class=\"card\">") && page.text.contains("orders-db"), "{}", page.text);
        for sample in ["long", "hostile", "empty", "right-to-left", "many-groups"] {
            let page = browser.open(&format!("{PATH}?sample={sample}")).await;
            assert!(page.expect_page(200).contains("<div class=\"card\">") && !page.text.contains("<a href=\"http://evil"), "{sample}");
        }
        assert_eq!(stored(&hub, "").await["template"], "{{> _ask}}\n");
        let part = hub.get("/v1/templates/teams/_ask").await.expect(200);
        let built_in = part["template"].as_str().unwrap().to_owned();
        // As the browser shows it: a form that is sent unchanged saves the same text.
        let marked = built_in.replacen("{{plain what}}:", "{{plain what}} MARK", 1);
        assert_ne!(marked, built_in);
        browser.open(PATH).await.expect_page(200);
        let tried = browser.submit(PATH, &[("template", &marked), ("try", "yes")]).await;
        assert!(tried.expect_page(200).contains("MARK") && stored(&hub, "").await["version"].is_null(), "{}", tried.text);
        assert_eq!(browser.does(PATH, &[("template", &marked)]).await, PATH);
        assert_eq!(stored(&hub, "").await["template"], marked);
        assert_eq!(stored(&hub, "").await["version"]["author"], "olga@example.com");

        let line = 1 + marked.lines().position(|line| line.contains("MARK")).unwrap();
        let broken = marked.replacen("{{plain what}} MARK", "{{plain waht}} <script>alert(1)</script>", 1);
        browser.open(PATH).await.expect_page(200);
        let refused = browser.submit(PATH, &[("template", &broken)]).await;
        let text = refused.expect_page(422);
        assert!(text.contains(&format!("line {line}")) && text.contains("waht") && text.contains("<li class=\"bad\">"), "{text}");
        assert!(text.contains("The text that is in use") && text.contains("MARK") && !text.contains("<script>alert"), "{text}");
        assert_eq!(stored(&hub, "").await["template"], marked, "nothing was saved");

        browser.open(PATH).await.expect_page(200);
        browser.does(PATH, &[("template", &built_in)]).await;
        let page = browser.open(PATH).await;
        assert!(page.expect_page(200).contains("2, in use") && page.text.contains("Restore<span class=\"vh\"> version 1"), "{}", page.text);
        browser.does(&format!("{PATH}/restore"), &[("version", "1")]).await;
        assert_eq!(stored(&hub, "").await["template"], marked);
        browser.open(PATH).await.expect_page(200);
        browser.does(&format!("{PATH}/delete"), &[]).await;
        assert_eq!(stored(&hub, "").await["source"], "built_in");

        let own = format!("{PATH}?endpoint={endpoint}");
        browser.open(&own).await.expect_page(200);
        let saved = browser.submit(PATH, &[("template", &marked), ("endpoint", &endpoint)]).await;
        assert_eq!(saved.location(), format!("{own}&done=saved"));
        assert_eq!(stored(&hub, &format!("?endpoint={endpoint}")).await["template"], marked);
        assert_eq!(stored(&hub, "").await["source"], "built_in", "only for the endpoint");
        assert!(browser.open("/settings/templates").await.text.contains("endpoint dba-teams"));
        assert_eq!(hub.audited("template.").await.len(), 5);
    }
}

#[tokio::test]
async fn others_are_shown_as_json_and_auditors_only_read() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let mut browser = hub.admin().await;
    for (channel, event) in [
        ("slack", "request.created"),
        ("discord", "request.approved"),
        ("google_chat", "ping"),
        ("custom", "default"),
        ("teams", "_card"),
    ] {
        let page = browser.open(&format!("/settings/templates/{channel}/{event}")).await;
        assert!(page.status == 200 || channel == "custom" || event == "_card", "{channel}/{event}: {}", page.text);
    }
    assert_eq!(browser.open("/settings/templates/fax/ping").await.expect_page(404).matches("<h1>").count(), 1);
    assert_eq!(browser.open("/settings/templates/teams/nothing").await.status, 422);
    let mut auditor = hub.browser_of("ada@example.com", &["auditor"]).await;
    let page = auditor.open(PATH).await;
    assert!(
        page.expect_page(200).contains("Only who may change it can try it") && !page.text.contains("Try and save"),
        "{}",
        page.text
    );
}
