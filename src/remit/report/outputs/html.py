"""The report as one HTML file that needs no network, and reads on paper and on a telephone.

Everything that comes from a record or a file is hostile: it is escaped as text, and a policy in the
page's head forbids scripts and every fetch, so that even a mistake here could run or load nothing.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from remit.report import words
from remit.report.clauses import FRAMEWORKS, STATUS, STATUS_OF
from remit.report.document import Block, Claim, Report
from remit.report.outputs import svg


def page(report: Report) -> str:
    """The page, UTF-8 when encoded."""
    text = (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            words=words,
            svg=svg,
            rate=_rate,
            kind=_kind,
            frameworks=FRAMEWORKS,
            status=STATUS,
            status_of=STATUS_OF,
            gaps=list(report.gaps()),
            tasks=list(report.tasks()),
        )
    )
    return text.encode("utf-8", "replace").decode()


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _rate(claim: Claim) -> str:
    return "no rate" if claim.rate is None else words.percent(claim.rate)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("remit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
