"""A verification as JUnit XML: a test case for each number that has a limit.

The format is that of the JUnit XML schema which CI systems read (Jenkins, GitLab, GitHub actions).
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from remit.verify.outputs import words
from remit.verify.verdicts import Line
from remit.verify.verification import Verification, Verified

# XML 1.0 (2.2) has no place for these, not even escaped.
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(verification: Verification) -> bytes:
    """The XML. A number without enough evidence is skipped, which is neither passed nor failed."""
    suites = [_suite(target, verification) for target in verification.targets]
    if verification.regression is not None:
        suites.append(_regression(verification))
    text = "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites])
    return _UNSAYABLE.sub("�", f"{text}\n</testsuites>\n").encode()


def _suite(target: Verified, verification: Verification) -> str:
    cases = [_case(target, line) for line in target.lines]
    counts = {
        "tests": len(cases),
        "failures": sum(line.decision == "fail" for line in target.lines),
        "skipped": sum(line.decision == "not enough evidence" for line in target.lines),
        "errors": 0,
        "time": f"{verification.seconds:.3f}",
    }
    shown = " ".join(f'{name}="{value}"' for name, value in counts.items())
    stamp = verification.started.removesuffix("+00:00")
    head = f"  <testsuite name={quoteattr(f'remit verify {target.name}')} {shown}"
    return "\n".join([f"{head} timestamp={quoteattr(stamp)}>", *cases, "  </testsuite>"])


def _case(target: Verified, line: Line) -> str:
    told = (
        f"{words.MEANING[line.measure]}: {words.counted(line)} seeds, "
        f"{words.bounds(line)}, each bound at {100 * line.confidence:g} %"
    )
    if line.limit is not None:
        told += f", limit {words.limit(line)}"
    place = quoteattr(f"{target.name}.{line.rule}")
    head = f"    <testcase classname={place} name={quoteattr(words.SHORT[line.measure])}>"
    body = f"<system-out>{escape(told)}</system-out>"
    if line.decision == "fail":
        examples = [s for s in target.outcome.violations() if s.case.rule == line.rule][:3]
        more = "\n".join(f"seed {sample.case.seed}, case {sample.case.id}" for sample in examples)
        body = f"<failure message={quoteattr(told)}>{escape(more)}</failure>"
    elif line.decision == "not enough evidence":
        body = f"<skipped message={quoteattr(f'{words.decision(line)}; {told}')}/>"
    return f"{head}{body}</testcase>"


def _regression(verification: Verification) -> str:
    assert verification.regression is not None  # noqa: S101  asked by the caller
    cases = []
    for contrast in verification.regression.contrasts:
        place = quoteattr(f"{contrast.second}.{contrast.rule}")
        name = quoteattr(f"{words.SHORT[contrast.measure]} against the baseline")
        body = ""
        if contrast.answer == "worse":
            found = contrast.comparison
            told = f"worse by {words.signed(found.difference)} points, p = {found.p_value:.3g}"
            seeds = escape("\n".join(contrast.worse_seeds))
            body = f"<failure message={quoteattr(told)}>{seeds}</failure>"
        cases.append(f"    <testcase classname={place} name={name}>{body}</testcase>")
    failures = len(verification.regression.worse)
    head = f'  <testsuite name="baseline" tests="{len(cases)}" failures="{failures}">'
    return "\n".join([head, *cases, "  </testsuite>"])
