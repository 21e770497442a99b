"""The page as PDF, through WeasyPrint (extra `report`). It may load nothing, not even a file."""

from __future__ import annotations

from typing import Any

from remit.report.problems import ReportError

_CURE = (
    "pip install 'remit[report]' (it needs the system's Pango: apt install libpango-1.0-0 "
    "libpangoft2-1.0-0, or brew install pango); or print report.html from a browser"
)


def pdf(page: str) -> bytes:
    """The page's bytes as PDF, the same for the same page, fonts and WeasyPrint.

    Raises ReportError where WeasyPrint or its libraries are not there.
    """
    try:
        from weasyprint import HTML
    except ImportError:
        raise ReportError(f"PDF: WeasyPrint is not installed; {_CURE}") from None
    except OSError as error:
        raise ReportError(f"PDF: WeasyPrint lacks a system library ({error}); {_CURE}") from None
    written: bytes = HTML(string=page, url_fetcher=_nothing, media_type="print").write_pdf()
    return written


def _nothing(url: str, *_: Any, **__: Any) -> Any:
    raise ValueError("the report fetches nothing")
