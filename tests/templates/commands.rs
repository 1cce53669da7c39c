//! `countersign template …`, with and without a hub.

use serde_json::Value;

use crate::support::{Database, HubProcess, Receiver, TestHub, on_both};

const MINE: &str = "{\"type\": \"{{event.type}}\", \"timestamp\": \"{{event.at}}\",\n\"data\": { {{#if request}}\"request\": {{json request}}, \"links\": {},{{/if}} \"mine\": true}}";

/// Runs the program in this folder; returns its standard output and standard error.
async fn countersign(folder: &std::path::Path, args: &[&str], env: &[(&str, &str)], code: i32) -> (String, String) {
    let mut program = HubProcess::command(folder);
    program.args(args).envs(env.iter().copied());
    let output = program.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
    (out, err)
}

#[tokio::test]
async fn files_are_checked_and_previewed_without_a_hub() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let template =
        async |args: &[&str], code| countersign(folder.path(), &[&["template"], args].concat(), &[], code).await;
    write("good.hbs", MINE);
    write("bad.hbs", "{\n\"type\" 1}");
    let (out, _) = template(&["check", "custom", "request.created", "good.hbs"], 0).await;
    assert_eq!(out, "6 samples tried: all passed\n");
    let (out, _) = template(&["check", "custom", "request.created", "bad.hbs"], 1).await;
    assert!(
        out.contains("request.created, plain: template custom/request.created.hbs, line 2: the output is not JSON"),
        "{out}"
    );
    let (out, _) = template(&["check", "custom", "request.created", "bad.hbs", "--json"], 1).await;
    let tried: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((tried.as_array().unwrap().len(), &tried[0]["problem"]["line"]), (6, &2.into()));
    let (out, stderr) = template(&["preview", "custom", "request.created", "good.hbs"], 0).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["data"]["mine"], true);
    assert!(stderr.contains(", at most 1048576"), "{stderr}");
    let (out, _) =
        template(&["preview", "teams", "_ask", "--sample", "right-to-left", "--of", "request.reminded"], 0).await;
    assert!(out.contains("AdaptiveCard") && out.contains("Still waiting"), "{out}");
    template(&["preview", "custom", "request.created", "bad.hbs"], 1).await;
    for name in ["../../endpoints/ep_x", "request.created?endpoint=x", "_No"] {
        let (_, stderr) = template(&["preview", "teams", name], 2).await;
        assert!(stderr.contains("an event (docs/events.md)"), "{stderr}");
    }
    let (_, stderr) = template(&["preview", "teams", "_ask", "--of", "nope"], 2).await;
    assert!(stderr.contains("one of request.created"), "{stderr}");
    let (_, stderr) = template(&["check", "fax", "request.created", "good.hbs"], 1).await;
    assert!(stderr.contains("expected one of teams, slack"), "{stderr}");
    let (_, stderr) = template(&["check", "."], 1).await;
    assert!(stderr.contains("no folder named like a channel"), "{stderr}");
    std::fs::create_dir(folder.path().join("custom")).unwrap();
    write("custom/ping.hbs", MINE);
    let (out, _) = template(&["check", "."], 0).await;
    assert!(out.ends_with("samples tried: all passed\n"), "{out}");
    write("custom/ping.hbs", "{{{x}}}");
    let (_, stderr) = template(&["check", "."], 1).await;
    assert!(stderr.contains("custom/ping.hbs, line 1"), "{stderr}");
}

on_both! {
    async fn a_hubs_templates_are_stored_shown_and_restored(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        hub.endpoint("feed", "custom", &receiver.url, &[]).await;
        let folder = hub.database.folder.path();
        let env = [("COUNTERSIGN_URL", &*hub.url), ("COUNTERSIGN_TOKEN", &*hub.token)];
        let template = async |args: &[&str], code| countersign(folder, &[&["template"], args].concat(), &env, code).await;
        std::fs::write(folder.join("mine.hbs"), MINE).unwrap();
        std::fs::write(folder.join("bad.hbs"), "{").unwrap();
        assert_eq!(template(&["list"], 0).await.0, "none\n");
        let (shown, _) = template(&["show", "custom", "default"], 0).await;
        assert!(shown.contains("{{json request}}"), "{shown}");
        let (stderr, _) = template(&["set", "custom", "ping", "mine.hbs", "--endpoint", "feed"], 0).await;
        assert!(stderr.contains("version 1") && stderr.contains("for endpoint feed"), "{stderr}");
        let (_, stderr) = template(&["set", "custom", "ping", "bad.hbs", "--endpoint", "feed"], 1).await;
        assert!(stderr.contains("[invalid_template]") && stderr.contains("nothing was changed"), "{stderr}");
        assert_eq!(template(&["show", "custom", "ping", "--endpoint", "feed"], 0).await.0, MINE);
        template(&["delete", "custom", "ping", "--endpoint", "feed"], 0).await;
        let (versions, _) = template(&["versions", "custom", "ping", "--endpoint", "feed"], 0).await;
        assert!(versions.starts_with("version 2") && versions.contains("deleted") && versions.contains("\nversion 1"), "{versions}");
        template(&["restore", "custom", "ping", "1", "--endpoint", "feed"], 0).await;
        let (list, _) = template(&["list"], 0).await;
        assert!(list.starts_with("custom") && list.contains("version 3") && list.ends_with("for endpoint feed\n"), "{list}");
        let manifest = "[[templates]]\nchannel = \"custom\"\nevent = \"request.voted\"\nresource = \"orders\"\nfile = \"mine.hbs\"\n";
        std::fs::write(folder.join("hub.toml"), manifest).unwrap();
        let (plan, _) = countersign(folder, &["apply", "-f", "hub.toml"], &env, 0).await;
        assert!(plan.contains("+ create  template custom/request.voted for resource:orders"), "{plan}");
    }
}
