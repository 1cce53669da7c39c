//! The account page, and the pages around the sign-in.

use serde_json::json;

use crate::support::{Browser, Database, TestHub, on_both};

on_both! {
    async fn the_account_says_who_one_is_and_what_one_may(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let name = "Dana <script>marker</script>\u{202e}";
        hub.put("/v1/people/dana@example.com", &json!({"name": name, "roles": ["analyst"]})).await.expect(200);
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        let page = dana.open("/account").await.expect_page(200).to_owned();
        for part in [
            "<h1>Dana &#60;script&#62;marker&#60;/script&#62;⟨U+202E⟩</h1><p>dana@example.com</p>",
            "with a one-time link",
            "read reports and all requests (analyst)",
            "<b>dba</b>, <b>security</b>",
            "This one</span>",
            "data-keys hidden",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script>marker") && !page.contains("End all others"), "{page}");
        Browser::signed_in(&hub, "dana@example.com").await;
        assert!(dana.open("/account").await.expect_page(200).contains("End all others"));
    }

    async fn pages_say_what_happened_and_lead_on(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        let page = dana.open("/ask?like=req_00000000000000000000000000000000").await;
        assert!(page.expect_page(404).contains("<h1>There is no such thing, or you may not see it</h1>"), "{}", page.text);
        let page = dana.open("/settings").await;
        assert!(page.expect_page(403).contains("href=\"/account\""), "{}", page.text);
        assert!(page.text.contains("Nothing was changed. Code <span class=\"id\">forbidden</span>"), "{}", page.text);
        let mut nobody = Browser::new(&hub);
        let start = nobody.open("/").await;
        assert!(start.expect_page(200).contains("href=\"/sign-in\"") && !start.text.contains("<nav"), "{}", start.text);
        for path in ["/requests", "/ask", "/access", "/analytics", "/account"] {
            let location = nobody.open(path).await.location().to_owned();
            assert_eq!(location, format!("/sign-in?return={}", path.replace('/', "%2F")));
        }
        assert!(nobody.open("/sign-in").await.expect_page(200).contains("Your own token"));
    }

    async fn a_form_that_outlives_its_session_is_sent_again_exactly(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        dana.open("/ask").await;
        let typed = "a\tb\u{200b}⟨</textarea><script>marker</script>";
        dana.set_cookie("__Host-countersign-session", None);
        let page = dana.submit("/ask", &[("command", typed), ("do", "ask")]).await;
        let page = page.expect_page(401);
        assert!(page.contains("a\tb\u{200b}⟨&#60;/textarea&#62;&#60;script&#62;marker&#60;/script&#62;</textarea>"), "{page}");
        assert!(!page.contains("<script>marker"), "{page}");
    }
}
