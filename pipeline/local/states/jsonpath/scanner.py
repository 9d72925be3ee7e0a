"""Reading a text token by token: what the parsers of paths and of intrinsic functions stand on."""

import re

from pipeline.local.states.errors import ExpressionSyntaxError

_SPACE = re.compile(r"\s*")


class Scanner:
    """A position in a text."""

    def __init__(self, text: str, position: int = 0) -> None:
        self.text = text
        self.position = position

    def fail(self, problem: str) -> ExpressionSyntaxError:
        """The error to raise here."""
        return ExpressionSyntaxError(self.text, self.position, problem)

    def peek(self, *tokens: str) -> str | None:
        """The first of `tokens` that comes next, without passing it."""
        return next((token for token in tokens if self.text.startswith(token, self.position)), None)

    def take(self, *tokens: str) -> str | None:
        """The first of `tokens` that comes next, passed."""
        token = self.peek(*tokens)
        self.position += len(token or "")
        return token

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What `pattern` matches here, passed."""
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    def expect(self, token: str) -> None:
        """Pass `token` or fail."""
        if not self.take(token):
            raise self.fail(f"expected {token!r}")

    def expect_end(self) -> None:
        """Fail unless the whole text was read."""
        if self.position < len(self.text):
            raise self.fail(f"unexpected {self.text[self.position :]!r}")

    def skip_space(self) -> None:
        """Pass white space."""
        self.match(_SPACE)

    def quoted(self) -> str:
        """A string in single or double quotes; a backslash escapes the quote and itself, and is literal elsewhere."""
        quote = self.take("'", '"')
        if not quote:
            raise self.fail("expected a quoted name")
        characters: list[str] = []
        while (character := self.text[self.position : self.position + 1]) != quote:
            if not character:
                raise self.fail(f"missing closing {quote}")
            self.position += 1
            if character == "\\" and (escaped := self.take(quote, "\\")):
                character = escaped
            characters.append(character)
        self.position += 1
        return "".join(characters)
