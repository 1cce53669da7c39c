//! Signed links: opening one changes nothing, deciding needs a POST, and invalid links say why.

mod called_back;
mod keys;
mod personal;
mod telemetry;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Database, Receiver, TestHub, on_both};

/// A hub with an endpoint for `dba`, a pending request, and its links.
async fn with_links(database: Database) -> (TestHub, Receiver, Value, Value) {
    let hub = TestHub::start(database).await.with_policy().await;
    let receiver = Receiver::start().await;
    hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    let request = hub.ask("orders", "delete from carts -- \u{202e}evil\u{200b}").await;
    let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
    (hub, receiver, request, links)
}

fn url(links: &Value, name: &str) -> String {
    links[name].as_str().unwrap_or_else(|| panic!("no link {name} in {links}")).to_owned()
}

async fn post(hub: &TestHub, url: &str, body: &Value) -> Answer {
    hub.send(hub.call(Method::POST, url).json(body)).await
}

async fn open_link(hub: &TestHub, url: &str) -> Answer {
    hub.send(hub.call(Method::GET, url)).await
}

/// The value of a form's hidden nonce.
fn nonce(page: &str) -> String {
    page.split("name=\"nonce\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce").to_owned()
}

async fn submit(hub: &TestHub, url: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut call = hub.call(Method::POST, url).header("Content-Type", "application/x-www-form-urlencoded").body(body);
    for (name, value) in headers {
        call = call.header(*name, *value);
    }
    hub.send(call).await
}

on_both! {
    async fn opening_a_link_changes_nothing(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let agents = [
            "Mozilla/5.0 (compatible; Microsoft Defender SafeLinks)", "Slackbot-LinkExpanding 1.0", "BarracudaCentral", "curl/8",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SkypeUriPreview Preview/0.5", "",
        ];
        for name in ["review", "approve", "reject"] {
            for agent in agents {
                for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                    let call = hub.call(method.clone(), &url(&links, name)).header("User-Agent", agent);
                    let answer = hub.send(call).await;
                    assert_eq!(answer.status, if method == Method::OPTIONS { 204 } else { 200 });
                }
            }
            for method in [Method::PUT, Method::DELETE, Method::PATCH] {
                assert_eq!(hub.send(hub.call(method, &url(&links, name))).await.status, 405);
            }
        }
        assert_eq!(hub.show(&request).await, request, "not a byte of the request has changed");
    }

    async fn a_scanner_that_presses_buttons_decides_nothing(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let link = url(&links, "approve");
        let page = open_link(&hub, &link).await.text;
        // All fields as the page has them: no voter is named.
        let pressed = submit(&hub, &link, &[("nonce", &nonce(&page)), ("approver", ""), ("reason", ""), ("decision", "approve")], &[]).await;
        assert_eq!(pressed.status, 422);
        assert_eq!(submit(&hub, &link, &[], &[]).await.status, 403);
        assert_eq!(hub.show(&request).await["votes"], json!([]));
    }

    async fn the_page_shows_the_exact_command(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let page = open_link(&hub, &url(&links, "review")).await;
        assert!(page.text.contains("delete from carts -- <span class=\"inv\">⟨U+202E⟩</span>evil<span class=\"inv\">⟨U+200B⟩</span>"));
        assert!(page.text.contains("Dana Reyes") && page.text.contains(request["digest"].as_str().unwrap()));
        for (name, value) in [
            ("referrer-policy", "no-referrer"), ("cache-control", "no-store"), ("x-robots-tag", "noindex, nofollow"),
            ("x-frame-options", "DENY"), ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.headers[name], value);
        }
        assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(page.text.matches("<script").count(), page.text.matches("<script src=\"/assets/").count());
    }

    async fn the_form_decides_with_its_nonce_from_its_own_page(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let link = url(&links, "approve");
        let nonce = nonce(&open_link(&hub, &link).await.text);
        let fields = [("nonce", nonce.as_str()), ("approver", "dana@example.com"), ("reason", "ok <b>"), ("decision", "approve")];
        for headers in [[("Sec-Fetch-Site", "cross-site")], [("Origin", "https://evil.example")]] {
            assert_eq!(submit(&hub, &link, &fields, &headers).await.status, 403);
        }
        let mut forged = fields;
        forged[0].1 = "AAAA";
        assert_eq!(submit(&hub, &link, &forged, &[]).await.status, 403);
        assert_eq!(hub.show(&request).await["status"], "pending");
        let done = submit(&hub, &link, &fields, &[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]).await;
        assert_eq!(done.status, 303);
        assert!(link.ends_with(done.headers["location"].to_str().unwrap()));
        let shown = hub.show(&request).await;
        assert_eq!((shown["status"].as_str(), shown["votes"][0]["assurance"].as_str()), (Some("approved"), Some("link")));
        assert_eq!(shown["votes"][0]["channel"], "custom");
        let page = open_link(&hub, &link).await;
        assert!(page.text.contains("Approved by dana@example.com") && page.text.contains("ok &#60;b&#62;") && !page.text.contains("<form"), "{}", page.text);
        // The form again, as after the browser's back button: nothing changes.
        assert_eq!(submit(&hub, &link, &fields, &[]).await.status, 303);
        let mut other = fields;
        other[3].1 = "reject";
        assert_eq!(submit(&hub, &link, &other, &[]).await.status, 409);
        assert_eq!(hub.show(&request).await["status"], "approved");
    }

    async fn an_expired_form_must_be_confirmed_again(database: Database) {
        let (hub, receiver, _request, _links) = with_links(database).await;
        // Longer than a form is valid.
        let ask = json!({"resource": "orders", "command": "x", "timeout_seconds": 9_000, "requester": {"email": "nora@example.com"}});
        let request = hub.post("/v1/requests", &ask).await.expect(201);
        let id = request["id"].as_str().unwrap();
        receiver.wait_for(2).await;
        let link = receiver.find(|message| message.body.contains(id).then(|| url(&message.json()["data"]["links"], "review"))).unwrap();
        let stale = nonce(&open_link(&hub, &link).await.text);
        hub.advance(3_600);
        let submit_with = |nonce: String| {
            let (hub, link) = (&hub, &link);
            async move {
                let fields = [("nonce", nonce.as_str()), ("approver", "dana@example.com"), ("decision", "approve")];
                submit(hub, link, &fields, &[]).await
            }
        };
        let refused = submit_with(stale).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text.contains("Please open the request again"));
        assert_eq!(hub.show(&request).await["status"], "pending");
        assert_eq!(submit_with(nonce(&open_link(&hub, &link).await.text)).await.status, 303);
        assert_eq!(hub.show(&request).await["status"], "approved");
    }

    async fn a_program_decides_with_json(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let link = url(&links, "reject");
        for (body, status, code) in [
            (json!({}), 422, "approver_required"),
            (json!({"approver": "sam@example.com"}), 403, "not_eligible"),
            (json!({"approver": "nora@example.com", "decision": "approve"}), 403, "conflict_of_interest"),
            (json!({"approver": "nora@example.com"}), 403, "not_eligible"),
            (json!({"approver": "dana@example.com", "extra": 1}), 400, "invalid_json"),
            (json!({"approver": "dana@example.com", "decision": "maybe"}), 400, "invalid_json"),
            (json!({"approver": "dana@example.com", "command": "select 1"}), 422, "invalid_payload"),
            (json!({"approver": "dana@example.com", "decision": "reject", "duration_seconds": 60}), 422, "invalid_payload"),
        ] {
            assert_eq!(post(&hub, &link, &body).await.problem(status), code, "{body}");
        }
        let review = url(&links, "review");
        assert_eq!(post(&hub, &review, &json!({"approver": "dana@example.com"})).await.problem(422), "decision_required");
        let decided = post(&hub, &link, &json!({"approver": "Dana@Example.com", "reason": "no"})).await.expect(200);
        assert_eq!(decided["status"], "rejected");
        post(&hub, &link, &json!({"approver": "dana@example.com"})).await.expect(200);
        let second = post(&hub, &link, &json!({"decision": "approve", "approver": "erik@example.com"})).await;
        assert_eq!(second.problem(409), "already_decided");
        assert_eq!(second.json()["outcome"], "rejected");
        assert_eq!(hub.show(&request).await["votes"].as_array().unwrap().len(), 1);
    }

    async fn invalid_links_say_why(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let link = url(&links, "approve");
        let vote = json!({"approver": "dana@example.com", "decision": "approve"});
        let token = link.rsplit('/').next().unwrap().to_owned();
        let mut flipped = link.clone().into_bytes();
        let place = flipped.len() - 60;
        flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
        for forged in [format!("{link}A"), String::from_utf8(flipped).unwrap(), link.replace(&token, "x"), link.replace(&token, &token[..40])] {
            assert_eq!(open_link(&hub, &forged).await.status, 404);
            assert_eq!(post(&hub, &forged, &vote).await.problem(404), "link_forged");
        }
        hub.advance(3_600);
        let late = open_link(&hub, &link).await;
        assert_eq!(late.status, 410);
        assert!(late.text.contains("This link has expired"));
        let refused = post(&hub, &link, &vote).await;
        assert_eq!((refused.problem(410).as_str(), refused.json()["outcome"].as_str()), ("expired", Some("expired")));
        assert_eq!(hub.show(&request).await["status"], "expired");
    }

    async fn a_link_of_another_revision_is_refused(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let revise = format!("/v1/requests/{}/revise", request["id"].as_str().unwrap());
        hub.post(&revise, &json!({"command": "something else"})).await.expect(200);
        let link = url(&links, "approve");
        assert_eq!(open_link(&hub, &link).await.status, 412);
        let vote = json!({"approver": "dana@example.com", "decision": "approve"});
        assert_eq!(post(&hub, &link, &vote).await.problem(412), "link_revised");
        assert_eq!(hub.show(&request).await["status"], "pending");
    }

    async fn a_member_of_two_groups_also_fills_a_shared_slot_by_its_own_link(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let shared = json!({"slots": [{"group": "dba"}, {"group": "security", "shared": true}]});
        hub.put("/v1/resources/customers", &shared).await.expect(200);
        let receiver = Receiver::start().await;
        hub.endpoint("both", "custom", &receiver.url, &["dba", "security"]).await;
        hub.ask("customers", "x").await;
        let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
        let link = |slot: usize| links["slots"][slot]["approve"].as_str().unwrap().to_owned();
        let dana = json!({"approver": "dana@example.com"});
        assert_eq!(post(&hub, &link(0), &dana).await.expect(200)["status"], "pending");
        let decided = post(&hub, &link(1), &dana).await.expect(200);
        assert_eq!((&decided["status"], &decided["votes"][0]["voided"]), (&json!("approved"), &json!(true)));
    }

    async fn a_filled_slot_gets_a_reject_link_and_no_approve_link(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        hub.endpoint("both", "custom", &receiver.url, &["dba", "security"]).await;
        let request = hub.ask("customers", "x").await;
        receiver.wait_for(1).await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let voted = receiver.wait_for(2).await[1].json();
        assert_eq!(voted["type"], "request.voted");
        let [dba, security] = [0, 1].map(|slot| voted["data"]["links"]["slots"][slot].clone());
        assert_eq!(voted["data"]["request"]["slots"][0]["approved"], 1);
        assert!(dba["approve"].is_null() && security["approve"].is_string(), "{voted}");
        assert!(dba["reject"].is_string() && security["reject"].is_string(), "{voted}");
        // The page still accepts an approval there, and a rejection counts from any slot.
        assert!(open_link(&hub, &url(&dba, "review")).await.text.contains("value=\"approve\""));
        let vote = json!({"approver": "erik@example.com", "reason": "no"});
        assert_eq!(post(&hub, &url(&dba, "reject"), &vote).await.expect(200)["status"], "rejected");
    }

    async fn each_slot_has_its_own_links_and_each_casts_one_vote(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        hub.endpoint("both", "custom", &receiver.url, &["dba", "security"]).await;
        hub.endpoint("feed", "custom", &receiver.url, &[]).await;
        let request = hub.ask("customers", "x").await;
        let messages = receiver.wait_for(2).await;
        let links: Vec<Value> = messages.iter().map(|message| message.json()["data"]["links"].clone()).collect();
        assert!(links.contains(&json!({})), "an endpoint for no group is sent no deciding links");
        let links = links.into_iter().find(|links| links.get("slots").is_some()).unwrap();
        assert_eq!(links["slots"].as_array().unwrap().len(), 2);
        assert_eq!(links["approve"], links["slots"][0]["approve"]);
        let dba = links["slots"][0]["approve"].as_str().unwrap();
        let security = links["slots"][1]["approve"].as_str().unwrap();
        assert_eq!(post(&hub, dba, &json!({"approver": "sam@example.com"})).await.problem(403), "not_eligible");
        assert_eq!(post(&hub, dba, &json!({"approver": "dana@example.com"})).await.expect(200)["status"], "pending");
        assert!(open_link(&hub, dba).await.text.contains("dana@example.com has already voted with this link"));
        assert_eq!(post(&hub, dba, &json!({"approver": "erik@example.com"})).await.problem(409), "link_already_used");
        assert_eq!(post(&hub, security, &json!({"approver": "dana@example.com"})).await.expect(200)["status"], "pending");
        let decided = post(&hub, security, &json!({"approver": "sam@example.com"})).await.expect(200);
        assert_eq!(decided["status"], "approved");
        assert_eq!(hub.show(&request).await["decision"]["by"], json!(["dana@example.com", "sam@example.com"]));
    }
}
