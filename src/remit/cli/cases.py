"""`remit cases`: what waits for people, their decisions, and what can be learnt from these."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.intervening import evidence_of, logged_in, opened
from remit.cli.terminal import CannotRunError, MisuseError, safe, say, say_json, table

if TYPE_CHECKING:
    from remit.evidence import Case
    from remit.layers.monitor.harvest import Harvest

_EXAMPLES = """\
examples:
  remit cases list --evidence evidence.db                     what waits, the first due first
  remit cases show case_0198… --evidence evidence.db
  remit cases answer case_0198… "Ask your lawyer." --evidence evidence.db
  remit cases release case_0198… --evidence evidence.db       the rule was wrong: send the draft
  remit cases approve case_0198… --evidence evidence.db       an answer that waits to be sent
  remit cases edit case_0198… "Better words." --evidence evidence.db
  remit cases reject case_0198… ["What the client is told."] --evidence evidence.db
  remit cases harvest remit.yaml --out reviewed --consent "Terms of service, 7" \\
      --evidence evidence.db
      reviewed/cases.jsonl   for `remit verify --suite`
      reviewed/kto.jsonl, dpo.jsonl   for `remit train`

Who decides is whoever is logged in, or --who NAME; no model is ever asked.
environment: REMIT_EVIDENCE, where --evidence is not given; REMIT_PERSON_KEYS, as serve has it
"""
_KEYS = "REMIT_PERSON_KEYS"


def add(commands: Any) -> None:
    """Adds the commands."""
    group = commands.add_parser(
        "cases",
        help="what waits for people: list, answer, release, harvest",
        description="Answers what was handed over, and lets go what waits for approval.",
        epilog=_EXAMPLES,
    )
    actions = group.add_subparsers(metavar="ACTION", title="actions", required=True)

    def action(name: str, help: str, run: Any) -> Any:
        parser = actions.add_parser(name, help=help, epilog=_EXAMPLES)
        parser.add_argument("--evidence", metavar="URL", help="the record")
        parser.add_argument("--json", action="store_true", help="as JSON")
        parser.set_defaults(run=run)
        return parser

    listed = action("list", "those that wait", _list)
    listed.add_argument("--all", action="store_true", help="those that are decided too")
    action("show", "one case", _show).add_argument("id", metavar="ID")
    for verb, meaning in _VERBS.items():
        decided = action(verb, meaning, _decide)
        decided.add_argument("id", metavar="ID")
        decided.add_argument("text", nargs="?", default="", metavar="TEXT")
        decided.add_argument("--who", metavar="NAME", help="default: who is logged in")
        decided.set_defaults(verb=verb)
    harvest = action("harvest", "cases for verification and rows for training", _harvest)
    harvest.add_argument("remit", metavar="REMIT")
    harvest.add_argument("--out", required=True, metavar="DIR")
    harvest.add_argument("--consent", required=True, metavar="BASIS", help="why they may be used")
    harvest.add_argument(
        "--refuse", action="store_true", help="leave out, not mask, texts with an identifier"
    )
    harvest.add_argument("--who", metavar="NAME", help="default: who is logged in")


_VERBS = {
    "answer": "a handoff, in words of one's own",
    "approve": "an answer that waits may be sent",
    "edit": "send the draft, changed",
    "release": "what a rule withheld was fine",
    "reject": "the draft may not be sent",
}


def _list(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import State

    state = None if arguments.all else State.OPEN
    with opened(evidence_of(arguments, environ), environ.get(_KEYS)) as evidence:
        cases = evidence.cases(state=state)
    if arguments.json:
        say_json([_shown(case) for case in cases])
        return 0
    rows = [["id", "kind", "due", "rule", "owner", "state", "asked"]]
    rows += [_row(case) for case in cases]
    for line in table(rows) if cases else ["nothing waits"]:
        say(line)
    return 0


def _row(case: Case) -> list[str]:
    turns = case.question.get("conversation") or [{}]
    asked = str(turns[-1].get("text", "")).replace("\n", " ")
    state = case.outcome or case.state.value
    return [case.id, case.kind, case.due, case.rule or "any", case.owner, state, asked[:60]]


def _shown(case: Case) -> dict[str, Any]:
    from dataclasses import asdict

    question = {key: value for key, value in case.question.items() if key != "body"}
    return {**asdict(case), "question": question}


def _show(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError
    from remit.layers.monitor.cases import verbs

    try:
        with opened(evidence_of(arguments, environ), environ.get(_KEYS)) as evidence:
            case = evidence.case(arguments.id)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    if arguments.json:
        say_json(_shown(case))
        return 0
    for name in ("id", "kind", "state", "outcome", "rule", "owner", "due", "receipt", "who"):
        say(f"{name:8} {safe(str(getattr(case, name)))}")
    say()
    for turn in case.question.get("conversation") or ():
        say(f"{safe(str(turn.get('role')))}: {_lines(str(turn.get('text')))}")
    for name, text in (("draft", case.question.get("draft")), ("told", case.question.get("told"))):
        say(f"\n{name}: {_lines(str(text or ''))}")
    if case.answer:
        say(f"\nanswer: {_lines(case.answer)}")
    if verbs(case):
        say(f"\nmay be done: {', '.join(verbs(case))}")
    return 0


def _lines(text: str) -> str:
    return "\n  ".join(safe(line) for line in text.splitlines())


def _decide(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError
    from remit.layers.monitor.cases import Verb, decide_sync
    from remit.layers.monitor.people import Person

    try:
        person = Person(logged_in(arguments.who), "command", admin=True)
        with opened(evidence_of(arguments, environ), environ.get(_KEYS)) as evidence:
            verb = Verb(arguments.verb)
            case = decide_sync(evidence, arguments.id, verb, person, arguments.text)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    if arguments.json:
        say_json(_shown(case))
    else:
        say(safe(f"{case.id}: {case.outcome} by {case.who}"))
    return 0


def _harvest(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.cli.terminal import remit_of
    from remit.evidence import EvidenceError, new_id, stamp
    from remit.layers.monitor.harvest import harvest
    from remit.layers.monitor.privacy import Gate

    if not arguments.consent.strip():
        raise MisuseError("cases harvest: --consent states on what basis clients' words are used")
    gate = Gate.of(remit_of(arguments.remit).policy.regions, refuses=arguments.refuse)
    try:
        with opened(evidence_of(arguments, environ), environ.get(_KEYS)) as evidence:
            found = harvest(evidence.cases(), gate.passed, arguments.consent)
            record = {
                "id": f"seen_{new_id()}",
                "time": stamp(),
                "kind": "seen",
                "action": "harvest",
                "who": logged_in(arguments.who),
                "why": arguments.consent,
                "cases": [row["meta"]["case"] for row in found.cases],
            }
            evidence.append_sync(record)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    _write(found, Path(arguments.out))
    told = {
        "cases": len(found.cases),
        "kto": len(found.kto),
        "dpo": len(found.dpo),
        "masked": gate.found,
        "left_out": found.left,
    }
    if arguments.json:
        say_json(told)
        return 0
    say(f"{told['cases']} cases, {told['kto']} and {told['dpo']} rows in {arguments.out}")
    say(f"masked: {', '.join(f'{n} {label}' for label, n in gate.found.items()) or 'nothing'}")
    for id_, reason in found.left.items():
        say(safe(f"left out {id_}: {reason}"))
    return 0


def _write(found: Harvest, folder: Path) -> None:
    import orjson

    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("cases", found.cases), ("kto", found.kto), ("dpo", found.dpo)):
        lines = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        (folder / f"{name}.jsonl").write_bytes(b"".join(lines))
