"""The pages for people: what the assistant said, and beside it what Remit did."""

from remit.web.assets import Shelf, asset, asset_headers, asset_url, shelf
from remit.web.page import PageView, RuleView, page, render, security_headers

__all__ = [
    "PageView",
    "RuleView",
    "Shelf",
    "asset",
    "asset_headers",
    "asset_url",
    "page",
    "render",
    "security_headers",
    "shelf",
]
