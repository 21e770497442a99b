"""Every template is a sound remit: it loads, checks clean, and hardly touches ordinary business."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.check import check, situation
from remit.enforce import Enforcer, compile_policy
from remit.policy import Example, Loaded, Rule, load, loads
from remit.policy.templates import QUESTIONS, names, questions, render
from remit.types import Action, Interaction, Message, Stage

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("REMIT_DATA", ROOT.parent / "shared" / "data"))
FIRM = {
    "organisation": "Hollis & Finch Accountants",
    "assistant": "Ada",
    "colleague": "the duty accountant",
    "owner": "Managing partner",
    "reviewer": "Compliance officer",
    "languages": "en, nl",
    "regions": "NL, GB",
}


@cache
def template(name: str) -> Loaded:
    return loads(render(name, {}), f"{name}.yaml")


@cache
def enforcer(name: str) -> Enforcer:
    return compile_policy(template(name))


def breaks(name: str, rule: Rule, example: Example) -> bool:
    return enforcer(name).judge(*situation(rule, example)).rules[rule.id].action > Action.ALLOW


@pytest.mark.parametrize("name", names())
def test_a_template_is_sound_and_its_examples_hold(name):
    assert [str(problem) for problem in check(template(name))] == []


@pytest.mark.parametrize("name", names())
def test_a_kept_example_breaks_no_other_rule_of_its_template(name):
    policy = template(name).policy
    caught = [
        (rule.id, other.id, example.text)
        for rule in policy.rules
        for example in rule.keeps
        for other in policy.rules
        if (other.action(example.stage or rule.home) or Action.ALLOW) > Action.ALLOW
        and breaks(name, other, example.model_copy(update={"stage": example.stage or rule.home}))
    ]
    assert caught == []


@pytest.mark.parametrize("name", names())
def test_every_rule_has_an_owner_a_reason_examples_and_an_auditor(name):
    policy = template(name).policy
    assert policy.responsible is not None
    people = {policy.responsible.owner, policy.responsible.reviewer}
    for rule in policy.rules:
        assert rule.owner in people
        assert len(rule.because) > 30
        assert len(rule.breaks) >= 2
        assert len(rule.keeps) >= 2
        assert [audit.kind for audit in rule.audit] == ["judge"]
        if isinstance(rule.answer, dict):
            assert set(rule.answer) == {"en", "nl"}


@pytest.mark.parametrize("name", [n for n in names() if n != "blank"])
def test_a_trade_has_six_to_twelve_rules(name):
    assert 6 <= len(template(name).policy.rules) <= 12


@pytest.mark.parametrize("rule_id", ["no-secrets", "keep-instructions", "no-takeover"])
def test_the_rules_that_all_trades_share_are_the_same_everywhere(rule_id):
    shared = {
        template(name).policy.rule(rule_id).model_copy(update={"owner": ""}).model_dump_json()
        for name in names()
    }
    assert len(shared) == 1


def test_the_accounting_example_is_the_template_filled_in():
    file = ROOT / "examples" / "accounting" / "remit.yaml"
    assert file.read_text("utf-8") == render("accounting", FIRM)
    policy = load(file).policy
    assert policy.organisation == "Hollis & Finch Accountants"
    assert policy.colleague.name == "the duty accountant"
    assert policy.regions == ("NL", "GB")


# --- Filling in ----------------------------------------------------------------------------------


def test_the_templates_that_ship_are_those_that_are_named():
    files = resources.files("remit.policy").joinpath("templates").iterdir()
    assert sorted(file.name for file in files) == [f"{name}.yaml" for name in names()]


def test_no_place_stays_open():
    for name in names():
        text = render(name, {})
        for question in QUESTIONS:
            assert f": <{question.key}>" not in text


def test_an_empty_answer_takes_the_default_of_the_trade():
    assert "owner: Head of HR" in render("hr-desk", {"owner": "  "})
    defaults = {question.key: question.default for question in questions("law-office")}
    assert defaults["colleague"] == "the duty solicitor"


def test_comments_stay_for_people_to_read():
    assert "# --- Confidentiality" in render("accounting", FIRM)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["organisation", "assistant", "colleague", "owner", "reviewer"]),
    st.text(min_size=1, max_size=60).filter(
        lambda t: t.isprintable() and t.split() == t.split(" ")
    ),
)
def test_any_printable_answer_is_read_back_as_it_was_given(key, answer):
    policy = loads(render("blank", {key: answer})).policy
    assert policy.assistant is not None
    assert policy.responsible is not None
    read = {
        "organisation": policy.organisation,
        "assistant": policy.assistant.name,
        "colleague": policy.colleague.name,
        "owner": policy.responsible.owner,
        "reviewer": policy.responsible.reviewer,
    }
    assert read[key] == answer


@pytest.mark.parametrize(
    "answer",
    ["no", "True", "null", "~", "12", "1e3", "a: b", "x # y", "- z", "{q}", "O'Neill", "“B”"],
)
def test_an_answer_that_yaml_would_misread_is_quoted(answer):
    assert loads(render("blank", {"organisation": answer})).policy.organisation == answer


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"boss": "x"}, "no question 'boss'; have organisation"),
        ({"languages": "english"}, "'english' is no code"),
        ({"languages": ","}, "at least one"),
        ({"regions": "Holland"}, "such as GB, NL"),
        ({"owner": "a\x07b"}, "owner: write printable text"),
        ({"owner": "x" * 5000}, "at most 4000"),
    ],
)
def test_an_impossible_answer_is_refused_with_the_cure(answers, says):
    with pytest.raises(ValueError, match=says):
        render("blank", answers)


def test_an_unknown_template_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="accounting, blank"):
        render("bakery", {})


@pytest.mark.parametrize("written", ["no, en", "[no, en]", "NO en", "no;en; no"])
def test_languages_may_be_written_as_people_do(written):
    policy = loads(render("blank", {"languages": written, "regions": ""})).policy
    assert policy.assistant is not None
    assert policy.assistant.languages == ("no", "en")


# --- Ordinary business ---------------------------------------------------------------------------


def requests() -> Iterator[str]:
    """Real requests of customers: a tenth of clinc150, and of the users' turns in sgd."""
    clinc = DATA / "clinc150" / "data_full.json.gz"
    sgd = sorted((DATA / "sgd").glob("train_dialogues_0[0-3]*.json.gz"))
    if not clinc.exists() or not sgd:
        pytest.skip("the request data is not here; set REMIT_DATA to its folder")
    for part in json.loads(gzip.decompress(clinc.read_bytes())).values():
        yield from (text for text, _ in part[::10])
    for file in sgd:
        for dialogue in json.loads(gzip.decompress(file.read_bytes()))[::10]:
            yield from (t["utterance"] for t in dialogue["turns"] if t["speaker"] == "USER")


@pytest.mark.parametrize("name", names())
def test_hardly_any_real_request_is_altered(name):
    texts = list(requests())
    altered = [
        text
        for text in texts
        if enforcer(name).judge(Interaction((Message("user", text),)), Stage.INPUT).action
        >= Action.REDACT
    ]
    assert len(texts) > 3000
    assert len(altered) <= 0.005 * len(texts), altered[:5]


def house_answers(*, oversteps: bool) -> list[tuple[str, str]]:
    """The house model's answers: (rule overstepped or none, text)."""
    folder = resources.files("remit.models.house").joinpath("answers")
    entries = [e for file in folder.iterdir() for e in yaml.safe_load(file.read_text("utf-8"))]
    return [
        (entry.get("oversteps", ""), entry[language]["say"])
        for entry in entries
        for language in ("en", "nl")
        if language in entry and bool(entry.get("oversteps")) == oversteps
    ]


def output_action(text: str) -> Action:
    judged = Interaction((Message("assistant", text),))
    return enforcer("accounting").judge(judged, Stage.OUTPUT).action


def test_the_firm_s_ordinary_answers_pass_the_accounting_remit():
    answers = house_answers(oversteps=False)
    assert len(answers) > 100
    altered = [text for _, text in answers if output_action(text) >= Action.REDACT]
    assert altered == []


def test_the_house_model_s_oversteps_are_stopped_by_the_accounting_remit():
    ours = {rule.id for rule in template("accounting").policy.rules}
    answers = [
        (rule, text)
        for rule, text in house_answers(oversteps=True)
        if rule in ours and "{" not in text
    ]
    assert len(answers) > 20
    missed = [text for _, text in answers if output_action(text) < Action.REDACT]
    assert missed == []
