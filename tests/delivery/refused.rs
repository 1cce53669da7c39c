//! A result that the database refuses: other results are recorded, and this one is not sent again.

use serde_json::json;

use crate::support::{Behaviour, Database, Receiver, TestHub, on_both};

/// Makes the database refuse every answer that contains this word.
async fn refuse_answers(hub: &TestHub) {
    let sql = if hub.database.url.starts_with("sqlite") {
        "CREATE TRIGGER refused BEFORE INSERT ON attempts WHEN NEW.answer LIKE '%marker%'
        BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF NEW.answer LIKE '%marker%' THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refused BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION refuse()"
    };
    Database::run(&hub.database.url, sql.to_owned()).await;
}

on_both! {
    async fn a_refused_result_affects_no_other(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nmarker";
        let (odd, fine) = (Receiver::start().await, Receiver::start().await);
        odd.script([Behaviour::Whole(answer.into())]);
        let (refused, _) = hub.endpoint("odd", "custom", &odd.url, &[]).await;
        let (healthy, _) = hub.endpoint("fine", "custom", &fine.url, &[]).await;
        refuse_answers(&hub).await;
        hub.ask("orders", "select 1").await;
        let ended = hub.delivery(&refused, "request.created", "failed").await;
        let reason = ended["end_reason"].as_str().unwrap();
        assert!(reason.contains("cannot be recorded"), "{ended}");
        assert_eq!((&ended["attempts"], odd.received().len()), (&json!(1), 1));
        hub.delivery(&healthy, "request.created", "delivered").await;
    }
}
