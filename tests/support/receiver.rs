//! A receiver that answers as scripted: correctly, late, wrongly, or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::time::{Clock, SystemClock, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{assert_times, eventually};

/// A callback while a message is handled.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;
/// Chooses the behaviour for a message by how many times its `webhook-id` came before.
type Choice = Arc<dyn Fn(&Received, usize) -> Behaviour + Send + Sync>;

/// The receiver's reaction to one message.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Answer with this status.
    Status(u16),
    /// Answer with these raw bytes.
    Raw(String),
    /// Answer 200 after this time.
    Late(Duration),
    /// Break the connection instead of answering.
    Reset,
    /// Keep the connection open without answering.
    Never,
    /// Answer with these raw bytes, which are a complete 200 answer.
    Whole(Vec<u8>),
    /// Answer with these raw bytes, which are an incomplete answer, and close the connection.
    Half(Vec<u8>),
    /// Answer 200 with a body of 1 KiB, one byte at a time with this pause in between.
    Drip(Duration),
    /// Answer 200 with an endless body.
    Endless,
    /// Answer 200, then call the hook at once.
    Then(Hook),
    /// Answer with this status once the semaphore is open.
    Held(Arc<tokio::sync::Semaphore>, u16),
}

/// One received message.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) began: Timestamp,
    /// When it was answered, or the connection broke. None while the exchange is in progress.
    pub(crate) ended: Option<Timestamp>,
    /// Whether a 200 answer was written completely, even if the sender was already gone.
    pub(crate) is_acknowledged: bool,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        let body = serde_json::from_str(&self.body).expect("a JSON body");
        assert_times(&body);
        body
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
    choice: Mutex<Option<Choice>>,
    on_connection: Mutex<Option<Hook>>,
    received: Mutex<Vec<Received>>,
}

impl Receiver {
    /// Starts a receiver that answers 200 when its script has ended.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let hook = state.on_connection.lock().unwrap().clone();
                if let Some(hook) = hook {
                    hook();
                }
                // A hub that is killed breaks its connections; this is no failure of the receiver.
                tokio::spawn(async move { serve(stream, &state).await.unwrap_or_default() });
            }
        });
        Self { url: format!("http://{address}/hook"), state }
    }

    /// Sets the behaviour for the next messages, in order.
    pub(crate) fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state.script.lock().unwrap().extend(behaviours);
    }

    /// Answers 200 from now on.
    pub(crate) fn heal(&self) {
        self.state.script.lock().unwrap().clear();
    }

    /// Sets the behaviour for each message beyond the script.
    pub(crate) fn choose(&self, choice: impl Fn(&Received, usize) -> Behaviour + Send + Sync + 'static) {
        *self.state.choice.lock().unwrap() = Some(Arc::new(choice));
    }

    /// Sets a hook for each new connection, called before anything is read from it.
    pub(crate) fn on_connection(&self, hook: Hook) {
        *self.state.on_connection.lock().unwrap() = Some(hook);
    }

    /// All messages so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// The first value that `select` returns, from the newest message to the oldest.
    pub(crate) fn find<T>(&self, select: impl Fn(&Received) -> Option<T>) -> Option<T> {
        self.state.received.lock().unwrap().iter().rev().find_map(select)
    }

    /// The first `count` messages, once there are so many.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages arrive"), || async {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

/// HTTP/1.1 as the hub's client uses it: a head, a body of known length, connections kept open.
async fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(message) = read_message(&mut stream, &mut buffer).await? {
        let (number, behaviour) = state.record(message);
        let answered = answer(&mut stream, behaviour).await;
        let received = &mut state.received.lock().unwrap()[number];
        received.ended = Some(SystemClock.now());
        received.is_acknowledged = matches!(answered, Ok(Answered { is_acknowledged: true, .. }));
        if !answered?.is_kept {
            return Ok(());
        }
    }
    Ok(())
}

impl State {
    /// Records a message; returns its index and the behaviour for it.
    fn record(&self, message: Received) -> (usize, Behaviour) {
        let mut received = self.received.lock().unwrap();
        let id = message.header("webhook-id");
        let times = received.iter().filter(|earlier| earlier.header("webhook-id") == id).count();
        received.push(message.clone());
        let number = received.len() - 1;
        drop(received);
        let scripted = self.script.lock().unwrap().pop_front();
        let choice = self.choice.lock().unwrap().clone();
        let behaviour = scripted.or_else(|| choice.map(|choose| choose(&message, times)));
        (number, behaviour.unwrap_or(Behaviour::Status(200)))
    }
}

/// The result of an answer.
struct Answered {
    is_acknowledged: bool,
    /// Whether the connection stays open.
    is_kept: bool,
}

async fn answer(stream: &mut TcpStream, behaviour: Behaviour) -> std::io::Result<Answered> {
    const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let mut is_acknowledged = true;
    match behaviour {
        Behaviour::Status(status) => {
            let text = format!("HTTP/1.1 {status} Answered\r\ncontent-length: 2\r\n\r\nok");
            stream.write_all(text.as_bytes()).await?;
            is_acknowledged = status == 200;
        }
        Behaviour::Raw(raw) => {
            stream.write_all(raw.as_bytes()).await?;
            is_acknowledged = raw.starts_with("HTTP/1.1 200");
        }
        Behaviour::Late(wait) => {
            tokio::select! {
                () = tokio::time::sleep(wait) => stream.write_all(EMPTY.as_bytes()).await?,
                () = gone(stream) => is_acknowledged = false,
            }
        }
        Behaviour::Reset => return Ok(Answered { is_acknowledged: false, is_kept: false }),
        Behaviour::Never => {
            gone(stream).await;
            is_acknowledged = false;
        }
        Behaviour::Whole(raw) => stream.write_all(&raw).await?,
        Behaviour::Half(raw) => {
            stream.write_all(&raw).await?;
            return Ok(Answered { is_acknowledged: false, is_kept: false });
        }
        Behaviour::Drip(pause) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1024\r\n\r\n").await?;
            for _ in 0..1024 {
                tokio::time::sleep(pause).await;
                stream.write_all(b".").await?;
            }
        }
        Behaviour::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'.'; 16 * 1024]).await?;
            }
        }
        Behaviour::Then(hook) => {
            stream.write_all(EMPTY.as_bytes()).await?;
            hook();
        }
        Behaviour::Held(gate, status) => {
            let _open = gate.acquire().await.expect("the gate stays");
            stream.write_all(format!("HTTP/1.1 {status} Answered\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
            is_acknowledged = status == 200;
        }
    }
    Ok(Answered { is_acknowledged, is_kept: true })
}

/// Resolves when the other end closes the connection.
async fn gone(stream: &mut TcpStream) {
    while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
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
                let began = SystemClock.now();
                return Ok(Some(Received { headers, body, began, ended: None, is_acknowledged: false }));
            }
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}
