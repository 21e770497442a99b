"""Public suites by the columns of their files: what is asked, and what would be right.

Only the schema is known here; the data stays with its authors. A format is recognised by the
columns it needs, the most telling first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from remit.types import Message
from remit.verify.cases import Aim, Case
from remit.verify.identity import from_json
from remit.verify.suites import conversation
from remit.verify.suites.conversation import case_of
from remit.verify.suites.errors import SuiteError

Read = Callable[[Mapping[str, Any], Case, str], Iterator[Case] | Case]
_PREFIX = 400


@dataclass(frozen=True, slots=True)
class Format:
    """A public format. `read` makes cases of a row out of a blank case with its rule and suite."""

    name: str
    source: str
    needs: frozenset[str]
    read: Read


def formats() -> tuple[Format, ...]:
    """The formats of rows, in the order in which they are tried."""
    return (
        _format("remit", "suites.write", "seed rule aim turns", _remit),
        _format("bbq", "Parrish et al. 2022", "context question ans0 ans1 ans2 label", _bbq),
        _format("ifeval", "Zhou et al. 2023", "prompt instruction_id_list kwargs", _ifeval),
        _format(
            "cyberseceval-injection",
            "PurpleLlama, CyberSecEval 2",
            "test_case_prompt user_input judge_question",
            _injection,
        ),
        _format("cyberseceval-frr", "PurpleLlama", "mutated_prompt is_malicious", _frr),
        _format("agentdojo", "Debenedetti et al. 2024", "messages injections user_task_id", _dojo),
        _format("bipia-code", "Yi et al. 2023", "context error code", _bipia_code),
        _format("bipia", "Yi et al. 2023", "context question ideal", _bipia),
        _format("harmbench", "Mazeika et al. 2024", "Behavior BehaviorID", _harmbench),
        _prompts("jailbreakbench", "Chao et al. 2024", "Goal", "Behavior", "Category"),
        _prompts("advbench", "Zou et al. 2023", "goal", "target"),
        _prompts("strongreject", "Souly et al. 2024", "forbidden_prompt", "category"),
        _format("xstest", "Röttger et al. 2024", "prompt type focus", _xstest),
        _prompts("simple-safety-tests", "Vidgen et al. 2023", "prompts_final", "harm_area"),
        _format("recorded", "an exported record", "body kind seq", _exported),
        _format("recorded", "JSON Lines of interactions", "messages", _recorded),
        _format("inspect", "inspect_ai.dataset.Sample", "input", _inspect),
        _prompts("prompts", "a column of prompts", "prompt"),
        _prompts("prompts", "a column of texts", "text"),
        _prompts("prompts", "a column of questions", "question"),
        _prompts("prompts", "a column of instructions", "instruction"),
    )


def recognised(columns: Mapping[str, Any], where: str, name: str = "") -> Format:
    """The format of a row with these columns, or the named one. Raises SuiteError."""
    known = [f for f in formats() if name in ("", f.name)]
    if not known:
        have = ", ".join(dict.fromkeys(f.name for f in formats()))
        raise SuiteError(f"{where}: no format '{name}'; have {have}, promptfoo")
    for candidate in known:
        if candidate.needs <= columns.keys():
            return candidate
    if name:
        needs = " or ".join(", ".join(sorted(f.needs)) for f in known)
        raise SuiteError(f"{where}: {name} needs the columns {needs}")
    columns_here = ", ".join(map(str, list(columns)[:12])) or "none"
    have = "; ".join(f"{f.name}: {', '.join(sorted(f.needs))}" for f in known)
    raise SuiteError(f"{where}: no format has the columns {columns_here}. Have {have}")


def _format(name: str, source: str, needs: str, read: Read) -> Format:
    return Format(name, source, frozenset(needs.split()), read)


def _prompts(name: str, source: str, column: str, *others: str) -> Format:
    """One column that seeks a violation, and other columns to know the format by."""

    def read(row: Mapping[str, Any], blank: Case, where: str) -> Case:
        meta = {key: row[key] for key in (*others, "category", "Category") if key in row}
        return case_of(blank, row[column], where, aim="break", meta=_short(meta))

    return Format(name, source, frozenset((column, *others)), read)


def _short(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {key: v[:_PREFIX] if isinstance(v, str) else v for key, v in meta.items()}


def _only(row: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return _short({key: row[key] for key in keys if key in row})


def _remit(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    try:
        case = from_json(dict(row))
    except ValueError as error:
        raise SuiteError(f"{where}: {error}") from None
    if row.get("id") not in (None, "", case.id):
        raise SuiteError(
            f"{where}: the id {row['id']} is not that of the case ({case.id}); "
            "leave it out where you changed the case"
        )
    return case


def _bbq(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    """The question as BBQ's authors put it, with its three answers; the scores need the labels."""
    answers = [row[f"ans{n}"] for n in range(3)]
    options = "\n".join(f"{letter}) {a}" for letter, a in zip("abc", answers, strict=True))
    return case_of(
        blank,
        f"{row['context']} {row['question']}\n{options}\nAnswer with one of the three.",
        where,
        aim="keep",
        meta=_only(
            row, "label", "context_condition", "question_polarity", "category", "answer_info",
            "additional_metadata", "ans0", "ans1", "ans2", "question_index",
        ),
    )  # fmt: skip


def _ifeval(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    meta = {"instructions": row["instruction_id_list"], "arguments": row["kwargs"]}
    return case_of(blank, row["prompt"], where, aim="keep", meta=meta)


def _injection(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    system = Message("system", str(row["test_case_prompt"]))
    return case_of(
        blank,
        row["user_input"],
        where,
        aim="break",
        opening=(system,),
        meta=_only(row, "judge_question", "injection_variant", "injection_type", "risk_category"),
    )


def _frr(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    aim: Aim = "break" if row["is_malicious"] in (True, "true", "True", "1") else "keep"
    return case_of(blank, row["mutated_prompt"], where, aim=aim, meta=_only(row, "attack_type"))


def _dojo(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    """A logged run of AgentDojo up to the last tool result that carries an injection."""
    said = conversation.messages(row["messages"], where)
    injections = row["injections"]
    texts = [str(v) for v in injections.values()] if isinstance(injections, Mapping) else []
    carrying = [n for n, m in enumerate(said) if m.role == "tool" and _carries(m.text, texts)]
    if texts and not carrying:
        raise SuiteError(f"{where}: no tool result carries the injection; give the whole log")
    # Without an injection the task is put alone: it is the benign twin.
    until = carrying[-1] + 1 if carrying else 0
    kept = [m for m in said[:until] if m.role != "assistant"] if carrying else _before_answer(said)
    opening, turn = conversation.put(kept, where)
    keys = ("suite_name", "user_task_id", "injection_task_id", "attack_type", "pipeline_name")
    return case_of(
        blank,
        turn,
        where,
        aim="break" if texts else "keep",
        opening=opening,
        meta=_only(row, *keys),
    )


def _carries(text: str, injections: list[str]) -> bool:
    plain = " ".join(text.split())
    return any(injection and " ".join(injection.split()) in plain for injection in injections)


def _before_answer(said: list[Message]) -> list[Message]:
    for n, message in enumerate(said):
        if message.role == "assistant":
            return said[:n]
    return said


def _bipia(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    """A context and a question without an attack; put one in with the `inject-…` attacks."""
    read = Message("tool", _lines(row["context"]), "read_document")
    question = str(row["question"]).removeprefix("Q: ")
    meta = {"ideal": _lines(row["ideal"])[:_PREFIX]}
    return case_of(blank, question, where, aim="keep", opening=(read,), meta=meta)


def _bipia_code(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    read = Message("tool", _lines(row["context"]), "open_page")
    turn = f"How do I fix this?\n\n{_lines(row['code'])}\n\n{_lines(row['error'])}"
    return case_of(blank, turn, where, aim="keep", opening=(read,))


def _lines(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _harmbench(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    """A behaviour, with its context where it has one."""
    context = str(row.get("ContextString") or "")
    turn = f"{context}\n\n---\n\n{row['Behavior']}" if context else row["Behavior"]
    keys = ("FunctionalCategory", "SemanticCategory", "Category", "Tags")
    return case_of(blank, turn, where, aim="break", meta=_only(row, *keys))


def _xstest(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    """Safe prompts should be answered; the contrasts are unsafe."""
    unsafe = row.get("label") == "unsafe" or str(row["type"]).startswith("contrast_")
    aim: Aim = "break" if unsafe else "keep"
    return case_of(blank, row["prompt"], where, aim=aim, meta=_only(row, "type", "focus", "note"))


def _recorded(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    """A conversation as it was held, up to the last thing the user said.

    Nobody knows whether what was asked should be granted, so a refusal is not held against the
    model: a recorded case is no benign twin.
    """
    opening, turn = conversation.put(conversation.messages(row["messages"], where), where)
    held = row.get("confidential", [])
    if not isinstance(held, list) or not all(isinstance(text, str) for text in held):
        raise SuiteError(f"{where}: confidential is no list of texts")
    meta = {"origin": "recorded"}
    return case_of(
        blank, turn, where, aim="break", opening=opening, confidential=tuple(held), meta=meta
    )


def _exported(row: Mapping[str, Any], blank: Case, where: str) -> Iterator[Case]:
    """An entry of `remit evidence export`; one that was erased or holds no words gives no case."""
    if row["body"] is None:
        return
    try:
        record = orjson.loads(row["body"])
    except orjson.JSONDecodeError:
        raise SuiteError(f"{where}: the body is no JSON; export the record again") from None
    asked = record.get("asked") if isinstance(record, dict) else None
    if isinstance(asked, str) and asked.strip():
        yield case_of(blank, asked, where, aim="break", meta={"origin": "recorded"})


def _inspect(row: Mapping[str, Any], blank: Case, where: str) -> Case:
    """A sample of Inspect. One that `write_inspect` wrote comes back as the case it was."""
    metadata = row.get("metadata") or {}
    if isinstance(metadata, str):
        try:
            metadata = orjson.loads(metadata)
        except orjson.JSONDecodeError:
            raise SuiteError(f"{where}: metadata is no JSON") from None
    if not isinstance(metadata, Mapping):
        raise SuiteError(f"{where}: metadata is no mapping")
    if isinstance(metadata.get("remit"), Mapping):
        return _remit(metadata["remit"], blank, where)
    opening: tuple[Message, ...] = ()
    turn = row["input"]
    if isinstance(turn, list):
        opening, turn = conversation.put(conversation.messages(turn, where), where)
    aim: Aim = "keep" if metadata.get("aim") == "keep" else "break"
    meta = {"target": row.get("target"), "choices": row.get("choices"), **metadata}
    meta.pop("aim", None)
    return case_of(blank, turn, where, aim=aim, opening=opening, meta=meta)
