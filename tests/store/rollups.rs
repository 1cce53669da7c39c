//! Rollups: counts and latencies by hour and resource.

use countersign::analytics::Bucket;
use countersign::approval::{Method, Status};
use countersign::store::Store;
use countersign::store::rollups::{self, Ended, Period};

use super::at;
use crate::support::{Database, on_both};

on_both! {
    async fn counts_add_up_by_hour_and_resource(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        write!(store, |session| {
            for (second, resource, latency) in [(10, "a", 5), (20, "a", 7), (3_700, "a", 9), (10, "b", 11)] {
                let ended = Ended {
                    at: at(second), resource: resource.parse().unwrap(), outcome: Status::Approved, method: Method::Votes,
                    latency_us: latency, working_us: Some(latency - 1),
                };
                rollups::add(session, &ended).await?;
            }
            Ok(())
        }).unwrap();
        let mut session = store.read().await.unwrap();
        let of = |from, to, resource: Option<&str>| Period {
            from_hour: from, to_hour: to, resource: resource.map(|name| name.parse().unwrap()),
        };
        for (period, count, total) in [
            (of(None, None, None), 4, 32), (of(None, None, Some("a")), 3, 21), (of(Some(0), Some(1), Some("a")), 2, 12),
            (of(Some(1), None, None), 1, 9),
        ] {
            let counts = rollups::counts(&mut session, &period).await.unwrap();
            assert_eq!((counts[0].count, counts[0].total_us), (count, total), "{period:?}");
            let buckets = rollups::buckets(&mut session, &period).await.unwrap();
            assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), count);
        }
        let buckets = rollups::buckets(&mut session, &of(Some(1), None, None)).await.unwrap();
        assert_eq!(buckets[0].bucket, Bucket::of_micros(9));
    }
}
