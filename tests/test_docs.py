"""README and docs only refer to files, headings and functions that exist."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
COMMAND = r"(\.venv/bin/)?(python|make|export|parallel|xargs|sed|[A-Z_]+=)"
"""How a line of a shell's code block starts."""
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def prose_of(page: Path) -> str:
    """The page without code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)


def anchors_of(page: Path) -> set[str]:
    """GitHub's anchors for the headings: lower case, hyphens, no other punctuation."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(page: Path) -> list[str]:
    """Link targets within the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose_of(page))
    return [target for target in found if not target.startswith("http")]


def test_anchors_are_githubs():
    assert "mujocos-tasks" in anchors_of(ROOT / "docs" / "deviations.md")
    assert "evalscsv" in anchors_of(ROOT / "docs" / "run_directory.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in links_of(page):
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors_of(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_are_valid(page):
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.M | re.S):
        if language in ("sh", "bash"):
            subprocess.run(["bash", "-n"], input=code, text=True, check=True)
            # A comment that was wrapped by mistake would go on with another word.
            for line in code.replace("\\\n", " ").splitlines():
                assert not line or line.startswith("#") or re.match(COMMAND, line), line
        elif language == "yaml":
            assert yaml.safe_load(code)
        elif language == "python":
            compile(code, str(page), "exec")
        else:
            raise AssertionError(f"{page.name} has a code block of language {language!r}")


def test_every_page_is_linked():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in links_of(page)
    }
    assert set(PAGES) - linked <= {ROOT / "README.md"}


def test_code_named_by_a_link_is_defined_there():
    """`name` in [file.py](path), `one` and `other` in [file.py](path)."""
    number = 0
    for page in PAGES:
        for cell in re.split(r"[|;,\n]", prose_of(page)):
            for names, path in re.findall(r"((?:`\w+`[^`[]*)+) in \[[^]]+\]\((\S+\.py)\)", cell):
                code = (page.parent / path).read_text()
                for name in re.findall(r"`(\w+)`", names):
                    defined = rf"^( *(def|class) {name}\b|{name} = )"
                    assert re.search(defined, code, re.M), (page, name, path)
                    number += 1
    assert number > 50


@pytest.mark.parametrize(
    "file",
    sorted((ROOT / "gin_configs").rglob("*.gin")),
    ids=lambda file: f"{file.parent.name}/{file.name}",
)
def test_pages_that_gin_files_name_are_there(file):
    text = file.read_text()
    for page in re.findall(r"docs/[\w/]+\.md", text):
        assert (ROOT / page).exists()
    for page, heading in re.findall(r'(docs/[\w/]+\.md), "([^"]+)"', text):
        assert heading.lower().replace(" ", "-") in anchors_of(ROOT / page)
