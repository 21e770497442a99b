"""The model card: every hash, every failure, and nothing that could run."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from test_training_gate import gate, side

from remit.layers.training.card import card, page, write_card
from remit.layers.training.engine import TrainingError

EVIL = "<script>alert(1)</script>\u202e"


@pytest.fixture
def run(tmp_path):
    """A run's folder as a training leaves it, with a model in it."""
    folder = tmp_path / "run"
    (folder / "final").mkdir(parents=True)
    (folder / "final" / "config.json").write_text("{}")
    (folder / "final" / "model.safetensors").write_bytes(b"weights")
    told = {
        "recipe": {"method": "dpo", "beta": 0.1},
        "recipe_digest": "a" * 64,
        "policy": "b" * 64,
        "data": [{"name": f"pairs{EVIL}.jsonl", "sha256": "c" * 64, "rows": 12}],
        "data_digest": "d" * 64,
        "held": [],
        "start": {"model": "sft", "sha256": "e" * 64},
        "versions": {"torch": "2.13.0", "trl": "1.16.0"},
        "outcome": {"notes": ["3 rows longer than max_length, left out"], "stopped": ""},
    }
    (folder / "run.json").write_text(json.dumps(told))
    return folder


@pytest.fixture
def judged(tmp_path):
    path = tmp_path / "gate.json"
    found = gate(side(no_legal_advice=0.3), side(1, no_promises=0.2), ["no-legal-advice"])
    path.write_text(json.dumps(found.to_json()))
    return path


def test_every_hash_stands_in_it(run, judged):
    text = json.dumps(card(run, gate=judged))
    for letter in "abcde":
        assert letter * 64 in text
    told = card(run, gate=judged)
    assert len(told["model"]["sha256"]) == 64
    assert len(told["sources"]["gate"]["sha256"]) == 64
    assert told["versions"]["trl"] == "1.16.0"


def test_failures_stand_in_it(run, judged, tmp_path):
    alarm = tmp_path / "alarm.json"
    alarm.write_text(json.dumps({"kind": "kl", "step": 7, "words": "it is 9 nats away"}))
    failures = card(run, gate=judged, alarm=alarm)["failures"]
    assert "alarm: it is 9 nats away" in failures
    assert "3 rows longer than max_length, left out" in failures
    assert any(one.startswith("no-promises: shown to have got worse") for one in failures)


def test_what_was_not_done_is_said(run):
    failures = card(run)["failures"]
    assert any("no gate was run" in one for one in failures)
    assert any("no agreement" in one for one in failures)


def test_agreement_and_its_source_are_shown(run, tmp_path):
    agreed = tmp_path / "agreement.json"
    agreed.write_text(json.dumps({"reviewers": 3, "alpha": 0.71}))
    told = card(run, agreement=agreed)
    assert told["agreement"]["alpha"] == 0.71
    assert "0.71" in page(told)
    assert not any("no agreement" in one for one in told["failures"])


def test_a_model_that_was_changed_has_another_hash(run):
    first = card(run)["model"]["sha256"]
    (run / "final" / "model.safetensors").write_bytes(b"other")
    assert card(run)["model"]["sha256"] != first


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


def test_the_page_runs_and_fetches_nothing(run, judged, tmp_path):
    facts, html = write_card(card(run, gate=judged), tmp_path / "card")
    read = Tags()
    text = html.read_text("utf-8")
    read.feed(text)
    tags = {tag for tag, _ in read.seen}
    assert not tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not [a for _, a in read.seen if {"src", "href", "onload", "onclick"} & a.keys()]
    assert "default-src 'none'" in text
    assert "\u202e" not in text
    assert json.loads(facts.read_text())["kind"] == "dpo"


def test_the_page_shows_before_and_after_with_intervals(run, judged):
    text = page(card(run, gate=judged))
    assert 'aria-label="Rates before and after"' in text
    assert "no-legal-advice (target)" in text
    assert "shown to have got better" in text


@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_a_folder_without_a_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(TrainingError):
        card(tmp_path)


def test_facts_of_another_form_are_refused(run):
    told = card(run)
    with pytest.raises(TrainingError, match="no facts of a model card"):
        page({**told, "model": None})


def test_a_constitutions_stages_are_shown(tmp_path):
    told = {
        "recipe": {"method": "constitution"},
        "critic": {"kind": "detectors", "name": "the remit's detectors"},
        "reviser": "the rule's own answer",
        "revised": {"sampled": 10, "clean": 9},
        "dpo": {"folder": "dpo/final", "sha256": "f" * 64},
    }
    (tmp_path / "constitution.json").write_text(json.dumps(told))
    found = card(tmp_path)
    assert found["model"]["sha256"] == "f" * 64
    assert "critic: detectors (the remit's detectors)" in found["taught_by"]
    assert "sampled" in page(found)
