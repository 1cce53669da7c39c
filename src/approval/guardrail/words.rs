//! Words that mean something to all of SQL.

/// Whether a word runs a text as code, or lets a program outside the database do so.
pub(super) fn runs_text(word: &str) -> bool {
    matches!(
        word,
        "call"
            | "connectby"
            | "crosstab"
            | "crosstab2"
            | "crosstab3"
            | "crosstab4"
            | "crosstabn"
            | "cursor_to_xml"
            | "cursor_to_xmlschema"
            | "dblink"
            | "dblink_close"
            | "dblink_exec"
            | "dblink_fetch"
            | "dblink_open"
            | "dblink_send_query"
            | "exec"
            | "execute"
            | "opendatasource"
            | "openquery"
            | "openrowset"
            | "prepare"
            | "program"
            | "query_to_xml"
            | "query_to_xml_and_xmlschema"
            | "query_to_xmlschema"
            | "sp_executesql"
            | "sys_eval"
            | "sys_exec"
            | "ts_rewrite"
            | "ts_stat"
            | "xp_cmdshell"
    )
}

/// Whether statements of SQL begin with a word. What begins otherwise may be a shell's, and its strings SQL.
pub(super) fn begins_sql(word: &str) -> bool {
    matches!(
        word,
        "abort"
            | "alter"
            | "analyze"
            | "attach"
            | "backup"
            | "begin"
            | "call"
            | "checkpoint"
            | "cluster"
            | "comment"
            | "commit"
            | "copy"
            | "create"
            | "deallocate"
            | "declare"
            | "delete"
            | "deny"
            | "desc"
            | "describe"
            | "detach"
            | "discard"
            | "do"
            | "drop"
            | "end"
            | "exec"
            | "execute"
            | "explain"
            | "fetch"
            | "go"
            | "grant"
            | "insert"
            | "listen"
            | "load"
            | "lock"
            | "merge"
            | "notify"
            | "optimize"
            | "pragma"
            | "prepare"
            | "refresh"
            | "reindex"
            | "release"
            | "rename"
            | "replace"
            | "reset"
            | "restore"
            | "revoke"
            | "rollback"
            | "savepoint"
            | "select"
            | "set"
            | "show"
            | "start"
            | "table"
            | "truncate"
            | "unlisten"
            | "unlock"
            | "update"
            | "upsert"
            | "use"
            | "vacuum"
            | "values"
            | "with"
    )
}

/// Whether a word can begin a statement without a semicolon before it, which SQL Server does not ask for.
pub(super) fn begins_statement(word: &str) -> bool {
    matches!(
        word,
        "alter"
            | "backup"
            | "bulk"
            | "call"
            | "checkpoint"
            | "copy"
            | "create"
            | "dbcc"
            | "delete"
            | "deny"
            | "disable"
            | "do"
            | "drop"
            | "enable"
            | "exec"
            | "execute"
            | "go"
            | "grant"
            | "insert"
            | "kill"
            | "merge"
            | "reconfigure"
            | "restore"
            | "revoke"
            | "shutdown"
            | "truncate"
            | "update"
            | "use"
    )
}

/// Whether a language is SQL, whatever its dialect, its version (`mysql8`, `PostgreSQL 15`) and the case of its letters. No
/// language at all may be.
pub(super) fn is_sql(language: &str) -> bool {
    let name = language.to_lowercase();
    let name = name.trim_matches(|c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '.' | '-' | '_'));
    name.is_empty() || LANGUAGES.contains(&name)
}

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

/// Whether what is created may have a text as its code.
pub(super) fn has_code(word: &str) -> bool {
    matches!(
        word,
        "event"
            | "function"
            | "job"
            | "macro"
            | "package"
            | "proc"
            | "procedure"
            | "routine"
            | "rule"
            | "task"
            | "trigger"
    )
}
