//! Features of single dialects, and statements that only read.

use serde_json::json;

use super::*;

#[track_caller]
fn none_is(unwanted: &str, commands: &[&str]) {
    for command in commands {
        for language in [None, Some("sql"), Some("mysql8"), Some("")] {
            assert_ne!(verdict(&USUAL, command, language), unwanted, "{command:?} as {language:?}");
        }
    }
}

#[track_caller]
fn all(wanted: &str, commands: &[&str]) {
    for command in commands {
        for language in [None, Some("sql"), Some("Redshift"), Some("mysql8"), Some("")] {
            assert_eq!(verdict(&USUAL, command, language), wanted, "{command:?} as {language:?}");
        }
    }
}

#[test]
fn tags_of_dollar_quotes_may_be_any_letters() {
    for tag in ["→", "€", "é", "e\u{301}", "中", "_→1", "a·b", "𝒳", "🙂"] {
        let command = format!("select ${tag}$ ' ${tag}$; drop table marker; -- '");
        assert_eq!(verdict(&USUAL, &command, Some("sql")), "denied", "{command}");
        let command = format!("select ${tag}$ ' ${tag}$; vacuum; -- '");
        assert_ne!(verdict(&USUAL, &command, Some("sql")), "allowed", "{command}");
        let command = format!("select ${tag}$ x ${tag}$");
        assert!(USUAL.judge(&payload(&command, Some("sql"))).unclear, "{command}");
    }
    // A parameter ends with its digits, and does not begin a tag.
    all("denied", &["select $1$a$ ' $a$; drop table marker; -- '"]);
    none_is("allowed", &["select $1$a$ ' $a$; vacuum; -- '"]);
}

#[test]
fn variables_of_sqlite_may_contain_anything() {
    for sign in ["$x", "@x", ":x", "#x", "$a::b", ":a::b", "@_1", "$é"] {
        for held in ["'", "\"", "`", "[", "--", "/*", "/**/'", ";'"] {
            let command = format!("select {sign}({held}); drop table marker; -- ' \" ` ] */ '");
            assert_eq!(verdict(&USUAL, &command, Some("sql")), "denied", "{command}");
            let command = format!("select {sign}({held}); vacuum; -- ' \" ` ] */ '");
            assert_ne!(verdict(&USUAL, &command, Some("sql")), "allowed", "{command}");
        }
    }
    all(
        "allowed",
        &["select lower(:x), abs($1) from t where a = :a and b = @b", "select a::varchar(10), b::numeric(10,2)"],
    );
}

#[test]
fn comments_in_executable_comments_run_to_the_end_of_the_line() {
    for mark in ["/*!", "/*!50000 ", "/*M! ", "/*M!100100 "] {
        for comment in ["#", "-- "] {
            let command = format!("select 1 {mark} {comment} */ '\n */; drop table marker; -- '");
            assert_eq!(verdict(&USUAL, &command, Some("sql")), "denied", "{command}");
            let command = format!("select 1 {mark} {comment} */ '\n */; vacuum; -- '");
            assert_ne!(verdict(&USUAL, &command, Some("sql")), "allowed", "{command}");
        }
    }
}

#[test]
fn some_executable_comments_run_and_others_do_not() {
    all(
        "denied",
        &[
            "select 1 /*!99999 ' */; /*!50000 drop table marker */ -- '",
            "select 1 /*!50700 ' */; /*!50600 drop table marker */ -- '",
            "select 1 /*!50700 ' */; /*M!100000 drop table marker */ -- '",
            "select 1 /*M! ' */; /*! drop table marker */ -- '",
            "/*!50000 drop */ /*!99999 nothing */ table marker",
            // A skipped one may contain a comment.
            "select '\\'' /*!99999 /* */ ' */ # '\n; drop table marker; -- '",
            // TiDB's, with any feature.
            "/*T! drop table marker */",
            "select 1; drop /*T![auto_rand] table */ marker",
            "select 1 /*T! ' */; drop table marker; -- '",
            "select 1 /*T! ,' */ '; drop table marker; -- '",
            "select 1 /*T! ,' */ '; drop /*!99999 table */ marker; -- '",
            // It ends with the text.
            "/*! drop table marker; select 1",
        ],
    );
    let many: String = (0..20).map(|number| format!("/*!{} ' */ ", 50_000 + number)).collect();
    none_is("allowed", &[&format!("select 1 {many}")]);
}

#[test]
fn comments_and_strings_of_other_dialects() {
    all(
        "denied",
        &[
            // MySQL's client, in which `--x` is a comment at the beginning of a statement.
            "select 1 /*! ,' */ ' */;\n--x\"\ndrop table marker; -- '",
            // BigQuery.
            "select '''it's''', \"\"\" \" \"\"\"; drop table marker; -- '",
            "select r'\\'', '; drop table marker; -- '",
            // Snowflake.
            "select 1 // '\n; drop table marker; -- '",
            "select $$ ' \\$$; drop table marker; -- '",
            // PostgreSQL before 15 reads a number and then a string with escapes.
            "select 1e'\\'', '; drop table marker; -- '",
            // SQL Server's binary constant without digits.
            "select 0xdrop table marker; drop table marker",
        ],
    );
    all("required", &["select 0xupdate t set a = 1"]);
}

#[test]
fn bodies_of_functions_are_code_however_they_are_quoted() {
    all(
        "denied",
        &[
            "create function f() returns void language sql as 'drop table marker'",
            "create or replace function f() returns void as E'begin drop\\ttable marker; end' language plpgsql",
            "CREATE PROCEDURE p() LANGUAGE SQL AS 'begin; drop table marker'",
            "create procedure p() returns string language javascript as \"drop table marker\"",
            "create or replace task t as 'drop table marker'",
            "alter function f() as 'drop table marker'",
            "do 'begin drop table marker; end'",
            "do U&'begin dr\\006fp table marker; end'",
            "do u&'begin dr!+00006fp !0074able marker; end' UESCAPE '!'",
            "create function f() returns void language sql as U&'drop\\0020table marker'",
            "do language plpgsql 'begin execute ''drop table marker''; end'",
            "create function f() returns void as $$ begin drop table marker; end $$ language plpgsql",
        ],
    );
    all("ask", &["comment on function f() is 'drop table marker'", "create table t (note text default 'drop table')"]);
}

#[test]
fn queries_that_write_or_lock_are_not_allowed() {
    none_is(
        "allowed",
        &[
            "select 1 into marker",
            "select a into temp marker from t",
            "select * from t into outfile '/tmp/marker'",
            "select * into dumpfile 'marker' from t",
            "select a from t into @a",
            "with a as (select 1) select * into marker from a",
            "select * from t for share",
            "select * from t for key share",
            "select * from t for share of t nowait",
            "select * from t for no key update",
            "select * from t lock in share mode",
            "(select * from t) for share",
            "select * from t with (updlock)",
            "select * from t with (nolock, tablockx)",
            "select * from t with (serializable)",
            "select * from t with (nolock updlock)",
            "select * from t with (updlock serializable)",
            // SQL Server needs no semicolon; Snowflake passes rows to the next statement.
            "select 1 updatetext t.c @p 0 0 'x'",
            "select a from t writetext t.c @p 'x'",
            "select 1 set identity_insert t on",
            "select 1 waitfor delay '1'",
            "select 1 rollback",
            "select a from t commit transaction",
            "select 1 receive * from q",
            "with a as (select 1) select * from a revert",
            "select 1 ->> undrop table t",
            "show tables ->> select 1 ->> comment on table t is 'x'",
            // Sequences.
            "select next value for s",
            "select 1, next value for a.s",
            "select s.nextval from dual",
            "values (next value for s)",
        ],
    );
}

#[test]
fn a_rule_may_allow_what_a_query_writes_or_locks() {
    let rules = compile(json!([
        {"name": "copy", "effect": "allow", "statements": ["select", "into", "for share", "insert"]},
        {"name": "rest", "effect": "deny"},
    ]));
    for command in ["select 1 into marker", "select * from t for share", "insert into t select 1", "insert t select 1"]
    {
        assert_eq!(verdict(&rules, command, Some("sql")), "allowed", "{command}");
    }
    let rules = compile(
        json!([{"name": "insert", "effect": "allow", "statements": ["insert", "select", "merge", "replace", "with"]}]),
    );
    for (command, wanted) in [
        ("insert into t select 1", "allowed"),
        ("with a as (select 1) insert ignore into t select * from a", "allowed"),
        ("merge into t using u on a = b when matched then delete", "ask"),
        ("replace into t values (1)", "allowed"),
        ("insert into t select 1 into marker", "ask"),
        ("insert into t values (1) select 1 into marker", "ask"),
    ] {
        assert_eq!(verdict(&rules, command, Some("sql")), wanted, "{command}");
    }
}

#[test]
fn statements_that_only_read_are_allowed() {
    all(
        "allowed",
        &[
            "SHOW CREATE TABLE orders",
            "show create view a.b",
            "SHOW CREATE TABLE `a`.`b`;",
            "select * from t use index (i) where a = 1",
            "select * from t USE KEY (i), u",
            "select t.copy, t.call, t.use, t.grant from t",
            "select a, copy, call, use from t",
            "select a as copy, b as call, c as use from t",
            "select copy from t where enable = true and use is null order by kill",
            "select max(call), 'a word' from t where deny in (1) or disable group by copy, a",
            "select next, value from t where nextval > 1",
            "select commit, t.set, send as save from t where rollback = 1 and set in (2) order by commit, receive",
            "select cast(a as char character set utf8), data ->> b, data ->> 'c' from t",
            "select t.call, 'a word' from t",
            "-- all of them\nselect 1",
            "-- all of them\n\nselect 1",
            "/* all of them */ select 1",
            "/* all\n * of them\n */\n\nselect 1",
            "select 1;\n\n-- and then\n\nselect 2",
            "(select 1)",
            "((select 1) union (select 2))",
            "select $$it's$$",
            "select $$plain$$",
            "select $a$it's$a$ where a = 'x'",
            "select E'it\\'s'",
            "select array['a]','b']",
            "select 'C:\\temp\\'",
            "select 'C:\\temp\\', a from t where b = 'x'",
            // A name and its alias in MySQL; an error in other dialects.
            "SELECT $$ a",
        ],
    );
    // What is unterminated in one dialect hides nothing from the others.
    all("denied", &["select $$it's$$; drop table marker", "select 'C:\\temp\\'; drop table marker"]);
    none_is(
        "allowed",
        &[
            "show create table t (a int)",
            "show create database marker",
            "show create sequence marker",
            "select t.a\ngo\ncreate table marker",
            "select 1.delete from t",
            "create view v as delete from t",
            "select a use marker",
            "select a use \"marker\"",
            "select a use limit",
            "select a copy marker from '/x'",
            "select a call marker",
            "-- x\n\nhost id",
            "select 1 -- x\n\nhost id",
            "/* x */ select 1\n\nhost id",
        ],
    );
}

#[test]
fn a_language_has_many_names() {
    for language in [
        "sql",
        "SQL",
        "mysql8",
        "MySQL 8.0",
        "postgresql-15",
        "Postgres16",
        "sqlite3",
        "redshift",
        "Snowflake",
        "bigquery",
        "",
        " ",
        "duckdb",
        "T-SQL",
        "cockroachdb",
    ] {
        assert_eq!(verdict(&USUAL, "select 'drop table x'", Some(language)), "allowed", "{language:?}");
    }
    for language in ["bash", "sqlite3.sh", "python", "mongosh"] {
        assert_eq!(verdict(&USUAL, "select 'drop table x'", Some(language)), "denied", "{language:?}");
    }
    let documented = include_str!("../../../../docs/guardrails.md");
    for language in words::LANGUAGES {
        assert!(documented.contains(&format!("`{language}`")), "{language} is not in the documentation");
    }
}
