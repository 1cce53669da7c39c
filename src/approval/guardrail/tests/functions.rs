//! Calls of functions: harmless ones are allowed, others must be listed, and their string arguments are code.

use serde_json::json;

use super::*;

#[track_caller]
fn all(rules: &Guardrails, wanted: &str, commands: &[&str]) {
    for command in commands {
        for language in [None, Some("sql"), Some("postgresql"), Some("mysql")] {
            assert_eq!(verdict(rules, command, language), wanted, "{command:?} as {language:?}");
        }
    }
}

#[test]
fn a_text_given_to_an_unknown_function_is_code() {
    all(
        &USUAL,
        "denied",
        &[
            "SELECT \"dblink_exec\"('c', 'drop table marker')",
            "SELECT * FROM \"dblink\"('c', 'drop table marker') AS t(a int)",
            "SELECT U&\"dblink\\005fexec\"('c', 'drop table marker')",
            "SELECT u&\"!0064blink_exec\" UESCAPE '!' ('c', 'drop table marker')",
            "SELECT public.\"dblink_exec\" ('c', 'drop table marker')",
            "SELECT \"public\".\"DbLink_Exec\"/**/('c', 'drop table marker')",
            "SELECT dblink_open('c', 'drop table marker')",
            "SELECT query_to_xml_and_xmlschema('drop table marker', true, true, '')",
            "SELECT table_to_xml('drop table marker', true, true, '')",
            "SELECT schema_to_xml('drop table marker', true, true, '')",
            "SELECT database_to_xml('drop table marker', true, '')",
            "SELECT * FROM ts_stat('drop table marker')",
            "SELECT ts_rewrite('a'::tsquery, 'drop table marker')",
            "SELECT * FROM crosstab('drop table marker') AS t(a int)",
            "SELECT cursor_to_xml('drop table marker', 1, true, true, '')",
            "FROM query('drop table marker')",
            "SELECT * FROM query('drop table marker')",
            "SELECT * FROM query_table('drop table marker')",
            "SELECT * FROM my_run(upper('drop table marker'))",
            "SELECT my_run('drop ' || 'table marker')",
            "SELECT my_run((SELECT 'drop table marker'))",
            "SELECT outer_one(inner_one('drop table marker'), 1)",
            "SELECT `sys_exec`('drop table marker')",
            "SELECT [my_run]('drop table marker')",
            "SELECT evil.upper('drop table marker')",
            "WITH q AS (SELECT 'drop table marker' AS t) SELECT \"dblink_exec\"('c', t) FROM q",
            "WITH q AS (SELECT 1) SELECT * FROM q, \"dblink\"('c', 'drop table marker') AS (a int)",
            "SELECT my_run('it''s; drop table marker')",
        ],
    );
    // A string that is not its argument is not code.
    all(
        &USUAL,
        "ask",
        &["SELECT my_run(a) FROM t WHERE b = 'drop table marker'", "SELECT my_run(), 'drop table marker'"],
    );
}

#[test]
fn only_harmless_functions_are_allowed() {
    all(
        &USUAL,
        "ask",
        &[
            "SELECT nextval('s')",
            "SELECT setval('s', 1)",
            "SELECT set_config('a', 'b', false)",
            "SELECT pg_terminate_backend(1)",
            "SELECT pg_reload_conf()",
            "SELECT lo_unlink(1)",
            "SELECT pg_read_file('x')",
            "SELECT pg_notify('a', 'b')",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_sleep(1)",
            "SELECT load_file('x')",
            "SELECT sleep(1), benchmark(9, 1), get_lock('a', 1)",
            "SELECT load_extension('x')",
            "SELECT writefile('x', 'y')",
            "SELECT edit('x')",
            "SELECT * FROM read_csv('x')",
            "SELECT getenv('x')",
            "SELECT utl_http.request('x') FROM dual",
            "SELECT app.wipe()",
            "SELECT UNIQUE wipe() FROM dual",
            "SELECT ('x').wipe()",
            "SELECT \"wipe\" ( )",
            "SELECT DISTINCT ON (a) wipe() FROM t",
            "SELECT TOP (1) wipe()",
            "SELECT 1 OPERATOR(pg_catalog.+) wipe()",
            "SELECT evil.upper('x')",
            "SELECT \"pg_get_\".wipe()",
            "SELECT count(*), (SELECT max(wipe(a)) FROM t) FROM u",
            "WITH a(b) AS (SELECT 1) SELECT wipe(b) FROM a",
            "WITH a AS (SELECT 1) SELECT * FROM a, wipe(b) AS (c int)",
        ],
    );
    all(
        &USUAL,
        "allowed",
        &[
            "SELECT count(*), max(lower(a)), coalesce(b, 'delete') FROM t WHERE c IN (1, 2) AND (d) = ANY (e)",
            "SELECT pg_catalog.format_type(a, NULL), pg_get_viewdef('v'), has_table_privilege('t', 'delete')",
            "SELECT \"upper\"('delete'), cast(a AS numeric(10, 2)), extract(year FROM b)::varchar(4)",
            "WITH RECURSIVE a(b, c) AS (VALUES (1, 2)), d (e) AS MATERIALIZED (SELECT 1) SELECT b FROM a, d",
            "SELECT * FROM generate_series(1, 2) AS g(a), unnest(b) WITH ORDINALITY u(c, d), LATERAL (SELECT 1) s(e)",
            "SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
            "SELECT DISTINCT ON (a) lower(b) FROM t TABLESAMPLE SYSTEM (10) JOIN (SELECT 1) u (c) ON (c = 1)",
            "SELECT * FROM a JOIN b USING (c) WHERE EXISTS (SELECT 1) ORDER BY date_trunc('day', d) LIMIT (1)",
            "SELECT json_extract(a, '$.delete'), if(b, 'x', 'y'), group_concat(c), date_format(d, '%Y')",
        ],
    );
}

#[test]
fn a_rule_may_name_functions() {
    let rules = |more: Value| {
        let mut rule = json!({"name": "a", "effect": "allow", "statements": ["select", "insert", "create index", "create table", "alter table", "call app.tidy"]});
        rule.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        compile(json!([{"name": "no-drop", "effect": "deny", "statements": ["drop table"]}, rule]))
    };
    let named = rules(json!({"functions": ["Net_Total", "app.report", "my_func"]}));
    all(
        &named,
        "allowed",
        &[
            "SELECT net_total('it''s')",
            "SELECT \"net_total\"(a), app . report('x', 'y')",
            "SELECT my_func(net_total('x'))",
            "CALL app.tidy(1)",
        ],
    );
    all(
        &named,
        "ask",
        &[
            "SELECT report('x')",
            "SELECT other.net_total('x')",
            "SELECT net_total(wipe())",
            "SELECT wipe(net_total('x'))",
        ],
    );
    all(&named, "denied", &["SELECT net_total('drop table marker')"]);
    let trusting = rules(json!({"functions": ["*"]}));
    all(&trusting, "allowed", &["SELECT wipe()", "SELECT a.b('x')"]);
    all(&trusting, "ask", &["SELECT dblink_exec('c', 'vacuum')"]);
    let by_pattern = rules(json!({"statements": [], "pattern": r"select app \. net_total \( .* \)|select wipe \( \)"}));
    all(&by_pattern, "allowed", &["SELECT wipe()"]);
    all(&by_pattern, "ask", &["SELECT app.net_total(evil(1))"]);
    // Names with a list in parentheses that are not functions.
    all(
        &rules(json!({})),
        "allowed",
        &[
            "INSERT INTO orders (id, note) VALUES (1, 'drop table marker')",
            "INSERT INTO app.\"Orders\" (id) SELECT 1",
            "INSERT orders (id) VALUES (1)",
            "CREATE INDEX by_day ON orders (lower(note))",
            "CREATE INDEX by_day ON orders USING gin (note)",
            "ALTER TABLE orders ADD EXCLUDE USING gist (note WITH =)",
        ],
    );
    all(
        &rules(json!({})),
        "ask",
        &[
            "INSERT INTO orders VALUES (wipe())",
            "CREATE INDEX i ON orders (wipe(note))",
            "ALTER TABLE orders ALTER id TYPE int USING wipe(id)",
        ],
    );
}

#[test]
fn an_example_and_a_finding_name_the_unknown_function() {
    let rule =
        json!([{"name": "a", "effect": "allow", "statements": ["select"], "passes": ["select app.net_total(1)"]}]);
    let failed = compile(rule).examples().expect_err("unknown function").to_string();
    assert!(failed.contains("app.net_total") && failed.contains("functions"), "{failed}");
    let judgement = USUAL.judge(&payload("SELECT app.net_total(1), wipe()", Some("sql")));
    assert_eq!(judgement.findings[0].unknown_functions, ["app.net_total", "wipe"]);
    assert_eq!(USUAL.judge(&payload("SELECT now()", None)).findings[0].unknown_functions, [""; 0]);
}
