"""The page as text: what it shows, what it escapes, and what a browser is told to refuse."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from remit.web import (
    PageView,
    RuleView,
    asset,
    asset_headers,
    asset_url,
    page,
    render,
    security_headers,
)

VIEW = PageView(
    organisation="Hollis & Finch",
    assistant_name="Ada",
    assistant_role="answers questions",
    model="house",
    demonstration=False,
    policy_digest="0123456789abcdef" * 4,
    rules=(
        RuleView(
            "no-law",
            "No legal advice.",
            "Insurance.",
            "Compliance",
            "high",
            {"output": "hand_over"},
        ),
    ),
    tries=("When is VAT due?",),
    language="nl",
    colleague="the duty accountant",
)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
FILES = (
    "ask.js",
    "chat.css",
    "chat.js",
    "dom.js",
    "icon.svg",
    "ink.css",
    "receipt.js",
    "sse.js",
    "text.js",
)


class Tags(HTMLParser):
    """Every start tag of a page with its attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_a_rule_is_shown_with_owner_reason_severity_and_what_happens():
    text = " ".join(Tags(render(VIEW)).text)
    for words in ("No legal advice.", "Insurance.", "Compliance", "high", "no-law", "1 rule"):
        assert words in text
    assert "handed over to the duty accountant" in text
    assert "0123456789ab" in text


def test_a_stage_or_action_that_the_page_does_not_know_is_shown_as_it_is_written():
    rule = replace(VIEW.rules[0], stages={"later": "sing {colleague}", "input": "allow"})
    assert rule.deeds("Bo") == (
        ("Your message", "allow", "let through"),
        ("later", "sing {colleague}", "sing {colleague}"),
    )


def test_only_a_demonstration_says_that_it_is_one():
    assert "Demonstration model" not in render(VIEW)
    assert "Demonstration model" in render(replace(VIEW, demonstration=True))


def test_a_remit_without_rules_says_that_nothing_is_checked():
    assert "nothing is checked" in render(replace(VIEW, rules=()))


def test_every_value_is_escaped():
    rule = RuleView(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    view = PageView(
        organisation=HOSTILE,
        assistant_name=HOSTILE,
        assistant_role=HOSTILE,
        model=HOSTILE,
        demonstration=True,
        policy_digest=HOSTILE,
        rules=(rule,),
        tries=(HOSTILE,),
        language=HOSTILE,
        colleague=HOSTILE,
    )
    clean, hostile = Tags(render(replace(VIEW, demonstration=True))), Tags(render(view))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in clean.tags]
    assert not any(name.startswith("on") for _, attrs in hostile.tags for name in attrs)
    assert "{{ 7*7 }}" in " ".join(hostile.text)


def test_the_page_holds_no_script_and_no_style_of_its_own():
    html = render(VIEW)
    tags = Tags(html).tags
    assert all(attrs.get("src") for tag, attrs in tags if tag == "script")
    assert "style" not in {tag for tag, _ in tags}
    assert not any("style" in attrs for _, attrs in tags)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)


def test_ids_are_unique_and_every_reference_has_its_target():
    tags = Tags(render(VIEW)).tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in tags:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            assert attrs.get(name, ids[0]) in ids
        if (attrs.get("href") or "").startswith("#"):
            assert attrs["href"][1:] in ids


def test_a_page_that_cannot_be_encoded_is_still_sent():
    assert b"lone ? surrogate" in page(replace(VIEW, organisation="lone \ud800 surrogate"))


@pytest.mark.parametrize("name", FILES)
def test_an_asset_has_its_type_its_tag_and_a_versioned_address(name):
    found = asset(name)
    assert found is not None
    body, content_type = found
    headers = dict(asset_headers(name))
    assert body
    assert headers["content-type"] == content_type
    assert re.fullmatch(r'"[0-9a-f]{32}"', headers["etag"])
    assert re.fullmatch(rf"/static/{re.escape(name)}\?v=[0-9a-f]{{12}}", asset_url(name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../page.py",
        "..%2fpage.py",
        "/etc/passwd",
        "chat.js/",
        "chat.js\0",
        "CHAT.JS",
        "../templates/chat.html",
        "static/chat.js",
    ],
)
def test_a_name_outside_the_table_is_no_asset(name):
    assert asset(name) is None
    with pytest.raises(KeyError):
        asset_url(name)


def test_scripts_import_each_other_by_versioned_address():
    version = asset_url("chat.js").partition("?v=")[2]
    imports = []
    for name in FILES:
        body, _ = asset(name)
        imports += re.findall(r'from "(\./[^"]+)"', body.decode())
    assert len(imports) >= 7
    for target in imports:
        file, _, found = target.removeprefix("./").partition("?v=")
        assert file in FILES
        assert found == version


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_no_script_can_turn_text_into_markup_or_code(name):
    body, _ = asset(name)
    sinks = rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|\.srcdoc"
    assert not re.search(sinks, body)


def test_the_content_policy_forbids_all_but_our_own_files():
    policy = dict(security_headers())["content-security-policy"]
    rules = dict(part.partition(" ")[::2] for part in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


def test_headers_forbid_sniffing_framing_and_referrers():
    headers = dict(security_headers())
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
