//! The progress of long commands on standard error: lines for a person, or one JSON object a line for a program.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::output;

/// Reports progress events.
pub(super) struct Progress {
    json: bool,
    /// Whether a child process left a line of standard error unfinished.
    mid_line: AtomicBool,
    sink: Box<dyn Fn(&str) + Send + Sync>,
}

impl Progress {
    /// Reports to standard error.
    pub(super) fn new(json: bool) -> Self {
        Self::to(json, if json { output::eprint_exact } else { output::eprint })
    }

    /// Reports to `sink`, line by line.
    pub(super) fn to(json: bool, sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { json, mid_line: AtomicBool::new(false), sink: Box::new(sink) }
    }

    /// Reports an event: as JSON its name and the facts (an object), as text only the text.
    pub(super) fn emit(&self, event: &str, facts: Value, text: &str) {
        let line = if self.json {
            let mut object = Map::from_iter([("event".to_owned(), Value::from(event))]);
            if let Value::Object(facts) = facts {
                object.extend(facts);
            }
            Value::Object(object).to_string()
        } else {
            format!("countersign: {text}")
        };
        // Always begins a new line, also after a child's prompt without a line end.
        let start = if self.mid_line.swap(false, Ordering::Relaxed) { "\n" } else { "" };
        (self.sink)(&format!("{start}{line}"));
    }

    /// Notes what a child process wrote to standard error.
    pub(super) fn saw_output(&self, bytes: &[u8]) {
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

    /// A progress whose lines a test can read.
    pub(in crate::cli) fn recording(json: bool) -> (Progress, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        (Progress::to(json, move |line| sink.lock().unwrap().push(line.to_owned())), lines)
    }

    #[test]
    fn json_lines_are_objects_and_other_lines_are_text() {
        let (progress, lines) = recording(true);
        progress.emit("voted", json!({"person": "dana@example.com"}), "dana approved");
        let line: Value = serde_json::from_str(&lines.lock().unwrap()[0]).unwrap();
        assert_eq!(line, json!({"event": "voted", "person": "dana@example.com"}));
        let (progress, lines) = recording(false);
        progress.emit("voted", json!({}), "dana approved");
        assert_eq!(*lines.lock().unwrap(), ["countersign: dana approved"]);
    }

    #[test]
    fn an_event_begins_a_new_line() {
        let (progress, lines) = recording(false);
        progress.saw_output(b"Password: ");
        progress.emit("x", json!({}), "one");
        progress.saw_output(b"done\n");
        progress.emit("x", json!({}), "two");
        assert_eq!(*lines.lock().unwrap(), ["\ncountersign: one", "countersign: two"]);
    }
}
