"""The punctuation of a language, for lines that are put together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signs:
    """What stands between the parts of a line."""

    colon: str
    comma: str
    semicolon: str
    brackets: tuple[str, str]

    def said(self, name: str, text: str) -> str:
        """Return what is said of something."""
        return f"{name}{self.colon}{text}"

    def in_brackets(self, text: str) -> str:
        """Return what is said besides."""
        return f"{self.brackets[0]}{text}{self.brackets[1]}"


def signs_of(language: str) -> Signs:
    """Return the signs of a language, by its code."""
    if language.startswith("zh"):
        return Signs("：", "，", "；", ("（", "）"))
    return Signs(": ", ", ", "; ", (" (", ")"))
