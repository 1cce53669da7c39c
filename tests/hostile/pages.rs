//! The page behind a link, for every hostile text that the hub accepts.

use std::collections::BTreeSet;

use countersign::channels::text::visible;
use countersign::http::MAX_BODY;
use reqwest::Method;
use serde_json::json;

use super::{assert_nothing_hides, corpus, named};
use crate::support::{Answer, Database, Receiver, TestHub};

/// The markup of a page: the names of its tags and attributes.
fn markup(page: &str) -> BTreeSet<String> {
    let tags = page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
    let names = tags.flat_map(|tag| {
        // Values are quoted, so text outside of quotes is names.
        let outside: String = tag.split('"').step_by(2).collect();
        outside.split_ascii_whitespace().map(|name| name.trim_end_matches('=').to_owned()).collect::<Vec<_>>()
    });
    names.collect()
}

/// The command as it can be read from the page, in the form of [`visible`]: marks count as what they stand for.
fn command_on(page: &str) -> String {
    let (_, rest) = page.split_once("aria-label=\"The exact command\"><code>").unwrap();
    let (code, _) = rest.split_once("</code></pre>").unwrap();
    let lines = code.split_terminator("\n</span>").map(|line| {
        let (_, line) = line.split_once('>').unwrap();
        let (line, times) = match line.rsplit_once("<span class=\"inv\">⏎ ×") {
            Some((line, rest)) => (line, rest.split('<').next().unwrap().parse().unwrap()),
            None => (line, 1),
        };
        vec![line_on(line); times]
    });
    lines.flatten().collect::<Vec<_>>().join("\n")
}

fn line_on(line: &str) -> String {
    let mut pieces = line.split("<span class=\"inv\"");
    let mut text = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (mark, after) = piece.split_once("</span>").unwrap();
        let (_, mark) = mark.split_once('>').unwrap();
        let (sign, times) = mark.rsplit_once('×').unwrap_or((mark, "1"));
        let unit = match sign {
            "·" => " ",
            "⇥" => "⇥ ",
            code => code,
        };
        text.push_str(&unit.repeat(times.parse().unwrap()));
        text.push_str(after);
    }
    let entities = [
        ("<bdi>", ""),
        ("</bdi>", ""),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ];
    entities.into_iter().fold(text, |text, (entity, plain)| text.replace(entity, plain))
}

/// Makes a request with a text in every place that allows one.
async fn ask(hub: &TestHub, text: &str) -> Answer {
    let short = text.get(..text.floor_char_boundary(256)).unwrap_or_default();
    let ask = json!({
        "resource": "orders", "command": text, "reason": text.get(..text.floor_char_boundary(4_096)), "language": short,
        "context": {text: [text]}, "labels": {short: short}, "requester": {"email": "nora@example.com", "name": short},
    });
    hub.post("/v1/requests", &ask).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_lets_active_markup_through() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let receiver = Receiver::start().await;
    hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    // A plain text, and one with all marks: no other text may bring more markup than these.
    let harmless = ["x".to_owned(), format!("x\u{200b}{}{}x\n\n\n\n שלום x ", " ".repeat(40), "\t".repeat(20))];
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut shown = 0;
    for text in harmless.clone().into_iter().chain(corpus()) {
        // A text longer than the body limit is refused before it is read completely, and never becomes a page.
        if text.len() > MAX_BODY {
            continue;
        }
        let about = named(&text);
        let answer = ask(&hub, &text).await;
        if answer.status != 201 {
            // Too long, blank, or invalid text: the answer says so.
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            let refused = ["body_too_large", "too_long", "invalid_text", "invalid_payload"];
            assert!(refused.contains(&code.as_str()), "{about}: {}", answer.text);
            continue;
        }
        shown += 1;
        let request = answer.json();
        let id = request["id"].as_str().unwrap();
        receiver.wait_for(shown).await;
        let link = receiver.find(|sent| sent.body.contains(id).then(|| sent.json()["data"]["links"]["review"].clone()));
        let page = hub.send(hub.call(Method::GET, link.unwrap().as_str().unwrap())).await;
        assert_eq!(page.status, 200);
        assert_nothing_hides(&page.text, &['\n'], &about);
        // A newline at the very end needs no line of its own.
        let whole = text.strip_suffix('\n').filter(|whole| !whole.is_empty()).unwrap_or(&text);
        assert!(command_on(&page.text) == visible(whole), "{about}: the command is not shown exactly");
        let markup = markup(&page.text);
        if harmless.contains(&text) {
            known.extend(markup.iter().cloned());
        }
        let more: Vec<_> = markup.difference(&known).collect();
        assert!(more.is_empty(), "{about}: {more:?}");
    }
    assert!(shown > 400, "{shown}");
}
