"""The page about the remit file says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remit import check as check_room
from remit.check import check
from remit.policy import STAGE_WORDS, Assistant, Colleague, Loaded, Policy, Responsible, Rule, loads
from remit.policy import lint as lint_room
from remit.policy.model import PLACEHOLDERS, Delivery
from remit.policy.templates import names

PAGE = (Path(__file__).parents[2] / "docs" / "remit-file.md").read_text("utf-8")


def shown() -> Loaded:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return loads(block, "docs/remit-file.md")


def test_the_remit_that_is_shown_is_sound():
    loaded = shown()
    assert check(loaded) == []


@pytest.mark.parametrize("model", [Policy, Assistant, Responsible, Colleague, Delivery, Rule])
def test_every_key_is_explained(model):
    for key in model.model_fields:
        assert f"`{key}`" in PAGE or f"`{key}:" in PAGE, key


def test_every_stage_action_and_placeholder_is_explained():
    for stage, words in STAGE_WORDS.items():
        for word in (stage.value, *words):
            assert f"`{word}`" in PAGE, word
    for placeholder in PLACEHOLDERS:
        assert f"{{{placeholder}}}" in PAGE


def test_every_template_and_every_lint_is_named():
    for name in names():
        assert name in PAGE
    source = "".join(Path(room.__file__).read_text("utf-8") for room in (lint_room, check_room))
    codes = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)", "(?:error|warning)"', source))
    codes |= set(re.findall(r'code="([a-z-]+)"', source))
    codes |= set(re.findall(r'return "([a-z]+(?:-[a-z]+)+)", f?\(?', source))
    assert len(codes) > 10
    for code in codes:
        assert f"`{code}`" in PAGE, code
