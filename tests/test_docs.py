"""What the documentation shows runs: every ```python block of docs/, in order, a page at a time.

A block that cannot run here is opened with ```python no-run. A page's blocks share their names;
they run in a folder with the accounting example as remit.yaml.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[int, str]]:
    """The line on which each block begins, and the block."""
    text = page.read_text(encoding="utf-8")
    return [(text[: m.start()].count("\n") + 1, m[1]) for m in BLOCK.finditer(text)]


async def run_page(page: Path) -> None:
    names: dict[str, object] = {"__name__": "docs"}
    for line, source in blocks(page):
        code = compile(
            "\n" * line + source,
            str(page),
            "exec",
            ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        result = eval(code, names)
        if inspect.iscoroutine(result):
            await result


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.name)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    shutil.copy(ROOT / "examples" / "accounting" / "remit.yaml", tmp_path / "remit.yaml")
    monkeypatch.chdir(tmp_path)
    asyncio.run(run_page(page))


def test_there_are_pages_that_show_python():
    assert sum(len(blocks(page)) for page in PAGES) >= 5
