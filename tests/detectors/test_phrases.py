"""Phrases, found through disguise and only where the words stand."""

from __future__ import annotations

import pytest

from remit.detectors.base import ConfigError, Setting, Use
from remit.detectors.phrases import MAX_PHRASE, Phrases
from remit.detectors.text import Text


def spans(phrases, text: str) -> list[str]:
    """What is found, as it is written."""
    kind = Phrases()
    matcher = kind.compile([Use("rule", kind.parse(phrases))], Setting())
    (outcome,) = matcher.read(Text(text)).outcomes
    return [text[span.start : span.end] for span in outcome.spans]


FOUND = [
    ("you should sue", "Well, you should sue him.", "you should sue"),
    ("you should sue", "YOU SHOULD SUE", "YOU SHOULD SUE"),
    ("you should sue", "you  should\n sue", "you  should\n sue"),
    ("you should sue", "y o u s h o u l d s u e", "y o u s h o u l d s u e"),
    ("you should sue", "you sh0uld 5ue", "you sh0uld 5ue"),
    ("you should sue", "yοu shоuld ѕue", "yοu shоuld ѕue"),
    ("you should sue", "yöu shóuld śue", "yöu shóuld śue"),
    ("you should sue", "you sho\u0301uld sue", "you sho\u0301uld sue"),
    ("you should sue", "you sh\u200bould s\u00adue", "you sh\u200bould s\u00adue"),
    ("you should sue", "you.should.sue", "you.should.sue"),
    ("you should sue", "ｙｏｕ ｓｈｏｕｌｄ ｓｕｅ", "ｙｏｕ ｓｈｏｕｌｄ ｓｕｅ"),
    ("you should sue", "𝘆𝗼𝘂 𝘀𝗵𝗼𝘂𝗹𝗱 𝘀𝘂𝗲", "𝘆𝗼𝘂 𝘀𝗵𝗼𝘂𝗹𝗱 𝘀𝘂𝗲"),
    ("you should sue", "you sh*uld… no: you should — sue", "you should — sue"),
    ("don't declare", "just DON’T declare it", "DON’T declare"),
    ("legally binding", "1ega11y binding", "1ega11y binding"),
    ("advis*", "my advisory board", "advis"),
    ("advis*", "I advise", "advis"),
    ("contract is void", "Contract is void.", "Contract is void"),
    ("起诉他", "你应该起诉他。", "起诉他"),
    ("起诉他", "起 诉 他", "起 诉 他"),
    ("straße räumen", "STRASSE RAUMEN", "STRASSE RAUMEN"),
    ("section 21", "see section 21.", "section 21"),
    ("hmrc will never", "HMRC will never know", "HMRC will never"),
]


@pytest.mark.parametrize(("phrase", "text", "written"), FOUND, ids=[f[1] for f in FOUND])
def test_a_phrase_is_found(phrase, text, written):
    assert spans([phrase], text) == [written]


MISSED = [
    ("the rapist", "a therapist"),
    ("therapist", "the rapist"),
    ("sue", "this issue"),
    ("sue", "we pursue it"),
    ("sue", "suet pudding"),
    ("you should sue", "you should not sue"),
    ("you should sue", "you should issue a receipt"),
    ("you should sue", "you should supply it"),
    ("you should sue", "you should…………sue"),
    ("legal right to", "illegal right to"),
    ("void", "avoid"),
    ("void", "v oid"),
    ("bill", "bili"),
    ("sell", "seii"),
    ("section 21", "section 210"),
    ("section 21", "section 2i"),
    ("a case", "acase"),
]


@pytest.mark.parametrize(("phrase", "text"), MISSED, ids=[f"{m[0]} in {m[1]}" for m in MISSED])
def test_another_text_is_not_the_phrase(phrase, text):
    assert spans([phrase], text) == []


def test_overlapping_phrases_are_all_found():
    assert spans(["should sue", "sue him"], "you should sue him") == ["should sue", "sue him"]


def test_each_rule_gets_its_own_answer():
    kind = Phrases()
    uses = [Use("one", kind.parse("sue him")), Use("two", kind.parse(["sue him", "void"]))]
    one, two = kind.compile(uses, Setting()).read(Text("sue him: void")).outcomes
    assert (len(one.spans), len(two.spans)) == (1, 2)
    assert one.reason == "phrase “sue him”"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ([], "wants a list of texts"),
        (None, "wants a list of texts"),
        ([1], "wants a list of texts"),
        ({"a": 1}, "wants a list of texts"),
        ("a", "too short to match; give at least two letters"),
        ("…!", "too short to match; give at least two letters"),
        ("*", "too short to match; give at least two letters"),
        ("ab " * MAX_PHRASE, f"too long; {MAX_PHRASE} letters at most"),
    ],
)
def test_a_phrase_that_cannot_be_matched_is_refused(config, says):
    with pytest.raises(ConfigError, match=says):
        Phrases().parse(config)
