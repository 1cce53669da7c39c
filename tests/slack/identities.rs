//! Account bindings: set by an admin, or confirmed by the person with their own token.

use serde_json::{Value, json};

use super::fake::FakeSlack;
use super::member::{DANA, button};
use crate::support::{Answer, Database, HubProcess, TestHub, on_both};

impl TestHub {
    /// A personal token.
    async fn own_token(&self, person: &str) -> String {
        let input = json!({"name": person, "scope": "approver", "person": person});
        let made = self.post("/v1/tokens", &input).await.expect(201);
        made["secret"].as_str().or_else(|| made["token"].as_str()).expect("a secret").to_owned()
    }

    async fn confirm(&self, token: &str, code: &str) -> Answer {
        let call = self.call(reqwest::Method::POST, "/v1/me/chat-identities").bearer_auth(token);
        self.send(call.json(&json!({"code": code}))).await
    }

    async fn accounts(&self, person: &str) -> Value {
        self.get(&format!("/v1/people/{person}/chat-identities")).await.expect(200)["identities"].clone()
    }
}

pub(super) fn code_in(reply: &str) -> String {
    reply.split_once("slack link ").unwrap().1.split('`').next().unwrap().to_owned()
}

on_both! {
    async fn a_person_binds_an_account_with_their_own_token(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        let earlier = code_in(&hub.types(&slack, DANA, "C1", "link").await);
        let code = code_in(&hub.types(&slack, DANA, "C2", "link").await);
        let dana = hub.own_token("dana@example.com").await;
        // Neither an admin's token nor an earlier code binds the account.
        assert_eq!(hub.confirm(&hub.token, &code).await.problem(422), "person_required");
        assert_eq!(hub.confirm(&dana, &earlier).await.problem(404), "code_invalid");
        hub.advance(599);
        let mut program = HubProcess::command(hub.database.folder.path());
        program.args(["slack", "link", &code]).env("COUNTERSIGN_URL", &hub.url).env("COUNTERSIGN_TOKEN", &dana);
        let output = program.output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.starts_with("Slack account somebody (UDANA in workspace T1) is now linked to dana@example.com"), "{text}");
        assert_eq!(hub.accounts("dana@example.com").await, json!([{"provider": "slack", "team": "T1", "user": DANA}]));
        assert_eq!(hub.confirm(&dana, &code).await.problem(404), "code_invalid", "it is used up");
        hub.click(&slack, DANA, &button(&asked, "Approve"), "dana").await.expect(200);
        slack.shows("C1", &["✅ Approved"]).await;
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let bound = trail["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "chat_identity.bound").cloned();
        assert_eq!(bound.unwrap()["person"], "dana@example.com");
        assert!(!trail.to_string().contains(&code));
    }

    async fn a_code_is_valid_for_ten_minutes(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        let code = code_in(&hub.types(&slack, DANA, "C1", "link").await);
        let dana = hub.own_token("dana@example.com").await;
        hub.advance(600);
        assert_eq!(hub.confirm(&dana, &code).await.problem(404), "code_invalid");
        assert_eq!(hub.confirm(&dana, "guess").await.problem(404), "code_invalid");
        assert_eq!(hub.accounts("dana@example.com").await, json!([]));
    }

    async fn an_account_belongs_to_one_person(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        let account = json!({"provider": "slack", "team": "T1", "user": DANA});
        let both = json!({"identities": [account, {"provider": "slack", "team": "T2", "user": DANA}]});
        let path = "/v1/people/erik@example.com/chat-identities";
        assert_eq!(hub.put(path, &both).await.problem(409), "identity_taken");
        assert_eq!(hub.accounts("erik@example.com").await, json!([]), "all or nothing");
        assert!(hub.types(&slack, DANA, "C1", "link").await.contains("dana@example.com"));
        hub.put("/v1/people/dana@example.com/chat-identities", &json!({"identities": []})).await.expect(200);
        hub.put(path, &both).await.expect(200);
        assert_eq!(hub.accounts("erik@example.com").await.as_array().unwrap().len(), 2);
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let of = |action: &str| trail["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == action).count();
        assert_eq!((of("chat_identity.bound"), of("chat_identity.unbound")), (3, 1));
        for bad in [json!({"identities": [{"provider": "slack", "team": "", "user": "U1"}]}), json!({"identities": [{"provider": "slack", "team": "T1", "user": "<@U1>"}]})] {
            assert_eq!(hub.put(path, &bad).await.problem(400), "invalid_parameter");
        }
        let dana = hub.own_token("dana@example.com").await;
        let call = hub.call(reqwest::Method::PUT, path).bearer_auth(&dana).json(&both);
        assert_eq!(hub.send(call).await.problem(403), "forbidden");
    }
}
