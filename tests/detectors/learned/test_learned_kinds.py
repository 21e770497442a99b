"""How a remit writes the learned kinds, and what it is told when it writes them wrongly."""

from __future__ import annotations

import sys

import pytest
from learnt import CONFIGS, LIKE

from remit.detectors.base import ConfigError
from remit.detectors.learned import kinds
from remit.detectors.learned.questions import Heads, Like

KINDS = {kind.name: kind for kind in kinds()}

READ = [
    ("topic", "legal-advice", ["topic.legal.asked"], ["topic.legal.given"], 0.01),
    (
        "topic",
        {"of": ["tax-advice", "financial-advice"], "alarms": "0.5%"},
        ["topic.tax_financial.asked"],
        ["topic.tax_financial.given"],
        0.005,
    ),
    (
        "attack",
        None,
        ["attack.any"],
        ["attack.indirect"],
        0.01,
    ),
    ("attack", "indirect", ["attack.indirect"], ["attack.indirect"], 0.01),
    ("harm", {"alarms": 0.02}, ["harm.any"], ["harm.any"], 0.02),
    ("harm", ["self-harm", "crime"], ["harm.self_harm", "harm.crime"], None, 0.01),
    ("doubt", "any", ["speech.doubt"], None, 0.01),
    ("refusal", "any", ["speech.refusal_full", "speech.refusal_partial"], None, 0.01),
    ("promise", None, ["speech.promise"], None, 0.01),
]


@pytest.mark.parametrize(("name", "config", "asked", "given", "rate"), READ)
def test_a_setting_is_read_as_the_heads_it_means(name, config, asked, given, rate):
    heads = KINDS[name].parse(config)
    assert isinstance(heads, Heads)
    assert list(heads.asked) == asked
    assert list(heads.given) == (given or asked)
    assert heads.rate == pytest.approx(rate)
    assert heads.decode is (name in {"attack", "harm"})


REFUSED = [
    ("topic", None, "topic of what"),
    ("topic", "legal-advise", "did you mean 'legal-advice'"),
    ("topic", "cooking", "have legal-advice"),
    ("topic", [], "of what? have legal-advice"),
    ("topic", {"of": "legal-advice", "threshold": 0.3}, "alarms: 1%"),
    ("topic", {"of": "legal-advice", "alarms": "0%"}, "0.2% to 5%"),
    ("attack", {"of": "any", "alarms": "50%"}, "0.2% to 5%"),
    ("harm", {"of": ["hate", "violence", "crime"], "alarms": "0.2%"}, "0.38% at the least"),
    ("harm", 5, "harm knows no '5'"),
    ("person-name", "all", "takes no setting"),
    ("examples", list(LIKE), "like"),
    ("examples", {"like": list(LIKE[:4])}, "5 to 50 sentences under like, not 4"),
    ("examples", {"like": list(LIKE) * 11}, "not 55"),
    ("examples", {"like": [*LIKE, ""]}, "a list of sentences under like"),
    ("examples", {"like": list(LIKE), "unlike": "no"}, "under unlike"),
]


@pytest.mark.parametrize(("name", "config", "told"), REFUSED)
def test_a_wrong_setting_is_refused_with_the_cure(name, config, told):
    with pytest.raises(ConfigError) as caught:
        KINDS[name].parse(config)
    assert told in str(caught.value)


def test_examples_keep_what_they_are_like_and_unlike():
    config = {"like": list(LIKE), "unlike": ["We are open on Monday."], "alarms": "2%"}
    assert KINDS["examples"].parse(config) == Like(LIKE, ("We are open on Monday.",), 0.02)


@pytest.mark.parametrize("module", ["numpy", "onnxruntime", "tokenizers"])
@pytest.mark.parametrize("name", CONFIGS)
def test_without_the_extra_a_kind_says_what_to_install(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install 'remit\[learned\]'"):
        KINDS[name].parse(CONFIGS[name])
