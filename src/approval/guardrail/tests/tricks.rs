//! Texts that a reader understands in one way and a database in another.

use serde_json::json;

use super::*;

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
    // Statements without a semicolon between them, which no rule matches.
    all("ask", &["SELECT 1 GRANT ALL ON t TO u", "SELECT 1\nGO\nxp_cmdshell", "SELECT 1 EXEC sp_who"]);
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
            // `#` begins a comment only in MySQL.
            "SELECT 1 #'\n; DROP TABLE x; -- '",
            "SELECT 1 # ; DROP TABLE x",
            // Backslashes escape in MySQL, and in PostgreSQL by its settings or after E.
            "SELECT '\\'; DROP TABLE x; -- '",
            "SELECT '\\'', '; DROP TABLE x; -- '",
            "SELECT E'\\'', '; DROP TABLE x; -- '",
            "SELECT \"\\\"; DROP TABLE x; -- \"",
            "SELECT '\\'', \"\\\"; DROP TABLE x; -- \"",
            "SELECT '\\' # '\n; DROP TABLE x; -- '",
            // Comments that nest or not, that need a space or not, that look like part of an operator.
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
fn each_dialect_finds_what_the_others_miss() {
    all(
        "denied",
        &[
            // PostgreSQL, and with standard_conforming_strings off; psql.
            "SELECT $$'$$, /* /* */ ' \" */ 1; DROP TABLE x; --'\"",
            "SELECT '\\'' /* /* */ ' \" */; DROP TABLE x; --'\"",
            "COPY t FROM STDIN;\nselect 's\n\\.\nDROP TABLE x; --'",
            // MySQL, with ANSI_QUOTES, with NO_BACKSLASH_ESCAPES, older than its executable comment.
            "SELECT \"\\\"\", # /*\n '\\''; DROP /*!TABLE*/ x; -- */\"",
            "SELECT '\\'', # /* \n \"\\\"; DROP TABLE x; -- \"*/'",
            "SELECT '\\' # ' \"\n; DROP TABLE x; -- '\"",
            "SELECT '\\'' # /*\n; DROP /*!99999 x */ TABLE t; -- */'",
            // SQLite, SQL Server, Oracle.
            "SELECT [a'b], /* /* */ 1; DROP TABLE x; /* */ -- '*/",
            "SELECT [a'b], /* /* */ ' \" */ 1; DROP TABLE x; --'\"",
            "SELECT q'[']'; DROP TABLE x; --'",
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
    all("ask", &["SELECT 1; EXECUTE 'SELECT 1'", "SELECT 1 \\gexec", "\\! rm -rf /", "CALL p('a')"]);
    let rules = &USUAL;
    assert_eq!(verdict(rules, "select 'drop table x'", Some("bash")), "denied");
    assert_eq!(verdict(rules, "select 'x'", Some("bash")), "ask");
}

#[test]
fn unreadable_text_is_never_allowed() {
    all(
        "ask",
        &[
            "SELECT 'a",
            "SELECT 1 /* a",
            "SELECT \"a",
            "SELECT 'a\\",
            "SELECT 1\0",
            "SELECT '\u{200b}'",
            "SELECT 1 \\ 2",
        ],
    );
    all("denied", &["SELECT 1 /* a; DROP TABLE x", "SELECT 'a; DROP /* b */ TABLE x", "SELECT 'a\\'; drop table x"]);
    // A milder rule must not hide the words that a later rule denies.
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
fn people_are_asked_about_too_large_commands() {
    let rules = &USUAL;
    let many: String = (0..12_000).map(|n| format!("{n};")).collect();
    assert_eq!(verdict(rules, &format!("{many}DROP TABLE x"), Some("sql")), "denied");
    let everything = compile(json!([{"name": "all", "effect": "allow"}]));
    assert_eq!(verdict(&everything, &many, Some("sql")), "ask");
    // Deeper than the maximum depth.
    assert_eq!(verdict(rules, "EXEC 'EXEC ''drop table x'''", None), "denied");
    let deeper = (0..8).fold("drop table x".to_owned(), |inner, _| format!("exec('{}')", inner.replace('\'', "''")));
    assert_eq!(verdict(rules, &deeper, None), "denied");
    assert_eq!(verdict(&everything, &deeper, None), "ask");
}

#[test]
fn the_program_that_runs_a_script_is_judged_and_never_allowed() {
    let with = |command: &str, argv: &[&str]| {
        let mut payload = payload(command, Some("sql"));
        payload.context = Some(json!({"argv": argv}));
        match USUAL.judge(&payload).verdict {
            Ruling::Denied { .. } => "denied",
            Ruling::Allowed { .. } => "allowed",
            Ruling::Ask { .. } => "ask",
        }
    };
    assert_eq!(with("select 1", &["psql", "-c", "drop table victim"]), "denied");
    assert_eq!(with("select 1", &["psql", "-cdrop table victim"]), "denied");
    assert_eq!(with("select 1", &["sh", "-c", "psql -c 'drop table victim'"]), "denied");
    assert_eq!(with("select 1", &["sh", "-c", "touch x"]), "ask");
    assert_eq!(with("select 1", &["psql", "-X"]), "ask");
}

#[test]
fn an_option_with_its_value_attached_is_read() {
    for command in ["psql -X '-cdrop table victim'", "mysql \"-edrop table victim\""] {
        assert_eq!(verdict(&USUAL, command, Some("argv")), "denied", "{command}");
    }
}

#[test]
fn unreadable_text_is_searched_with_comments_in_every_way() {
    let escaped = r"select E'\xc3\xa9', (array['a]','b'])[1]; drop /* /* */ y */ table victim; -- '";
    assert_eq!(verdict(&USUAL, escaped, Some("sql")), "denied");
    let many: String = (0..10_050).map(|number| format!("{number};")).collect();
    for hidden in ["drop /* /* */ y */ table victim", "drop /*!50000 table */ victim", "drop -- x\n table victim"] {
        assert_eq!(verdict(&USUAL, &format!("{many}{hidden}"), Some("sql")), "denied", "{hidden}");
    }
}

#[test]
fn lines_that_a_client_may_execute_are_not_allowed() {
    for command in
        ["select 1\n/\n.shell touch x", "select 1\n:!!whoami", "select 1\n!!whoami", "select 1 from dual\n\nhost id"]
    {
        assert_eq!(verdict(&USUAL, command, Some("sql")), "ask", "{command:?}");
    }
    for command in [
        "select 1\n\nfrom t\nho touch marker",
        "select 1\n\nspo marker",
        "select 1\n\n$touch marker",
        "select 1\n\nr",
        "select 1\n\nrename a to marker",
        "select 1\n\npurge recyclebin",
        "select 1\n\nset autocommit on",
    ] {
        assert_eq!(verdict(&USUAL, command, Some("sql")), "ask", "{command:?}");
    }
    for command in [
        "with a as (\n  select 1\n),\n\nb as (\n  select 2\n)\n\nselect *\n\nfrom a\n\njoin b on r.id = b.id",
        "select a\n\n  , b -- and\n\nfrom t\n\nfetch first 1 row only",
        "select 1\n\n-- that was it",
    ] {
        assert_eq!(verdict(&USUAL, command, Some("sql")), "allowed", "{command:?}");
    }
    for command in ["select 1;\n\nselect 2", "select a,\n       b\n  from t\n where c", "/* x */\nselect 1\n/* y */"] {
        assert_eq!(verdict(&USUAL, command, Some("sql")), "allowed", "{command:?}");
    }
}

#[test]
fn what_psql_does_with_a_query_is_code() {
    all(
        "denied",
        &[
            // psql executes the result of a query, or passes it to a program.
            "SELECT 'drop table marker' \\gexec",
            "SELECT 'drop ' || 'table marker' \\gexec",
            "SELECT 'drop table marker' AS q \\gset\n:q",
            "SELECT 'drop table marker' \\g |psql",
            "SELECT 'drop table marker' \\g (format=unaligned) |psql",
            "SELECT 'drop table marker'\n\\gx |psql",
            "SELECT 1 \\g |psql -c 'drop table marker'",
            "\\o |psql\nSELECT 'drop table marker'",
            "SELECT 'drop table marker'\n\\w |psql",
            "\\copy (SELECT 'drop table marker') to program 'psql'",
            "\\copy t from program 'psql -c \"drop table marker\"'",
            "\\set q 'drop table marker'\n:q",
            "\\! psql -c 'drop table marker'",
            "SELECT 'drop table marker' \\bind \\gexec",
            // psql inserts the text of the last error for this variable.
            "SELECT \"x\"\"; drop table marker; --\"; SELECT :LAST_ERROR_MESSAGE",
        ],
    );
}

#[test]
fn commands_of_other_clients_are_code() {
    all(
        "denied",
        &[
            // SQLite's and DuckDB's shells.
            ".shell sqlite3 db 'drop table marker'",
            "SELECT 1;\n.system sqlite3 db \"drop table marker\"",
            ".once '|sqlite3 db'\nSELECT 'drop table marker'",
            "SELECT 'drop table marker'\n.output '|sqlite3 db'",
            ".import '|sqlite3 db \"drop table marker\"' t",
            // MySQL's client, in the middle of a statement too.
            "\\! mysql -e 'drop table marker'",
            "SELECT 1 \\! mysql -e 'drop table marker'",
            "system mysql -e 'drop table marker'",
            "SELECT 1\nsystem mysql -e 'drop table marker'",
            "USE shop\nsystem mysql -e 'drop table marker'",
            "pager mysql\nSELECT 'drop table marker'",
            "SELECT 'drop table marker'\npager mysql",
            "delimiter //\nSELECT 1//\ndrop table marker//",
            "delimiter $$\nCREATE PROCEDURE p() BEGIN drop table marker; END $$",
            // Oracle's and SQL Server's.
            "SET echo off\nhost sqlplus x 'drop table marker'",
            "SELECT 1\n!sqlplus x 'drop table marker'",
            "SELECT 'drop table marker'\n:out |sqlcmd",
            "SELECT 1\ngo\n:!! sqlcmd -Q 'drop table marker'",
        ],
    );
}

#[test]
fn commands_of_clients_are_never_allowed() {
    all(
        "ask",
        &[
            "SELECT 1 \\gexec",
            "SELECT 1 \\g |tee x",
            "SELECT 1 \\g x",
            "SELECT 1 \\gdesc",
            "SELECT 1 \\watch 1",
            "SELECT 1 \\crosstabview",
            "SELECT \"x\"\"; vacuum; --\"; SELECT :LAST_ERROR_MESSAGE",
            "SELECT :\"LAST_ERROR_MESSAGE\"",
            "\\i x",
            "\\ir x",
            "\\w |tee x",
            "SELECT 1;\n\\copy t to x",
            "SELECT 1;\n.read x",
            "SELECT 1;\n.once x\nSELECT 1",
            "SELECT 1;\nsource x",
            "SELECT 1\nsource x",
            "SELECT 1\n\\. x",
            "SELECT 1\ntee x",
            "SELECT 1;\n@x",
        ],
    );
    all(
        "allowed",
        &[
            "SELECT a,\n  source AS b,\n  system,\n  tee\nFROM t",
            "SELECT a\nFROM t\nWHERE b AND\n  source = 1",
            "SELECT '\\gexec'",
        ],
    );
}
