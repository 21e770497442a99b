"""Weights that are absent, changed or of another format fail every question; none of it passes."""

from __future__ import annotations

import json

import pytest
from learnt import CONFIGS, SAMPLE, copied, matcher, said

from remit.detectors.learned.cascade import cascade
from remit.detectors.learned.matcher import LearnedMatcher
from remit.detectors.learned.questions import Heads
from remit.detectors.text import Text
from remit.types import CLEAN, Failure

FILES = ("linear.safetensors", "encoder.onnx", "tokenizer.json", "calibration.json")
ALL = (*FILES, "manifest.json")


def outcomes(folder, name="topic", text="You should sue your landlord."):
    return matcher(name, folder=folder).bind(said("assistant")).read(Text(text)).outcomes


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("text", ["", "You should sue."])
def test_absent_weights_fail_and_name_the_cure(tmp_path, name, text):
    (outcome,) = outcomes(tmp_path / "nothing", name, text)
    assert isinstance(outcome, Failure)
    assert "manifest.json" in outcome.error
    assert "reinstall remit" in outcome.error


@pytest.mark.parametrize("file", ALL)
@pytest.mark.parametrize("name", CONFIGS)
def test_an_absent_file_fails(tmp_path, name, file):
    folder = copied(tmp_path / "weights")
    (folder / file).unlink()
    (outcome,) = outcomes(folder, name)
    assert isinstance(outcome, Failure)
    assert file in outcome.error


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


SPOILT = {
    "one bit": flipped,
    "cut short": lambda content: content[:-1],
    "longer": lambda content: content + b"\n",
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_fails(tmp_path, file, how):
    folder = copied(tmp_path / "weights")
    (folder / file).write_bytes(SPOILT[how]((folder / file).read_bytes()))
    (outcome,) = outcomes(folder)
    assert isinstance(outcome, Failure)
    assert file in outcome.error


MANIFESTS = {
    "another format": lambda value: {**value, "format": 2},
    "no heads": lambda value: {**value, "heads": []},
    "a list": lambda value: [],
    "no files": lambda value: {**value, "files": {}},
    "heads without numbers": lambda value: {**value, "heads": [{"name": "topic.legal.given"}]},
    "more buckets": lambda value: {**value, "linear": {**value["linear"], "log2_buckets": 11}},
    "another head": lambda value: {
        **value,
        "heads": [{**head, "name": f"new.{head['name']}"} for head in value["heads"]],
    },
}


@pytest.mark.parametrize("how", MANIFESTS)
def test_a_manifest_that_does_not_fit_fails(tmp_path, how):
    folder = copied(tmp_path / "weights")
    value = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(MANIFESTS[how](value)), "utf-8")
    (outcome,) = outcomes(folder)
    assert isinstance(outcome, Failure), outcome


def test_weights_that_are_put_right_are_read_without_a_restart(tmp_path):
    folder = copied(tmp_path / "weights")
    whole = (folder / "linear.safetensors").read_bytes()
    (folder / "linear.safetensors").write_bytes(b"")
    kept = matcher("topic", folder=folder)
    assert isinstance(kept.bind(said("user")).read(Text("Sue him.")).outcomes[0], Failure)
    (folder / "linear.safetensors").write_bytes(whole)
    assert not isinstance(kept.bind(said("user")).read(Text("Sue him.")).outcomes[0], Failure)


def test_a_rate_that_the_calibration_set_cannot_promise_fails():
    asks = Heads(("topic.legal.asked",), ("topic.legal.given",), "law", 0.0005)
    reader = LearnedMatcher([asks], lambda: cascade(SAMPLE)).bind(said("assistant"))
    (outcome,) = reader.read(Text("You should sue.")).outcomes
    assert isinstance(outcome, Failure)
    assert "0.10% at the least" in outcome.error


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_text_is_clean_where_the_weights_are_whole(text):
    assert outcomes(SAMPLE, text=text) == (CLEAN,)
