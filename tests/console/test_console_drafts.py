"""From the remit in force to the next: written, checked, replayed, signed, put live, taken back."""

from __future__ import annotations

import html
import re
import time

import pytest
from firm import HELD, Browser, Scene, location, staged, text
from remit_desk import RULE, TEXT, follow, traffic

from remit.console.accounts import Account, adding, disabling
from remit.console.drafting import drafts
from remit.console.drafting.edit import set_value
from remit.console.roles import Role
from remit.evidence import CaseError, stamp
from remit.policy import loads

STRICTER = set_value(TEXT, ("rules", 0, "then", "output"), "block")
DIGEST = loads(TEXT).policy.digest
NEW = loads(STRICTER).policy.digest


@pytest.fixture
def firm(scene: Scene) -> Scene:
    """A console whose live remit is what the store says; `mia` is a second owner."""
    follow(scene)
    change = adding(Account("mia", Role.OWNER, "Managing partner"), HELD, "test", stamp())
    scene.evidence.change_sync(change.record(), change)
    return scene


def drafted(browser: Browser, content: str = STRICTER, why: str = "The insurer asks.") -> str:
    """The page of a draft of this text."""
    browser.get("/console/remit/edit")
    made = browser.post(
        "/console/remit/edit", text=content, why=why, act="keep", **{"from": DIGEST}
    )
    assert made.status == 303, text(made)
    return location(made).partition("?")[0]


def live(scene: Scene) -> str:
    return scene.console.desk.live().policy.digest


def words(page: object) -> str:
    """A page as a reader has it."""
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text(page)))  # type: ignore[arg-type]
    return re.sub(r"\s+", " ", plain)


# --- Writing ---------------------------------------------------------------------------------


BREAKS = "Yes, you can sue him; the contract is void."


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            TEXT.replace("tolerance: 1%", "tolerence: 1%", 1),
            "rule no-legal-advice: unknown key 'tolerence'; did you mean 'tolerance'?",
        ),
        (
            TEXT.replace(BREAKS, "Harmless."),
            "this example breaks it, and none of its detectors finds that at output",
        ),
        (TEXT.replace("output: hand_over}", "output: [", 1), "line"),
        ("remit: 1\norganisation: &a x\n", "anchors and aliases"),
        ("   ", "Something is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_its_cure(
    firm: Scene, content: str, says: str
) -> None:
    olga = firm.login("olga")
    olga.get("/console/remit/edit")
    for act in ("check", "keep"):
        page = olga.post("/console/remit/edit", text=content, act=act, **{"from": DIGEST})
        assert says in words(page)
    piece = olga.post("/console/remit/lint", text=content)
    assert says in words(piece)
    if "tolerence" in content:
        assert "line 66 error:" in words(piece)
    assert not drafts.listed(firm.evidence, "draft")


def test_a_text_with_errors_stands_in_the_form_as_it_was_written(firm: Scene) -> None:
    olga = firm.login("olga")
    olga.get("/console/remit/edit")
    content = "\n\nremit: 1\nrules: <script>&\n"
    page = olga.post("/console/remit/edit", text=content, act="check", **{"from": DIGEST})
    area = re.search(r"<textarea id=\"text\".*?>(.*?)</textarea>", text(page), re.DOTALL)
    assert area is not None
    assert html.unescape(area[1]).removeprefix("\n") == content


def test_a_text_that_means_the_same_is_no_draft(firm: Scene) -> None:
    olga = firm.login("olga")
    olga.get("/console/remit/edit")
    page = olga.post(
        "/console/remit/edit", text=TEXT + "# a comment\n", act="keep", **{"from": DIGEST}
    )
    assert page.status == 422
    assert "nothing would change" in words(page)


def test_a_rules_own_form_changes_its_text_and_leaves_the_comments(firm: Scene) -> None:
    olga = firm.login("olga")
    olga.get(f"/console/remit/rules/{RULE}")
    form = {
        "then-output": "block", "threshold": "0.6", "tolerance": "0.5%",
        "answer-en": "Please ask a lawyer.", "breaks": "You should sue all of them.",
        "keeps": "Ask a lawyer.", "keeps-user": "May I sue?", "why": "Insurer",
    }  # fmt: skip
    made = olga.post(f"/console/remit/rules/{RULE}", **form)
    assert made.status == 303, words(made)
    kept = drafts.listed(firm.evidence, "draft")[0]
    rule = loads(kept.text).policy.rule(RULE)
    assert (rule.then["output"], rule.threshold, rule.tolerance) == ("block", 0.6, 0.005)
    assert rule.answer == {
        "en": "Please ask a lawyer.",
        "nl": loads(TEXT).policy.rule(RULE).answer["nl"],
    }
    assert rule.breaks[-1].text == "You should sue all of them."
    assert (rule.keeps[-1].text, rule.keeps[-1].user) == ("Ask a lawyer.", "May I sue?")
    for comment in re.findall(r"#.*", TEXT):
        assert comment in kept.text
    page = words(olga.get(location(made)))
    assert "output hand_over → block: clients will now be refused instead of handed over" in page
    assert "tolerance 1% → 0.5%" in page


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"threshold": "1.5"}, "from 0 to 1"),
        ({"tolerance": "much"}, "a share, such as 0.5 or 50%"),
        ({"then-output": "explode"}, "cannot be carried out at output"),
        ({"answer-en": "{nobody} helps"}, "unknown placeholder {nobody}"),
    ],
)
def test_a_form_with_nonsense_in_it_is_refused(
    firm: Scene, form: dict[str, str], says: str
) -> None:
    olga = firm.login("olga")
    olga.get(f"/console/remit/rules/{RULE}")
    page = olga.post(f"/console/remit/rules/{RULE}", why="x", **form)
    assert page.status == 422
    assert says in words(page)


# --- Signing and going live ------------------------------------------------------------------


def test_a_draft_goes_live_once_its_owner_has_signed_and_another_puts_it_live(firm: Scene) -> None:
    mia, olga = firm.login("mia"), firm.login("olga")
    place = drafted(mia)
    mia.get(place)
    assert mia.post(f"{place}/live").status == 409  # nobody has signed
    assert mia.post(f"{place}/sign", owner="Compliance officer").status == 409  # not hers
    olga.get(place)
    assert olga.post(f"{place}/sign", owner="Managing partner").status == 409  # nothing of his
    assert olga.post(f"{place}/sign", owner="Compliance officer").status == 303
    mia.get(place)
    refused = mia.post(f"{place}/live")
    assert refused.status == 409
    assert "its author cannot put it live" in words(refused)
    assert live(firm) == DIGEST
    assert olga.post(f"{place}/live").status == 303
    assert live(firm) == NEW
    now = drafts.find(firm.evidence, NEW)
    assert now is not None
    assert (now.state, now.author, now.approver) == ("live", "mia", "olga")
    steps = [e.record for e in firm.evidence.entries(kind="remit") if e.record]
    assert [step["action"] for step in steps] == ["drafted", "signed", "live"]
    assert steps[1]["rules"] == [RULE]
    assert steps[2]["before"] == DIGEST
    assert steps[2]["policy_text"]["rules"][0]["then"]["output"] == "block"


def test_a_change_of_owner_is_signed_by_the_old_one_and_the_new(firm: Scene) -> None:
    mia, olga = firm.login("mia"), firm.login("olga")
    content = set_value(STRICTER, ("rules", 0, "owner"), "Managing partner")
    place = drafted(mia, content)
    mia.get(place)
    assert mia.post(f"{place}/sign", owner="Managing partner").status == 303
    olga.get(place)
    early = olga.post(f"{place}/live")
    assert early.status == 409
    assert "not signed by Compliance officer" in words(early)
    olga.post(f"{place}/sign", owner="Compliance officer")
    assert olga.post(f"{place}/live").status == 303


def test_a_rule_taken_out_needs_its_owner_and_the_whole_remit_its_own(firm: Scene) -> None:
    mia, olga = firm.login("mia"), firm.login("olga")
    head, first, rest = re.split(r"(?m)^(?=  - id: )", TEXT, maxsplit=2)
    content = (head + rest).replace("Hollis & Finch Accountants", "Hollis & Sons")
    place = drafted(olga, content)
    page = words(olga.get(place))
    assert first.startswith("  - id: no-legal-advice")
    assert "removed; nothing holds any more: Does not give legal advice." in page
    assert "Compliance officer for no-legal-advice" in page
    assert "Managing partner for the remit as a whole" in page
    olga.post(f"{place}/sign", owner="Compliance officer")
    mia.get(place)
    mia.post(f"{place}/sign", owner="Managing partner")
    assert mia.post(f"{place}/live").status == 303


def test_a_draft_on_a_remit_that_has_changed_since_is_refused_with_the_cure(firm: Scene) -> None:
    mia, olga = firm.login("mia"), firm.login("olga")
    first = drafted(mia)
    milder = set_value(TEXT, ("rules", 0, "tolerance"), "3%")
    second = drafted(mia, milder)
    olga.get(first)
    for place in (first, second):
        olga.post(f"{place}/sign", owner="Compliance officer")
    assert olga.post(f"{first}/live").status == 303
    late = olga.post(f"{second}/live")
    assert late.status == 409
    assert "take it up again on the live one" in words(late)
    page = words(olga.get(second))
    assert "The remit has changed since this draft was begun" in page
    assert "output block → hand_over" in page  # what taking it up would undo
    assert olga.post(f"{second}/sign", owner="Compliance officer").status == 409
    assert olga.post(f"{second}/again").status == 303
    again = drafts.find(firm.evidence, loads(milder).policy.digest)
    assert again is not None
    assert (again.base, again.signatures, again.author) == (NEW, (), "olga")


def test_two_that_go_live_at_once_are_one_that_does(firm: Scene) -> None:
    """A worker that has not taken up the new remit yet decides nothing by the old one."""
    now = stamp()
    kept = drafts.Kept(DIGEST, TEXT, "live", "", "", now, now)
    for content in (STRICTER, set_value(TEXT, ("rules", 0, "tolerance"), "3%")):
        digest = loads(content).policy.digest
        draft = drafts.Kept(digest, content, "draft", "mia", "", now, now, DIGEST)
        firm.evidence.change_sync(drafts.Drafting(draft).record(), drafts.Drafting(draft))
        change = drafts.GoingLive(digest, kept, (), "olga", stamp(), {}, "2000-01-01T00:00:00.000Z")
        if content == STRICTER:
            firm.evidence.change_sync(change.record(), change)
        else:
            with pytest.raises(CaseError, match="has changed since this draft was begun"):
                firm.evidence.change_sync(change.record(), change)
    states = firm.evidence.rows("SELECT state, count(*) FROM remits GROUP BY state ORDER BY state")
    assert states == [("draft", 1), ("live", 1), ("retired", 1)]


def test_an_earlier_remit_comes_back_as_any_draft_does(firm: Scene) -> None:
    mia, olga = firm.login("mia"), firm.login("olga")
    place = drafted(mia)
    olga.get(place)
    olga.post(f"{place}/sign", owner="Compliance officer")
    olga.post(f"{place}/live")
    assert live(firm) == NEW
    assert "Take it up again" in words(mia.get("/console/remit"))
    back = mia.post(f"/console/remit/drafts/{DIGEST}/again", why="It stopped too much.")
    place = location(back).partition("?")[0]
    assert place.endswith(DIGEST)
    olga.get(place)
    olga.post(f"{place}/sign", owner="Compliance officer")
    assert olga.post(f"{place}/live").status == 303
    assert live(firm) == DIGEST
    assert drafts.find(firm.evidence, DIGEST).text == TEXT  # type: ignore[union-attr]


def test_whoever_is_alone_signs_for_all_and_puts_its_own_draft_live(firm: Scene) -> None:
    for name in ("vera", "rob", "olga", "mia"):
        change = disabling(name, "ada", stamp())
        firm.evidence.change_sync(change.record(), change)
    ada = firm.login("ada")
    place = drafted(ada)
    assert "There is one account only" in words(ada.get(place))
    assert ada.post(f"{place}/sign", owner="Compliance officer").status == 303
    assert ada.post(f"{place}/live").status == 303
    assert live(firm) == NEW


def test_editing_a_draft_makes_another_one_and_voids_what_was_signed(firm: Scene) -> None:
    mia, olga = firm.login("mia"), firm.login("olga")
    place = drafted(mia)
    olga.get(place)
    olga.post(f"{place}/sign", owner="Compliance officer")
    mia.get(f"/console/remit/edit?from={NEW}")
    content = set_value(STRICTER, ("rules", 0, "tolerance"), "2%")
    mia.post("/console/remit/edit", text=content, act="keep", **{"from": NEW})
    (draft,) = drafts.listed(firm.evidence, "draft")
    assert draft.digest == loads(content).policy.digest
    assert draft.signatures == ()
    assert drafts.find(firm.evidence, NEW).state == "retired"  # type: ignore[union-attr]


def test_a_withdrawn_draft_can_be_neither_signed_nor_put_live(firm: Scene) -> None:
    olga = firm.login("olga")
    place = drafted(olga)
    olga.get(place)
    assert olga.post(f"{place}/withdraw").status == 303
    for step in ("sign", "live", "shadow"):
        refused = olga.post(f"{place}/{step}", owner="Compliance officer")
        assert refused.status == 409, step
        assert "begin a draft from it" in words(refused)


@pytest.mark.parametrize("name", ["vera", "rob"])
def test_who_owns_nothing_reads_the_remit_and_changes_nothing(firm: Scene, name: str) -> None:
    place = drafted(firm.login("olga"))
    other = firm.login(name)
    assert other.get("/console/remit").status == 200
    assert other.get(place).status == 200
    assert other.get("/console/remit/edit").status == 403
    for step in ("sign", "live", "withdraw", "shadow", "again"):
        assert other.post(f"{place}/{step}").status == 403
    assert other.post(f"/console/remit/rules/{RULE}", why="x").status == 403


# --- Replaying -------------------------------------------------------------------------------


def ended(scene: Scene, digest: str) -> dict[str, object]:
    """The result of a replay, once it has ended."""
    for _ in range(200):
        progress = scene.console.desk.jobs.progress(f"replay/{digest}")
        if progress is not None and not progress.running:
            assert progress.state == "done", progress
            return progress.result
        time.sleep(0.05)
    raise AssertionError("the replay did not end")


def test_a_replay_says_which_recorded_answers_would_have_been_otherwise(firm: Scene) -> None:
    traffic(firm, 18)
    rob = firm.login("rob")
    place = drafted(firm.login("olga"))
    rob.get(place)
    assert rob.post(f"{place}/replay", act="begin", answers="1000").status == 303
    result = ended(firm, NEW)
    assert (result["answers"], result["replayed"]) == (18, 18)
    assert result["moves"] == [["hand_over", "block", 6]]
    page = rob.get(place)
    assert "6 of 18 answers would have been otherwise" in words(page)
    assert "You can sue him ;" not in words(page)
    shown = words(rob.get(f"{place}?texts=1"))
    assert "You can sue him ; the contract is void ." in shown
    (seen,) = [e.record for e in firm.evidence.entries(kind="seen") if e.record]
    assert (seen["who"], seen["what"], len(seen["about"])) == ("rob", "replay", 6)


def test_a_viewer_sees_how_many_and_not_what_was_said(firm: Scene) -> None:
    traffic(firm, 9)
    place = drafted(firm.login("olga"))
    vera = firm.login("vera")
    vera.get(place)
    assert vera.post(f"{place}/replay", act="begin").status == 403
    rob = firm.login("rob")
    rob.get(place)
    rob.post(f"{place}/replay", act="begin")
    ended(firm, NEW)
    page = words(vera.get(f"{place}?texts=1"))
    assert "3 of 9 answers" in page
    assert "You can sue him ;" not in page


def test_pages_stay_small_with_many_rules(tmp_path: object) -> None:
    rules = TEXT[TEXT.index("  - id: no-guarantees") : TEXT.index("  # --- Confidentiality")]
    head = TEXT[: TEXT.index("rules:\n") + len("rules:\n")]
    many = head + "".join(rules.replace("no-guarantees", f"rule-{n}") for n in range(120))
    policy = loads(many).policy
    with staged(tmp_path, policy=policy) as scene:  # type: ignore[arg-type]
        page = scene.login("vera").get("/console/remit")
        assert page.status == 200
        assert len(page.body) < 100_000
