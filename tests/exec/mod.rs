//! `countersign exec` and related commands: the program against a running hub, and its commands on a real PostgreSQL.

mod commands;
mod output;
mod process;
mod statements;
mod waiting;
mod way;

use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::support::{Answer, Database, HubProcess, Receiver, TestHub, eventually};

/// A hub whose resource `orders` is decided by `dba`, a receiver of its links, and a target database.
struct Bench {
    hub: TestHub,
    receiver: Receiver,
    target: Target,
}

impl Bench {
    async fn new(database: Database) -> Self {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let receiver = Receiver::start().await;
        hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        Self { hub, receiver, target: Target::new().await }
    }

    /// The program, as nora's shell would start it.
    fn program(&self, args: &[&str]) -> Command {
        program(&self.hub.url, &self.hub.token, self.hub.database.folder.path(), args)
    }

    /// `exec` on `orders` with these options, for a command.
    fn exec(&self, options: &[&str], command: &[&str]) -> Running {
        let base = ["exec", "--resource", "orders", "--requester", "nora@example.com"];
        Running::start(self.program(&[&base[..], options, &["--"], command].concat()), None)
    }

    /// `exec` for one statement on the target.
    fn exec_sql(&self, options: &[&str], statement: &str) -> Running {
        self.exec(options, &self.target.psql(&["-c", statement]))
    }

    /// The newest request and its links, once `count` requests were announced.
    async fn asked(&self, count: usize) -> (Value, Value) {
        let created = || self.receiver.received().into_iter().map(|message| message.json());
        let messages = eventually(&format!("{count} requests are announced"), || async {
            let found: Vec<Value> = created().filter(|message| message["type"] == "request.created").collect();
            (found.len() >= count).then_some(found)
        })
        .await;
        let data = messages[count - 1]["data"].clone();
        (data["request"].clone(), data["links"].clone())
    }

    /// Decides as dana by the link with this name.
    async fn follow(&self, links: &Value, name: &str, more: Value) -> Answer {
        let mut body = json!({"approver": "dana@example.com"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.hub.send(self.hub.call(reqwest::Method::POST, links[name].as_str().unwrap()).json(&body)).await
    }
}

fn program(url: &str, token: &str, folder: &std::path::Path, args: &[&str]) -> Command {
    let mut command = HubProcess::command(folder);
    command.args(args).env("COUNTERSIGN_URL", url).env("COUNTERSIGN_TOKEN", token);
    command
}

/// A started program.
struct Running {
    child: Child,
}

impl Running {
    fn start(mut command: Command, stdin: Option<&'static str>) -> Self {
        if stdin.is_some() {
            command.stdin(std::process::Stdio::piped());
        }
        let mut child = command.spawn().expect("the program starts");
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
            tokio::spawn(async move { pipe.write_all(text.as_bytes()).await.expect("it is read") });
        }
        Self { child }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([format!("-{name}"), id]).status();
        assert!(sent.expect("kill runs").success());
    }

    async fn end(self) -> End {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait_with_output()).await;
        End::of(ended.expect("it ends").expect("its output"))
    }
}

/// The exit code and the output of a program.
struct End {
    code: i32,
    out: String,
    err: String,
}

impl End {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code().expect("a code"), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Its standard output; the exit code must be this one.
    fn expect(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.out
    }

    /// The lines of standard error, each of which must be a JSON object.
    fn progress(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.err.lines().map(read).collect()
    }
}

/// A database with an empty table `ran (note text)`.
struct Target {
    url: String,
    _database: Database,
}

impl Target {
    async fn new() -> Self {
        let database = Database::postgres().await;
        Database::run(&database.url, "create table ran (note text not null)".to_owned()).await;
        Self { url: database.url.clone(), _database: database }
    }

    fn psql<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["psql", self.url.as_str(), "-X", "-At", "-v", "ON_ERROR_STOP=1"][..], args].concat()
    }

    /// The notes that statements have inserted.
    async fn notes(&self) -> Vec<String> {
        let mut connection = sqlx::PgConnection::connect(&self.url).await.expect("the database opens");
        let notes = sqlx::query_scalar("select note from ran order by note").fetch_all(&mut connection).await;
        notes.expect("the notes")
    }
}
