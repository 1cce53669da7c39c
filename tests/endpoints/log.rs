//! The delivery log of an endpoint: its deliveries and attempts.

use serde_json::Value;

use crate::support::{Behaviour, Database, Receiver, TestHub, eventually, on_both};

impl TestHub {
    /// All items of one of an endpoint's lists, page by page.
    async fn all_of(&self, endpoint: &str, list: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/endpoints/{endpoint}/{list}&limit={limit}{cursor}")).await.expect(200);
            let part = page["items"].as_array().unwrap();
            assert!(part.len() <= limit);
            items.extend(part.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

on_both! {
    async fn attempts_and_deliveries_are_filtered_by_every_parameter(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(500), Behaviour::Status(404), Behaviour::Reset]);
        let (id, _) = hub.endpoint("ops", "custom", &receiver.url, &["dba"]).await;
        let start = hub.now();
        for _ in 0..3 {
            hub.ask("orders", "x").await;
        }
        receiver.wait_for(3).await;
        let attempts = async |query: &str| hub.all_of(&id, &format!("attempts?{query}"), 2).await;
        eventually("three attempts are on record", || async { (attempts("").await.len() == 3).then_some(()) }).await;
        hub.advance(60);
        let later = hub.now();
        receiver.wait_for(5).await;
        eventually("both are delivered at last", || async { (attempts("class=success").await.len() == 2).then_some(()) }).await;
        let request = hub.ask("orders", "y").await;
        hub.delivery(&id, "request.created", "delivered").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.delivery(&id, "request.approved", "delivered").await;

        let all = attempts("").await;
        assert_eq!(all.len(), 7);
        let places: Vec<_> = all.iter().map(|item| (item["started_at"].as_str(), item["delivery_id"].as_str())).collect();
        assert!(places.iter().rev().is_sorted(), "newest first: {places:#?}");
        for (query, count) in [
            ("class=transient", 2), ("class=permanent&status=404", 1), ("status=200", 4), ("status=500&class=permanent", 0),
            (&format!("to={later}"), 3), (&format!("from={later}"), 4), (&format!("from={start}&to={later}&status=500"), 1),
        ] {
            assert_eq!(attempts(query).await.len(), count, "{query}");
        }
        let failed = &attempts("status=404").await[0];
        assert_eq!((&failed["event"], &failed["number"], &failed["answer"]), (&"request.created".into(), &1.into(), &"ok".into()));

        let deliveries = async |query: &str| hub.all_of(&id, &format!("deliveries?{query}"), 2).await;
        for (query, count) in [
            ("", 5), ("state=failed", 1), ("state=delivered", 4), ("state=pending", 0), ("event=request.approved", 1),
            ("event=request.created&state=delivered", 3), (&format!("to={later}"), 3), (&format!("from={later}"), 2),
            (&format!("from={start}&to={later}&state=delivered"), 2),
        ] {
            assert_eq!(deliveries(query).await.len(), count, "{query}");
        }
        assert_eq!(attempts(&format!("from={later}&to={later}")).await.len(), 0, "an empty period is valid");
        assert_eq!(attempts("class=lost").await.len(), 0);
    }

    async fn invalid_filters_and_cursors_are_refused(database: Database) {
        let hub = TestHub::start(database).await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let start = hub.now();
        hub.advance(60);
        let later = hub.now();
        for (wrong, code) in [
            ("deliveries?state=lost", "invalid_parameter"), ("deliveries?class=success", "invalid_parameter"),
            ("attempts?status=x", "invalid_parameter"), ("attempts?from=yesterday", "invalid_parameter"),
        ] {
            assert_eq!(hub.get(&format!("/v1/endpoints/{id}/{wrong}")).await.problem(400), code, "{wrong}");
        }
        // An unknown value would find nothing, and look as if all were well.
        for (wrong, says) in [
            ("attempts?class=succes", "class must be one of success, permanent,"),
            ("attempts?status=99", "100 to 599"), ("attempts?status=600", "100 to 599"), ("attempts?status=0", "100 to 599"),
            ("deliveries?event=request.approve", "event must be one of request.created,"),
            (&format!("attempts?from={later}&to={start}"), "to is before from"),
            (&format!("deliveries?from={later}&to={start}"), "to is before from"),
        ] {
            let answer = hub.get(&format!("/v1/endpoints/{id}/{wrong}")).await;
            assert_eq!(answer.problem(400), "invalid_parameter", "{wrong}");
            assert!(answer.text.contains(says), "{wrong}: {}", answer.text);
        }
        for list in ["attempts?cursor=1.2", "attempts?cursor=dlv_1", "deliveries?cursor=1"] {
            assert_eq!(hub.get(&format!("/v1/endpoints/{id}/{list}")).await.problem(422), "invalid_cursor");
        }
        let unknown = "/v1/endpoints/ep_00000000000000000000000000000000/attempts";
        assert_eq!(hub.get(unknown).await.problem(404), "not_found");
    }
}
