"""The registry: an explicit value; a wrong name is told what there is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from remit.detectors.base import ConfigError
from remit.detectors.registry import registry
from remit.enforce import compile_policy
from remit.policy import PolicyError, loads


@dataclass
class Named:
    name: str


def test_the_shipped_kinds_are_there():
    kinds = registry(plugins=False).kinds
    assert {"phrases", "pattern", "identifier", "echo", "judge"} <= set(kinds)
    assert all(kinds[name].name == name for name in kinds)


def test_an_extra_kind_is_added():
    extra = Named("shout")
    assert registry([extra], plugins=False).kind("shout") is extra


def test_a_wrong_name_is_told_the_nearest_and_all():
    with pytest.raises(ConfigError, match=r"no detector 'phrase'; did you mean 'phrases'\? have "):
        registry(plugins=False).kind("phrase")


def test_two_kinds_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two detectors are named 'echo'; uninstall one"):
        registry([Named("echo")], plugins=False)


def test_a_remit_with_a_wrong_detector_is_refused_at_its_line():
    remit = """\
remit: 1
organisation: H
responsible: {owner: P}
rules:
  - id: rule
    says: s
    because: b
    owner: o
    detect:
      - phrases: [void]
      - topik: advice
    then: {output: block}
"""
    with pytest.raises(
        PolicyError, match=r"remit.yaml:11:9: error: rule rule: no detector 'topik'"
    ):
        compile_policy(loads(remit))
