//! Custom endpoints with CloudEvents: the same data and signature in another envelope.

use std::collections::BTreeMap;

use countersign::channels::samples::{Example, Sample};
use countersign::channels::{Channels, MessageFormat, RenderError, SCHEMAS, schema_at};
use countersign::store::endpoints::Channel;
use countersign::store::events::KINDS;
use serde_json::{Value, json};

use crate::support::{Database, Receiver, TestHub, on_both};

/// Validates a body against the served schema, including the schemas it refers to.
fn is_valid(body: &Value) -> Result<(), String> {
    let hub = "https://hub.example.com";
    let served = |name: &str| serde_json::from_str(&schema_at(hub, name).unwrap()).unwrap();
    let schemas: BTreeMap<&str, Value> = SCHEMAS.iter().map(|(name, _)| (*name, served(name))).collect();
    let mut registry = jsonschema::Registry::new();
    for (name, schema) in &schemas {
        registry = registry.add(format!("{hub}/schemas/{name}"), schema.clone()).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let validator = jsonschema::options().with_registry(&registry).build(&schemas["cloudevent.json"]).unwrap();
    validator.validate(body).map_err(|error| format!("{}: {error}", error.instance_path()))
}

fn cloudevent(channels: &Channels, example: &Example) -> Result<String, RenderError> {
    let format = MessageFormat::Cloudevent { source: "https://hub.example.com" };
    channels.render_message(Channel::Custom, format, &example.notice(), &[]).map(|said| said.body)
}

#[test]
fn every_event_is_valid_and_holds_the_same_data() {
    let channels = Channels::new(None).unwrap();
    for kind in KINDS {
        for sample in Sample::ALL {
            let example = Example::new(kind, sample);
            let body = cloudevent(&channels, &example).unwrap();
            let event: Value = serde_json::from_str(&body).unwrap();
            is_valid(&event).unwrap_or_else(|error| panic!("{kind}, {}: {error}", sample.as_str()));
            let standard = channels.render(Channel::Custom, &example.notice()).unwrap();
            let standard: Value = serde_json::from_str(&standard).unwrap();
            assert_eq!((&event["data"], &event["time"]), (&standard["data"], &standard["timestamp"]), "{kind}");
        }
    }
    let event = json!({"specversion": "1.0", "id": "evt_x", "type": "countersign.ping"});
    assert!(is_valid(&event).is_err());
}

/// An operator's template provides the data; the envelope stays the same.
#[test]
fn an_operators_template_is_put_into_the_envelope() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("custom")).unwrap();
    let template = r#"{"type": "ping", "timestamp": "{{event.at}}", "data": {"mine": true}}"#;
    std::fs::write(folder.path().join("custom/ping.hbs"), template).unwrap();
    let channels = Channels::new(Some(folder.path())).unwrap();
    let body = cloudevent(&channels, &Example::new("ping", Sample::Plain));
    let event: Value = serde_json::from_str(&body.unwrap()).unwrap();
    assert_eq!((&event["data"], &event["type"]), (&json!({"mine": true}), &json!("countersign.ping")));
}

on_both! {
    async fn cloudevents_are_sent_signed_with_their_media_type(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let input = json!({"name": "bus", "channel": "custom", "url": receiver.url, "format": "cloudevents", "groups": ["dba"]});
        let made = hub.post("/v1/endpoints", &input).await.expect(201);
        let asked = hub.ask("orders", "select 1").await;
        let sent = receiver.wait_for(1).await[0].clone();
        assert_eq!(sent.header("content-type"), "application/cloudevents+json");
        let event = sent.json();
        is_valid(&event).unwrap();
        assert_eq!((&event["type"], &event["subject"]), (&json!("countersign.request.created"), &asked["id"]));
        assert_eq!(event["source"].as_str().unwrap(), hub.url);
        assert_eq!(event["id"].as_str().unwrap(), sent.header("webhook-id"));
        assert_eq!(event["data"]["links"]["group"], "dba");
        let secret = made["secret"].as_str().unwrap();
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        let at = sent.header("webhook-timestamp").parse().unwrap();
        let signature = webhook.sign(sent.header("webhook-id"), at, sent.body.as_bytes()).unwrap();
        assert_eq!(sent.header("webhook-signature"), signature);

        // Back to the other envelope, from the next message on.
        let id = made["id"].as_str().unwrap();
        assert_eq!(hub.patch_endpoint(id, &json!({"format": "standard"})).await.expect(200)["format"], "standard");
        hub.ask("orders", "select 2").await;
        let sent = receiver.wait_for(2).await[1].clone();
        assert_eq!((sent.header("content-type"), &sent.json()["type"]), ("application/json", &json!("request.created")));

        let chat = json!({"name": "chat", "channel": "slack", "url": receiver.url, "format": "cloudevents"});
        assert_eq!(hub.post("/v1/endpoints", &chat).await.expect(422)["code"], "invalid_format");
    }
}
