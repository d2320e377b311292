"""What is claimed of the quality scale is proved, and the proofs are there."""

from pathlib import Path
import re
from typing import Any, cast

import pytest

from homeassistant.util.yaml import parse_yaml

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "quality-scale.md").read_text()
CLAIMS: dict[str, Any] = cast(
    "dict[str, Any]",
    parse_yaml(
        (ROOT / "custom_components" / "qq_mail" / "quality_scale.yaml").read_text()
    ),
)["rules"]
ROWS = {
    rule: (status, proof)
    for rule, status, proof in re.findall(
        r"^\| `([a-z-]+)` \| (\w+) \| (.+) \|$", DOCUMENT, re.MULTILINE
    )
}


def status_of(claim: str | dict[str, str]) -> str:
    """Return what is claimed of a rule; every exemption has its reason."""
    if isinstance(claim, str):
        return claim
    assert claim["comment"].strip()
    return claim["status"]


def anchors(file: Path) -> set[str]:
    """Return the headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def test_every_rule() -> None:
    """There are 54, and the page says of each what the file says."""
    assert len(CLAIMS) == 54
    assert {rule: status for rule, (status, _) in ROWS.items()} == {
        rule: status_of(claim) for rule, claim in CLAIMS.items()
    }
    assert {status for status, _ in ROWS.values()} == {"done", "exempt"}


@pytest.mark.parametrize(
    "rule", [rule for rule, (status, _) in ROWS.items() if status == "done"]
)
def test_proof(rule: str) -> None:
    """Every file, test and section that is named exists."""
    _, proof = ROWS[rule]
    named = re.findall(r"`((?:custom_components|tests|scripts)/[^`]+)`", proof)
    linked = re.findall(r"\]\(([^)]+)\)", proof)
    assert named or linked or "pyproject.toml" in proof
    for name in named:
        file, _, test = name.partition("::")
        path = ROOT / file
        assert path.exists(), name
        assert not test or f"def {test}(" in path.read_text(), name
    for link in linked:
        file, _, anchor = link.partition("#")
        path = ROOT / "docs" / file
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


@pytest.mark.parametrize("page", ["security.md", "security.zh-Hans.md"])
def test_security_proofs(page: str) -> None:
    """The same for the page on security."""
    document = (ROOT / "docs" / page).read_text()
    tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", document)
    assert len(tests) > 20
    for file, test in tests:
        assert f"def {test}" in (ROOT / file).read_text(), (file, test)
