//! The meaning of each part of a rule.

use serde_json::{Value, json};

use super::*;

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
fn an_allowing_pattern_must_match_the_whole_statement() {
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
fn other_languages_are_allowed_only_by_their_whole_text() {
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
fn an_empty_command_is_decided_by_rules_without_a_text_condition() {
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
fn findings_are_few_and_contain_the_deciding_one() {
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
fn failed_examples_say_what_to_do() {
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

#[test]
fn the_documented_rules_do_what_their_examples_say() {
    #[derive(serde::Deserialize)]
    struct File {
        resources: std::collections::BTreeMap<String, Resource>,
    }
    #[derive(serde::Deserialize)]
    struct Resource {
        guardrails: Vec<Guardrail>,
    }
    let text = include_str!("../../../../docs/guardrails.md");
    let toml = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a TOML block");
    let file: File = toml::from_str(toml).expect("a configuration");
    let rules = Guardrails::compile(&file.resources["orders-db"].guardrails).expect("rules");
    assert_eq!(rules.examples(), Ok(()));
    assert_eq!(rules.dead(), []);
}
