//! Allowing patterns and shell operators: only operators that the pattern spells out are allowed.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn allowing(pattern: &str) -> Guardrails {
    compile(json!([{"name": "a", "effect": "allow", "pattern": pattern}]))
}

#[track_caller]
fn all(rules: &Guardrails, wanted: &str, commands: &[&str]) {
    for command in commands {
        for language in [None, Some("bash"), Some("Shell"), Some("argv"), Some("sql")] {
            assert_eq!(verdict(rules, command, language), wanted, "{command:?} as {language:?}");
        }
    }
}

#[test]
fn only_a_literal_matches_an_operator() {
    for pattern in [
        "kubectl get .*",
        r"kubectl get[^!]*",
        r"kubectl\s[\S\s]+",
        "(?s)kubectl .+",
        r"kubectl\W*get[\x00-\x{10FFFF}]*",
    ] {
        let rules = allowing(pattern);
        all(&rules, "allowed", &["kubectl get pods", "kubectl get pods -n a.b --x=y=z a#b $X ~ {a,b} 100%"]);
        all(
            &rules,
            "ask",
            &[
                "kubectl get pods && touch x",
                "kubectl get pods & touch x",
                "kubectl get pods ; touch x",
                "kubectl get pods\ntouch x",
                "kubectl get pods\r\ntouch x",
                "kubectl get pods || touch x",
                "kubectl get pods | tee x",
                "kubectl get pods |& tee x",
                "kubectl get pods > x",
                "kubectl get pods >> x",
                "kubectl get pods >| x",
                "kubectl get pods &> x",
                "kubectl get pods 2>x",
                "kubectl get pods <> x",
                "kubectl get pods < x",
                "kubectl get - <<< x",
                "kubectl get - <<E\nx\nE",
                "kubectl get $(touch x)",
                "kubectl get \"$(touch x)\"",
                "kubectl get `touch x`",
                "kubectl get \"`touch x`\"",
                "kubectl get <(touch x)",
                "kubectl get >(tee x)",
                "kubectl get ${x:=a}${x@P}",
                "kubectl get \"${x:-a}\"",
                "kubectl get $((x=1))",
                "kubectl get $[x=1]",
                "kubectl get (touch x)",
                "kubectl get pods # ; touch x",
                "kubectl get pods # '\ntouch x #'",
                "kubectl get $'a\\'; touch x; b'",
                "kubectl get $\"a\"",
                "kubectl get 'a\\''; touch x '",
                "kubectl get 'a\\'' ; touch x # '",
                "kubectl get \"a\\\"; touch x ; \"",
                "kubectl get 'pods",
                "kubectl get \"pods",
                "kubectl get pods\\",
                "kubectl get \u{f007c} x",
                "(kubectl get pods)",
                "kubectl get x() { touch x; }",
            ],
        );
    }
}

#[test]
fn quoted_operators_are_arguments() {
    all(
        &allowing("jq .*"),
        "allowed",
        &[
            "jq '.a | .b' file.json",
            "jq -r \".a | select(.b > 1)\" file.json",
            "jq '.a; .b' x\njq '.c & .d' y",
            "jq '$(x) `y` ${z} # a' x",
            "jq 'it'\"'\"'s | x'",
        ],
    );
    assert_eq!(verdict(&allowing("(?s)jq .*"), "jq 'a\n| b' x", Some("bash")), "allowed");
}

#[test]
fn a_pattern_may_spell_operators() {
    let rules = allowing(r"kubectl get [a-z]+( \| (wc -l|sort))?( 2>&1)?|date > now; cat `pwd`/now # [a-z]+");
    all(
        &rules,
        "allowed",
        &[
            "kubectl get pods | wc -l",
            "kubectl get pods 2>&1",
            "kubectl get pods | sort 2>&1 && kubectl get nodes",
            "date > now; cat `pwd`/now # fine",
        ],
    );
    all(
        &rules,
        "ask",
        &["kubectl get pods | sh", "kubectl get pods | wc -l | sort", "kubectl get pods 2>x", "date > now"],
    );
    // A set does not spell an operator out.
    all(&allowing("a [|>&;]+ b"), "ask", &["a | b", "a && b", "a > b"]);
    all(&allowing(r"a\nb"), "allowed", &["a\nb"]);
}

#[test]
fn each_command_of_a_line_is_covered() {
    let rules = allowing("kubectl get .*|helm list");
    all(
        &rules,
        "allowed",
        &[
            "kubectl get a && helm list",
            "kubectl get a || kubectl get b; helm list;",
            "kubectl get a\n\nhelm list &",
            "kubectl get a & helm list",
        ],
    );
    all(
        &rules,
        "ask",
        &["kubectl get a; helm", "helm list | helm list", "{ helm list; }", "! helm list", ";", "&& helm list &&& x"],
    );
    let words =
        compile(json!([{"name": "a", "effect": "allow", "statements": ["kubectl get"], "pattern": "kubectl .*"}]));
    all(&words, "allowed", &["kubectl get 'pods'"]);
    all(&words, "ask", &["kubectl delete pods", "kubectl get a > b"]);
}

#[test]
fn text_that_only_a_database_would_run_must_match_as_sql() {
    let rules = allowing("kubectl get .*|set [a-z-]+");
    all(&rules, "allowed", &["kubectl get a; set -e"]);
    // One argument to a shell, a statement to PostgreSQL or MySQL.
    all(&rules, "ask", &["kubectl get \"\\\"; vacuum; -- \"", "kubectl get 'a\\'; vacuum; -- '"]);
}

#[test]
fn other_languages_have_other_quotes() {
    let rules = allowing(r#"dir .*|print\(.*\)"#);
    for (command, wanted) in [
        ("dir a b", "allowed"),
        ("dir 'a & touch x'", "ask"),
        ("dir \"a | b\"", "ask"),
        ("print('a b')", "allowed"),
        ("print('a; b')", "ask"),
    ] {
        for language in ["cmd", "PowerShell", "python"] {
            assert_eq!(verdict(&rules, command, Some(language)), wanted, "{command:?} as {language}");
        }
    }
}

#[test]
fn patterns_keep_their_meaning() {
    for (pattern, command, wanted) in [
        ("(?-i:Abc) d", "Abc D", "allowed"),
        ("(?-i:Abc) d", "abc d", "ask"),
        (r"(?x) abc \ d # comment", "abc d", "allowed"),
        (r"ab{2,3}c?\b( é+)*", "ABBC éÉ", "allowed"),
        (r"[[:alpha:]&&[^x]]+ y", "abc y", "allowed"),
        (r"[[:alpha:]&&[^x]]+ y", "axc y", "ask"),
        (r"(?-u:\w+) é", "abc é", "allowed"),
        (r"^abc$", "abc", "allowed"),
    ] {
        assert_eq!(verdict(&allowing(pattern), command, Some("bash")), wanted, "{pattern} on {command}");
    }
}

#[test]
fn an_example_says_what_is_not_covered() {
    let rule = |passes: &str| {
        let rule = json!([{"name": "a", "effect": "allow", "pattern": "kubectl get .*", "languages": ["bash"],
            "passes": ["kubectl get 'a | b' && kubectl get c", passes], "blocks": ["kubectl get a | tee x", "kubectl get a\ntouch x"]}]);
        compile(rule).examples().map_err(|failed| failed.to_string())
    };
    assert_eq!(rule("kubectl get a"), Ok(()));
    let failed = rule("kubectl get a | tee x").expect_err("not allowed");
    assert!(failed.contains("passes[1]") && failed.contains("operator"), "{failed}");
}

/// An argument, and whether it contains a shell operator.
fn argument() -> impl Strategy<Value = (String, bool)> {
    let quiet = "[ a-z|&;<>()#~*{}!%^=.,:/-]{0,8}";
    prop_oneof![
        4 => "[a-z0-9=.,:/-][a-z0-9=.,:/#-]{0,8}".prop_map(|word| (word, false)),
        2 => quiet.prop_map(|inside| (format!("'{inside}'"), false)),
        2 => quiet.prop_map(|inside| (format!("\"{inside}\""), false)),
        1 => ("[a-c]{1,3}=", quiet).prop_map(|(word, inside)| (format!("{word}'{inside}'\"{inside}\""), false)),
        1 => prop::sample::select(vec!["$(x)", "`x`", "\"a$(x)b\"", "'a'`x`", "<(x)", "${x}", "a$[1]", "(x)", "\"`x`\""])
            .prop_map(|operator| (operator.to_owned(), true)),
    ]
}

static RUN: LazyLock<Guardrails> = LazyLock::new(|| allowing("run .*"));

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// Lines are built from parts whose meaning is known, so that the expected verdict needs no second parser.
    #[test]
    fn a_line_is_allowed_if_all_its_commands_are_and_it_has_no_operator(
        line in prop::collection::vec(
            (
                prop::collection::vec(argument(), 1..4),
                prop::bool::weighted(0.9),
                prop::sample::select(vec![
                    ("; ", false), (" && ", false), (" || ", false), ("\n", false), (" & ", false), (";", false), ("&&", false),
                    (" | ", true), ("|", true), (" > ", true), (">", true), (" < ", true), (" 2>&1 ", true), (" |& ", true),
                ]),
            ),
            1..4,
        ),
    ) {
        let (mut command, mut fine) = (String::new(), true);
        for (number, (arguments, known, (operator, acts))) in line.iter().enumerate() {
            command.push_str(if *known { "run" } else { "other" });
            fine &= known;
            for (argument, acts) in arguments {
                command.push(' ');
                command.push_str(argument);
                fine &= !acts;
            }
            if number + 1 < line.len() {
                command.push_str(operator);
                fine &= !acts;
            }
        }
        let wanted = if fine { "allowed" } else { "ask" };
        prop_assert_eq!(verdict(&RUN, &command, Some("bash")), wanted, "{:?}", command);
    }
}
