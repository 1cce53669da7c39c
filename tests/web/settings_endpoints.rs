//! The pages of endpoints: each form does what the API's call does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Behaviour, Browser, Database, Receiver, TestHub, eventually, on_both};

const NEW: &str = "/settings/endpoints/new";

/// The secret that the page shows once.
fn shown_secret(page: &str) -> String {
    let rest = page.split("<code class=\"secret\">").nth(1).unwrap_or_else(|| panic!("no secret in {page}"));
    rest.split('<').next().unwrap().to_owned()
}

/// The value of the page's hidden field.
fn hidden(page: &str, name: &str) -> String {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

async fn endpoint(hub: &TestHub, path: &str) -> Value {
    let id = path.rsplit('/').next().unwrap();
    hub.get(&format!("/v1/endpoints/{id}")).await.expect(200)
}

/// Makes an endpoint with the form; returns its page's path and secret.
async fn made(browser: &mut Browser<'_>, fields: &[(&str, &str)]) -> (String, String) {
    browser.open("/settings/endpoints/new?channel=custom").await.expect_page(200);
    let page = browser.submit(NEW, fields).await;
    let text = page.expect_page(200);
    let path = text.split("<a class=\"button main\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (path, shown_secret(text))
}

on_both! {
    async fn a_form_creates_what_the_api_creates(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let url = format!("{}/T0/secret-path", receiver.url);
        let mut browser = hub.admin().await;
        browser.open(NEW).await.expect_page(200);
        browser.open("/settings/endpoints/new?channel=custom").await.expect_page(200);
        let once = hidden(&browser.page, "once");
        let fields = [
            ("channel", "custom"), ("once", &once), ("name", "ops"), ("url", &url), ("groups", "dba\nsecurity"), ("resources", "orders"),
            ("detail", "redacted"), ("events", "request.created"), ("events", "ping"), ("headers", "X-Key: key-secret\nx-two: 2"),
            ("auth/type", "basic"), ("auth/username", "hub"), ("auth/password", "pass-secret"), ("schedule", "1, 5"), ("rate_per_second", "2.5"),
            ("concurrency", "3"), ("answer_control", "on"), ("format", "cloudevents"), ("heartbeat_seconds", "3600"),
        ];
        let first = browser.submit(NEW, &fields).await;
        let secret = shown_secret(first.expect_page(200));
        // As after a reload.
        browser.page = first.text.replace("<main", "<main><input name=\"nonce\" value=\"\">");
        browser.open("/settings/endpoints/new?channel=custom").await;
        let again = browser.submit(NEW, &fields).await;
        assert_eq!(shown_secret(again.expect_page(200)), secret, "one endpoint was made");
        let all = hub.get("/v1/endpoints").await.expect(200)["items"].as_array().unwrap().clone();
        let [made] = all.as_slice() else { panic!("{all:?}") };
        let input = json!({
            "name": "same", "channel": "custom", "url": url, "groups": ["dba", "security"], "resources": ["orders"], "detail": "redacted",
            "events": ["request.created", "ping"], "headers": {"x-key": "key-secret", "x-two": "2"},
            "auth": {"type": "basic", "username": "hub", "password": "pass-secret"}, "schedule": [1, 5], "rate_per_second": 2.5, "concurrency": 3,
            "answer_control": true, "format": "cloudevents", "heartbeat_seconds": 3600,
        });
        let mut same = hub.post("/v1/endpoints", &input).await.expect(201);
        let mut made = made.clone();
        let id = made["id"].as_str().unwrap().to_owned();
        for one in [&mut same, &mut made] {
            for field in ["id", "name", "created_at", "secret", "health", "held", "template_problem"] {
                one.as_object_mut().unwrap().remove(field);
            }
        }
        assert_eq!(made, same);
        // The secret signs, and no page shows a secret again.
        hub.act_on(&id, "test").await.expect(200);
        let message = &receiver.wait_for(1).await[0];
        assert!(standardwebhooks::Webhook::new(&secret).unwrap().sign(message.header("webhook-id"), message.header("webhook-timestamp").parse().unwrap(), message.body.as_bytes()).is_ok_and(|own| message.header("webhook-signature").contains(&own)));
        for path in ["/settings".to_owned(), "/settings/endpoints".to_owned(), format!("/settings/endpoints/{id}"), format!("/settings/endpoints/{id}/edit")] {
            let page = browser.open(&path).await;
            for hidden in [secret.as_str(), "secret-path", "key-secret", "pass-secret"] {
                assert!(!page.expect_page(200).contains(hidden), "{path} shows {hidden}");
            }
        }
    }

    async fn a_refused_form_keeps_what_was_typed_and_says_which_field_is_wrong(database: Database) {
        let hub = TestHub::start(database).await;
        let mut browser = hub.admin().await;
        let name = "<script>alert(1)</script>";
        for (wrong, fields, says) in [
            ("url", vec![("name", "ops"), ("url", "ftp://example.com/x")], "http"),
            ("name", vec![("name", name), ("url", "https://hooks.example.com/x")], ""),
            ("groups", vec![("name", "ops"), ("url", "https://hooks.example.com/x"), ("groups", name)], ""),
            ("concurrency", vec![("name", "ops"), ("url", "https://hooks.example.com/x"), ("concurrency", "many")], ""),
            ("url", vec![("name", "ops")], "set url to"),
            ("name", vec![("url", "https://hooks.example.com/x")], "fill in name"),
        ] {
            browser.open("/settings/endpoints/new?channel=custom").await.expect_page(200);
            let all = [vec![("channel", "custom"), ("headers", "x-key: <b>")], fields.clone()].concat();
            let page = browser.submit(NEW, &all).await;
            assert!([400, 422].contains(&page.status), "{}", page.text);
            let text = &page.text;
            assert!(text.contains("Nothing was saved.") && text.contains(&format!("id=\"{wrong}-e\"")) && text.contains(says), "{wrong}: {text}");
            assert!(text.contains("aria-invalid=\"true\"") && !text.contains("<script>alert"), "{text}");
            assert!(text.contains("x-key: &#60;b&#62;"), "{text}");
            assert!(!fields.contains(&("url", "https://hooks.example.com/x")) || text.contains("value=\"https://hooks.example.com/x\""));
        }
        assert_eq!(hub.get("/v1/endpoints").await.expect(200)["items"], json!([]), "nothing was made");
    }

    async fn a_form_changes_what_it_shows_and_keeps_secrets_that_are_left_blank(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let mut browser = hub.admin().await;
        let fields = [
            ("channel", "custom"), ("name", "ops"), ("url", &receiver.url), ("headers", "x-key: kept"), ("auth/type", "bearer"), ("auth/token", "tok"),
            ("proxy", ""), ("concurrency", "3"), ("schedule", "1"), ("recipient", "dana@example.com"),
        ];
        let (path, _) = made(&mut browser, &fields).await;
        let edit = format!("{path}/edit");
        browser.open(&edit).await.expect_page(200);
        let changes = [("name", "ops-two"), ("groups", "dba"), ("auth/type", "keep"), ("detail", "link_only"), ("events", "ping")];
        assert_eq!(browser.does(&edit, &changes).await, path);
        let now = endpoint(&hub, &path).await;
        assert_eq!((&now["name"], &now["groups"], &now["detail"], &now["events"]), (&json!("ops-two"), &json!(["dba"]), &json!("link_only"), &json!(["ping"])));
        assert_eq!((&now["concurrency"], &now["schedule"], &now["recipient"]), (&Value::Null, &Value::Null, &Value::Null), "blank removes");
        assert_eq!((&now["headers"], &now["auth"]), (&json!({"x-key": "…"}), &json!({"type": "bearer", "token": "…"})), "blank keeps secrets");
        hub.post(&format!("/v1{}/test", path.strip_prefix("/settings").unwrap()), &json!({"event": "ping"})).await.expect(200);
        let message = &receiver.wait_for(1).await[0];
        assert_eq!((message.header("x-key"), message.header("authorization")), ("kept", "Bearer tok"));
        browser.open(&edit).await.expect_page(200);
        browser.does(&edit, &[("name", "ops-two"), ("auth/type", "none"), ("remove/headers", "on")]).await;
        let now = endpoint(&hub, &path).await;
        assert_eq!((&now["headers"], &now["auth"]), (&json!({}), &Value::Null));
        browser.open(&edit).await.expect_page(200);
        let refused = browser.submit(&edit, &[("name", "")]).await;
        assert!(refused.status == 200 || refused.status == 303 || refused.text.contains("Nothing was saved."), "{}", refused.text);
    }

    async fn an_endpoint_is_paused_resumed_tried_rotated_and_deleted(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let mut browser = hub.admin().await;
        let (path, secret) = made(&mut browser, &[("channel", "custom"), ("name", "ops"), ("url", &receiver.url), ("groups", "dba")]).await;
        let open = async |browser: &mut Browser<'_>| browser.open(&path).await.expect_page(200).to_owned();
        open(&mut browser).await;
        assert_eq!(browser.submit(&format!("{path}/pause"), &[]).await.location(), format!("{path}?done=paused"));
        assert!(endpoint(&hub, &path).await["paused_at"].is_string());
        let page = browser.open(&format!("{path}?done=paused")).await;
        assert!(page.text.contains("Paused since") && page.text.contains("Paused: messages for it wait."), "{}", page.text);
        browser.does(&format!("{path}/resume"), &[]).await;
        assert!(endpoint(&hub, &path).await["paused_at"].is_null());

        open(&mut browser).await;
        let tried = browser.submit(&format!("{path}/test"), &[("event", "request.approved")]).await;
        let text = tried.expect_page(200);
        assert!(text.contains("It arrived (200).") && text.contains("webhook-signature") && text.contains("HTTP 200"), "{text}");
        receiver.script([Behaviour::Raw("HTTP/1.1 500 No\r\ncontent-length: 28\r\n\r\n<script>alert('x')</script>\n".to_owned())]);
        let tried = browser.submit(&format!("{path}/test"), &[("event", "ping")]).await;
        let text = tried.expect_page(200);
        assert!(text.contains("It did not arrive (500)") && text.contains("&#60;script&#62;alert") && !text.contains("<script>alert"), "{text}");

        open(&mut browser).await;
        let rotated = browser.submit(&format!("{path}/rotate-secret"), &[("overlap_seconds", "3600")]).await;
        let fresh = shown_secret(rotated.expect_page(200));
        assert_ne!(fresh, secret);
        assert_eq!(endpoint(&hub, &path).await["retiring"].as_array().unwrap().len(), 1);
        open(&mut browser).await;
        browser.does(&format!("{path}/rotate-links"), &[]).await;
        assert_eq!(endpoint(&hub, &path).await["link_generation"], 1);
        open(&mut browser).await;
        assert_eq!(browser.does(&format!("{path}/delete"), &[]).await, "/settings/endpoints");
        assert_eq!(browser.open(&path).await.expect_page(404).matches("<h1>There is no such thing").count(), 1);
        assert_eq!(hub.audited("endpoint.").await, [
            "endpoint.created", "endpoint.paused", "endpoint.resumed", "endpoint.tested", "endpoint.tested", "endpoint.secret_rotated",
            "endpoint.links_rotated", "endpoint.deleted",
        ]);
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let deleted = trail["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "endpoint.deleted").unwrap().clone();
        assert!(deleted["actor"].to_string().contains("olga@example.com"), "{deleted}");
    }

    async fn a_failing_endpoint_is_looked_at_mended_and_replayed(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let mut browser = hub.admin().await;
        receiver.choose(|_, _| Behaviour::Raw("HTTP/1.1 404 No\r\ncontent-length: 17\r\n\r\n<b>no such</b>  \n".to_owned()));
        let (id, _) = hub.endpoint("ops", "custom", &receiver.url, &["dba"]).await;
        let path = format!("/settings/endpoints/{id}");
        for number in 0..3 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        eventually("three failed", || async {
            let page = hub.get(&format!("/v1/endpoints/{id}/deliveries?state=failed")).await.expect(200);
            (page["items"].as_array().unwrap().len() == 3).then_some(())
        }).await;
        let page = browser.open(&format!("{path}?state=failed&event=request.created")).await;
        let text = page.expect_page(200);
        assert!(text.contains("Nothing has arrived since") && text.matches(">failed</span>").count() == 3, "{text}");
        assert_eq!(browser.open(&format!("{path}?state=delivered")).await.text.matches("<tbody>").count(), 0);
        assert!(browser.open("/settings/endpoints").await.text.contains("<span class=\"tag no\">failing</span>"));
        let delivery = hub.delivery(&id, "request.created", "failed").await["id"].as_str().unwrap().to_owned();
        let page = browser.open(&format!("/settings/deliveries/{delivery}")).await;
        let text = page.expect_page(200);
        assert!(text.contains("permanent") && text.contains(">404<") && text.contains("&#60;b&#62;no such"), "{text}");

        receiver.choose(|_, _| Behaviour::Status(200));
        browser.does(&format!("/settings/deliveries/{delivery}/retry"), &[]).await;
        hub.delivery(&id, "request.created", "delivered").await;
        let replay = format!("{path}/replay");
        browser.open(&replay).await.expect_page(200);
        let counted = browser.submit(&replay, &[("states", "failed"), ("rate_per_second", "50"), ("from", "2026-11-21T00:00")]).await;
        assert!(counted.expect_page(200).contains("2 deliveries match.") && counted.text.contains("Replay 2</button>"), "{}", counted.text);
        assert_eq!(hub.get(&format!("/v1/endpoints/{id}/replays")).await.expect(200)["items"], json!([]), "counting starts nothing");
        let wrong = browser.submit(&replay, &[("states", "failed"), ("from", "soon")]).await;
        assert!(wrong.status >= 400 && wrong.text.contains("id=\"from-e\"") && wrong.text.contains("value=\"soon\""), "{}", wrong.text);
        let progress = browser.does(&replay, &[("states", "failed"), ("rate_per_second", "50"), ("start", "yes")]).await;
        let done = eventually("the replay is finished", || async {
            let answer = hub.get(&progress.replace("/settings", "/v1")).await.expect(200);
            (answer["state"] == "finished").then_some(answer)
        }).await;
        assert_eq!(done["replayed"], 2);
        let page = browser.open(&progress).await;
        assert!(page.expect_page(200).contains("2 of 2 sent again") && !page.text.contains("data-live"), "{}", page.text);
        let cancelled = browser.open(&replay).await;
        assert!(cancelled.expect_page(200).contains("2 of 2"), "{}", cancelled.text);
    }
}

#[tokio::test]
async fn slack_apps_and_chat_webhooks_have_their_own_fields() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let mut browser = hub.admin().await;
    browser.open("/settings/endpoints/new?channel=slack_app").await.expect_page(200);
    assert!(browser.page.contains("name=\"slack/bot_token\"") && !browser.page.contains("name=\"url\""));
    let fields = [
        ("channel", "slack_app"),
        ("name", "dba-slack"),
        ("groups", "dba"),
        ("slack/bot_token", "xoxb-made-up"),
        ("slack/signing_secret", "0123456789abcdef0123456789abcdef"),
        ("slack/channel", "C0123"),
        ("slack/team", ""),
    ];
    let refused = browser.submit(NEW, &fields).await;
    assert!(refused.status >= 400 && refused.text.contains("id=\"slack/team-e\""), "{}", refused.text);
    let fields = [&fields[..6], &[("slack/team", "T0123"), ("slack/direct_messages", "on")]].concat();
    let path = browser.does(NEW, &fields).await;
    let app = endpoint(&hub, &path).await["slack"].clone();
    assert_eq!(
        (&app["channel"], &app["team"], &app["direct_messages"]),
        (&json!("C0123"), &json!("T0123"), &json!(true))
    );
    browser.open("/settings/endpoints/new?channel=teams").await.expect_page(200);
    let path = browser
        .does(
            NEW,
            &[("channel", "teams"), ("name", "dba-teams"), ("url", "https://prod.example.com/workflows/made-up")],
        )
        .await;
    assert_eq!(endpoint(&hub, &path).await["channel"], "teams");
    assert!(!browser.open(&path).await.text.contains("made-up"), "the URL is the secret");
    let call = hub.call(Method::GET, NEW);
    assert_eq!(hub.send(call).await.status, 303, "to the sign-in");
}
