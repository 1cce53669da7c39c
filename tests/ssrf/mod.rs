//! No URL, redirect or name server makes the hub call an internal address.

mod rebinding;
mod spellings;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::delivery::{Class, Egress, SystemLookup, TargetPolicy, check_transport, send};
use countersign::store::endpoints::{Channel, Endpoint};
use countersign::store::transport::{Auth, Transport};
use countersign::time::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Behaviour, Database, Options, Receiver, TestHub};

/// A forbidden target: one port on several addresses of this machine.
struct Trap {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Trap {
    async fn set(addresses: &[&str], port: u16) -> Self {
        let mut trap = Self { port, connections: Arc::default() };
        for address in addresses {
            // A machine without IPv6 has nothing to protect there.
            let Ok(listener) = TcpListener::bind((*address, trap.port)).await else { continue };
            trap.port = listener.local_addr().unwrap().port();
            let connections = Arc::clone(&trap.connections);
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    connections.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        trap
    }

    /// Checks that no connection arrived, and that the trap can be reached at all.
    async fn is_untouched(&self) {
        assert_eq!(self.connections.load(Ordering::SeqCst), 0, "an internal address was reached");
        tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        crate::support::eventually("the trap gets a connection", || async {
            (self.connections.load(Ordering::SeqCst) == 1).then_some(())
        })
        .await;
    }
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new("target".parse().unwrap(), Channel::Custom, url.to_owned().into(), Timestamp::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_is_accepted_as_an_endpoint() {
    let options = Options { allow_targets: Vec::new(), ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await.with_policy().await;
    let trap = Trap::set(&["127.0.0.1", "::1", "127.0.0.2"], 0).await;
    let urls: BTreeSet<String> = spellings::all(trap.port).into_iter().collect();
    assert!(urls.len() >= 150, "{}", urls.len());
    let sound = json!({"name": "sound", "channel": "custom", "url": "https://hooks.example.com/x"});
    let sound = hub.post("/v1/endpoints", &sound).await.expect(201)["id"].as_str().unwrap().to_owned();
    for url in &urls {
        let made = hub.post("/v1/endpoints", &json!({"name": "odd", "channel": "custom", "url": url})).await;
        assert_eq!(made.status, 422, "{url:?}: {}", made.text);
        let call = hub.call(reqwest::Method::PATCH, &format!("/v1/endpoints/{sound}"));
        let changed = hub.send(call.bearer_auth(&hub.token).json(&json!({"url": url}))).await;
        assert_eq!(changed.status, 422, "{url:?}: {}", changed.text);
        let manifest = json!({"endpoints": {"odd": {"channel": "custom", "url": url}}});
        let applied = hub.post("/v1/apply", &manifest).await;
        assert!((400..500).contains(&applied.status), "{url:?}: {}", applied.text);
    }
    hub.ask("orders", "x").await;
    let made = hub.get("/v1/endpoints").await.expect(200);
    assert_eq!(made["items"].as_array().unwrap().len(), 1);
    trap.is_untouched().await;
}

/// As if all of these URLs had been written to the database directly.
#[tokio::test]
async fn no_spelling_is_dialled() {
    let trap = Trap::set(&["127.0.0.1", "::1", "127.0.0.2"], 0).await;
    let egress = Egress::with_lookup(Arc::default(), Duration::from_secs(2), Arc::new(SystemLookup)).unwrap();
    for url in spellings::all(trap.port) {
        let outcome = send(&egress, &endpoint(&url), "evt_1", String::new(), Timestamp::default()).await;
        assert_eq!((outcome.class, outcome.status), (Class::Forbidden, None), "{url:?}: {:?}", outcome.error);
    }
    trap.is_untouched().await;
}

#[test]
fn no_spelling_is_accepted_as_a_proxy_or_token_url() {
    let policy = TargetPolicy::default();
    for url in spellings::all(8_009) {
        let auth = Auth::Oauth2 {
            token_url: url.clone(),
            client_id: "id".to_owned(),
            client_secret: "secret".to_owned().into(),
            scope: None,
        };
        let refused = check_transport(&Transport { auth: Some(auth), ..Transport::default() }, &policy);
        assert_eq!(refused.unwrap_err().pointer, "/auth/token_url", "{url:?}");
        // A user name is allowed in a proxy's URL.
        if !url.contains('@') {
            let proxy = Transport { proxy: Some(url.clone().into()), ..Transport::default() };
            assert_eq!(check_transport(&proxy, &policy).unwrap_err().pointer, "/proxy", "{url:?}");
        }
    }
    let proxy = Transport { proxy: Some("http://u:p@127.0.0.1:8009".to_owned().into()), ..Transport::default() };
    assert_eq!(check_transport(&proxy, &policy).unwrap_err().pointer, "/proxy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed() {
    let options = Options { allow_targets: vec!["127.0.0.1"], ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await.with_policy().await;
    let (receiver, trap) = (Receiver::start().await, Trap::set(&["127.0.0.1", "::1", "127.0.0.2"], 0).await);
    let (endpoint, _) = hub.endpoint("open", "custom", &receiver.url, &["dba"]).await;
    let mut sent = 0;
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        for to in ["127.0.0.2", "[::1]", "localhost", "127.0.0.1", "2130706433"] {
            let location =
                format!("location: http://{to}:{}/\r\nrefresh: 0; url=http://{to}:{}/", trap.port, trap.port);
            receiver.script([Behaviour::Raw(format!(
                "HTTP/1.1 {status} Elsewhere\r\n{location}\r\ncontent-length: 0\r\n\r\n"
            ))]);
            hub.ask("orders", &format!("{status} {to}")).await;
            sent += 1;
            receiver.wait_for(sent).await;
        }
    }
    let path = format!("/v1/endpoints/{endpoint}/deliveries?limit=100");
    crate::support::eventually("all of them fail", || async {
        let page = hub.get(&path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        (items.len() == sent && items.iter().all(|item| item["state"] == "failed" && item["attempts"] == 1))
            .then_some(())
    })
    .await;
    trap.is_untouched().await;
}
