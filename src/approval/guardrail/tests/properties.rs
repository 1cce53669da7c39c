//! Properties of all commands.

use proptest::prelude::*;

use super::*;

/// Text between two words that every database skips.
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
    fn neither_gaps_nor_case_hide_a_drop(
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
    fn no_command_makes_it_panic(command in any::<String>(), language in prop::option::of("[a-z]{1,6}")) {
        USUAL.judge(&payload(&command, language.as_deref()));
    }

    #[test]
    fn no_sequence_of_marks_hides_the_next_statement(
        marks in prop::collection::vec(prop::sample::select(vec![
            "'", "\"", "`", "[", "]", "\\", "$", "$a$", "/*", "*/", "--", "#", "\n", ";", "/*!", "E'", "x'", "q'", " ", "@@", "|",
            "SELECT ", "1e", "$1", "copy t from stdin", "\\.", "é", "(", "+", "N",
        ]), 0..24),
    ) {
        let command = format!("{}\n;DROP TABLE x", marks.concat());
        prop_assert_eq!(verdict(&USUAL, &command, Some("sql")), "denied", "{:?}", command);
    }

    #[test]
    fn another_statement_never_makes_the_verdict_milder(
        statements in prop::collection::vec(prop::sample::select(vec![
            "SELECT 1", "DELETE FROM t", "DROP TABLE x", "VACUUM", "SELECT 'x'",
        ]), 1..6),
    ) {
        let rules = &USUAL;
        let worst = statements.iter().map(|one| strictness(verdict(rules, one, Some("sql")))).max();
        // A requiring rule also counts if no rule matches the other statements.
        prop_assert_eq!(Some(strictness(verdict(rules, &statements.join(";"), Some("sql")))), worst);
    }
}
