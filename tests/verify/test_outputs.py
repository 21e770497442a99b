"""Every output of one verification, with transcripts that would break out of it if they could."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from playing import case, remit

from remit.types import Message
from remit.verify.cases import Grade, Transcript
from remit.verify.contrast import Question, contrasts
from remit.verify.journal import Record
from remit.verify.mutation import Mutant
from remit.verify.outputs import words, written
from remit.verify.outputs.words import visible
from remit.verify.plan import Suites
from remit.verify.records import Sample, line
from remit.verify.results import Outcome
from remit.verify.verdicts import Limits, lines
from remit.verify.verification import Verification, Verified

HOSTILE = (
    "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>"
    "]]>&amp;\"'\x00\x1b[31m\u200b\u202e\U000e0041{{ 7*7 }}{% raw %}"
)


def hostile(number: int, label: str, attack: str = "") -> Sample:
    of = case(number, rule="no-advice", attack=attack)
    said = (Message("user", HOSTILE), Message("assistant", HOSTILE))
    return Sample(number, HOSTILE, 0, Transcript(of, said, "", "stop"), _grade(label))


def _grade(label: str) -> Grade:
    return Grade(label, "none", "detectors", 0.9, HOSTILE)


@pytest.fixture
def samples() -> list[Sample]:
    found = [hostile(n, "violated" if n < 9 else "held") for n in range(12)]
    return [*found, *(hostile(20 + n, "violated", f"attack-{n}") for n in range(3))]


@pytest.fixture
def verification(samples) -> Verification:
    loaded = remit()
    outcomes = [Outcome(HOSTILE), Outcome("other")]
    for one in samples:
        outcomes[0].add(one)
        outcomes[1].add(one)
    limits = Limits(attacks=0.5)
    targets = [Verified(o.target, tuple(lines(o, loaded.policy, limits)), o) for o in outcomes]
    return Verification(
        loaded.policy,
        "0.1",
        Suites("d" * 64, 15, {"remit": 12}, ("a", "b")),
        limits,
        tuple(targets),
        started="2026-01-01T00:00:00+00:00",
        ladder=True,
        contrasts=tuple(contrasts(outcomes, Question())),
        mutants=(Mutant("drop", "no-advice", HOSTILE, 3, 0, 2, 2),),
    )


def output(name: str, verification, record=None) -> bytes:
    return b"".join(written(name, verification, remit(), record))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_holds_no_script_and_loads_nothing(verification):
    text = output("html", verification).decode()
    tags = Tags()
    tags.feed(text)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "a", "form", "base"}
    for _, attributes in tags.found:
        assert not any(name.startswith("on") or name in ("src", "href") for name in attributes)
    assert "&lt;script&gt;alert(1)" in text
    assert "default-src 'none'" in text
    assert "{{ 7*7 }}" in text
    assert not re.search(r"url\(|@import|https?://", text.partition("</style>")[0])


def test_what_an_attack_hides_is_seen():
    assert visible("a\u200bb\u202e\x1b\U000e0041\n") == "a⟨200B⟩b⟨202E⟩⟨001B⟩⟨E0041⟩\n"
    assert visible("naïve 日本語 🙂") == "naïve 日本語 🙂"


def test_junit_is_xml_with_a_case_for_each_number(verification):
    root = ET.fromstring(output("junit", verification))
    suites = root.findall("testsuite")
    assert len(suites) == 2
    names = [found.get("name") for found in suites[0]]
    assert names == ["violations", "attack success"]
    assert suites[0].find("testcase/failure") is not None
    assert suites[0].get("failures") == "1"
    assert suites[0].get("skipped") == "1"


def test_sarif_points_at_the_rule_and_quotes_no_transcript(verification):
    log = json.loads(output("sarif", verification))
    result = log["runs"][0]["results"][0]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (result["ruleId"], result["level"], region["startLine"]) == (
        "verify-violations",
        "error",
        6,
    )
    assert "onerror" not in json.dumps([r["message"] for r in log["runs"][0]["results"][2:]])


def test_json_says_what_a_program_needs(verification):
    value = json.loads(output("json", verification))
    assert value["decision"] == "fail"
    line_ = value["targets"][0]["rules"][0]
    assert (line_["failed"], line_["seeds"], line_["decision"]) == (9, 12, "fail")
    assert value["targets"][0]["seeds"]["no-advice"]["violations"]["s0"] == [1, 1, 0]
    assert value["mutants"][0]["noticed"] is True


def test_an_inspect_log_has_every_recorded_sample_once(verification, samples, tmp_path):
    path = tmp_path / "r"
    record = Record.create(path, {})
    record.write(b"".join(line(one) for one in [*samples, samples[0]]))
    record.close()
    log = json.loads(output("inspect", verification, str(path)))
    assert (log["version"], log["status"], len(log["samples"])) == (2, "success", 15)
    first = log["samples"][0]
    assert first["scores"]["remit"]["value"] == "I"
    assert [m["role"] for m in first["messages"]] == ["user", "assistant"]


def test_of_a_ladder_only_the_whole_assistant_is_judged(verification):
    assert [target.name for target in verification.judged] == ["other"]


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0, "0 %"), (0.0004, "0.04 %"), (0.001, "0.1 %"), (0.0123, "1.2 %"), (0.05, "5 %"),
        (0.123, "12 %"), (0.999, "100 %"), (1, "100 %"),
    ],
)  # fmt: skip
def test_a_rate_is_said_with_the_digits_that_say_something(rate, said):
    assert words.percent(rate) == said


@pytest.mark.parametrize(
    ("failed", "n", "limit"),
    [(0, 298, 0.01), (0, 299, 0.01), (1, 472, 0.01), (1, 473, 0.01), (0, 59, 0.05), (0, 58, 0.05),
     (4, 4, 0.47), (5, 5, 0.54), (9, 400, 0.0125), (0, 20, 0.139), (0, 20, 0.1391)],
)  # fmt: skip
def test_the_bounds_as_they_are_said_agree_with_the_verdict(failed, n, limit):
    from remit.statistics.intervals import Interval, lower_bound, upper_bound

    bounds = Interval(lower_bound(failed, n, 0.95), upper_bound(failed, n, 0.95))
    low, high = map(float, words.interval(bounds, limit).removesuffix(" %").split("–"))
    assert (high <= 100 * limit) == (bounds.high <= limit)
    assert (low <= 100 * limit) == (bounds.low <= limit)
    assert low / 100 <= bounds.low + 1e-9
    assert high / 100 >= bounds.high - 1e-9


def test_bounds_are_rounded_outwards():
    from remit.statistics.intervals import Interval

    assert words.interval(Interval(0.0, 0.010003)) == "0–1.1 %"
    assert words.interval(Interval(0.0, 0.010003), 0.01) == "0–1.1 %"
    assert words.interval(Interval(0.01009, 0.07), 0.01) == "1.009–7 %"
    assert words.interval(Interval(0.0, 0.01248), 0.0125) == "0–1.25 %"


def odd_verification(seed: str, said: str) -> Verification:
    """One violation of a seed with that name, in which the model said so."""
    of = case(1, seed=seed)
    outcome = Outcome("model")
    played = Transcript(of, (Message("user", "hi"), Message("assistant", said)))
    outcome.add(Sample(0, "model", 0, played, Grade("violated", "none", "detectors", 1.0, "said")))
    limits = Limits()
    target = Verified("model", tuple(lines(outcome, remit().policy, limits)), outcome)
    return Verification(remit().policy, "0.1", Suites("d" * 64, 1), limits, (target,))


@pytest.mark.parametrize("name", ["json", "junit", "sarif", "html", "inspect"])
def test_a_lone_surrogate_in_the_name_of_a_seed_breaks_no_output(name):
    assert output(name, odd_verification("a\ud800b", "bad\udfff")).decode()


def test_a_name_that_hides_something_is_seen_on_the_page():
    text = output("html", odd_verification("seed\u202e\x00txt", "bad")).decode()
    assert "seed⟨202E⟩⟨0000⟩txt" in text
    assert not {"\u202e", "\x00"} & set(text)


def test_a_violation_of_a_megabyte_is_shown_from_both_its_ends():
    found = odd_verification("s", "start " + "x" * 1_000_000 + " end")
    kept = next(found.targets[0].outcome.violations())
    assert kept.transcript.replies[0].startswith("start ")
    assert kept.transcript.replies[0].endswith(" end")
    assert "characters …" in kept.transcript.replies[0]
    assert len(output("html", found)) < 100_000


def test_a_rule_that_nothing_was_asked_about_is_named_in_every_reading(verification):
    from remit.verify.outputs import rows

    assert verification.not_asked == ("no-guess",)
    assert any("nothing is said, about: no-guess" in told for told in rows.remarks(verification))
    assert json.loads(output("json", verification))["not_asked"] == ["no-guess"]
    assert b"about: no-guess" in output("html", verification)
