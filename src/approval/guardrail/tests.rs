//! What gets through and what does not: every trick by which a text is one thing to a reader and another to a database.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::approval::Payload;

/// No drops, deletes with security's approval, plain reading for free.
static USUAL: LazyLock<Guardrails> = LazyLock::new(|| {
    compile(json!([
        {"name": "no-drop", "effect": "deny", "statements": ["drop table", "drop database", "truncate"], "reason": "No."},
        {"name": "no-secrets", "effect": "deny", "pattern": r"\bcredit_cards\b"},
        {"name": "deletes", "effect": "require", "statements": ["delete"], "slots": [{"group": "security", "needed": 2}]},
        {"name": "updates", "effect": "require", "statements": ["update"],
            "slots": [{"group": "security", "shared": true}, {"group": "dba"}]},
        {"name": "reading", "effect": "allow", "statements": ["select", "show", "with"]},
    ]))
});

fn compile(rules: Value) -> Guardrails {
    Guardrails::compile(&serde_json::from_value::<Vec<Guardrail>>(rules).expect("rules")).expect("a set of rules")
}

fn payload(command: &str, language: Option<&str>) -> Payload {
    Payload {
        command: command.to_owned(),
        language: language.map(str::to_owned),
        context: None,
        duration_seconds: None,
    }
}

fn verdict(rules: &Guardrails, command: &str, language: Option<&str>) -> &'static str {
    match rules.judge(&payload(command, language)).verdict {
        Ruling::Denied { .. } => "denied",
        Ruling::Allowed { .. } => "allowed",
        Ruling::Ask { rules, .. } if rules.is_empty() => "ask",
        Ruling::Ask { .. } => "required",
    }
}

#[track_caller]
fn all(wanted: &str, commands: &[&str]) {
    let rules = &USUAL;
    for command in commands {
        for language in [None, Some("sql"), Some("PostgreSQL"), Some("mysql"), Some("sqlite"), Some("mssql")] {
            assert_eq!(verdict(rules, command, language), wanted, "{command:?} as {language:?}");
        }
    }
}

#[test]
fn plain_commands() {
    all("denied", &["DROP TABLE orders", "TRUNCATE orders", "select * from credit_cards"]);
    all("required", &["DELETE FROM orders", "UPDATE orders SET a = 1", "SELECT 1; DELETE FROM t"]);
    all("ask", &["INSERT INTO t VALUES (1)", "SELECT 1; VACUUM t", "grant all on t to u", "drop index i", "drop", "-"]);
    all(
        "allowed",
        &[
            "SELECT 1",
            "select o.id, count(*) from orders o where o.a >= 1.5e3 and b is not null group by 1 -- all of them",
            "SELECT 'it''s a plain text', \"Name\", t.x::int FROM t WHERE a LIKE '%x\\_y%' AND b = $1 AND c = ?",
            "SELECT `id` FROM `orders`;",
            "SELECT [id] FROM [dbo].[orders]; SHOW search_path;",
            "WITH a AS (SELECT 1) /* no tricks */ SELECT * FROM a;;",
            "SELECT data->>'a', data #>> '{a,b}', tags[1] FROM t WHERE x @> '[1]' AND é = 'ü'",
            "SELECT 1\r\nFROM t\r\n",
        ],
    );
}

#[test]
fn white_space_case_and_comments_change_nothing() {
    all(
        "denied",
        &[
            "drop\ttable x",
            "DrOp\r\n\n TaBlE x",
            "DROP/**/TABLE x",
            "drop -- x\n table x",
            "drop # x\n table x",
            "DROP /* a /* b */ */ TABLE x",
            "DROP/*'*/TABLE/*'*/x",
            "DROP\u{a0}TABLE x",
            "DROP\u{3000}\u{2003}TABLE x",
            "DROP\u{b}TABLE\u{c}x",
            "DROP\u{200b}TABLE x",
            "\u{feff}DROP TABLE x",
            "SELECT 1 -- \rDROP TABLE x",
            "SELECT 1 --\u{a0}; DROP TABLE x",
        ],
    );
}

#[test]
fn every_statement_counts_and_the_strictest_wins() {
    all(
        "denied",
        &[
            "SELECT 1; DROP TABLE x",
            "DELETE FROM t; select 2;drop table x;",
            "BEGIN DROP TABLE x; END",
            "DROP TABLE x; SELECT '",
        ],
    );
    all(
        "required",
        &[
            "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
            "SELECT 1 DELETE FROM t",
            "SELECT 1DELETE FROM t",
            "SELECT 1eDELETE FROM t",
            "SELECT $1DELETE FROM t",
            "EXPLAIN ANALYZE DELETE FROM t",
            "SELECT 1; COMMIT; DELETE FROM t",
            "SELECT * FROM t FOR UPDATE",
        ],
    );
    // Statements without a semicolon between them, which no rule knows.
    all("ask", &["SELECT 1 GRANT ALL ON t TO u", "SELECT 1\nGO\nxp_cmdshell", "SELECT 1 EXEC sp_who", "(SELECT 1)"]);
}

#[test]
fn what_is_quoted_is_not_code() {
    all(
        "allowed",
        &[
            "SELECT 'drop table x; delete'",
            "SELECT * FROM log WHERE line = 'DROP TABLE ''x'''",
            "SELECT \"drop table\" FROM t",
            "SELECT a AS \"delete\" FROM t /* drop table x */",
            "SELECT 1 -- drop table x",
        ],
    );
    all("ask", &["INSERT INTO log VALUES ('drop table x')", "COMMENT ON TABLE t IS 'we drop table rows'"]);
    all("denied", &["SELECT 'from credit_cards'"]);
}

#[test]
fn what_one_database_skips_another_runs() {
    all(
        "denied",
        &[
            // Executable comments of MySQL and MariaDB, and of a version that does not execute them.
            "/*!50000 DROP TABLE x */",
            "SELECT 1; DROP /*! TABLE */ x",
            "DROP /*M!100100 TABLE */ x",
            "SELECT '\\'' /*!99999 ' */; DROP TABLE x; -- '",
            "/*! SELECT 'a*/ ' */; DROP TABLE x; -- '",
            // `#` begins a comment in MySQL only.
            "SELECT 1 #'\n; DROP TABLE x; -- '",
            "SELECT 1 # ; DROP TABLE x",
            // Backslashes escape in MySQL, and in PostgreSQL by its settings or after E.
            "SELECT '\\'; DROP TABLE x; -- '",
            "SELECT '\\'', '; DROP TABLE x; -- '",
            "SELECT E'\\'', '; DROP TABLE x; -- '",
            "SELECT \"\\\"; DROP TABLE x; -- \"",
            "SELECT '\\'', \"\\\"; DROP TABLE x; -- \"",
            "SELECT '\\' # '\n; DROP TABLE x; -- '",
            // Comments that nest or not, that need a space or not, that operators seem to swallow.
            "SELECT /* /* */ 1; DROP TABLE x; /* */ */",
            "SELECT /* /* */ ' */ 1; DROP TABLE x; -- '",
            "SELECT 1 --'\n; DROP TABLE x; --'",
            "SELECT 1 /* /* */ ' */ +--'\n; DROP TABLE x; --'",
            "SELECT 1 #--'\n; DROP TABLE x; --'",
            "SELECT 1 |/*'*/ 2; DROP TABLE x; /*'*/",
            "SELECT 1 <*/*'*/ 2; DROP TABLE x; /*'*/",
            // Dollars, brackets and other quotes.
            "SELECT $$ ' $$; DROP TABLE x; -- '",
            "SELECT $a$ ' $a$ ' ; DROP TABLE x; -- '",
            "SELECT 1 AS [a'b]; DROP TABLE x; --']",
            "SELECT [a'b]] ; DROP TABLE x; --']",
            "SELECT q'[']'; DROP TABLE x; --'",
            "SELECT x'\\'; DROP TABLE x; --'",
            "SELECT @@'a'; DROP TABLE x; --'",
            "COPY t FROM STDIN;\nit's\n\\.\nDROP TABLE x; --'",
        ],
    );
}

#[test]
fn hidden_code() {
    all(
        "denied",
        &[
            "DO $$ BEGIN DROP TABLE x; END $$",
            "CREATE FUNCTION f() RETURNS void AS $body$ BEGIN EXECUTE 'DROP TABLE x'; END $body$ LANGUAGE plpgsql",
            "EXECUTE 'DROP TABLE x'",
            "EXECUTE IMMEDIATE 'DR' || 'OP TABLE x'",
            "EXEC(N'drop table x')",
            "exec sp_executesql N'exec(''drop table x'')'",
            "PREPARE s FROM \"DROP TABLE x\"",
            "SET @s = 'DROP TABLE x'; PREPARE s FROM @s; EXECUTE s",
            "SELECT dblink_exec('c', 'DROP TABLE x')",
            "DECLARE @s varchar(9) = 'drop table x' EXEC(@s)",
            "psql -c 'drop table x'",
            "psql -c \"drop table x\"",
            "psql -c drop\\ table\\ x",
            "psql --command='drop table x'",
            "kubectl exec db -- psql -c 'drop table x'",
            "psql <<EOF\ndrop table x;\nEOF",
            "sh -c \"psql -c 'drop table x'\"",
        ],
    );
    all(
        "ask",
        &["SELECT 1; EXECUTE 'SELECT 1'", "SELECT $$plain$$", "SELECT 1 \\gexec", "\\! rm -rf /", "CALL p('a')"],
    );
    let rules = &USUAL;
    assert_eq!(verdict(rules, "select 'drop table x'", Some("bash")), "denied");
    assert_eq!(verdict(rules, "select 'x'", Some("bash")), "ask");
}

#[test]
fn what_cannot_be_read_is_never_allowed() {
    all(
        "ask",
        &["SELECT 'a", "SELECT 1 /* a", "SELECT $$ a", "SELECT \"a", "SELECT 'a\\'", "SELECT 1\0", "SELECT '\u{200b}'"],
    );
    all("denied", &["SELECT 1 /* a; DROP TABLE x", "SELECT 'a; DROP /* b */ TABLE x", "SELECT 'a\\'; drop table x"]);
    // A milder rule before must not hide the words that a later one refuses.
    let rules = compile(json!([
        {"name": "all", "effect": "require", "statements": ["select"]},
        {"name": "drop", "effect": "deny", "statements": ["drop table"]},
    ]));
    assert_eq!(verdict(&rules, "SELECT ' ; DROP TABLE x", None), "denied");
    let everything = compile(json!([{"name": "all", "effect": "allow"}]));
    assert_eq!(verdict(&everything, "SELECT 'a", None), "ask");
    assert!(everything.judge(&payload("SELECT 'a", None)).unclear);
}

#[test]
fn too_much_is_asked_about() {
    let rules = &USUAL;
    let many: String = (0..12_000).map(|n| format!("{n};")).collect();
    assert_eq!(verdict(rules, &format!("{many}DROP TABLE x"), Some("sql")), "denied");
    let everything = compile(json!([{"name": "all", "effect": "allow"}]));
    assert_eq!(verdict(&everything, &many, Some("sql")), "ask");
    // Deeper than it is followed.
    assert_eq!(verdict(rules, "EXEC 'EXEC ''drop table x'''", None), "denied");
    let deeper = (0..8).fold("drop table x".to_owned(), |inner, _| format!("exec('{}')", inner.replace('\'', "''")));
    assert_eq!(verdict(rules, &deeper, None), "denied");
    assert_eq!(verdict(&everything, &deeper, None), "ask");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rules = compile(json!([
        {"name": "tmp", "effect": "allow", "statements": ["drop table"], "pattern": "drop table tmp_[a-z]+"},
        {"name": "drop", "effect": "deny", "statements": ["drop"]},
    ]));
    assert_eq!(verdict(&rules, "drop  table\ttmp_a", None), "allowed");
    for command in
        ["drop table tmp_a, b", "drop table tmp_a cascade", "x drop table tmp_a", "drop table tmp_a; drop table b"]
    {
        assert_eq!(verdict(&rules, command, None), "denied", "{command}");
    }
}

#[test]
fn an_allowing_pattern_spans_the_whole() {
    let rules = compile(json!([{"name": "a", "effect": "allow", "pattern": "select a|select .* from t"}]));
    for (command, wanted) in [
        ("SELECT a", "allowed"),
        ("SELECT a, b", "ask"),
        ("select 1, 'x' from t", "allowed"),
        ("select 1 from t delete from t", "ask"),
        ("select 'a\nb' from t", "ask"),
        ("", "ask"),
    ] {
        assert_eq!(verdict(&rules, command, None), wanted, "{command}");
    }
    assert!(matches!(
        Guardrails::compile(
            &serde_json::from_value::<Vec<_>>(json!([{"name": "a", "effect": "allow", "pattern": "a)|(b"}]))
                .expect("rule")
        ),
        Err(InvalidGuardrail::Pattern { .. })
    ));
}

#[test]
fn other_languages_are_allowed_by_their_whole_text_only() {
    let by_words = compile(json!([{"name": "get", "effect": "allow", "statements": ["kubectl get"]}]));
    let by_text = compile(json!([{"name": "get", "effect": "allow", "pattern": "kubectl get [a-z ]+"}]));
    for (command, wanted) in [
        ("kubectl get pods", "allowed"),
        (" kubectl get pods\n", "allowed"),
        ("kubectl get pods | sh", "ask"),
        ("kubectl get pods\nreboot", "ask"),
        ("kubectl get pods -- x; reboot", "ask"),
        ("kubectl get 'pods'", "ask"),
    ] {
        assert_eq!(verdict(&by_text, command, Some("shell")), wanted, "{command}");
        assert_eq!(verdict(&by_text, command, Some("sql")), wanted, "{command}");
        assert_eq!(verdict(&by_words, command, Some("shell")), "ask", "{command}");
    }
}

#[test]
fn conditions_narrow_a_rule() {
    let rules = compile(json!([
        {"name": "py", "effect": "deny", "languages": ["Python"]},
        {"name": "dev", "effect": "allow", "context": {"/env": ["dev", "test"]}},
        {"name": "no-ticket", "effect": "require", "context": {"/ticket": null}},
    ]));
    let with = |context: Value, language: Option<&str>| {
        let ruling = rules.judge(&Payload { context: Some(context), ..payload("x", language) }).verdict;
        serde_json::to_string(&format!("{ruling:?}")).expect("json")
    };
    assert!(with(json!({}), Some("PYTHON")).contains("Denied"));
    assert!(with(json!({"env": "dev"}), None).contains("Allowed"));
    assert!(with(json!({"env": "prod"}), None).contains("no-ticket"));
    assert!(!with(json!({"env": "prod", "ticket": 7}), None).contains("no-ticket"));
}

#[test]
fn an_empty_command_is_decided_by_rules_that_look_at_no_text() {
    let rules = compile(json!([
        {"name": "a", "effect": "deny", "pattern": ".*"},
        {"name": "b", "effect": "deny", "statements": ["drop"]},
        {"name": "c", "effect": "require", "slots": [{"group": "dba"}]},
    ]));
    assert_eq!(verdict(&rules, "", None), "required");
    assert_eq!(verdict(&rules, "x", None), "denied");
    assert_eq!(verdict(&USUAL, "", None), "ask");
    assert_eq!(verdict(&USUAL, "-- drop table", None), "ask");
    assert_eq!(verdict(&USUAL, "-- credit_cards", None), "denied");
}

#[test]
fn slots_of_all_requiring_rules_are_joined() {
    let judgement = USUAL.judge(&payload("UPDATE t SET a = 1; DELETE FROM t; UPDATE u SET a = 1; SELECT 1", None));
    let Ruling::Ask { rules, slots } = &judgement.verdict else { panic!("{judgement:?}") };
    assert_eq!(rules.iter().map(|rule| rule.as_str()).collect::<Vec<_>>(), ["deletes", "updates"]);
    assert_eq!(
        serde_json::to_value(slots).expect("json"),
        json!([{"group": "security", "needed": 2, "shared": false}, {"group": "dba", "needed": 1, "shared": false}])
    );
    let found: Vec<_> = judgement.findings.iter().map(|f| (f.statement.as_str(), f.effect)).collect();
    assert_eq!(
        found,
        [
            ("UPDATE t SET a = 1", Some(Effect::Require)),
            ("DELETE FROM t", Some(Effect::Require)),
            ("UPDATE u SET a = 1", Some(Effect::Require)),
            ("SELECT 1", Some(Effect::Allow)),
        ]
    );
}

#[test]
fn findings_are_few_and_hold_what_decided() {
    let many: String = (0..100).map(|n| format!("SELECT {n}, '{}';", "é".repeat(300))).collect();
    let judgement = USUAL.judge(&payload(&format!("{many} DROP TABLE x"), Some("sql")));
    assert_eq!(judgement.findings.len(), 50);
    assert!(judgement.findings.iter().all(|finding| finding.statement.chars().count() <= 200));
    assert!(judgement.findings.iter().any(|finding| finding.effect == Some(Effect::Deny)));
}

#[test]
fn entries_are_plain_words() {
    for entry in
        ["", " ", "drop; table", "drop -- x", "'drop'", "\"drop\" table", "drop /*", "drop\u{a0}table", "$$a$$"]
    {
        let rule = json!([{"name": "a", "effect": "deny", "statements": [entry]}]);
        let rules: Vec<Guardrail> = serde_json::from_value(rule).expect("rule");
        assert!(matches!(Guardrails::compile(&rules), Err(InvalidGuardrail::Statement { .. })), "{entry:?}");
    }
    let rules = compile(json!([{"name": "a", "effect": "deny", "statements": ["From dbo.Orders", "pg_sleep("]}]));
    assert_eq!(verdict(&rules, "select * FROM DBO . ORDERS", None), "denied");
    assert_eq!(verdict(&rules, "select pg_sleep (1)", None), "denied");
    assert_eq!(verdict(&rules, "select * FROM dbo", None), "ask");
}

#[test]
fn names_are_unique_and_rules_are_few() {
    let rule = |n: usize| json!({"name": format!("r{n}"), "effect": "deny"});
    let set =
        |rules: Vec<Value>| Guardrails::compile(&serde_json::from_value::<Vec<_>>(Value::Array(rules)).expect("rules"));
    assert!(matches!(set(vec![rule(1), rule(1)]), Err(InvalidGuardrail::NameTwice(_))));
    assert!(set((0..100).map(rule).collect()).is_ok());
    assert!(matches!(set((0..101).map(rule).collect()), Err(InvalidGuardrail::TooManyRules)));
    assert!(set(vec![json!({"name": "a", "effect": "deny", "pattern": r"(\w{1,500}){500}"})]).is_err());
}

#[test]
fn examples_hold_or_say_what_to_do() {
    let check = |rule: Value| compile(json!([rule])).examples().map_err(|failed| failed.to_string());
    for good in [
        json!({"name": "a", "effect": "deny", "statements": ["drop table"],
            "blocks": ["DROP TABLE x", "select 1; drop/**/table x"], "passes": ["select 'drop table'"]}),
        json!({"name": "a", "effect": "require", "pattern": "secret", "languages": ["sql"], "context": {"/env": ["prod"]},
            "blocks": ["select secret"], "passes": ["select 1"]}),
        json!({"name": "a", "effect": "allow", "statements": ["select"],
            "blocks": ["select 1; drop table x", "delete from t", "select 'a"], "passes": ["SELECT 1", "select 'a'; select 2"]}),
    ] {
        assert_eq!(check(good.clone()), Ok(()), "{good}");
    }
    for (bad, says) in [
        (
            json!({"name": "a", "effect": "deny", "statements": ["drop"], "blocks": ["drop x", "select 1"]}),
            r#"blocks[1] "select 1": the rule does not match it"#,
        ),
        (
            json!({"name": "a", "effect": "deny", "statements": ["drop"], "passes": ["select 1; drop x"]}),
            r#"the rule matches it ("drop x"): narrow the rule"#,
        ),
        (
            json!({"name": "a", "effect": "allow", "statements": ["select"], "passes": ["select 1; vacuum"]}),
            r#"does not allow all of it ("vacuum")"#,
        ),
        (
            json!({"name": "a", "effect": "allow", "statements": ["select"], "passes": ["select 'a"]}),
            "in different ways",
        ),
        (json!({"name": "a", "effect": "allow", "statements": ["select"], "blocks": ["select 1"]}), "would allow it"),
    ] {
        let failed = check(bad).expect_err(says);
        assert!(failed.contains(says), "{failed}");
    }
}

#[test]
fn rules_that_never_decide_are_found() {
    let rules = compile(json!([
        {"name": "drop", "effect": "deny", "statements": ["drop"], "blocks": ["drop x"]},
        {"name": "drop-table", "effect": "require", "statements": ["drop table"], "blocks": ["drop table x", "select 1; drop table y"]},
        {"name": "table", "effect": "deny", "statements": ["drop table", "lock table"], "blocks": ["drop table x", "lock table x"]},
        {"name": "untried", "effect": "deny", "statements": ["drop table"]},
        {"name": "all", "effect": "require"},
        {"name": "late", "effect": "allow", "statements": ["select"]},
    ]));
    let dead: Vec<_> = rules.dead().into_iter().map(|dead| (dead.rule.to_string(), dead.because)).collect();
    let because = |part: &str| dead.iter().find(|(rule, _)| rule == part).map(|(_, because)| because.as_str());
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(because("drop-table").is_some_and(|because| because.contains("by drop:")), "{dead:?}");
    assert!(because("late").is_some_and(|because| because.contains("rule all has no conditions")), "{dead:?}");
}

/// What may stand between two words: something that every database skips.
fn gap() -> impl Strategy<Value = String> {
    let bit = prop_oneof![
        "[ \t\n]{1,3}",
        "[a-z ';]{0,6}".prop_map(|inside| format!(" -- {inside}\n")),
        "[a-z \";`]{0,6}".prop_map(|inside| format!("/*{inside}*/")),
        "[a-z]{0,4}".prop_map(|inside| format!("/* /* {inside} */ */")),
        Just("\u{a0}".to_owned()),
        Just("\r\n".to_owned()),
    ];
    prop::collection::vec(bit, 1..4).prop_map(|bits| bits.concat())
}

fn strictness(verdict: &str) -> usize {
    ["allowed", "ask", "required", "denied"].iter().position(|one| *one == verdict).expect("a verdict")
}

proptest! {
    #[test]
    fn nothing_between_words_and_no_case_hides_a_drop(
        before in prop::sample::select(vec!["", "SELECT 1;", "SELECT 'a''b' ; ", "DELETE FROM t;"]),
        gaps in prop::collection::vec(gap(), 3),
        upper in any::<u16>(),
    ) {
        let mut command = before.to_owned();
        for (word, gap) in ["drop", "table", "orders"].iter().zip(&gaps) {
            let flip = |(at, c): (usize, char)| if upper >> at & 1 == 1 { c.to_ascii_uppercase() } else { c };
            command.extend(word.chars().enumerate().map(flip));
            command.push_str(gap);
        }
        for language in [None, Some("sql"), Some("mysql"), Some("bash")] {
            prop_assert_eq!(verdict(&USUAL, &command, language), "denied", "{:?}", command);
        }
    }

    #[test]
    fn nothing_makes_it_panic(command in any::<String>(), language in prop::option::of("[a-z]{1,6}")) {
        USUAL.judge(&payload(&command, language.as_deref()));
    }

    #[test]
    fn no_heap_of_marks_hides_what_follows(
        marks in prop::collection::vec(prop::sample::select(vec![
            "'", "\"", "`", "[", "]", "\\", "$", "$a$", "/*", "*/", "--", "#", "\n", ";", "/*!", "E'", "x'", "q'", " ", "@@", "|",
            "SELECT ", "1e", "$1", "copy t from stdin", "\\.", "é", "(", "+", "N",
        ]), 0..24),
    ) {
        let command = format!("{}\n;DROP TABLE x", marks.concat());
        prop_assert_eq!(verdict(&USUAL, &command, Some("sql")), "denied", "{:?}", command);
    }

    #[test]
    fn one_more_statement_never_makes_it_milder(
        statements in prop::collection::vec(prop::sample::select(vec![
            "SELECT 1", "DELETE FROM t", "DROP TABLE x", "VACUUM", "SELECT 'x'",
        ]), 1..6),
    ) {
        let rules = &USUAL;
        let worst = statements.iter().map(|one| strictness(verdict(rules, one, Some("sql")))).max();
        // Where nobody is asked for more, a requiring rule still counts among statements that no rule knows.
        prop_assert_eq!(Some(strictness(verdict(rules, &statements.join(";"), Some("sql")))), worst);
    }
}
