//! Members by the groups claim of a sign-in: how long they may vote, and what happens when they leave.

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::path;
use crate::support::{Answer, Database, Receiver, TestHub, eventually, logged, on_both};

const HOUR: u64 = 3_600;

impl TestHub {
    /// Resource `orders`, decided by `needed` of dba: who signs in with db-admins.
    async fn with_claims(self, needed: u32) -> Self {
        self.put("/v1/groups/dba", &json!({"from_claim": ["db-admins"]})).await.expect(200);
        self.put("/v1/resources/orders", &json!({"slots": [{"group": "dba", "needed": needed}]})).await.expect(200);
        self
    }

    /// A sign-in with these values of the groups claim.
    async fn signs_in(&self, name: &str, values: &[&str]) {
        let person = format!("{name}@example.com").parse().unwrap();
        let values = values.iter().copied().map(str::to_owned).collect();
        self.server.hub().record_claims(person, values).await.unwrap();
    }

    async fn votes(&self, request: &Value, verb: &str, name: &str) -> Answer {
        let input = json!({"on_behalf_of": format!("{name}@example.com"), "reason": null});
        self.post(&path(request, &format!("/{verb}")), &input).await
    }

    async fn explained(&self, request: &Value) -> Value {
        self.get(&path(request, "/explain")).await.expect(200)
    }

    fn sign_in_url(&self) -> String {
        format!("{}/sign-in", self.url)
    }
}

on_both! {
    async fn a_member_by_a_claim_votes_until_the_sign_in_is_too_old(database: Database) {
        let hub = TestHub::start(database).await.with_claims(2).await;
        for (name, values) in [("dana", ["db-admins", "everyone"]), ("erik", ["db-admins", "x"]), ("sam", ["ops", "x"])] {
            hub.signs_in(name, &values).await;
        }
        let request = hub.ask("orders", "x").await;
        assert_eq!(request["slots"][0]["eligible"], 2);
        assert_eq!(hub.votes(&request, "approve", "sam").await.problem(403), "not_eligible");
        hub.advance(12 * HOUR - 1);
        let request = hub.ask("orders", "y").await;
        hub.votes(&request, "approve", "dana").await.expect(200);
        hub.advance(1);
        for verb in ["approve", "reject"] {
            let answer = hub.votes(&request, verb, "erik").await;
            assert_eq!(answer.problem(403), "membership_stale");
            let problem = answer.json();
            assert_eq!(problem["sign_in_url"], hub.sign_in_url());
            assert!(problem["detail"].as_str().unwrap().contains("erik@example.com must sign in again"), "{problem}");
            assert_eq!(problem["request"]["id"], request["id"]);
        }
        // Dana's approval was given in time, and repeating it changes nothing.
        assert_eq!(hub.votes(&request, "approve", "dana").await.expect(200)["votes"].as_array().unwrap().len(), 1);
        hub.signs_in("erik", &["db-admins"]).await;
        let shown = hub.votes(&request, "approve", "erik").await.expect(200);
        assert_eq!((&shown["status"], &shown["slots"][0]["approved"]), (&json!("approved"), &json!(2)));
    }

    async fn who_signs_in_without_the_value_loses_pending_votes(database: Database) {
        let hub = TestHub::start(database).await.with_claims(2).await;
        for name in ["dana", "erik", "fay"] {
            hub.signs_in(name, &["db-admins"]).await;
        }
        let request = hub.ask("orders", "x").await;
        hub.votes(&request, "approve", "dana").await.expect(200);
        hub.signs_in("dana", &["ops"]).await;
        assert_eq!(hub.votes(&request, "approve", "dana").await.problem(403), "not_eligible", "at once");
        eventually("the vote is voided", async || {
            hub.show(&request).await["votes"][0]["voided"].as_bool().filter(|voided| *voided)
        }).await;
        assert!(hub.trail(&request).await.contains(&"vote.voided".to_owned()));
        hub.signs_in("erik", &[]).await;
        eventually("it is undecidable", async || hub.show(&request).await["undecidable"].as_bool().filter(|stuck| *stuck)).await;
        hub.signs_in("dana", &["db-admins"]).await;
        eventually("it is decidable", async || hub.show(&request).await["undecidable"].as_bool().filter(|stuck| !*stuck)).await;
        let trail = hub.get("/v1/audit?limit=200").await.expect(200);
        let mut moves = trail["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "person.groups");
        let last = moves.next_back().unwrap();
        assert_eq!((&last["person"], &last["details"]), (&json!("dana@example.com"), &json!({"came": ["dba"], "went": []})));
    }

    async fn old_memberships_count_for_whether_it_can_be_decided(database: Database) {
        let hub = TestHub::start(database).await.with_claims(2).await;
        let refused = hub.post("/v1/requests", &json!({"resource": "orders", "command": "x"})).await;
        assert_eq!(refused.problem(422), "unsatisfiable", "nobody has signed in yet");
        for name in ["dana", "erik"] {
            hub.signs_in(name, &["db-admins"]).await;
        }
        hub.advance(6 * HOUR);
        hub.signs_in("erik", &["db-admins"]).await;
        hub.advance(6 * HOUR);
        let request = hub.ask("orders", "x").await;
        let explained = hub.explained(&request).await;
        assert_eq!(explained["needs_sign_in"], json!(["dana@example.com"]));
        assert_eq!(explained["missing"], "waits for approvals: 2 of group dba; needs a new sign-in of dana@example.com");
        let people = &explained["slots"][0]["people"];
        assert_eq!((&people[0]["why_not"], &people[0]["can_decide"]), (&json!("sign_in"), &json!(false)));
        assert_eq!((&people[1]["why_not"], &people[1]["can_decide"]), (&json!(null), &json!(true)));
        let evaluated = hub.post("/v1/evaluate", &json!({"resource": "orders", "command": "x"})).await.expect(200);
        assert_eq!((&evaluated["satisfiable"], &evaluated["needs_sign_in"]), (&json!(true), &json!(["dana@example.com"])));
        assert_eq!(evaluated["reason"], "people would be asked; needs a new sign-in of dana@example.com");
        hub.votes(&request, "approve", "erik").await.expect(200);
        hub.signs_in("dana", &["db-admins"]).await;
        hub.advance(12 * HOUR);
        hub.signs_in("dana", &["db-admins"]).await;
        let request = hub.ask("orders", "x").await;
        hub.votes(&request, "approve", "dana").await.expect(200);
        hub.advance(1);
        assert_eq!(hub.explained(&request).await["needs_sign_in"], json!(["erik@example.com"]), "dana has voted");
    }

    async fn the_requester_must_have_signed_in_not_long_ago(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/groups/sre", &json!({"from_claim": ["site-reliability"]})).await.expect(200);
        hub.put("/v1/groups/dev", &json!({"from_claim": ["developers"]})).await.expect(200);
        let policy = json!({"slots": [{"group": "dba"}], "exempt_groups": ["sre"], "requester_groups": ["dev"]});
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        let nora = hub.token("requester", Some("nora")).await;
        let ask = async || hub.post_as(&nora, "/v1/requests", &json!({"resource": "orders", "command": "x"})).await;
        assert_eq!(ask().await.problem(404), "not_found");
        hub.signs_in("nora", &["developers", "site-reliability"]).await;
        assert_eq!(ask().await.expect(201)["status"], "approved");
        hub.advance(12 * HOUR - 1);
        assert_eq!(ask().await.expect(201)["status"], "approved");
        hub.signs_in("nora", &["developers", "site-reliability"]).await;
        hub.advance(12 * HOUR - 1);
        assert_eq!(ask().await.expect(201)["status"], "approved", "by the second sign-in");
        hub.advance(1);
        let stale = ask().await;
        assert_eq!((stale.problem(403), &stale.json()["sign_in_url"]), ("membership_stale".to_owned(), &json!(hub.sign_in_url())));
        // Visible by a listed membership, but not exempt by an old one.
        hub.put("/v1/groups/dev", &json!({"members": ["nora@example.com"]})).await.expect(200);
        assert_eq!(ask().await.expect(201)["status"], "pending");
        hub.signs_in("nora", &["site-reliability"]).await;
        assert_eq!(ask().await.expect(201)["status"], "approved");
        hub.signs_in("nora", &[]).await;
        assert_eq!(ask().await.expect(201)["status"], "pending", "who has left is not exempt");
    }

    async fn requests_wait_for_members_whose_sign_in_is_old(database: Database) {
        let hub = TestHub::start(database).await.with_claims(1).await;
        hub.signs_in("dana", &["db-admins"]).await;
        hub.advance(13 * HOUR);
        let request = hub.ask("orders", "x").await;
        let dana = hub.token("approver", Some("dana")).await;
        let waiting = hub.get_as(&dana, "/v1/requests?waiting_for=me").await.expect(200);
        assert_eq!(waiting["items"][0]["id"], request["id"]);
        let own = hub.post_as(&dana, &path(&request, "/approve"), &json!({})).await;
        assert_eq!(own.problem(403), "membership_stale");
        let bulk = json!({"requests": [{"id": request["id"], "digest": request["digest"]}]});
        let item = &hub.post_as(&dana, "/v1/requests/bulk-approve", &bulk).await.expect(200)["items"][0];
        assert_eq!(item["problem"]["code"], "membership_stale", "{item}");
        // A stand-in votes by the membership of the absent member.
        let away = json!({"name": "Dana", "absence": {"delegate": "sam@example.com"}});
        hub.put("/v1/people/dana@example.com", &away).await.expect(200);
        let refused = hub.votes(&request, "approve", "sam").await;
        assert_eq!(refused.problem(403), "membership_stale");
        assert!(refused.text.contains("dana@example.com must sign in again"), "{}", refused.text);
    }

    async fn break_glass_needs_a_fresh_membership(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/groups/oncall", &json!({"from_claim": ["on-call"]})).await.expect(200);
        let policy = json!({"slots": [{"group": "dba"}], "break_glass": {"groups": ["oncall"]}});
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        hub.signs_in("olga", &["on-call"]).await;
        let olga = hub.token("approver", Some("olga")).await;
        hub.advance(12 * HOUR);
        let request = hub.ask("orders", "x").await;
        let broken =
            async || hub.post_as(&olga, &path(&request, "/break-glass"), &json!({"reason": "disk full"})).await;
        assert_eq!(broken().await.problem(403), "membership_stale");
        hub.signs_in("olga", &["on-call"]).await;
        assert_eq!(broken().await.expect(200)["status"], "approved");
    }

    async fn a_review_needs_a_fresh_membership(database: Database) {
        let hub = TestHub::start(database).await.with_claims(1).await;
        let policy = json!({"slots": [{"group": "dba"}], "break_glass": {"groups": ["oncall"]}});
        hub.put("/v1/groups/oncall", &json!({"members": ["olga@example.com"]})).await.expect(200);
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        hub.signs_in("dana", &["db-admins"]).await;
        let request = hub.ask("orders", "x").await;
        let olga = hub.token("approver", Some("olga")).await;
        let broken = hub.post_as(&olga, &path(&request, "/break-glass"), &json!({"reason": "disk full"})).await;
        assert_eq!(broken.expect(200)["status"], "approved");
        let dana = hub.token("approver", Some("dana")).await;
        hub.advance(12 * HOUR);
        let review = async || hub.post_as(&dana, &path(&request, "/review"), &json!({"justified": true})).await;
        assert_eq!(review().await.problem(403), "membership_stale");
        hub.signs_in("dana", &["db-admins"]).await;
        assert_eq!(review().await.expect(200)["review"]["justified"], true);
    }

    async fn who_has_not_signed_in_for_a_month_is_forgotten(database: Database) {
        let hub = TestHub::start(database).await.with_claims(1).await;
        hub.signs_in("dana", &["db-admins"]).await;
        hub.advance(30 * 24 * HOUR);
        hub.signs_in("sam", &["ops"]).await;
        let request = hub.ask("orders", "x").await;
        hub.advance(1);
        hub.signs_in("sam", &["ops"]).await;
        assert_eq!(hub.votes(&request, "approve", "dana").await.problem(403), "not_eligible");
        eventually("it is undecidable", async || hub.show(&request).await["undecidable"].as_bool().filter(|stuck| *stuck)).await;
    }

    async fn a_link_leads_to_a_new_sign_in_and_back(database: Database) {
        let hub = TestHub::start(database).await.with_claims(1).await;
        hub.signs_in("dana", &["db-admins"]).await;
        hub.advance(12 * HOUR);
        let receiver = Receiver::start().await;
        hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        hub.ask("orders", "x").await;
        let link = receiver.wait_for(1).await[0].json()["data"]["links"]["approve"].as_str().unwrap().to_owned();
        let page = hub.send(hub.call(Method::GET, &link)).await.text;
        assert!(page.contains("dana@example.com (must sign in again)"), "{page}");
        let by_program = hub.send(hub.call(Method::POST, &link).json(&json!({"approver": "dana@example.com"}))).await;
        assert_eq!(by_program.problem(403), "membership_stale");
        let nonce = page.split("name=\"nonce\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let fields = [("nonce", nonce), ("approver", "dana@example.com"), ("reason", "checked it"), ("decision", "approve")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = hub.call(Method::POST, &link).header("Content-Type", "application/x-www-form-urlencoded").body(body);
        let refused = hub.send(form).await;
        let path = link.strip_prefix(&hub.url).unwrap();
        assert_eq!(refused.status, 403);
        let sign_in = format!("href=\"/sign-in?return={}\"", path.replace('/', "%2F"));
        assert!(refused.text.contains(&sign_in), "{}", refused.text);
        assert!(refused.text.contains("must sign in again"));
    }

    async fn a_group_with_values_is_set_shown_and_applied(database: Database) {
        let hub = TestHub::start(database).await;
        let dba = json!({"name": "dba", "members": ["dana@example.com"], "from_claim": ["db-admins", "db-leads"]});
        let input = json!({"members": ["dana@example.com"], "from_claim": ["db-leads", "db-admins"]});
        assert_eq!(hub.put("/v1/groups/dba", &input).await.expect(200), dba);
        assert_eq!(hub.get("/v1/groups/dba").await.expect(200), dba);
        assert_eq!(hub.get("/v1/groups").await.expect(200)["items"], json!([dba]));
        hub.signs_in("fay", &["db-admins", "db-leads"]).await;
        let by_claim = json!([{"person": "fay@example.com", "fresh_until": "2026-11-22T00:00:00.000000Z"}]);
        assert_eq!(hub.get("/v1/groups/dba").await.expect(200)["by_claim"], by_claim);
        let plan = hub.post("/v1/apply", &json!({"groups": {"dba": input}})).await.expect(200);
        assert_eq!(plan["changes"][0]["verb"], "keep");
        let listed = hub.put("/v1/groups/dba/members", &json!({"members": ["erik@example.com"]})).await.expect(200);
        assert_eq!(listed["from_claim"], json!(["db-admins", "db-leads"]), "only the listed members change");
        assert_eq!(hub.put("/v1/groups/dba/members", &input).await.problem(400), "invalid_json");
        let plan = hub.post("/v1/apply", &json!({"groups": {"dba": {"members": ["erik@example.com"]}}})).await.expect(200);
        assert_eq!(plan["changes"][0]["verb"], "update");
        assert_eq!(hub.get("/v1/groups/dba").await.expect(200)["from_claim"], json!(null));
        let many: Vec<String> = (0..201).map(|number| number.to_string()).collect();
        for (input, code, pointer) in [
            (json!({}), "invalid_json", "/members"),
            (json!({"members": null, "from_claim": ["x"]}), "invalid_json", "/members"),
            (json!({"from_claim": "x"}), "invalid_json", "/from_claim"),
            (json!({"from_claim": [""]}), "invalid_text", "/from_claim"),
            (json!({"from_claim": ["a\u{0}"]}), "invalid_text", "/from_claim"),
            (json!({"from_claim": ["x".repeat(257)]}), "too_long", "/from_claim"),
            (json!({"from_claim": many}), "too_many", "/from_claim"),
        ] {
            let answer = hub.put("/v1/groups/ops", &input).await;
            assert_eq!((answer.json()["code"].clone(), answer.json()["pointer"].clone()), (json!(code), json!(pointer)), "{}", answer.text);
        }
        assert_eq!(hub.get("/v1/groups/ops").await.status, 404);
    }

    async fn members_by_a_claim_are_bounded(database: Database) {
        let hub = TestHub::start(database).await.with_claims(1).await;
        hub.put("/v1/groups/ops", &json!({"from_claim": ["ops"]})).await.expect(200);
        hub.signs_in("dana", &["db-admins"]).await;
        let others = format!(
            "INSERT INTO claim_values (person, value, signed_in_at)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
             SELECT 'p' || i || '@example.com', 'db-admins', {} FROM n",
            hub.now().as_micros()
        );
        Database::run(&hub.database.url, others).await;
        // The group is full: who comes is no member of it, and who is in it stays.
        hub.signs_in("erik", &["db-admins", "ops"]).await;
        hub.signs_in("dana", &["db-admins"]).await;
        assert_eq!(logged("too many members by claims"), 1);
        let request = hub.ask("orders", "x").await;
        assert_eq!(request["slots"][0]["eligible"], 10_000);
        assert_eq!(hub.votes(&request, "approve", "erik").await.problem(403), "not_eligible");
        assert_eq!(hub.get("/v1/groups/ops").await.expect(200)["by_claim"][0]["person"], "erik@example.com");
        let both = hub.put("/v1/groups/all", &json!({"from_claim": ["db-admins", "ops"]})).await;
        assert_eq!((both.problem(422), &both.json()["pointer"]), ("too_many".to_owned(), &json!("/from_claim")));
        hub.signs_in("p1", &[]).await;
        hub.signs_in("erik", &["db-admins", "ops"]).await;
        hub.votes(&request, "approve", "erik").await.expect(200);
        hub.put("/v1/groups/all", &json!({"from_claim": ["db-admins", "ops"]})).await.expect(200);
    }

    async fn only_values_that_a_group_names_are_kept(database: Database) {
        let hub = TestHub::start(database).await.with_claims(1).await;
        let mut values: Vec<String> = (0..5_000).map(|number| format!("group {number}")).collect();
        values.extend(["db-admins".to_owned(), "a\u{0}b".to_owned(), "x".repeat(5_000), String::new()]);
        hub.signs_in("dana", &values.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let request = hub.ask("orders", "x").await;
        hub.votes(&request, "approve", "dana").await.expect(200);
        // A value that a group names later counts from the next sign-in on.
        hub.put("/v1/groups/dba", &json!({"from_claim": ["group 7"]})).await.expect(200);
        let refused = hub.post("/v1/requests", &json!({"resource": "orders", "command": "x"})).await;
        assert_eq!(refused.problem(422), "unsatisfiable");
        hub.put("/v1/groups/dba", &json!({"from_claim": ["group 7", "a\u{fffd}b"]})).await.expect(200);
        hub.signs_in("dana", &["a\u{0}b"]).await;
        let refused = hub.post("/v1/requests", &json!({"resource": "orders", "command": "x"})).await;
        assert_eq!(refused.problem(422), "unsatisfiable", "a character that the store replaces makes no other value");
        hub.signs_in("dana", &["group 7"]).await;
        let request = hub.ask("orders", "x").await;
        hub.votes(&request, "approve", "dana").await.expect(200);
    }
}

/// What one replica records, the other one knows at once, although each caches who is in which group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_know_of_each_others_sign_ins() {
    let hub = TestHub::start(Database::postgres().await).await.with_policy().await;
    hub.put("/v1/groups/sre", &json!({"from_claim": ["site-reliability"]})).await.expect(200);
    hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}], "exempt_groups": ["sre"]})).await.expect(200);
    let twin = hub.replica().await;
    let asked = async || twin.ask("orders", "x").await["status"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        assert_eq!(asked().await, "pending");
        hub.signs_in("nora", &["site-reliability"]).await;
        assert_eq!(asked().await, "approved");
        for hub in [&hub, &twin] {
            hub.advance(12 * HOUR - 1);
        }
        assert_eq!(asked().await, "approved");
        hub.signs_in("nora", &["site-reliability"]).await;
        twin.advance(1);
        assert_eq!(asked().await, "approved", "by the renewed sign-in, which changed no group");
        hub.advance(1);
        hub.signs_in("nora", &[]).await;
    }
}
