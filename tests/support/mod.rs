//! Shared helpers: a hub on a free port with a manual clock, both databases, and a scripted receiver.

mod browser;
mod cluster;
mod database;
mod hub;
mod issuer;
mod leaks;
mod pooler;
mod process;
mod receiver;
mod signing_key;
mod times;

pub(crate) use browser::Browser;
pub(crate) use cluster::Cluster;
pub(crate) use database::Database;
pub(crate) use hub::{Answer, Options, TestHub};
pub(crate) use issuer::{CLIENT as OIDC_CLIENT, Conduct, Issuer, SECRET as OIDC_SECRET};
pub(crate) use leaks::logged;
pub(crate) use pooler::Pooler;
pub(crate) use process::{HubProcess, TOKEN};
pub(crate) use receiver::{Behaviour, Hook, Received, Receiver};
pub(crate) use signing_key::SigningKey;
pub(crate) use times::{assert_times, has_six_digits, is_time};

use std::future::Future;
use std::time::Duration;

/// How long a test waits for something before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs each test on both databases.
macro_rules! on_both {
    ($(async fn $name:ident($database:ident: Database) $body:block)+) => {
        $(
            mod $name {
                use super::*;

                async fn run($database: Database) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    run(Database::sqlite()).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    run(Database::postgres().await).await;
                }
            }
        )+
    };
}
pub(crate) use on_both;

/// Waits until `check` returns a value; fails the test when it takes too long.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, check: impl Fn() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(value) = check().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}
