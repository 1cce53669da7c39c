//! Invalid Unicode is refused by name, before it is processed.

use reqwest::Method;
use serde_json::Value;

use super::corpus::LONE_SURROGATES;
use crate::support::{Database, TestHub};

#[tokio::test]
async fn half_a_character_is_refused_by_name() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    for text in LONE_SURROGATES {
        for (body, pointer) in [
            (format!(r#"{{"resource":"orders","command":{text}}}"#), "/command"),
            (format!(r#"{{"resource":"orders","command":"x","reason":{text}}}"#), "/reason"),
            (format!(r#"{{"resource":"orders","command":"x","context":{{"a":[{text}]}}}}"#), "/context"),
        ] {
            let call = hub.call(Method::POST, "/v1/requests").bearer_auth(&hub.token);
            let answer = hub.send(call.header("Content-Type", "application/json").body(body.clone())).await;
            assert_eq!(answer.problem(400), "invalid_json", "{body}");
            let problem = answer.json();
            assert!(problem["detail"].as_str().unwrap().contains("half of a surrogate pair"), "{problem}");
            assert!(problem["pointer"].as_str().unwrap().starts_with(pointer), "{problem}");
        }
    }
    // As bytes, they are invalid UTF-8.
    for bytes in [
        &b"{\"resource\":\"orders\",\"command\":\"\xed\xa0\x80\"}"[..],
        b"{\"resource\":\"orders\",\"command\":\"\xff\"}",
    ] {
        let call = hub.call(Method::POST, "/v1/requests").bearer_auth(&hub.token);
        let answer = hub.send(call.header("Content-Type", "application/json").body(bytes.to_vec())).await;
        assert_eq!(answer.problem(400), "invalid_json");
    }
    assert_eq!(hub.get("/v1/requests").await.expect(200)["items"], Value::Array(Vec::new()));
}
