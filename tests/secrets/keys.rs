//! Keys of stored secrets: rotated, wrong, missing, and named by a setting.

use countersign::data_dir::DataDir;
use serde_json::{Value, json};

use super::{dump, endpoints, sealed};
use crate::support::{Database, HubProcess, Receiver, TestHub, eventually, on_both};

/// How many values of the database each key has sealed.
async fn sealed_by(url: &str, key: &str) -> usize {
    dump(url).await.iter().filter(|text| text.contains(&format!(": sealed:1:{key}:"))).count()
}

async fn warnings(hub: &TestHub) -> String {
    hub.get("/readyz").await.expect(200)["warnings"].to_string()
}

on_both! {
    async fn a_new_key_seals_everything_again_while_the_hub_runs(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        endpoints(&hub, &receiver).await;
        let file = DataDir::existing(hub.database.folder.path()).unwrap().secrets_file(None);
        let old = file.list().unwrap()[0].id.to_string();
        let before = sealed_by(&hub.database.url, &old).await;
        let new = file.rotate(hub.now()).unwrap()[0].id.to_string();
        eventually("everything is sealed with the new key", || async {
            hub.advance(60);
            (sealed(&hub.database.url, &new).await == 5).then_some(())
        }).await;
        assert_eq!(sealed_by(&hub.database.url, &new).await, before);
        assert_eq!(sealed_by(&hub.database.url, &old).await, 0);
        // The old key can go.
        let text = std::fs::read_to_string(file.path()).unwrap();
        std::fs::write(file.path(), text.lines().take(2).collect::<Vec<_>>().join("\n")).unwrap();
        assert_eq!(file.list().unwrap().len(), 1);
        let hub = hub.restart().await;
        assert_eq!(hub.get("/v1/endpoints").await.expect(200)["items"].as_array().unwrap().len(), 5);
        assert_eq!(hub.get("/readyz").await.expect(200), json!({"status": "ready"}));
    }

    async fn with_a_wrong_key_the_hub_says_so_and_stores_no_secret(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        endpoints(&hub, &receiver).await;
        let folder = hub.database.folder.path().to_owned();
        let file = DataDir::existing(&folder).unwrap().secrets_file(None);
        let (right, id) = (std::fs::read(file.path()).unwrap(), file.list().unwrap()[0].id.to_string());
        std::fs::write(file.path(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        eventually("it says so", || async {
            hub.advance(60);
            warnings(&hub).await.contains(&id).then_some(())
        }).await;
        // Requests go on, without the endpoints.
        hub.ask("orders", "select 1").await;
        let ready = hub.get("/readyz").await.text;
        assert!(ready.contains(&format!("it is sealed with key {id}, which this hub does not have")), "{ready}");
        assert_eq!(hub.get("/v1/endpoints").await.expect(200)["items"], json!([]));
        let input = json!({"name": "new", "channel": "teams", "url": "https://hooks.example.com/x"});
        let refused = hub.post("/v1/endpoints", &input).await;
        assert_eq!(refused.problem(503), "storage_unavailable");
        assert!(refused.text.contains(&id), "{}", refused.text);
        // Nothing has to be restarted once the right key is back.
        std::fs::write(file.path(), right).unwrap();
        eventually("the endpoints are back", || async {
            hub.advance(60);
            let listed = hub.get("/v1/endpoints").await.expect(200);
            (listed["items"].as_array().unwrap().len() == 5).then_some(())
        }).await;
        let request = hub.ask("orders", "select 2").await;
        let id = request["id"].as_str().unwrap().to_owned();
        eventually("they get messages", || async { receiver.find(|sent| sent.body.contains(&id).then_some(())) }).await;
        eventually("nothing is left to report", || async {
            hub.advance(300);
            (hub.get("/readyz").await.expect(200)["warnings"] == Value::Null).then_some(())
        }).await;
    }

    async fn a_lost_key_is_given_up_with_init_and_endpoints_are_made_again(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let (database, clock) = hub.stop().await;
        std::fs::remove_file(database.folder.path().join("secrets.key")).unwrap();
        // The options of a test have `init`.
        let hub = TestHub::start_at(database, crate::support::Options::default(), clock).await;
        let ready = hub.get("/readyz").await.expect(200);
        assert_eq!(ready["warnings"], Value::Null, "{ready}");
        assert_eq!(hub.get(&format!("/v1/endpoints/{id}")).await.status, 500);
        let path = format!("/v1/endpoints/{id}");
        hub.send(hub.call(reqwest::Method::DELETE, &path).bearer_auth(&hub.token)).await.expect(204);
        hub.endpoint("ops", "custom", "https://hooks.example.com/y", &[]).await;
        assert_eq!(hub.get("/v1/endpoints").await.expect(200)["items"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_setting_names_the_file_and_the_command_rotates_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mounted.key");
    let settings = [("COUNTERSIGN_SECRETS_KEY_FILE", file.to_str().unwrap())];
    let Err(missing) = HubProcess::start(folder.path(), 0, &settings).await else { panic!("it makes the file") };
    assert!(missing.contains("mounted.key") && missing.contains("openssl rand -base64 32"), "{missing}");
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    std::fs::write(&file, key).unwrap();
    let hub = HubProcess::start(folder.path(), 0, &settings).await.unwrap();
    assert!(!folder.path().join("countersign-data/secrets.key").exists());
    let run = |words: &'static [&'static str]| {
        let mut command = HubProcess::command(folder.path());
        command.args(words).envs(settings);
        async move { command.output().await.unwrap() }
    };
    let listed = run(&["keys", "secrets", "list"]).await;
    let before = String::from_utf8(listed.stdout).unwrap();
    assert!(before.contains("is the newest: it seals") && before.lines().count() == 1, "{before}");
    let rotated = run(&["keys", "secrets", "rotate", "--json"]).await;
    let shown: Value = serde_json::from_slice(&rotated.stdout).unwrap();
    assert_eq!((&shown["keys"][0]["newest"], &shown["keys"][1]["newest"]), (&json!(true), &json!(false)));
    assert!(before.contains(shown["keys"][1]["id"].as_str().unwrap()), "{before} {shown}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# created at ") && text.trim_end().ends_with(key), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(!shown.to_string().contains(line) && !before.contains(line), "a key is shown");
    }
    hub.kill().await;
}
