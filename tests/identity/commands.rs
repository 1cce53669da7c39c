//! `countersign token …`: the program against a running hub.

use std::time::Duration;

use countersign::time::{Clock, SystemClock};

use crate::support::{Database, HubProcess, TestHub, on_both};

impl TestHub {
    /// Runs `countersign token` to its end; returns its standard output and standard error.
    async fn token_command(&self, args: &[&str], code: i32) -> (String, String) {
        let mut program = HubProcess::command(self.database.folder.path());
        program.arg("token").args(args).env("COUNTERSIGN_URL", &self.url).env("COUNTERSIGN_TOKEN", &self.token);
        let output = program.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
        (out, err)
    }
}

fn secret_in(out: &str) -> &str {
    out.rsplit_once("shown only once: ").unwrap().1.trim()
}

on_both! {
    async fn a_token_is_created_listed_rotated_and_revoked(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let create = ["create", "deploy", "--scope", "requester", "--resource", "orders", "--agent"];
        let (out, _) = hub.token_command(&create, 0).await;
        let first = secret_in(&out).to_owned();
        hub.get_with(&first, "/v1/requests?resource=orders").await.expect(200);
        let (list, _) = hub.token_command(&["list"], 0).await;
        assert!(list.contains("  requester  used never") && list.contains("until 2027-02-19 12:00:00  deploy, an agent, for orders\n"), "{list}");
        let id = list.split_whitespace().next().unwrap();
        let (out, _) = hub.token_command(&["rotate", id, "--overlap", "0", "--no-expiry"], 0).await;
        assert!(out.contains("until revoked"), "{out}");
        let second = secret_in(&out);
        assert_eq!(hub.get_with(&first, "/v1/requests?resource=orders").await.problem(401), "unauthenticated");
        hub.get_with(second, "/v1/requests?resource=orders").await.expect(200);
        assert_eq!(hub.token_command(&["revoke", id], 0).await.0, format!("{id} is revoked\n"));
        assert_eq!(hub.get_with(second, "/v1/requests?resource=orders").await.problem(401), "unauthenticated");
        let (_, error) = hub.token_command(&["revoke", id], 1).await;
        assert!(error.contains("[not_found]"), "{error}");
    }

    async fn a_token_that_expires_soon_is_warned_of_once(database: Database) {
        let hub = TestHub::start(database).await;
        let run = async |token: &str| {
            let mut program = HubProcess::command(hub.database.folder.path());
            program.args(["request", "list", "--all", "--limit", "1"]);
            let output = program.env("COUNTERSIGN_URL", &hub.url).env("COUNTERSIGN_TOKEN", token).output().await.unwrap();
            String::from_utf8(output.stderr).unwrap()
        };
        // The program goes by the machine's clock, whatever the hub's shows.
        let in_days = |days: u64| SystemClock.now() + Duration::from_secs(days * 86_400);
        for (days, warnings) in [(6, 1), (8, 0)] {
            let input = serde_json::json!({"name": "x", "scope": "requester", "expires_at": in_days(days)});
            let (_, secret) = hub.new_token(&input).await;
            assert_eq!(run(&secret).await.matches("this token expires at").count(), warnings, "{days} days");
        }
    }

    async fn the_hub_says_what_is_wrong_with_a_token(database: Database) {
        let hub = TestHub::start(database).await;
        let (_, error) = hub.token_command(&["create", "dana", "--scope", "approver"], 1).await;
        assert!(error.contains("set person") && error.contains("[person_required]"), "{error}");
        let (_, error) = hub.token_command(&["create", "x", "--scope", "owner"], 1).await;
        assert!(error.contains("/scope"), "{error}");
        let (_, error) = hub.token_command(&["create", "x", "--scope", "admin", "--days", "1", "--no-expiry"], 2).await;
        assert!(error.contains("cannot be used with"), "{error}");
    }
}
