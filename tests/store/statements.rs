//! Records the store's statements and their plans. SQLite is asked for its plan of each recorded text afterwards;
//! PostgreSQL logs the plan of each executed statement, with its values. Records the whole process, so a test that uses
//! it needs its own process, as nextest provides.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::Future;
use std::sync::Mutex;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _};
use tracing::Metadata;
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::support::Database;

static SEEN: Mutex<Vec<Statement>> = Mutex::new(Vec::new());

/// An executed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    /// The number of returned rows; unknown on PostgreSQL.
    pub(crate) returned: Option<u64>,
    /// How rows are found and sorted.
    pub(crate) steps: Vec<Step>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The database's name for the step.
    pub(crate) way: String,
    /// The table whose rows it finds.
    pub(crate) table: Option<String>,
    /// The number of rows it has read; unknown on SQLite.
    pub(crate) rows: Option<u64>,
}

/// Starts recording; statements outside of [`during`] are dropped.
pub(crate) fn listen() {
    let listening = tracing_subscriber::registry().with(Recorder);
    tracing::subscriber::set_global_default(listening).expect("a process of the test's own");
}

/// Makes PostgreSQL report plans on connections that are opened from now on.
pub(crate) async fn report_plans(url: &str) {
    if url.starts_with("sqlite") {
        return;
    }
    let name = url::Url::parse(url).expect("a URL").path().trim_start_matches('/').to_owned();
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_format = json",
        "client_min_messages = log",
    ] {
        Database::run(url, format!("ALTER DATABASE {name} SET {setting}")).await;
    }
}

/// The store's statements during a call.
pub(crate) async fn during(url: &str, call: impl Future) -> Vec<Statement> {
    SEEN.lock().unwrap().clear();
    call.await;
    let mut seen = std::mem::take(&mut *SEEN.lock().unwrap());
    if url.starts_with("sqlite") {
        let plans = sqlite_plans(url, seen.iter().map(|statement| statement.sql.clone()).collect()).await;
        seen.iter_mut().for_each(|statement| statement.steps.clone_from(&plans[&statement.sql]));
    } else {
        // Each is seen twice: when it is sent, and with its plan.
        seen.retain(|statement| !statement.steps.is_empty());
    }
    assert!(!seen.is_empty(), "nothing was recorded");
    seen
}

async fn sqlite_plans(url: &str, texts: BTreeSet<String>) -> BTreeMap<String, Vec<Step>> {
    let mut connection = sqlx::SqliteConnection::connect(url).await.expect("the database opens");
    let mut plans = BTreeMap::new();
    for text in texts {
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql).fetch_all(&mut connection).await.expect("a plan");
        let steps = rows.into_iter().map(|(_, _, _, way)| {
            let table = way.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
            Step { way, table, rows: None }
        });
        plans.insert(text, steps.collect());
    }
    plans
}

struct Recorder;

impl<S: tracing::Subscriber> Layer<S> for Recorder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let wanted = ["sqlx::query", "sqlx::postgres::notice"].contains(&metadata.target());
        if wanted { Interest::always() } else { Interest::never() }
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some((_, plan)) = fields.message.split_once("plan:\n") {
            let plan: Value = serde_json::from_str(plan).expect("a plan in JSON");
            let mut steps = Vec::new();
            flatten(&plan["Plan"], &mut steps);
            let sql = plan["Query Text"].as_str().expect("a statement").to_owned();
            SEEN.lock().unwrap().push(Statement { sql, returned: None, steps });
        }
        // A text of a few words is its own summary.
        let sql = if fields.statement.is_empty() { fields.summary } else { fields.statement };
        if ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| sql.trim_start().starts_with(verb)) {
            let sql = sql.trim().to_owned();
            SEEN.lock().unwrap().push(Statement { sql, returned: Some(fields.rows), steps: Vec::new() });
        }
    }
}

fn flatten(node: &Value, steps: &mut Vec<Step>) {
    let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
    let each = number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
    let rows = (each * number("Actual Loops")).round() as u64;
    let way = node["Node Type"].as_str().expect("a sort of node").to_owned();
    let table = node["Relation Name"].as_str().map(str::to_owned);
    steps.push(Step { way, table, rows: Some(rows) });
    for child in node["Plans"].as_array().into_iter().flatten() {
        flatten(child, steps);
    }
}

#[derive(Default)]
struct Fields {
    summary: String,
    statement: String,
    message: String,
    rows: u64,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            "message" => value.clone_into(&mut self.message),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
