//! `countersign login`, `logout` and `whoami`: the program against a running hub.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::super::serve::free_port;
use crate::support::{Browser, Database, HubProcess, TestHub, on_both};

impl TestHub {
    /// The program as it is started without any setting, in a folder of its own.
    fn bare(&self, args: &[&str]) -> Command {
        let mut program = HubProcess::command(self.database.folder.path());
        program.args(args).env_remove("COUNTERSIGN_TOKEN").env_remove("COUNTERSIGN_URL");
        program
    }

    async fn run_bare(&self, args: &[&str], code: i32) -> (String, String) {
        let output = self.bare(args).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
        (out, err)
    }

    fn credentials(&self) -> PathBuf {
        self.database.folder.path().join("countersign/credentials.json")
    }

    /// Signs in with the program, and decides in a browser. Returns the exit code and both outputs.
    async fn login(&self, args: &[&str], person: &str, decision: &str) -> (Option<i32>, String, String) {
        self.login_where(args, "unix:path=/nowhere", person, decision).await
    }

    /// Signs in with the program on a machine with this message bus.
    async fn login_where(
        &self,
        args: &[&str],
        bus: &str,
        person: &str,
        decision: &str,
    ) -> (Option<i32>, String, String) {
        let url = self.url.clone();
        let mut command = self.bare(&[&["login", &url, "--json"], args].concat());
        command.env("DBUS_SESSION_BUS_ADDRESS", bus);
        let mut program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("the code");
        let shown: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(shown["event"], "code");
        let mut browser = Browser::signed_in(self, person).await;
        let code = shown["user_code"].as_str().unwrap();
        assert_eq!(shown["verification_uri_complete"], format!("{url}/device?code={code}"));
        browser.decide(code, decision).await.expect_page(200);
        let output = program.wait_with_output().await.unwrap();
        let mut rest = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            rest.push_str(&line);
            rest.push('\n');
        }
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), rest)
    }
}

on_both! {
    async fn a_person_signs_in_works_and_signs_out(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (code, out, err) = hub.login(&["--name", "laptop of Dana"], "dana@example.com", "confirm").await;
        assert_eq!(code, Some(0), "{out}{err}");
        let me: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&me["person"], &me["kind"]), (&json!("dana@example.com"), &json!("session")));
        let file = std::fs::read_to_string(hub.credentials()).unwrap();
        let kept: Value = serde_json::from_str(&file).unwrap();
        let secret = kept["hubs"][&hub.url]["secret"].as_str().expect("a secret").to_owned();
        assert!(secret.starts_with("css_") && !out.contains(&secret) && !err.contains(&secret));
        let told: Value = serde_json::from_str(err.lines().next().expect("a line")).unwrap();
        assert_eq!(told, json!({"event": "kept", "in": "file", "path": hub.credentials(), "because": null}));
        assert_eq!(std::fs::metadata(hub.credentials()).unwrap().permissions().mode() & 0o777, 0o600);

        // All commands use it, without any setting.
        let (out, _) = hub.run_bare(&["whoami"], 0).await;
        assert!(out.starts_with(&format!("{}\ndana@example.com, signed in with a link at 2026-11-21 12:00:00 UTC\n", hub.url)), "{out}");
        let asked = hub.ask("orders", "x").await;
        let (out, err) = hub.run_bare(&["approve", asked["id"].as_str().unwrap()], 0).await;
        assert!(out.contains("approved"), "{out}{err}");
        hub.run_bare(&["request", "list"], 0).await;
        let named = hub.bare(&["whoami", "--json"]).env("COUNTERSIGN_URL", format!("{}/", hub.url)).output().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&named.stdout).unwrap()["person"], "dana@example.com");
        // A token comes first.
        let given = hub.bare(&["whoami", "--json", "--url", &hub.url]).env("COUNTERSIGN_TOKEN", &hub.token).output().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&given.stdout).unwrap()["kind"], "operator");

        let (out, _) = hub.run_bare(&["logout"], 0).await;
        assert_eq!(out, format!("signed out of {}\n", hub.url));
        assert_eq!(hub.get_with(&secret, "/v1/me").await.problem(401), "unauthenticated");
        assert!(!std::fs::read_to_string(hub.credentials()).unwrap().contains(&secret));
        let (_, err) = hub.run_bare(&["whoami", "--url", &hub.url], 1).await;
        assert!(err.contains(&format!("countersign login {}", hub.url)), "{err}");
        let (out, _) = hub.run_bare(&["logout", &hub.url, "--json"], 0).await;
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["signed_out"], false);
    }

    async fn what_was_denied_is_not_kept(database: Database) {
        let hub = TestHub::start(database).await;
        let (code, out, err) = hub.login(&[], "dana@example.com", "deny").await;
        assert!(code == Some(1) && out.is_empty() && err.contains("[access_denied]"), "{code:?} {out}{err}");
        assert!(!hub.credentials().exists());
    }

    async fn a_session_that_ended_says_to_sign_in_again(database: Database) {
        let hub = TestHub::start(database).await;
        let (code, ..) = hub.login(&[], "dana@example.com", "confirm").await;
        assert_eq!(code, Some(0));
        hub.advance(12 * 3_600 + 600);
        for args in [&["whoami"][..], &["request", "list"], &["analytics", "report"]] {
            let (_, err) = hub.run_bare(args, 1).await;
            assert!(err.contains(&format!("countersign login {}", hub.url)), "{args:?}: {err}");
        }
        let (out, _) = hub.run_bare(&["logout"], 0).await;
        assert!(out.contains("had ended before"), "{out}");
    }

    async fn a_token_without_a_url_does_not_go_to_the_last_hub(database: Database) {
        let hub = TestHub::start(database).await;
        let (code, ..) = hub.login(&[], "dana@example.com", "confirm").await;
        assert_eq!(code, Some(0));
        let output = hub.bare(&["whoami"]).env("COUNTERSIGN_TOKEN", "cs_of_another_hub").output().await.unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && err.contains("127.0.0.1:8080"), "{err}");
    }
}

#[tokio::test]
async fn a_file_that_others_may_read_is_refused_before_anybody_signs_in() {
    let hub = TestHub::start(Database::sqlite()).await;
    std::fs::create_dir_all(hub.credentials().parent().unwrap()).unwrap();
    std::fs::write(hub.credentials(), "{}").unwrap();
    std::fs::set_permissions(hub.credentials(), std::fs::Permissions::from_mode(0o644)).unwrap();
    for args in [&["login", &hub.url][..], &["whoami"], &["logout"]] {
        let (out, err) = hub.run_bare(args, 1).await;
        assert!(out.is_empty() && err.contains("chmod 600"), "{args:?}: {out}{err}");
    }
    // A token needs no file.
    let output =
        hub.bare(&["whoami"]).env("COUNTERSIGN_TOKEN", &hub.token).env("COUNTERSIGN_URL", &hub.url).output().await;
    assert!(output.unwrap().status.success());
}

#[tokio::test]
async fn without_an_answer_from_a_keyring_the_file_is_used_soon() {
    let hub = TestHub::start(Database::sqlite()).await;
    // A bus that never says a word.
    let path = hub.database.folder.path().join("bus");
    let _bus = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let address = format!("unix:path={}", path.display());
    let started = std::time::Instant::now();
    let output = hub
        .bare(&["login", &hub.url, "--keep-in", "keyring"])
        .env("DBUS_SESSION_BUS_ADDRESS", &address)
        .output()
        .await
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.contains("there is no keyring") && !err.contains("/device"),
        "before anybody is sent to a browser: {err}"
    );
    assert!(started.elapsed().as_secs() < 4, "{:?}", started.elapsed());
    let (code, out, err) = hub.login_where(&[], &address, "dana@example.com", "confirm").await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains(r#""in":"file""#) && err.contains(r#""because":null"#), "{err}");
    hub.run_bare(&["whoami"], 0).await;
}

#[tokio::test]
async fn where_nobody_can_sign_in_it_says_so_at_once() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let settings = [("COUNTERSIGN_PUBLIC_URL", "http://approvals.example.com")];
    let _hub = HubProcess::start(folder.path(), port, &settings).await.unwrap();
    let mut program = HubProcess::command(folder.path());
    let output = program.args(["login", &format!("http://127.0.0.1:{port}")]).output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && err.contains("set up HTTPS"), "{err}");
}

#[tokio::test]
async fn where_there_is_no_hub_it_says_so() {
    let hub = TestHub::start(Database::sqlite()).await;
    let (_, err) = hub.run_bare(&["login", "http://127.0.0.1:1"], 1).await;
    assert!(err.contains("cannot sign in at http://127.0.0.1:1"), "{err}");
    let (_, err) = hub.run_bare(&["login", "approvals.example.com"], 2).await;
    assert!(err.contains("https://approvals.example.com"), "{err}");
}
