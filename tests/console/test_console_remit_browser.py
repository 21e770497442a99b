"""The remit changed in a real browser: written, checked, replayed, signed and put live."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from firm import HELD, PASSWORD, Scene, staged
from remit_desk import RULE, TEXT, follow, served, traffic

from remit.console.accounts import Account, adding
from remit.console.roles import Role
from remit.evidence import stamp
from remit.policy import loads

pytestmark = pytest.mark.browser

FAULT = TEXT.replace("tolerance: 1%", "tolerence: 1%", 1)
STRICTER = TEXT.replace("input: allow, output: hand_over}", "input: allow, output: block}", 1)


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[tuple[Scene, str]]:
    """A firm with answers on record, and the address of its console."""
    with staged(tmp_path) as scene:
        follow(scene)
        traffic(scene, 45)
        change = adding(Account("mia", Role.OWNER, "Managing partner"), HELD, "test", stamp())
        scene.evidence.change_sync(change.record(), change)
        with served(scene) as address:
            yield scene, address


class Visitor:
    """Somebody at a screen. Whatever the page complains of is written down."""

    def __init__(self, chromium: Any, address: str, name: str, **how: Any) -> None:
        self.address = address
        self.context = chromium.new_context(reduced_motion="reduce", **how)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda m: m.type == "error" and self.complaints.append(f"console {m.text}")
        )
        self.go("/console/login")
        self.page.fill("[name=name]", name)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("button.main")
        self.page.wait_for_url("**/console/")

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def reads(self, selector: str = "main") -> str:
        return re.sub(r"\s+", " ", self.page.inner_text(selector))

    def close(self) -> None:
        assert not self.complaints
        self.context.close()


def test_an_owner_changes_the_remit_and_another_puts_it_live(
    chromium: Any, firm: tuple[Scene, str]
) -> None:
    scene, address = firm
    olga = Visitor(chromium, address, "olga")
    olga.go("/console/remit")
    olga.page.click("text=Edit the text")
    # A mistake is shown while one types, with its line; a click goes there.
    olga.page.fill("#text", FAULT)
    olga.page.wait_for_selector(".problems .error")
    assert "line 66" in olga.reads("#found")
    assert "did you mean 'tolerance'?" in olga.reads("#found")
    olga.page.click("[data-line='66']")
    chosen = "t => t.value.slice(t.selectionStart, t.selectionEnd)"
    assert olga.page.eval_on_selector("#text", chosen).strip() == "tolerence: 1%"
    # Mended, it says what would change.
    olga.page.fill("#text", STRICTER)
    olga.page.wait_for_selector(".changes")
    assert "output hand_over → block: clients will now be refused" in olga.reads("#found")
    olga.page.fill("[name=why]", "The insurer asks for it.")
    olga.page.click("text=Keep as a draft")
    assert "Nothing is in force yet" in olga.reads()
    # The recorded answers are judged again, and the page follows by itself.
    olga.page.click("text=Replay answers over it")
    olga.page.wait_for_selector(".named")
    assert "15 of 45 answers would have been otherwise" in olga.reads()
    assert olga.page.locator(".named > li").count() == 15
    olga.page.click("text=Show what was said")
    assert "You can sue him" in olga.reads(".named")
    # Its owner signs; whoever wrote it does not put it live.
    olga.page.click("text=Sign for Compliance officer")
    assert "signed by olga" in olga.reads()
    assert "Its author cannot put it live" in olga.reads()
    place = olga.page.url.partition("?")[0].removeprefix(address)
    olga.close()
    mia = Visitor(chromium, address, "mia")
    mia.go(place)
    mia.page.click("text=Put it live")
    assert "It is in force" in mia.reads()
    digest = loads(STRICTER).policy.digest
    assert scene.console.desk.live().policy.digest == digest
    assert digest[:12] in mia.reads()
    mia.close()


def test_a_rule_is_changed_without_script(chromium: Any, firm: tuple[Scene, str]) -> None:
    _, address = firm
    olga = Visitor(chromium, address, "olga", java_script_enabled=False)
    olga.go(f"/console/remit/rules/{RULE}")
    olga.page.select_option("[name=then-output]", "block")
    olga.page.fill("[name=why]", "The insurer asks for it.")
    olga.page.click("text=Keep as a draft")
    assert "output hand_over → block" in olga.reads()
    olga.go("/console/remit/edit")
    olga.page.fill("#text", FAULT)
    olga.page.click("button[value=check]")
    assert "line 66" in olga.reads("#found")
    assert olga.page.input_value("#text") == FAULT
    olga.close()


def test_the_chain_is_checked_while_one_looks(chromium: Any, firm: tuple[Scene, str]) -> None:
    _, address = firm
    rob = Visitor(chromium, address, "rob")
    rob.go("/console/evidence")
    rob.page.click("text=Check the whole chain")
    rob.page.wait_for_selector(".chain")
    assert "Intact." in rob.reads(".chain")
    rob.close()


@pytest.mark.parametrize(
    ("width", "dark"), [(1360, False), (1360, True), (360, False)], ids=["wide", "dark", "phone"]
)
def test_every_page_is_for_everybody(
    chromium: Any, firm: tuple[Scene, str], width: int, dark: bool
) -> None:
    """axe-core finds nothing, and nothing is wider than the screen."""
    scene, address = firm
    olga = Visitor(
        chromium, address, "olga", bypass_csp=True, viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
    )  # fmt: skip
    olga.go(f"/console/remit/rules/{RULE}")
    olga.page.select_option("[name=then-output]", "block")
    olga.page.fill("[name=why]", "The insurer asks for it.")
    olga.page.click("text=Keep as a draft")
    olga.page.click("text=Replay answers over it")
    olga.page.wait_for_selector(".named")
    draft = olga.page.url.partition("#")[0].removeprefix(address)
    handed = scene.evidence.rows("SELECT id FROM entries WHERE action = 'hand_over' LIMIT 1")
    case = scene.evidence.rows("SELECT id FROM entries WHERE kind = 'case' LIMIT 1")
    paths = ["/console/remit", f"/console/remit/rules/{RULE}", "/console/remit/edit",
             f"{draft}?texts=1", "/console/evidence", f"/console/evidence/{handed[0][0]}",
             f"/console/evidence/{case[0][0].replace('/', '%2F')}"]  # fmt: skip
    script = (files("axe_core_python") / "axe.min.js").read_text()
    faults = {}
    for path in paths:
        olga.go(path)
        olga.page.evaluate(script)
        found = olga.page.evaluate("axe.run().then(r => r.violations.map(v => v.id))")
        wider = olga.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        if found or wider:
            faults[path] = (found, wider)
    assert not faults
    olga.close()
