//! Words with a meaning in all dialects of SQL.

/// Words that execute a text as code, or make a program outside the database do so.
#[rustfmt::skip]
const RUNS_TEXT: &[&str] = &[
    "call", "connectby", "crosstab", "crosstab2", "crosstab3", "crosstab4", "crosstabn", "cursor_to_xml",
    "cursor_to_xmlschema", "dblink", "dblink_close", "dblink_exec", "dblink_fetch", "dblink_open",
    "dblink_send_query", "exec", "execute", "opendatasource", "openquery", "openrowset", "prepare", "program",
    "query_to_xml", "query_to_xml_and_xmlschema", "query_to_xmlschema", "sp_executesql", "sys_eval",
    "sys_exec", "ts_rewrite", "ts_stat", "xp_cmdshell",
];

/// First words of SQL statements.
#[rustfmt::skip]
const BEGINS_SQL: &[&str] = &[
    "abort", "alter", "analyze", "attach", "backup", "begin", "call", "checkpoint", "cluster", "comment",
    "commit", "copy", "create", "deallocate", "declare", "delete", "deny", "desc", "describe", "detach",
    "discard", "do", "drop", "end", "exec", "execute", "explain", "fetch", "go", "grant", "insert", "listen",
    "load", "lock", "merge", "notify", "optimize", "pragma", "prepare", "refresh", "reindex", "release",
    "rename", "replace", "reset", "restore", "revoke", "rollback", "savepoint", "select", "set", "show",
    "start", "table", "truncate", "unlisten", "unlock", "update", "upsert", "use", "vacuum", "values", "with",
];

/// Words that may begin a statement without a semicolon before it, which SQL Server does not require.
#[rustfmt::skip]
const BEGINS_STATEMENT: &[&str] = &[
    "alter", "backup", "bulk", "call", "checkpoint", "copy", "create", "dbcc", "delete", "deny", "disable",
    "do", "drop", "enable", "exec", "execute", "go", "grant", "insert", "kill", "merge", "reconfigure",
    "restore", "revoke", "shutdown", "truncate", "update", "use",
];

/// Things whose definition may contain code as a text.
#[rustfmt::skip]
const HAS_CODE: &[&str] = &[
    "event", "function", "job", "macro", "package", "proc", "procedure", "routine", "rule", "task", "trigger",
];

/// The languages that are SQL, as `docs/guardrails.md` lists them.
pub(super) const LANGUAGES: [&str; 32] = [
    "ansi",
    "aurora",
    "bigquery",
    "cockroach",
    "cockroachdb",
    "db2",
    "duckdb",
    "generic",
    "googlesql",
    "greenplum",
    "mariadb",
    "mssql",
    "mysql",
    "oracle",
    "pgsql",
    "plpgsql",
    "plsql",
    "postgis",
    "postgres",
    "postgresql",
    "psql",
    "redshift",
    "snowflake",
    "sql",
    "sqlite",
    "sqlserver",
    "t-sql",
    "tidb",
    "timescaledb",
    "trino",
    "tsql",
    "yugabytedb",
];

/// Whether a word executes a text as code, or makes a program outside the database do so.
pub(super) fn runs_text(word: &str) -> bool {
    RUNS_TEXT.contains(&word)
}

/// Whether SQL statements begin with a word. A text that begins with another word may be a shell command, with SQL in
/// its strings.
pub(super) fn begins_sql(word: &str) -> bool {
    BEGINS_SQL.contains(&word)
}

/// Whether a word may begin a statement without a semicolon before it.
pub(super) fn begins_statement(word: &str) -> bool {
    BEGINS_STATEMENT.contains(&word)
}

/// Whether the definition of such a thing may contain code as a text.
pub(super) fn has_code(word: &str) -> bool {
    HAS_CODE.contains(&word)
}

/// Whether a language is SQL, in any dialect, version (`mysql8`, `PostgreSQL 15`) and case. An empty language may be
/// SQL, too.
pub(super) fn is_sql(language: &str) -> bool {
    let name = language.to_lowercase();
    let name = name.trim_matches(|c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '.' | '-' | '_'));
    name.is_empty() || LANGUAGES.contains(&name)
}
