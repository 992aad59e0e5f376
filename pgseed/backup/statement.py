"""One statement of a backup: its tokens, read in order by whoever judges it."""

from __future__ import annotations

from dataclasses import dataclass

from pgseed.backup import limits
from pgseed.backup.lexer import Lexer, Token
from pgseed.errors import BackupRefused
from pgseed.sql_names import printable, qualified_name

ROWS_ONLY = "A backup holds rows only: write it with `pg_dump --data-only`"


@dataclass(frozen=True, slots=True)
class Target:
    """The table and columns that a COPY or INSERT statement names."""

    schema: str
    table: str
    columns: tuple[str, ...] | None
    overriding: str = ""

    @property
    def name(self) -> str:
        return qualified_name(self.schema, self.table)


class Statement:
    """The tokens of one statement, read in order; knows its line for refusals."""

    def __init__(self, lexer: Lexer, line: int, tokens: list[Token]) -> None:
        self._lexer, self.line, self.tokens = lexer, line, tokens
        self._start = lexer.since_mark(240)
        self.at = 0

    def refused(self, cause: str, remedy: str = ROWS_ONLY) -> BackupRefused:
        return self._lexer.refused(cause, remedy, line=self.line)

    @property
    def text(self) -> str:
        """Its beginning, printable."""
        return printable(self._start.rstrip(b"; \n"))

    @property
    def words(self) -> str:
        """Its leading keywords in lower case, to recognise its kind by."""
        words = (t.text.lower() if t.kind == "word" else t.text for t in self.tokens[:200])
        return b" ".join(words).decode("latin-1")

    def take(self) -> Token:
        if self.at == len(self.tokens):
            raise self.refused(f"`{self.text}` ends early")
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, word: str) -> bool:
        following = self.tokens[self.at : self.at + 1]
        found = any(token.is_word(word) or token.is_sign(word.encode()) for token in following)
        self.at += found
        return found

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                following = self.tokens[self.at : self.at + 1]
                found = f"`{printable(following[0].text)}`" if following else "its end"
                raise self._malformed(f"{found} stands where `{word}` belongs")

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self._malformed(f"it goes on with `{printable(self.tokens[self.at].text)}`")

    def _malformed(self, how: str) -> BackupRefused:
        return self.refused(f"`{self.text}` is not in a form that pg_dump writes: {how}")

    def name(self) -> str:
        return self.identifier(self.take())

    def identifier(self, token: Token) -> str:
        if token.kind == "word":
            # Only ASCII letters are folded, as PostgreSQL does in a multi-byte encoding.
            name = token.text.lower().decode()
        elif token.kind == "quoted":
            name = token.text[1:-1].decode().replace('""', '"')
        else:
            raise self.refused(f"`{printable(token.text)}` stands where a name belongs")
        if not 0 < len(name.encode()) < 64:
            raise self.refused(f"the name {printable(token.text)} is empty or longer than 63 bytes")
        return name

    def target(self, schema: str) -> tuple[str, str, tuple[str, ...] | None]:
        first = self.name()
        if not self.accept("."):
            raise self.refused(
                f"the table {printable(first)} stands without its schema",
                f"Write it as {qualified_name(schema, first)}",
            )
        table = self.name()
        if first != schema:
            raise self.refused(
                f"it holds rows for another schema, {qualified_name(first, table)}",
                f"Only {schema} is loaded: write the dump with `pg_dump --schema={schema}`",
            )
        if self.accept("."):
            raise self.refused("a table is named with a database in front of its schema")
        if not self.accept("("):
            return first, table, None
        columns = [self.name()]
        while self.accept(","):
            columns.append(self.name())
        self.expect(")")
        if len(set(columns)) < len(columns):
            raise self.refused(f"a column of {qualified_name(schema, table)} is named twice")
        return first, table, tuple(columns)


def read_statement(lexer: Lexer, *, first: Token | None = None) -> Statement:
    """Read to the `;` that ends a statement, as psql finds it (src/fe_utils/psqlscan.l).

    One inside parentheses, or between BEGIN and END of a function's body, does not end it.
    """
    line = lexer.line()
    tokens: list[Token] = [first] if first else []
    parentheses = bodies = 0
    while True:
        token = lexer.token()
        if token is None:
            statement = Statement(lexer, line, tokens)
            raise lexer.cut(f"the statement `{statement.text}`", line=line)
        if token.is_sign(b";") and not parentheses and not bodies:
            return Statement(lexer, line, tokens)
        if token.kind == "sign":
            parentheses = max(parentheses + (token.text == b"(") - (token.text == b")"), 0)
        elif token.kind == "word" and not parentheses and _is_routine(tokens):
            if token.is_word("begin") or (bodies and token.is_word("case")):
                bodies += 1
            elif bodies and token.is_word("end"):
                bodies -= 1
        tokens.append(token)
        if len(tokens) > limits.STATEMENT_TOKENS:
            raise Statement(lexer, line, tokens).refused("a statement is absurdly long")


def _is_routine(tokens: list[Token]) -> bool:
    words = [token.text.lower() for token in tokens[:4]]
    if words[:1] != [b"create"]:
        return False
    at = 3 if words[1:3] == [b"or", b"replace"] else 1
    return words[at : at + 1] in ([b"function"], [b"procedure"])
