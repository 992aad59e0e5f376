"""Backups that try to be more than data, each with the line and the words it is refused with.

`CASES` are whole files as bytes. Whoever executes anything of them leaves a trace: commands would
create the file `CANARY`, statements would create or change what `SCHEMA` does not hold.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass

import zstandard

SCHEMA = "vpv4"
CANARY = "/tmp/velpharma-hostile-canary"
COMPLETE = b"--\n-- PostgreSQL database dump complete\n--\n\n"
START = b"""--
-- PostgreSQL database dump
--

\\restrict k3y

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

"""
ROWS = b"""COPY vpv4.items (id, name) FROM stdin;
1\tone
2\ttwo
\\.


"""
END = (
    b"""SELECT pg_catalog.setval('vpv4.items_id_seq', 2, true);


"""
    + COMPLETE
    + b"\\unrestrict k3y\n\n"
)
HARMLESS = START + ROWS + END
FULL_START = START + b"CREATE TABLE vpv4.items (id integer NOT NULL, name text);\n"


@dataclass(frozen=True)
class Hostile:
    name: str
    data: bytes
    line: int
    says: str
    suffix: str = ".sql"


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def statement(name: str, text: str | bytes, says: str, *, below: int = 0) -> Hostile:
    """A statement in front of the rows; `below` is how many lines into it the fault stands."""
    piece = text.encode() if isinstance(text, str) else text
    data = START + piece + b"\n" + ROWS + END
    return Hostile(name, data, _line(data, len(START)) + below, says)


def behind(name: str, text: str | bytes, says: str, *, below: int = 0) -> Hostile:
    """The same behind the rows."""
    piece = text.encode() if isinstance(text, str) else text
    data = START + ROWS + piece + b"\n" + END
    return Hostile(name, data, _line(data, len(START + ROWS)) + below, says)


def in_full_dump(name: str, text: str, says: str, *, below: int = 0) -> Hostile:
    """In a full dump, between the tables and their rows."""
    data = FULL_START + text.encode() + b"\n" + ROWS + END
    return Hostile(name, data, _line(data, len(FULL_START)) + below, says)


def row(name: str, text: bytes, says: str, *, below: int = 0) -> Hostile:
    """A line inside COPY data, between the two harmless ones."""
    head = START + b"COPY vpv4.items (id, name) FROM stdin;\n1\tone\n"
    data = head + text + b"\n2\ttwo\n\\.\n\n" + END
    return Hostile(name, data, _line(data, len(head)) + below, says)


def value(name: str, text: str | bytes, says: str = "where a plain value belongs") -> Hostile:
    """A value of an INSERT."""
    piece = text.encode() if isinstance(text, str) else text
    return statement(name, b"INSERT INTO vpv4.items VALUES (1, " + piece + b");", says)


PSQL = "is a psql command"
NOT_DATA = "is not data"
_X = f"touch {CANARY}"

META_COMMANDS = [
    statement("shell", f"\\! {_X}", PSQL),
    statement("shell-without-space", f"\\!{_X}", PSQL),
    statement("shell-behind-blanks", f"  \t \\! {_X}", PSQL),
    statement("shell-behind-comment", f"/* */ \\! {_X}", PSQL),
    statement("shell-behind-statement", f"SET lock_timeout = 0; \\! {_X}", PSQL),
    statement("shell-inside-statement", f"SET lock_timeout = 0\n\\! {_X}\n;", PSQL, below=1),
    statement(
        "shell-inside-parentheses",
        f"SELECT pg_catalog.setval('vpv4.s'\n \\! {_X}\n, 1, true);",
        PSQL,
        below=1,
    ),
    statement("shell-inside-insert", f"INSERT INTO vpv4.items VALUES (1, \\! {_X}\n'x');", PSQL),
    statement("shell-behind-insert", f"INSERT INTO vpv4.items VALUES (1, 'x'); \\! {_X}", PSQL),
    statement("output-pipe", f"\\o |{_X}", PSQL),
    statement("output-file", f"\\o {CANARY}", PSQL),
    statement("write-pipe", f"\\w |{_X}", PSQL),
    statement("include", "\\i /etc/passwd", PSQL),
    statement("include-relative", "\\ir ../evil.sql", PSQL),
    statement("backticks", f"\\set x `{_X}`", PSQL),
    statement("prompt", "\\prompt 'Password: ' p", PSQL),
    statement("copy-program", f"\\copy vpv4.items from program '{_X}'", PSQL),
    statement("edit", "\\e", PSQL),
    statement("gexec", f"SELECT 'COPY t TO PROGRAM ''{_X}''' \\gexec", PSQL),
    statement("g-pipe", f"SELECT 1 \\g |{_X}", PSQL),
    statement("connect", "\\connect template1", PSQL),
    statement("connect-short", "\\c - postgres", PSQL),
    statement("setenv", "\\setenv PAGER evil", PSQL),
    statement("if", f"\\if `{_X}`", PSQL),
    statement("lo-import", "\\lo_import /etc/passwd", PSQL),
    statement("quit", "\\q", PSQL),
    statement("double-backslash", f"SET lock_timeout = 0 \\\\ \\! {_X}", PSQL),
    statement("second-restrict", "\\restrict other", PSQL),
    statement("unrestrict-early", "\\unrestrict k3y", PSQL),
    statement("restrict-like", "\\restrictx k3y", PSQL),
    behind("shell-behind-rows", f"\\! {_X}", PSQL),
    Hostile(
        "restrict-with-a-command", b"\\restrict `" + _X.encode() + b"`\n" + ROWS + COMPLETE, 1, PSQL
    ),
    Hostile("restrict-with-two-words", b"\\restrict a b\n" + ROWS + COMPLETE, 1, PSQL),
    Hostile("restrict-inside-a-line", b"  \\restrict a\n" + ROWS + COMPLETE, 1, PSQL),
    Hostile(
        "unrestrict-with-another-key",
        START + ROWS + COMPLETE + b"\\unrestrict other\n",
        _line(START + ROWS + COMPLETE, len(START + ROWS + COMPLETE)),
        PSQL,
    ),
    Hostile(
        "unrestrict-without-restrict",
        ROWS + COMPLETE + b"\\unrestrict k3y\n",
        _line(ROWS + COMPLETE, len(ROWS + COMPLETE)),
        PSQL,
    ),
    Hostile(
        "shell-behind-the-end",
        HARMLESS + f"\\! {_X}\n".encode(),
        _line(HARMLESS, len(HARMLESS)),
        PSQL,
    ),
]

COPIES = [
    statement("copy-from-program", f"COPY vpv4.items FROM PROGRAM '{_X}';", "run a command"),
    statement("copy-to-program", f"COPY vpv4.items TO PROGRAM '{_X}';", "TO writes"),
    statement("copy-query-to-program", f"COPY (SELECT 1) TO PROGRAM '{_X}';", "of a query"),
    statement("copy-from-file", "COPY vpv4.items FROM '/etc/passwd';", "the server's disk"),
    statement("copy-to-file", f"COPY vpv4.items TO '{CANARY}';", "TO writes"),
    statement("copy-to-stdout", "COPY vpv4.items TO stdout;", "TO writes"),
    statement("copy-csv", "COPY vpv4.items FROM stdin WITH (FORMAT csv);", "it goes on with"),
    statement("copy-where", "COPY vpv4.items FROM stdin WHERE pg_sleep(9) IS NULL;", "goes on"),
    statement("copy-binary", "COPY BINARY vpv4.items FROM stdin;", "stands without its schema"),
    statement("copy-without-schema", "COPY items FROM stdin;", "without its schema"),
    statement("copy-with-database", "COPY other.vpv4.items FROM stdin;", "another schema"),
    statement("copy-with-database-of-that-name", "COPY vpv4.vpv4.items FROM stdin;", "a database"),
    statement("copy-another-schema", "COPY public.items FROM stdin;", "another schema"),
    statement("copy-catalog", "COPY pg_catalog.pg_authid FROM stdin;", "another schema"),
    statement("copy-schema-in-capitals", 'COPY "VPV4".items FROM stdin;', "another schema"),
    statement("copy-large-objects", "COPY pg_catalog.pg_largeobject FROM stdin;", "another schema"),
    statement("copy-column-twice", "COPY vpv4.items (id, id) FROM stdin;", "named twice"),
    statement("copy-column-expression", "COPY vpv4.items (f(x)) FROM stdin;", "not in a form"),
    statement("copy-number-as-column", "COPY vpv4.items (1) FROM stdin;", "a name belongs"),
    statement("copy-empty-name", 'COPY vpv4."" FROM stdin;', "empty or longer"),
    statement("copy-long-name", f"COPY vpv4.{'x' * 64} FROM stdin;", "empty or longer"),
    statement("copy-unicode-name", 'COPY vpv4.U&"\\0069tems" FROM stdin;', "a name belongs"),
    statement(
        "copy-with-a-command-on-its-line",
        f"COPY vpv4.items (id, name) FROM stdin; COPY vpv4.items TO PROGRAM '{_X}';",
        "follows a COPY statement",
    ),
    statement(
        "copy-with-a-comment-on-its-line",
        "COPY vpv4.items FROM stdin; -- x",
        "follows a COPY statement",
    ),
    statement("copy-of-a-copy", "COPY vpv4.items FROM stdin FROM stdin;", "it goes on"),
]

STATEMENTS = [
    statement("do", f"DO $$ BEGIN EXECUTE 'COPY t TO PROGRAM ''{_X}'''; END $$;", "a DO block"),
    statement("do-in-capitals", "Do LANGUAGE plpgsql 'BEGIN END';", "a DO block"),
    statement(
        "create-function",
        "CREATE FUNCTION vpv4.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        NOT_DATA,
    ),
    statement(
        "create-or-replace-function",
        "CREATE OR REPLACE FUNCTION vpv4.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        NOT_DATA,
    ),
    statement("create-table", "CREATE TABLE vpv4.evil (x int);", NOT_DATA),
    statement(
        "create-trigger",
        "CREATE TRIGGER t BEFORE INSERT ON vpv4.items EXECUTE FUNCTION f();",
        NOT_DATA,
    ),
    statement(
        "create-rule",
        "CREATE RULE r AS ON INSERT TO vpv4.items DO ALSO (SELECT 1; SELECT 2);",
        NOT_DATA,
    ),
    statement("create-extension", "CREATE EXTENSION dblink;", NOT_DATA),
    statement("create-language", "CREATE LANGUAGE plpython3u;", NOT_DATA),
    statement("create-cast", "CREATE CAST (text AS int) WITH INOUT;", NOT_DATA),
    statement("create-operator", "CREATE OPERATOR vpv4.= (LEFTARG = text);", NOT_DATA),
    statement(
        "create-event-trigger",
        "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f();",
        NOT_DATA,
    ),
    statement("create-role", "CREATE ROLE evil SUPERUSER LOGIN;", NOT_DATA),
    statement("create-user", "CREATE USER evil SUPERUSER;", NOT_DATA),
    statement("create-database", "CREATE DATABASE evil;", "a whole database"),
    statement(
        "create-subscription",
        "CREATE SUBSCRIPTION s CONNECTION 'host=evil' PUBLICATION p;",
        NOT_DATA,
    ),
    statement("create-server", "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;", NOT_DATA),
    statement("create-foreign-table", "CREATE FOREIGN TABLE vpv4.t (x int) SERVER s;", NOT_DATA),
    statement("create-user-mapping", "CREATE USER MAPPING FOR public SERVER s;", NOT_DATA),
    statement("create-tablespace", "CREATE TABLESPACE t LOCATION '/tmp';", NOT_DATA),
    statement("create-access-method", "CREATE ACCESS METHOD a TYPE INDEX HANDLER h;", NOT_DATA),
    statement("alter-system", "ALTER SYSTEM SET archive_command = 'x';", NOT_DATA),
    statement("alter-role", "ALTER ROLE postgres PASSWORD 'x';", NOT_DATA),
    statement("alter-user", "ALTER USER postgres SUPERUSER;", NOT_DATA),
    statement(
        "alter-database", "ALTER DATABASE velpdevdb SET search_path = evil;", "whole database"
    ),
    statement(
        "alter-table", "ALTER TABLE vpv4.items ADD COLUMN x int DEFAULT pg_sleep(9);", NOT_DATA
    ),
    statement(
        "alter-table-triggers-of-another-schema",
        "ALTER TABLE public.items DISABLE TRIGGER ALL;",
        "another schema",
    ),
    statement(
        "alter-table-user-triggers", "ALTER TABLE vpv4.items DISABLE TRIGGER USER;", NOT_DATA
    ),
    statement(
        "alter-triggers-and-more",
        "ALTER TABLE vpv4.items ADD COLUMN x int, DISABLE TRIGGER ALL;",
        "not in a form",
    ),
    statement("alter-large-object", "ALTER LARGE OBJECT 1 OWNER TO evil;", NOT_DATA),
    statement("drop-table", "DROP TABLE vpv4.items;", NOT_DATA),
    statement("drop-database", "DROP DATABASE velpdevdb;", "a whole database"),
    statement("drop-owned", "DROP OWNED BY velpharma;", NOT_DATA),
    statement("truncate", "TRUNCATE vpv4.items;", NOT_DATA),
    statement("delete", "DELETE FROM vpv4.items;", NOT_DATA),
    statement("update", "UPDATE vpv4.items SET id = 1;", NOT_DATA),
    statement("merge", "MERGE INTO vpv4.items USING x ON true WHEN MATCHED THEN DELETE;", NOT_DATA),
    statement("grant", "GRANT ALL ON SCHEMA vpv4 TO evil;", NOT_DATA),
    statement("grant-role", "GRANT pg_execute_server_program TO velpharma;", NOT_DATA),
    statement("grant-database", "GRANT ALL ON DATABASE velpdevdb TO evil;", "a whole database"),
    statement("security-label", "SECURITY LABEL ON TABLE vpv4.items IS 'x';", NOT_DATA),
    statement("comment-on-database", "COMMENT ON DATABASE velpdevdb IS '{}';", "a whole database"),
    statement("comment-on-role", "COMMENT ON ROLE postgres IS 'x';", NOT_DATA),
    statement("begin", "BEGIN;", NOT_DATA),
    statement("commit", "COMMIT;", NOT_DATA),
    statement("prepare-transaction", "PREPARE TRANSACTION 'x';", NOT_DATA),
    statement("prepare", "PREPARE p AS SELECT 1;", NOT_DATA),
    statement("execute", "EXECUTE p;", NOT_DATA),
    statement("call", "CALL vpv4.p();", NOT_DATA),
    statement("load", "LOAD '/tmp/evil.so';", NOT_DATA),
    statement("listen", "LISTEN x;", NOT_DATA),
    statement("notify", "NOTIFY x, 'y';", NOT_DATA),
    statement("lock", "LOCK TABLE vpv4.items;", NOT_DATA),
    statement("vacuum", "VACUUM FULL;", NOT_DATA),
    statement("analyze", "ANALYZE;", NOT_DATA),
    statement("explain", "EXPLAIN ANALYZE DELETE FROM vpv4.items;", NOT_DATA),
    statement(
        "import-foreign-schema", "IMPORT FOREIGN SCHEMA x FROM SERVER s INTO vpv4;", NOT_DATA
    ),
    statement("reassign", "REASSIGN OWNED BY velpharma TO evil;", NOT_DATA),
    statement("refresh", "REFRESH MATERIALIZED VIEW vpv4.m;", NOT_DATA),
    statement("with", "WITH x AS (DELETE FROM vpv4.items RETURNING *) SELECT * FROM x;", NOT_DATA),
    statement("values", "VALUES (1);", NOT_DATA),
    statement("table", "TABLE vpv4.items;", NOT_DATA),
    statement("parenthesis", "(SELECT pg_sleep(9));", NOT_DATA),
    statement("quoted-word", '"copy" vpv4.items FROM stdin;', NOT_DATA),
    statement("number", "42;", NOT_DATA),
    statement("lone-semicolon", ";", NOT_DATA),
    statement("string", "'text';", NOT_DATA),
    statement("sign", "}{", "no SQL starts with"),
    statement("merge-conflict", "<<<<<<< HEAD\nSET lock_timeout = 0;", "a merge conflict"),
    statement("merge-conflict-middle", "=======\nSET lock_timeout = 0;", "a merge conflict"),
    statement("merge-conflict-end", ">>>>>>> theirs\nSET lock_timeout = 0;", "a merge conflict"),
    behind(
        "create-function-behind-the-rows",
        "CREATE FUNCTION vpv4.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        NOT_DATA,
    ),
    behind(
        "create-table-behind-its-rows", "CREATE TABLE vpv4.items (id int, name text);", NOT_DATA
    ),
    behind("drop-table-behind-the-rows", "DROP TABLE vpv4.items;", NOT_DATA),
    behind("statement-hidden-by-a-comment", "/* -- */ DELETE FROM vpv4.items; -- */", NOT_DATA),
    behind("statement-behind-a-nested-comment", "/* /* */ */ DELETE FROM vpv4.items;", NOT_DATA),
]

SETTINGS = [
    statement("search-path", "SET search_path = public;", "another schema"),
    statement("search-path-with-evil-first", "SET search_path = evil, vpv4;", "another schema"),
    statement("search-path-temp", "SET search_path = pg_temp, vpv4;", "another schema"),
    statement("search-path-as-string", "SET search_path TO 'evil';", "another schema"),
    statement("search-path-user", 'SET search_path TO "$user";', "another schema"),
    statement("search-path-number", "SET search_path TO 1;", "a name belongs"),
    statement("search-path-without-value", "SET search_path;", "not in a form"),
    statement("set-config-name", "SELECT pg_catalog.set_config('role', '', false);", "other than"),
    statement(
        "set-config-value",
        "SELECT pg_catalog.set_config('search_path', 'evil', false);",
        "other than",
    ),
    statement(
        "set-config-local",
        "SELECT pg_catalog.set_config('search_path', '', true);",
        "not in a form",
    ),
    statement(
        "set-config-and-more",
        "SELECT pg_catalog.set_config('search_path', '', false), pg_sleep(9);",
        "it goes on",
    ),
    statement(
        "set-config-without-schema", "SELECT set_config('search_path', '', false);", "a query"
    ),
    statement(
        "set-config-concatenated",
        "SELECT pg_catalog.set_config('search_' || 'path', '', false);",
        "not in a form",
    ),
    statement("set-role", "SET ROLE postgres;", "without --role"),
    statement(
        "set-session-authorization",
        "SET SESSION AUTHORIZATION postgres;",
        "--use-set-session-authorization",
    ),
    statement("set-local", "SET LOCAL lock_timeout = 0;", "not one that a backup needs"),
    statement("set-library", "SET session_preload_libraries = 'evil';", "not one that a backup"),
    statement("set-encoding", "SET client_encoding = 'LATIN1';", "--encoding=UTF8"),
    statement("set-strings", "SET standard_conforming_strings = off;", "how the data are read"),
    statement("set-timeout", "SET statement_timeout = 1;", "how the data are read"),
    statement("set-to-default", "SET client_encoding TO DEFAULT;", "how the data are read"),
    statement("set-list", "SET row_security = off, on;", "it goes on"),
    statement("set-without-value", "SET row_security =;", "ends early"),
    statement("set-without-equals", "SET row_security off;", "where `to` belongs"),
    statement("set-datestyle", "SET datestyle = 'SQL, DMY';", "not one that a backup"),
    statement("set-nothing", "SET;", "ends early"),
    statement("reset", "RESET ALL;", NOT_DATA),
]

FUNCTIONS = [
    statement("select", "SELECT 1;", "a name belongs"),
    statement("select-nothing", "SELECT;", "ends early"),
    statement("sleep", "SELECT pg_catalog.pg_sleep(9);", "a query, not data"),
    statement("read-file", "SELECT pg_read_file('/etc/passwd');", "a query, not data"),
    statement("dblink", "SELECT dblink_exec('host=evil', 'DROP TABLE x');", "a query, not data"),
    statement("terminate", "SELECT pg_terminate_backend(1);", "a query, not data"),
    statement("query-to-xml", "SELECT query_to_xml('DELETE FROM x', true, true, '');", "a query"),
    statement("lo-create", "SELECT pg_catalog.lo_create('16400');", "large objects"),
    statement("lo-import-function", "SELECT lo_import('/etc/passwd');", "large objects"),
    statement("lo-export", f"SELECT lo_export(1, '{CANARY}');", "large objects"),
    statement(
        "statistics", "SELECT pg_catalog.pg_restore_relation_stats('x', 1);", "--no-statistics"
    ),
    statement("select-into", "SELECT * INTO vpv4.x FROM vpv4.items;", "a name belongs"),
    statement("quoted-function", 'SELECT "pg_catalog.setval"(1);', "not in a form"),
    statement("setval-without-schema", "SELECT setval('vpv4.s', 1, true);", "a query, not data"),
    statement("setval-in-another-schema", "SELECT vpv4.setval('vpv4.s', 1, true);", "a query"),
    statement(
        "setval-of-another-schema",
        "SELECT pg_catalog.setval('public.s', 1, true);",
        "another schema",
    ),
    statement("setval-unqualified", "SELECT pg_catalog.setval('s', 1, true);", "with its schema"),
    statement("setval-three-names", "SELECT pg_catalog.setval('a.vpv4.s', 1, true);", "its schema"),
    statement("setval-query", "SELECT pg_catalog.setval('vpv4.s', (SELECT 1), true);", "not in a"),
    statement(
        "setval-function", "SELECT pg_catalog.setval('vpv4.s', pg_sleep(9), true);", "not in"
    ),
    statement("setval-two", "SELECT pg_catalog.setval('vpv4.s', 1);", "not in a form"),
    statement("setval-cast", "SELECT pg_catalog.setval('vpv4.s'::regclass, 1, true);", "not in a"),
    statement("setval-text", "SELECT pg_catalog.setval('vpv4.s', 'x', true);", "not in a form"),
    statement("setval-null", "SELECT pg_catalog.setval('vpv4.s', 1, NULL);", "not in a form"),
    statement("setval-large", f"SELECT pg_catalog.setval('vpv4.s', {2**63}, true);", "no bigint"),
    statement("setval-from", "SELECT pg_catalog.setval('vpv4.s', 1, true) FROM x;", "it goes on"),
]

INSERTS = [
    value("cast-default", "DEFAULT::text"),
    value("insert-function", "pg_read_file('/etc/passwd')"),
    value("insert-subquery", "(SELECT passwd FROM pg_shadow)"),
    value("insert-sum", "1+1"),
    value("insert-glued-sum", "1-1"),
    value("insert-concatenation", "'a'||'b'"),
    value("insert-two-strings", "'a' 'b'"),
    value("insert-current-user", "CURRENT_USER"),
    value("insert-column", "name"),
    value("insert-array", "ARRAY[1]"),
    value("insert-row", "ROW(1)"),
    value("insert-case", "CASE WHEN true THEN 1 END"),
    value("insert-parameter", "$1"),
    value("insert-dollar-quotes", "$$x$$"),
    value("insert-unicode-string", "U&'\\0041'"),
    value("insert-national-string", "N'x'"),
    value("insert-typed", "date '2026-01-01'"),
    value("insert-psql-variable", ":'x'"),
    value("insert-signed-string", "-'1'"),
    value("insert-two-signs", "- -1"),
    value("insert-nothing", ""),
    value("insert-quoted-name", '"x"'),
    value("insert-hexadecimal", "0x1F"),
    value("insert-cast-regclass", "'pg_authid'::regclass", "not a plain data type"),
    value("insert-cast-regproc", "'f'::pg_catalog.regproc", "not a plain data type"),
    value("insert-cast-own-type", "'x'::vpv4.evil", "not a plain data type"),
    value("insert-cast-catalog", "'x'::pg_catalog(text)"),
    value("insert-cast-nothing", "'x'::", "not a plain data type"),
    value("insert-cast-modifier", "'x'::varchar(f())"),
    value("insert-cast-subscript", "'x'::text[f()]"),
    statement("insert-select", "INSERT INTO vpv4.items SELECT 1;", "other than VALUES"),
    statement("insert-table", "INSERT INTO vpv4.items TABLE vpv4.other;", "other than VALUES"),
    statement(
        "insert-with", "INSERT INTO vpv4.items WITH x AS (SELECT 1) VALUES (1);", "not in a form"
    ),
    statement("insert-alias", "INSERT INTO vpv4.items AS i VALUES (1);", "not in a form"),
    statement(
        "insert-returning",
        "INSERT INTO vpv4.items VALUES (1) RETURNING pg_sleep(9);",
        "where a plain value belongs",
    ),
    statement(
        "insert-on-conflict",
        "INSERT INTO vpv4.items VALUES (1) ON CONFLICT DO NOTHING;",
        "where a plain value belongs",
    ),
    statement("insert-no-tuple", "INSERT INTO vpv4.items VALUES;", "where a plain value belongs"),
    statement("insert-bare-value", "INSERT INTO vpv4.items VALUES 1;", "a plain value belongs"),
    statement("insert-comma-at-end", "INSERT INTO vpv4.items VALUES (1),;", "a plain value"),
    statement(
        "insert-default-and-more",
        "INSERT INTO vpv4.items DEFAULT VALUES RETURNING 1;",
        "a plain value belongs",
    ),
    statement(
        "insert-overriding-nothing",
        "INSERT INTO vpv4.items OVERRIDING VALUE VALUES (1);",
        "not in a form",
    ),
    statement("insert-without-into", "INSERT vpv4.items VALUES (1);", "where `into` belongs"),
    statement(
        "insert-another-schema", "INSERT INTO pg_catalog.pg_authid VALUES (1);", "another schema"
    ),
    statement("insert-without-schema", "INSERT INTO items VALUES (1);", "without its schema"),
    statement(
        "insert-into-column-field", "INSERT INTO vpv4.items (a.b) VALUES (1);", "not in a form"
    ),
]

ROW_TRICKS = [
    row("end-mark-in-a-row", b"x\\.", "the end mark"),
    row("end-mark-with-a-command", b"\\. \\! " + _X.encode(), "the end mark"),
    row("end-mark-with-a-statement", b"\\.; DROP TABLE vpv4.items;", "the end mark"),
    row("end-mark-behind-a-tab", b"1\t\\.", "the end mark"),
    row("end-mark-behind-two-backslashes", b"1\tx\\\\\\.", "the end mark"),
    row("statement-behind-an-early-end", b"\\.\nDELETE FROM vpv4.items;", NOT_DATA, below=1),
    row("shell-behind-an-early-end", b"\\.\n\\! " + _X.encode(), PSQL, below=1),
    row("nul", b"1\ta\0b", "a NUL byte"),
    row("invalid-utf8", b"1\t\xff", "not valid UTF-8"),
    row("cut-utf8", b"1\t\xe2\x82", "not valid UTF-8"),
    row("overlong-utf8", b"1\t\xc0\xaf", "not valid UTF-8"),
    row("surrogate-utf8", b"1\t\xed\xa0\x80", "not valid UTF-8"),
    row("beyond-unicode", b"1\t\xf4\x90\x80\x80", "not valid UTF-8"),
    row("carriage-return", b"1\ta\rb", "a carriage return stands unescaped"),
    row("crlf", b"1\ta\r", "a carriage return stands unescaped"),
    statement("nul-in-a-comment", b"-- \0", "a NUL byte"),
    statement("invalid-utf8-in-a-comment", b"-- \xff", "not valid UTF-8"),
    statement("invalid-utf8-in-a-string", b"INSERT INTO vpv4.items VALUES (1, '\xff');", "UTF-8"),
    statement("nul-in-a-string", b"INSERT INTO vpv4.items VALUES (1, 'a\0');", "a NUL byte"),
    statement("invalid-utf8-in-a-name", b'COPY vpv4."\xff" FROM stdin;', "not valid UTF-8"),
    statement(
        "carriage-return-ends-a-comment", b"-- x\rDELETE FROM vpv4.items;", "a carriage return"
    ),
    statement("crlf-lines", b"-- x\r\nSET lock_timeout = 0;\r", "CR LF"),
    statement("crlf-behind-copy", b"COPY vpv4.items FROM stdin;\r\n1\r\n\\.\r", "CR LF"),
]

ENDS = [
    Hostile(
        "unterminated-copy",
        START + b"COPY vpv4.items FROM stdin;\n1\tone\n",
        _line(START, len(START)),
        "inside the rows of vpv4.items",
    ),
    Hostile(
        "unterminated-copy-cut-in-its-mark",
        START + b"COPY vpv4.items FROM stdin;\n1\n\\.",
        _line(START, len(START)),
        "inside the rows of vpv4.items",
    ),
    Hostile(
        "copy-at-the-very-end",
        START + b"COPY vpv4.items FROM stdin;",
        _line(START, len(START)),
        "inside the rows of vpv4.items",
    ),
    Hostile(
        "unterminated-statement",
        START + b"SET lock_timeout",
        _line(START, len(START)),
        "it is truncated",
    ),
    Hostile(
        "unterminated-string",
        START + b"INSERT INTO vpv4.items VALUES (1, 'x",
        _line(START, len(START)),
        "it is truncated",
    ),
    Hostile(
        "unterminated-escape-string",
        START + b"INSERT INTO vpv4.items VALUES (1, E'x\\'",
        _line(START, len(START)),
        "it is truncated",
    ),
    Hostile(
        "unterminated-name",
        START + b'COPY vpv4."x FROM stdin;\n',
        _line(START, len(START)),
        "it is truncated",
    ),
    Hostile(
        "unterminated-comment",
        START + b"/* /* */ x\n",
        _line(START, len(START)),
        "inside a comment",
    ),
    Hostile(
        "unterminated-dollar-quotes",
        FULL_START + b"CREATE FUNCTION vpv4.f() AS $x$ $y$\n",
        _line(FULL_START, len(FULL_START)),
        "it is truncated",
    ),
    Hostile(
        "unterminated-insert",
        START + b"INSERT INTO vpv4.items VALUES (1, 'x')",
        _line(START, len(START)),
        "it is truncated",
    ),
    Hostile(
        "unterminated-insert-head",
        START + b"INSERT INTO vpv4.items",
        _line(START, len(START)),
        "it is truncated",
    ),
    Hostile(
        "no-completion-line",
        START + ROWS,
        _line(START + ROWS, len(START + ROWS)),
        "its end is missing",
    ),
    Hostile(
        "completion-line-in-a-row",
        START + b"COPY vpv4.items FROM stdin;\n-- PostgreSQL database dump complete\n\\.\n",
        _line(START, len(START)) + 3,
        "its end is missing",
    ),
    Hostile(
        "completion-line-indented",
        START + ROWS + b" -- PostgreSQL database dump complete\n",
        _line(START + ROWS, len(START + ROWS)) + 1,
        "its end is missing",
    ),
    Hostile(
        "no-unrestrict",
        START + ROWS + COMPLETE,
        _line(START + ROWS + COMPLETE, len(START + ROWS + COMPLETE)),
        "\\unrestrict, is missing",
    ),
    Hostile("two-dumps", HARMLESS + HARMLESS, _line(HARMLESS, len(HARMLESS)) + 4, PSQL),
    Hostile(
        "two-old-dumps",
        ROWS + COMPLETE + ROWS,
        _line(ROWS + COMPLETE, len(ROWS + COMPLETE)),
        "follows the completion line",
    ),
    Hostile("no-rows", START + COMPLETE + b"\\unrestrict k3y\n", 0, "no table's rows"),
    Hostile("only-a-schema", FULL_START + COMPLETE + b"\\unrestrict k3y\n", 0, "only a schema"),
    Hostile("only-comments", b"-- nothing here\n", 0, "no statement"),
    Hostile("cluster-dump", b"--\n-- PostgreSQL database cluster dump\n--\n", 2, "pg_dumpall"),
]

FULL_DUMPS = [
    in_full_dump("full-do", "DO $$ BEGIN END $$;", "a DO block"),
    in_full_dump("full-shell", f"\\! {_X}", PSQL),
    in_full_dump(
        "full-shell-behind-function", f"CREATE FUNCTION f() AS $a$ $b$ \\! $b$ $a$; \\! {_X}", PSQL
    ),
    in_full_dump(
        "full-event-trigger", "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION f();", NOT_DATA
    ),
    in_full_dump("full-alter-system", "ALTER SYSTEM SET x = 'y';", NOT_DATA),
    in_full_dump("full-alter-role", "ALTER ROLE postgres SUPERUSER;", NOT_DATA),
    in_full_dump("full-create-database", "CREATE DATABASE x;", "a whole database"),
    in_full_dump("full-alter-database", "ALTER DATABASE x SET y = 'z';", "a whole database"),
    in_full_dump(
        "full-subscription", "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p;", NOT_DATA
    ),
    in_full_dump("full-server", "CREATE SERVER s FOREIGN DATA WRAPPER w;", NOT_DATA),
    in_full_dump("full-copy-program", f"COPY vpv4.items FROM PROGRAM '{_X}';", "run a command"),
    in_full_dump(
        "full-rows-of-a-table-it-does-not-create",
        "COPY vpv4.other FROM stdin;\n1\n\\.",
        "is no full dump either",
        below=-1,
    ),
    in_full_dump(
        "full-rows-of-another-schema",
        "CREATE TABLE public.x (id int);\nCOPY public.x FROM stdin;\n1\n\\.",
        "another schema",
        below=1,
    ),
    in_full_dump(
        "full-delete-behind-a-body",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;\nDELETE FROM vpv4.items;",
        NOT_DATA,
        below=1,
    ),
    in_full_dump(
        "full-delete-behind-case",
        "CREATE VIEW v AS SELECT CASE WHEN true THEN 1 END;\nDELETE FROM vpv4.items;",
        NOT_DATA,
        below=1,
    ),
    in_full_dump("full-large-object", "SELECT pg_catalog.lo_create('1');", "large objects"),
    in_full_dump("full-query", "SELECT evil();", "a query, not data"),
    in_full_dump("full-set-session", "SET SESSION AUTHORIZATION x;", "--use-set-session"),
]


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _broken(data: bytes) -> bytes:
    return data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]


def bomb(compressed: str, megabytes: int) -> bytes:
    """A backup whose rows are so many equal bytes, small when compressed."""
    target = io.BytesIO()
    piece = b"\tx\n" * (1024 * 1024 // 3)
    out = (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0)
        if compressed == "gzip"
        else zstandard.ZstdCompressor(level=1).stream_writer(target, closefd=False)
    )
    with out:
        out.write(START + b"COPY vpv4.items FROM stdin;\n")
        for _ in range(megabytes):
            out.write(piece)
        out.write(b"\\.\n" + END)
    return target.getvalue()


COMPRESSED = [
    Hostile("gzip-cut", _gz(HARMLESS)[:-9], 0, "it is truncated", ".sql.gz"),
    Hostile("gzip-cut-in-its-check", _gz(HARMLESS)[:-3], 0, "it is truncated", ".sql.gz"),
    Hostile("gzip-damaged", _broken(_gz(HARMLESS)), 0, "gzip data are damaged", ".sql.gz"),
    Hostile(
        "gzip-two-members",
        _gz(HARMLESS) + _gz(HARMLESS),
        0,
        "a second compressed stream",
        ".sql.gz",
    ),
    Hostile(
        "gzip-split-in-two",
        _gz(HARMLESS[:200]) + _gz(HARMLESS[200:]),
        0,
        "a second compressed stream",
        ".sql.gz",
    ),
    Hostile("gzip-trailing", _gz(HARMLESS) + b"\\! x", 0, "other bytes follow", ".sql.gz"),
    Hostile("gzip-trailing-zeros", _gz(HARMLESS) + bytes(512), 0, "other bytes follow", ".sql.gz"),
    Hostile("gzip-twice", _gz(_gz(HARMLESS)), 0, "compressed a second time", ".sql.gz"),
    Hostile("gzip-of-an-archive", _gz(b"PGDMP\x01\x0e\x00"), 0, "a pg_dump archive", ".sql.gz"),
    Hostile(
        "gzip-of-a-pointer",
        _gz(b"version https://git-lfs.github.com/spec/v1\n"),
        0,
        "a Git LFS pointer",
        ".sql.gz",
    ),
    Hostile("gzip-of-nothing", _gz(b""), 0, "no statement", ".sql.gz"),
    Hostile(
        "gzip-with-a-command", _gz(START + b"\\! x\n"), _line(START, len(START)), PSQL, ".sql.gz"
    ),
    Hostile("zstd-cut", _zst(HARMLESS)[:-3], 0, "it is truncated", ".sql.zst"),
    Hostile(
        "zstd-damaged", b"\x28\xb5\x2f\xfd" + b"\xff" * 40, 0, "zstd data are damaged", ".sql.zst"
    ),
    Hostile(
        "zstd-two-frames",
        _zst(HARMLESS) + _zst(HARMLESS),
        0,
        "a second compressed stream",
        ".sql.zst",
    ),
    Hostile("zstd-trailing", _zst(HARMLESS) + b"x", 0, "other bytes follow", ".sql.zst"),
    Hostile(
        "zstd-with-a-command", _zst(START + b"\\! x\n"), _line(START, len(START)), PSQL, ".sql.zst"
    ),
]

FILES = [
    Hostile("empty", b"", 0, "it is empty"),
    Hostile("blank", b" \n\n", 0, "nothing but blank space"),
    Hostile(
        "lfs-pointer",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        0,
        "git lfs pull",
    ),
    Hostile("byte-order-mark", b"\xef\xbb\xbf" + HARMLESS, 0, "byte order mark"),
    Hostile("utf16", HARMLESS.decode().encode("utf-16"), 0, "UTF-16"),
    Hostile("utf16-big", b"\xfe\xff" + HARMLESS.decode().encode("utf-16-be"), 0, "UTF-16"),
    Hostile("utf16-without-mark", HARMLESS.decode().encode("utf-16-le"), 1, "a NUL byte"),
    Hostile("crlf-file", HARMLESS.replace(b"\n", b"\r\n"), 1, "CR LF"),
    Hostile("xz", b"\xfd7zXZ\x00", 0, "xz"),
    Hostile("bzip2", b"BZh9", 0, "bzip2"),
    Hostile("zip", b"PK\x03\x04", 0, "zip"),
    Hostile("tar", b"toc.dat".ljust(257, b"\0") + b"ustar" + bytes(250), 0, "tar"),
    Hostile("web-page", b"<!DOCTYPE html><html>", 0, "a web page"),
    Hostile("conflict", b"<<<<<<< HEAD\n" + HARMLESS, 0, "a merge conflict"),
    Hostile("csv", b"id,name\n1,one\n", 1, "it is truncated"),
]

CASES = [
    *META_COMMANDS,
    *COPIES,
    *STATEMENTS,
    *SETTINGS,
    *FUNCTIONS,
    *INSERTS,
    *ROW_TRICKS,
    *ENDS,
    *FULL_DUMPS,
    *COMPRESSED,
    *FILES,
]
