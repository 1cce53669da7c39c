//! What a command that takes its time says on standard error: lines for a person, or one JSON object a line for a program.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::output;

/// Where news go to.
pub(super) struct Progress {
    json: bool,
    /// Whether somebody else, a child process, left a line of standard error unfinished.
    mid_line: AtomicBool,
    sink: Box<dyn Fn(&str) + Send + Sync>,
}

impl Progress {
    /// To standard error.
    pub(super) fn new(json: bool) -> Self {
        Self::to(json, if json { output::tell_exact } else { output::tell })
    }

    /// To wherever `sink` puts a line.
    pub(super) fn to(json: bool, sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { json, mid_line: AtomicBool::new(false), sink: Box::new(sink) }
    }

    /// Tells that something happened: to a program its name and the facts (an object), to a person the text.
    pub(super) fn tell(&self, event: &str, facts: Value, text: &str) {
        let line = if self.json {
            let mut object = Map::from_iter([("event".to_owned(), Value::from(event))]);
            if let Value::Object(facts) = facts {
                object.extend(facts);
            }
            Value::Object(object).to_string()
        } else {
            format!("countersign: {text}")
        };
        // Ours begin on a line of their own, also behind a prompt without a line end.
        let start = if self.mid_line.swap(false, Ordering::Relaxed) { "\n" } else { "" };
        (self.sink)(&format!("{start}{line}"));
    }

    /// Takes note of what somebody else wrote to standard error.
    pub(super) fn overhear(&self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.mid_line.store(*last != b'\n', Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    /// News that a test can read.
    pub(in crate::cli) fn kept(json: bool) -> (Progress, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        (Progress::to(json, move |line| sink.lock().unwrap().push(line.to_owned())), lines)
    }

    #[test]
    fn a_program_gets_objects_and_a_person_gets_text() {
        let (progress, lines) = kept(true);
        progress.tell("voted", json!({"person": "dana@example.com"}), "dana approved");
        let line: Value = serde_json::from_str(&lines.lock().unwrap()[0]).unwrap();
        assert_eq!(line, json!({"event": "voted", "person": "dana@example.com"}));
        let (progress, lines) = kept(false);
        progress.tell("voted", json!({}), "dana approved");
        assert_eq!(*lines.lock().unwrap(), ["countersign: dana approved"]);
    }

    #[test]
    fn news_begin_on_a_line_of_their_own() {
        let (progress, lines) = kept(false);
        progress.overhear(b"Password: ");
        progress.tell("x", json!({}), "one");
        progress.overhear(b"done\n");
        progress.tell("x", json!({}), "two");
        assert_eq!(*lines.lock().unwrap(), ["\ncountersign: one", "countersign: two"]);
    }
}
