"""Lints: a rule that would not do what it claims is an error; what is odd is a warning."""

from __future__ import annotations

import time

import pytest

from remit.policy import loads
from remit.policy.lint import lint
from remit.policy.sarif import sarif

HEAD = """\
remit: 1
organisation: Hollis & Finch
assistant: {name: Ada, role: answers, languages: [en, nl]}
responsible: {owner: Managing partner}
rules:
"""
RULE = """\
  - id: no-legal-advice
    says: Does not give legal advice.
    because: Insurance.
    owner: Compliance officer
    detect: [{phrases: [you should sue]}]
    audit: [{judge: default}]
    then: {output: block}
    breaks: [You should sue.]
    keeps: [Ask a lawyer.]
"""
OTHER = RULE.replace("no-legal-advice", "no-guarantees").replace("give legal advice", "promise")
OTHER = OTHER.replace("you should sue", "I guarantee").replace("You should sue", "I guarantee it")
OTHER = OTHER.replace("Ask a lawyer", "Refunds take weeks")


def found(text: str) -> list[tuple[str, str]]:
    return [(problem.level, problem.code) for problem in lint(loads(text))]


def test_a_sound_remit_has_no_problems():
    assert lint(loads(HEAD + RULE + OTHER)) == []


def test_an_empty_remit_has_no_problems():
    assert lint(loads("remit: 1\norganisation: Nobody\n")) == []


# What is changed in the sound rule: from, to, the level and code found, what the message says.
ODD = [
    ("    detect: [{phrases: [you should sue]}]\n", "", "error", "not-enforced", "add detect:"),
    (
        "{output: block}",
        "{output: allow, input: allow}",
        "error",
        "not-enforced",
        "{output: block}",
    ),
    ("{output: block}", "{}", "error", "not-enforced", "every stage allows"),
    ("    breaks: [You should sue.]\n", "", "warning", "no-breaks", "under breaks:"),
    ("    keeps: [Ask a lawyer.]\n", "", "warning", "no-keeps", "under keeps:"),
    ("[{judge: default}]", "[{phrases: [you should sue]}]", "error", "own-judge", "another kind"),
    ("[{judge: default}]", "[{phrases: [a lot, you should sue]}]", "error", "own-judge", "grade"),
    ("[{phrases: [you should sue]}]", "[{judge: default}]", "error", "own-judge", "'judge'"),
    ("[{phrases: [you should sue]}]", "[judge]", "error", "own-judge", "'judge'"),
    ("[{phrases: [you should sue]}]", "[{judge: {model: default}}]", "error", "own-judge", "judge"),
    (
        "[{phrases: [you should sue]}]",
        '[{judge: {question: "Is it law?"}}]',
        "warning",
        "same-judge-model",
        "another judge",
    ),
    ("{output: block}", "{output: hand_over}", "warning", "no-answer", "add answer:"),
    ("{output: block}", "{input: replace, output: block}", "warning", "no-answer", "general text"),
    (
        "{output: block}",
        "{output: replace}\n    answer: {en: No.}",
        "warning",
        "answer-language",
        "nl",
    ),
    ("    audit:", "    tolerance: 100%\n    audit:", "warning", "tolerates-all", "1%"),
    ("    audit:", "    wrongly: 5%\n    audit:", "warning", "bounds-nothing", "drops nothing"),
    (
        "    audit:",
        "    severity: high\n    on_failure: allow\n    audit:",
        "warning",
        "fails-open",
        "leave on_failure out",
    ),
    (
        "    audit:",
        "    severity: critical\n    on_failure: flag\n    audit:",
        "warning",
        "fails-open",
        "critical",
    ),
    (
        "[{phrases: [you should sue]}]\n    audit: [{judge: default}]\n    then: {output: block}",
        "[{judge: other}]\n    audit: [{judge: default}]\n    then: {output: redact}",
        "error",
        "cannot-redact",
        "output",
    ),
    (
        "[{phrases: [you should sue]}]\n    audit: [{judge: default}]\n    then: {output: block}",
        "[{judge: other}]\n    audit: [{judge: default}]\n    then: {data: mask}",
        "error",
        "cannot-redact",
        "data",
    ),
    (
        "[{phrases: [you should sue]}]\n    audit: [{judge: default}]\n    then: {output: block}",
        "[{echo: [names]}]\n    audit: [{judge: default}]\n    then: {input: block, output: block}",
        "error",
        "impossible-stage",
        "output or tool",
    ),
    (
        "[{phrases: [you should sue]}]",
        "[{topic: legal-advice}]\n    threshold: 0.8",
        "warning",
        "moved-limit",
        "topic: {…, alarms: 1%}",
    ),
    ("[Ask a lawyer.]", "[you  should SUE.]", "error", "contradiction", "take it out of one"),
]


@pytest.mark.parametrize(
    ("sound", "odd", "level", "code", "says"), ODD, ids=[f"{o[3]}-{i}" for i, o in enumerate(ODD)]
)
def test_what_is_odd_is_told_with_the_cure(sound, odd, level, code, says):
    assert sound in RULE
    (problem,) = lint(loads(HEAD + RULE.replace(sound, odd)))
    assert (problem.level, problem.code) == (level, code), str(problem)
    assert problem.rule == "no-legal-advice"
    assert problem.message.startswith("rule no-legal-advice: ")
    assert says in problem.message
    assert problem.mark.line >= 6


def test_a_rule_without_audit_and_examples_is_not_verified():
    bare = "".join(
        line
        for line in RULE.splitlines(keepends=True)
        if not line.strip().startswith(("audit", "breaks", "keeps"))
    )
    assert found(HEAD + bare) == [("warning", "not-verified")]


@pytest.mark.parametrize(
    "fine",
    [
        RULE.replace("[{judge: default}]", "[{phrases: [see you in court]}]"),
        RULE.replace("{output: block}", "{output: replace}\n    answer: Ask a lawyer."),
        RULE.replace("{output: block}", "{output: replace}\n    answer: {en: No., nl: Nee.}"),
        RULE.replace("{output: block}", "{input: allow, output: block}"),
        RULE.replace("    audit:", "    severity: low\n    on_failure: allow\n    audit:"),
        RULE.replace(
            "[{phrases: [you should sue]}]", "[{echo: [names]}, {phrases: [sue]}]"
        ).replace("{output: block}", "{data: redact, input: block, output: block}"),
        RULE.replace("[Ask a lawyer.]", "[{text: You should sue., stage: data}]"),
        RULE.replace("[Ask a lawyer.]", "[{user: May I, assistant: You should sue.}]"),
    ],
    ids=range(8),
)
def test_what_is_fine_is_not_complained_of(fine):
    assert found(HEAD + fine) == []


def test_an_example_that_one_rule_breaks_and_another_keeps_is_a_contradiction():
    other = OTHER.replace("[Refunds take weeks.]", '["You should sue."]')
    (problem,) = lint(loads(HEAD + RULE + other))
    assert (problem.level, problem.code, problem.rule) == (
        "error",
        "contradiction",
        "no-guarantees",
    )
    assert "breaks rule no-legal-advice" in problem.message
    assert problem.mark.line == 23


def test_the_same_detectors_with_another_action_conflict():
    other = OTHER.replace("[I guarantee]", "[you should sue]")
    assert found(HEAD + RULE + other) == []
    (problem,) = lint(loads(HEAD + RULE + other.replace("{output: block}", "{output: redact}")))
    assert (problem.level, problem.code) == ("warning", "conflict")
    assert "'redact' at output where that says 'block'" in problem.message


@pytest.mark.parametrize(
    ("id", "alike"),
    [
        ("no-legal-advices", True),
        ("no-legal-advic", True),
        ("no-lega1-advice", False),
        ("no-legel-advice", True),
        ("no-medical-advice", False),
    ],
)
def test_ids_a_letter_apart_look_alike(id, alike):
    codes = found(HEAD + RULE + OTHER.replace("no-guarantees", id))
    assert codes == ([("warning", "look-alike")] if alike else [])


def test_ids_that_differ_in_a_number_are_apart_on_purpose():
    rules = RULE.replace("no-legal-advice", "article-5") + OTHER.replace(
        "no-guarantees", "article-9"
    )
    assert found(HEAD + rules) == []


def test_the_same_statement_twice_looks_alike():
    other = OTHER.replace("Does not promise.", "does not give LEGAL advice")
    assert found(HEAD + RULE + other) == [("warning", "look-alike")]


def test_problems_come_in_the_order_of_the_file():
    text = HEAD + RULE.replace("[You should sue.]", "[]") + OTHER.replace("block", "hand_over")
    lines = [problem.mark.line for problem in lint(loads(text))]
    assert len(lines) == 2
    assert lines == sorted(lines)


def test_a_thousand_rules_are_linted_in_seconds():
    rules = "".join(
        f"  - {{id: rule-{n}, says: says {n}, because: b, owner: o, "
        f"detect: [{{phrases: [phrase {n}]}}], then: {{output: block}}}}\n"
        for n in range(1000)
    )
    loaded = loads(HEAD + rules)
    before = time.monotonic()
    assert {problem.code for problem in lint(loaded)} == {"not-verified"}
    assert time.monotonic() - before < 5


# --- SARIF ---------------------------------------------------------------------------------------


def problems_for_sarif():
    text = HEAD + RULE.replace("[You should sue.]", "[]").replace("[Ask a lawyer.]", "[]")
    return lint(loads(text, "my remits/remit #1.yaml"))


def test_sarif_places_every_problem_at_its_line():
    problems = problems_for_sarif()
    (run,) = sarif(problems, "1.2.3")["runs"]
    assert run["tool"]["driver"]["name"] == "remit"
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert len(run["results"]) == len(problems) == 2
    for result, problem in zip(run["results"], problems, strict=True):
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "my%20remits/remit%20%231.yaml"
        assert place["region"] == {
            "startLine": problem.mark.line,
            "startColumn": problem.mark.column,
        }
        assert result["level"] == "warning"
        assert result["message"]["text"] == problem.message
        rules = run["tool"]["driver"]["rules"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == problem.code
        assert result["locations"][0]["logicalLocations"][0]["name"] == "no-legal-advice"


def test_sarif_names_an_absolute_file_as_a_uri(tmp_path):
    problems = lint(loads(HEAD + RULE.replace("[Ask a lawyer.]", "[]"), str(tmp_path / "r.yaml")))
    (result,) = sarif(problems)["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "r.yaml").as_uri()


def test_sarif_of_nothing_is_a_run_without_results():
    log = sarif([])
    assert log["version"] == "2.1.0"
    assert log["runs"][0]["results"] == []
    assert log["runs"][0]["tool"]["driver"]["rules"] == []
