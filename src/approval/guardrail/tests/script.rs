//! Scripts that begin with a word of SQL, and SQL that must not be mistaken for a script.

use serde_json::json;

use super::*;

const RUN: &str = "psql -c 'drop table marker'";

fn rules() -> Guardrails {
    compile(json!([
        {"name": "no-drop", "effect": "deny", "statements": ["drop table"]},
        {"name": "settings", "effect": "allow",
            "statements": ["set", "declare", "use", "show", "start", "reset", "begin", "with", "select", "load", "copy", "update"]},
    ]))
}

#[test]
fn scripts_hide_no_drop_and_are_not_allowed_by_a_word() {
    for first in [
        "set -e",
        "set -euo pipefail",
        "set +x -e",
        "set -- a b",
        "set --",
        "set -o errexit; set -u",
        "declare -r X=1",
        "declare X=1",
        "set PGPASSWORD=x",
        "SET PGPASSWORD=x\r",
        "use strict",
        "use shop",
        "start agent",
        "reset",
        "load profile",
        "copy a b",
        "set -e # it",
        "# comment\nset -e",
        "set -e\n\n# comment",
        "set -e\nexport X=1",
        "set X=1\nfor t in a\ndo",
    ] {
        for language in [None, Some("sql"), Some("postgresql"), Some("mysql"), Some("bash")] {
            for second in [
                RUN,
                "sudo -u postgres psql -c \"drop table marker\"",
                "PGHOST=db psql -c 'drop table marker'",
                "\"$PSQL\" -c 'drop table marker'",
                "$PSQL -c 'drop table marker'",
                "./psql -c 'drop table marker'",
                "/usr/bin/psql -c 'drop table marker'",
                "( psql -c 'drop table marker' )",
                "{ psql -c 'drop table marker'; }",
                "[ -n a ] && psql -c 'drop table marker'",
                "! psql -c 'drop table marker'",
                "echo 'drop table marker' | psql",
                "psql <<'EOF'\nselect 1;\ndrop table marker\nEOF",
                "if psql -c 'drop table marker'; then true; fi",
            ] {
                let script = format!("{first}\n{second}");
                assert_eq!(verdict(&rules(), &script, language), "denied", "{script:?} as {language:?}");
            }
            for second in ["touch x", "rm x", "psql < x.sql", "cat <<E | psql\nvacuum\nE"] {
                let script = format!("{first}\n{second}");
                assert_eq!(verdict(&rules(), &script, language), "ask", "{script:?} as {language:?}");
            }
        }
    }
}

#[test]
fn scripts_of_one_line_and_of_other_languages() {
    for script in [
        "set -e; psql -c 'drop table marker'",
        "set PGPASSWORD=x&& psql -c \"drop table marker\"",
        "set X=1 | psql -c 'drop table marker'",
        "set X=$(psql -c 'drop table marker')",
        "declare -r X=$(psql -c 'drop table marker')",
        "start psql -c 'drop table marker' > log",
        "with connect() as c:\n    c.run('drop table marker')",
        "with connect() as c: c.run('drop table marker')",
        "update:\n\tpsql -c 'drop table marker'",
        "begin\n  psql -c 'drop table marker'\nend",
        "select t in a b\ndo\n  psql -c 'drop table marker'\ndone",
    ] {
        for language in [None, Some("sql")] {
            assert_eq!(verdict(&rules(), script, language), "denied", "{script:?} as {language:?}");
        }
    }
    for script in
        ["set -e", "set X=1 > x", "set X=$(touch x)", "declare -x A=1; declare B=2", "use shop\nsystem touch x"]
    {
        assert_eq!(verdict(&rules(), script, None), "ask", "{script:?}");
    }
}

#[test]
fn names_of_programs_may_begin_with_words_of_sql() {
    for first in [
        "update-alternatives --set x y",
        "update.sh",
        "update",
        "update/run x",
        "truncate -s 0 app.log",
        "truncate --size=0 app.log",
        "analyze report",
        "refresh token",
        "grant-access",
        "merge-logs a b",
        "replace a b -- file",
        "create cluster",
        "explain.sh x",
        "with-lock x",
        "select-editor",
        "values=(a b)",
        "UPDATE=1",
        "discard x",
        "pragma once",
        "go build ./...",
        "go run .",
        "copy /y a b",
        "set /p X=",
        "start /wait x",
    ] {
        for second in [RUN, "psql shop -X -c 'drop table marker'", "PGPASSWORD=x mysql -e \"drop table marker\""] {
            for language in [None, Some("sql")] {
                let script = format!("{first}\n{second}");
                assert_eq!(verdict(&rules(), &script, language), "denied", "{script:?} as {language:?}");
            }
        }
    }
    for script in [
        "start-process psql \"-c 'drop table marker'\"",
        "set-content x 'drop table marker'",
        "update && psql -c 'drop table marker'",
        "update-thing | psql -c 'drop table marker'",
        "truncate -s 0 x && psql -c 'drop table marker'",
        "create x.sql\necho 'drop table marker' | psql",
        "update x\necho 'drop table marker' > x",
        "analyze x\necho 'drop table marker' | psql",
    ] {
        assert_eq!(verdict(&rules(), script, None), "denied", "{script:?}");
    }
    assert_eq!(verdict(&rules(), "update-grub", None), "ask");
}

#[test]
fn sql_with_code_in_strings_is_allowed() {
    for command in [
        "set search_path = \"$user\", public",
        "SET statement_timeout TO '5s'; show work_mem",
        "set @a = 1, @b = @a | 2",
        "set @a := 1;\nselect @a",
        "set session characteristics as transaction\n  isolation level\n  read committed",
        "declare @x int = 1\nselect * from t where a > @x",
        "declare c cursor\n  with hold for\nselect 'drop table x'\n  from t",
        "use shop\nselect 'drop table x'",
        "use shop;\n-- then\nselect 1",
        "show full columns\n  from t\n  like 'drop table x'",
        "start transaction; select 'drop table x'",
        "with a as (\n  select 'drop table x' as b\n)\nselect b::text\n  from a\n where b > '1'",
        "select a\n     , 'drop table x'\n  from t\n order by a",
        "update t\nset\n  a = 'drop table x',\n  b = -c\nwhere\n  d in (1)",
        "select 1 --psql",
    ] {
        for language in [None, Some("sql")] {
            assert_eq!(verdict(&rules(), command, language), "allowed", "{command:?} as {language:?}");
        }
    }
}

#[test]
fn sql_is_not_mistaken_for_a_script() {
    for block in [
        "comment on table t is\n  'drop table x'",
        "copy t\n(a, b)\nfrom '/x'\nwith (format csv)",
        "lock table t\n  in exclusive mode",
        "set nocount on\nselect 1\nprint 'drop table x'",
        "begin transaction\nupdate t set a = b | 1 where c > 2\ncommit",
        "begin update t set a = 1 where b > 2; end",
        "begin try\n  select 1\nend try\nbegin catch\n  throw\nend catch",
        "replace into t\n(a)\nselect b | c from d where e > 1",
        "show tables where a > 'drop table x'",
        "describe select * from t where a > 1",
        "set transaction\n  isolation level serializable\n  read write\n  not deferrable",
        "load data infile 'x'\n  into table t\n  fields terminated by ','\n  ignore 1 lines\n  (a, b)",
        "with a as (select 1) select * from a where b > 1 and c | 2 = 3",
        "with a as (select 1)\nselect *\nfrom a\n  b\nwhere c::text < 'd'",
        "declare\n  x int;\nbegin\n  x := 1;\n  dbms_output.put_line('drop table x');\nend;",
        "begin\n  log_it('drop table x');\nend",
        "call p('drop table x')",
        "select -a, .5, 1-b\nfrom t u\nwhere a -b > 1\n  and c | d = 2",
        "select-1",
        "select.5",
        "values(1)",
        "explain select a\nfrom t\nwhere b < 1",
        "analyze format=json select * from t where a < 'x'",
        "update t\nset a = b - c\nfrom u\nwhere t.a > 1",
        "insert into t\nselect a\nfrom u\nxor b > 1",
        "create table t (\n  a int,\n  b int\n)\ncomment 'drop table x'\nengine = x",
        "create or replace view v\nas select a | b\nfrom t",
        "alter table t\nrename to u",
        "alter table t\nmodify a int",
        "grant select\non t\nto bob",
        "refresh materialized view concurrently\n  v",
        "truncate table\n  t\nrestart identity",
        "analyze verbose\n  t",
        "merge into t\nusing u\non a = b\nwhen matched then\n  delete",
        "pragma foreign_keys = on",
        "select 1\ngo\nselect 2\ngo 5",
    ] {
        assert!(!super::super::script::is_likely(block), "{block:?}");
    }
}
