"""Published guard models behind an endpoint: asked in their own form, and strictly read."""

from __future__ import annotations

import asyncio

import pytest

from remit.detectors.base import ConfigError, Setting, Use
from remit.detectors.learned.classifiers import Classifier
from remit.detectors.learned.families import FAMILIES
from remit.detectors.text import Text
from remit.models.scripted import Fault, Scripted, ScriptedReply
from remit.types import Detection, Failure, Interaction, Message

URL = "http://guard.example/v1"
BEFORE = (Message("system", "Be Ada."), Message("user", "Hello"), Message("user", "May I hit him?"))


def ask(model, family="llama-guard", text="Yes.", role="assistant", uses=1, timeout=5.0, **more):
    kind = Classifier(lambda _: model, timeout)
    config = kind.parse({"model": family, "endpoint": URL, **more})
    matcher = kind.compile([Use(str(n), config, "No harm.") for n in range(uses)], Setting())
    context = Interaction((*BEFORE, Message(role, text)))
    return asyncio.run(matcher.ask(Text(text), context))


READ = [
    ("llama-guard", "safe", 0),
    ("llama-guard", "\n\nsafe\n", 0),
    ("llama-guard", "unsafe\nS1,S10", 1),
    ("llama-guard", "unsafe", 1),
    ("prompt-guard", "BENIGN", 0),
    ("prompt-guard", "MALICIOUS", 1),
    ("prompt-guard", "JAILBREAK", 1),
    ("prompt-guard", "LABEL_0", 0),
    ("granite-guardian", "Yes", 1),
    ("granite-guardian", "No\n<confidence> High </confidence>", 0),
    ("granite-guardian", "<think>\nIt harms.\n</think>\n<score> yes </score>", 1),
    ("granite-guardian", "<score> no </score>", 0),
    ("shieldgemma", "Yes", 1),
    ("shieldgemma", "No, it does not violate the principle.", 0),
    ("wildguard", "Harmful request: yes\nResponse refusal: no\nHarmful response: no", 0),
    ("wildguard", "Harmful request: no\nResponse refusal: no\nHarmful response: yes", 1),
    ("qwen3guard", "Safety: Safe\nCategories: None\nRefusal: No", 0),
    ("qwen3guard", "Safety: Unsafe\nCategories: Violent", 1),
    ("qwen3guard", "Safety: Controversial\nCategories: Politically Sensitive Topics", 1),
]


@pytest.mark.parametrize(("family", "reply", "score"), READ)
def test_a_published_answer_is_read(family, reply, score):
    (outcome,) = ask(Scripted([reply]), family)
    assert isinstance(outcome, Detection)
    assert outcome.score == score
    assert bool(outcome.reason) is bool(score)


DISBELIEVED = [
    "",
    "safe\nS1",
    "safe, I think",
    "unsafe S99999",
    "maybe",
    "yesterday",
    "0.3",
    "Safety: Safe",
    "Harmful request: yes\nResponse refusal: no\nHarmful response: n/a",
    "I cannot answer.",
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("reply", DISBELIEVED)
def test_an_answer_of_no_published_form_is_a_failure(family, reply):
    (outcome,) = ask(Scripted([reply]), family)
    assert isinstance(outcome, Failure)
    assert family in outcome.error


FAULTS = [
    ScriptedReply("safe", status=500),
    ScriptedReply("safe", status=401),
    ScriptedReply("safe", fault=Fault.CONNECT),
    ScriptedReply("safe", fault=Fault.TIMEOUT),
    ScriptedReply("safe", fault=Fault.GARBAGE),
    ScriptedReply("safe", fault=Fault.HALF),
    ScriptedReply("safe", fault=Fault.HANG),
    ScriptedReply(refusal="No."),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_an_endpoint_that_does_not_answer_is_a_failure(number):
    (outcome,) = ask(Scripted([FAULTS[number]]), timeout=0.1)
    assert isinstance(outcome, Failure)


def test_without_a_connection_it_fails():
    kind = Classifier()
    uses = [Use("rule", kind.parse({"model": "llama-guard", "endpoint": URL}))]
    asked = kind.compile(uses, Setting()).ask(Text("x"), Interaction((Message("user", "x"),)))
    (outcome,) = asyncio.run(asked)
    assert isinstance(outcome, Failure)
    assert URL in outcome.error


def test_a_text_too_long_to_be_judged_whole_is_a_failure():
    model = Scripted(["safe"])
    (outcome,) = ask(model, text="x" * 60_001)
    assert isinstance(outcome, Failure)
    assert model.requests == []


def test_an_answer_is_asked_about_behind_its_question():
    model = Scripted(["safe"])
    ask(model, name="guard-8b")
    (request,) = model.requests
    assert request["model"] == "guard-8b"
    assert request["messages"] == [
        {"role": "user", "content": "May I hit him?"},
        {"role": "assistant", "content": "Yes."},
    ]


@pytest.mark.parametrize("role", ["user", "tool"])
def test_what_comes_in_is_asked_about_as_a_clients(role):
    model = Scripted(["safe"])
    ask(model, role=role, text="Hit him.")
    assert model.requests[0]["messages"] == [{"role": "user", "content": "Hit him."}]


def test_rules_that_ask_the_same_share_one_request():
    model = Scripted(["unsafe\nS1"])
    assert len(ask(model, uses=3)) == 3
    assert len(model.requests) == 1


def test_the_rule_is_the_guideline_of_a_model_that_takes_one():
    model = Scripted(["No"])
    ask(model, "shieldgemma")
    assert model.requests[0]["chat_template_kwargs"] == {"guideline": "No harm."}
    ask(model, "granite-guardian", risk="social_bias")
    config = model.requests[1]["chat_template_kwargs"]["guardian_config"]
    assert config == {"risk_name": "social_bias"}


REFUSED = [
    (None, "endpoint: URL"),
    ({"model": "llama-guard"}, "endpoint: URL"),
    ({"model": "lama-guard", "endpoint": URL}, "did you mean 'llama-guard'"),
    ({"model": "gpt", "endpoint": URL}, "have llama-guard"),
    ({"model": "llama-guard", "endpoint": "guard"}, "no address"),
    ({"model": "llama-guard", "endpoint": URL, "key": "x"}, "endpoint: URL"),
]


@pytest.mark.parametrize(("config", "told"), REFUSED)
def test_a_wrong_setting_is_refused(config, told):
    with pytest.raises(ConfigError) as caught:
        Classifier().parse(config)
    assert told in str(caught.value)
