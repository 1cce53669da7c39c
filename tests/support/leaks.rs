//! Nothing secret leaves the hubs of any test: when the last hub of a test ends, what they have logged, their error answers and
//! their metrics are searched for the secrets that the test has seen.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use regex::RegexBuilder;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::hub::Answer;

/// Shorter texts are found by chance.
const LEAST: usize = 16;
/// The names under which answers show a secret once.
const SHOWN: [&str; 3] = ["secret", "access_token", "device_code"];

struct Seen {
    hubs: usize,
    secrets: BTreeSet<String>,
    left: Vec<String>,
}

static SEEN: Mutex<Seen> = Mutex::new(Seen { hubs: 0, secrets: BTreeSet::new(), left: Vec::new() });

fn seen() -> MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A hub, whose end is the time to search.
pub(crate) struct Watch(());

impl Watch {
    /// A hub with this data folder.
    pub(crate) fn over(data: &Path) -> Self {
        seen().hubs += 1;
        for file in ["keys.json", "secrets.key"] {
            let text = std::fs::read_to_string(data.join(file)).unwrap_or_default();
            text.split(['"', '\n', ' ']).filter(|part| part.len() > 40).for_each(secret);
        }
        Self(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let is_last = {
            let mut seen = seen();
            seen.hubs -= 1;
            seen.hubs == 0
        };
        if is_last && !std::thread::panicking() {
            let found = found();
            assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
        }
    }
}

/// Keeps what the hubs in this process log from now on, unless the test has a listener of its own.
pub(crate) fn listen() {
    static LOG: Once = Once::new();
    LOG.call_once(|| {
        let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("info,countersign=debug"));
        let _taken = log.with_ansi(false).with_writer(|| Log).try_init();
    });
}

/// Has a secret searched for.
pub(crate) fn secret(text: &str) {
    if text.len() >= LEAST {
        seen().secrets.insert(text.to_owned());
    }
}

/// Has a text searched that has left a hub.
pub(crate) fn left(text: String) {
    seen().left.push(text);
}

/// Reads the secrets in a successful answer, and keeps another one, or metrics, to be searched.
pub(crate) fn answered(path: &str, answer: &Answer) {
    if answer.status < 400 && path != "/metrics" {
        let json = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
        SHOWN.iter().filter_map(|name| json.get(name)?.as_str()).for_each(secret);
        let links = json.get("url").and_then(Value::as_str).and_then(|url| url.split_once("/sign-in/link/"));
        links.map(|(_, link)| link).into_iter().for_each(secret);
        let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        cookies.filter_map(|cookie| cookie.split(['=', ';']).nth(1)).for_each(secret);
    } else {
        let mut headers = answer.headers.clone();
        headers.remove("set-cookie");
        left(format!("{} {headers:?} {}", answer.status, answer.text));
    }
}

/// How many lines the hubs in this process have logged with this text.
pub(crate) fn logged(text: &str) -> usize {
    seen().left.iter().filter(|line| line.starts_with("log: ") && line.contains(text)).count()
}

/// What has left with a secret in it.
pub(crate) fn found() -> Vec<String> {
    let seen = seen();
    if seen.secrets.is_empty() {
        return Vec::new();
    }
    let any: Vec<String> = seen.secrets.iter().map(|secret| regex::escape(secret)).collect();
    let any = RegexBuilder::new(&any.join("|")).size_limit(1 << 30).build().expect("an expression");
    seen.left.iter().filter_map(|text| Some(format!("{}: {text}", any.find(text)?.as_str()))).collect()
}

/// What the hubs in this process log.
struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        left(format!("log: {}", String::from_utf8_lossy(line)));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_secret_that_leaves_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    listen();
    let watch = Watch::over(folder.path());
    secret("a marked secret+/= of a test");
    tracing::debug!(target: "countersign::test", "it was logged: a marked secret+/= of a test");
    left("harmless".to_owned());
    assert!(matches!(&found()[..], [one] if one.contains("it was logged")), "{:?}", found());
    assert!(std::panic::catch_unwind(move || drop(watch)).is_err());
    *seen() = Seen { hubs: 0, secrets: BTreeSet::new(), left: Vec::new() };
}
