"""The command that writes the results of benchmarks into their README."""

import pytest

from tests.benchmarks import __main__ as benchmarks

PAGE = """Text.

<!-- first -->
<!-- end -->

<!-- second -->
Some processor, 2 cores, 2026-11-30, commit 0123456

```text
1 s
```
<!-- end -->
"""


@pytest.fixture(autouse=True)
def stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine and a commit."""
    monkeypatch.setattr(benchmarks, "where_and_when", lambda: "This processor, 4 cores, 2026-12-01, commit abcdef0")


def test_a_result_is_written_with_its_machine_and_older_ones_are_marked() -> None:
    page = benchmarks.with_result(PAGE, "first", "2 s\n")
    assert "This processor, 4 cores, 2026-12-01, commit abcdef0\n\n```text\n2 s\n```" in page
    assert "**Older than the others.** Some processor" in page
    assert page.startswith("Text.\n")


def test_a_new_result_is_no_longer_older() -> None:
    page = benchmarks.with_result(benchmarks.with_result(PAGE, "first", "2 s"), "second", "3 s")
    assert benchmarks.OLDER not in page
    assert "1 s" not in page
    assert benchmarks.with_result(page, "second", "3 s") == page


def test_each_section_of_the_readme_has_a_benchmark() -> None:
    sections = [name for _, name, _ in benchmarks.SECTION.findall(benchmarks.README.read_text(encoding="utf-8"))]
    folder = benchmarks.README.parent
    assert sections == list(benchmarks.commands_of(folder, folder, folder, 1))
