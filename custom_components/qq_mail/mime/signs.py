"""The punctuation of a language, for lines that are made of several texts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs between the parts of a line, with their blanks."""

    colon: str
    comma: str
    semicolon: str
    brackets: tuple[str, str]

    def said(self, name: str, text: str) -> str:
        """Return a name, a colon and a text."""
        return f"{name}{self.colon}{text}"

    def in_brackets(self, text: str) -> str:
        """Return a text in brackets, with a blank before them if that is usual."""
        return f"{self.brackets[0]}{text}{self.brackets[1]}"


def signs_of(language: str) -> Signs:
    """Return the signs of a language, which is given as Home Assistant's code."""
    if language.startswith("zh"):
        return Signs("：", "，", "；", ("（", "）"))
    return Signs(": ", ", ", "; ", (" (", ")"))
