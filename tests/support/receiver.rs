//! A receiver that answers as it is told: well, late, badly, or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::eventually;

/// What to do with one message.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Answer with that status.
    Status(u16),
    /// Answer with these raw bytes.
    Raw(String),
    /// Answer 200 after that time.
    Late(Duration),
    /// Break the connection instead of answering.
    Reset,
    /// Keep the connection and say nothing.
    Never,
}

/// One message, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// A running receiver.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Behaviour>>,
    received: Mutex<Vec<Received>>,
}

impl Receiver {
    /// One that answers 200 once its script is over.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A hub that is killed breaks its connections: no failure of the receiver.
                tokio::spawn(async move { serve(stream, &state).await.unwrap_or_default() });
            }
        });
        Self { url: format!("http://{address}/hook"), state }
    }

    /// What to do with the next messages, in order.
    pub(crate) fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state.script.lock().unwrap().extend(behaviours);
    }

    /// From now on all is well.
    pub(crate) fn heal(&self) {
        self.state.script.lock().unwrap().clear();
    }

    /// All messages so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// What `look` makes of the newest message that it makes something of.
    pub(crate) fn find<T>(&self, look: impl Fn(&Received) -> Option<T>) -> Option<T> {
        self.state.received.lock().unwrap().iter().rev().find_map(look)
    }

    /// The first `count` messages, as soon as there are so many.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages arrive"), || async {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

/// HTTP/1.1 as far as the hub's client speaks it: a head, a body of known length, connections kept open.
async fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(message) = read_message(&mut stream, &mut buffer).await? {
        state.received.lock().unwrap().push(message);
        let behaviour = state.script.lock().unwrap().pop_front().unwrap_or(Behaviour::Status(200));
        let answer = match behaviour {
            Behaviour::Status(status) => format!("HTTP/1.1 {status} Told\r\ncontent-length: 2\r\n\r\nok"),
            Behaviour::Raw(raw) => raw,
            Behaviour::Late(wait) => {
                tokio::time::sleep(wait).await;
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
            Behaviour::Reset => return Ok(()),
            Behaviour::Never => std::future::pending().await,
        };
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Received>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let headers: BTreeMap<String, String> = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            let whole = end + 4 + length;
            if buffer.len() >= whole {
                let body = String::from_utf8(buffer[end + 4..whole].to_vec()).expect("a UTF-8 body");
                buffer.drain(..whole);
                return Ok(Some(Received { headers, body }));
            }
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}
