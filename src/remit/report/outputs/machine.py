"""The report as JSON: every block with its kind, every claim with all its parts."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Final

import orjson

from remit.report.clauses import STATUS, STATUS_OF
from remit.report.document import Block, Report

FORMAT: Final = 1


def document(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    sections = [
        {
            "id": section.id,
            "title": section.title,
            "asks": section.asks,
            "serves": [{"framework": name, "clauses": text} for name, text in section.serves],
            "blocks": [_block(block) for block in section.blocks],
        }
        for section in report.sections
    ]
    top = {
        field.name: getattr(report, field.name)
        for field in fields(report)
        if field.name not in ("front", "sections", "inputs")
    }
    return {
        "remit-report": FORMAT,
        **top,
        "front": asdict(report.front),
        "sections": sections,
        "inputs": [asdict(one) for one in report.inputs],
        "legal_status": {"as_of": STATUS_OF, "texts": list(STATUS)},
    }


def encoded(value: Any) -> bytes:
    """JSON, indented, with a line's end. Lone surrogates become question marks."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    try:
        return orjson.dumps(value, option=options)
    except TypeError:
        return orjson.dumps(_encodable(value), option=options)


def _block(block: Block) -> dict[str, Any]:
    return {"kind": type(block).__name__.lower(), **asdict(block)}


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(part) for part in value]
    return value
