"""The figures: every one from sources that taught nothing, with n and an exact interval."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import beta
from sklearn.metrics import average_precision_score

from recipes.detectors.calibrate import Calibration, expected_error, reliability
from recipes.detectors.heads import HEADS, INDEX
from recipes.detectors.infer import Asker, Spans, spans
from recipes.detectors.names import Named
from recipes.detectors.scores import Ordinary, Scored

Json = dict[str, Any]


def rate(hits: int, count: int) -> Json:
    """A share with its 95 % Clopper-Pearson interval."""
    low = float(beta.ppf(0.025, hits, count - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, count - hits)) if hits < count else 1.0
    share = hits / count if count else 0.0
    return {"rate": round(share, 4), "low": round(low, 4), "high": round(high, 4), "n": count}


def of_head(scored: Scored, head: str, calibration: Calibration, calm: Ordinary) -> Json:
    """One head: precision and recall at the default threshold, false alarms, by group."""
    limit = calm.thresholds["0.01"]
    quiet = scored.pick(head, "quiet")
    alarms = scored.score(head, calibration, quiet) > limit
    found: Json = {
        "threshold": limit,
        "ordinary_n": len(calm.scores),
        "false_alarms": rate(int(alarms.sum()), len(quiet)),
        "encoder_asked": rate(
            int(calibration.asks(scored.linear[quiet, INDEX[head]]).sum()), len(quiet)
        ),
    }
    at = scored.pick(head, "test")
    truth = scored.truth(head, at)
    if not truth.any():
        return found
    scores = scored.score(head, calibration, at)
    over = scores > limit
    always = scored.score(head, replace(calibration, low=0.0), at) > limit
    rows = [scored.rows[i] for i in at]
    yes = truth == 1
    found |= {
        "positives": Counter(row.source for row, y in zip(rows, yes, strict=True) if y),
        "negatives": Counter(row.source for row, y in zip(rows, yes, strict=True) if not y),
        "auprc": round(float(average_precision_score(truth, scores)), 4),
        "auprc_encoder": round(
            float(average_precision_score(truth, scored.encoder[at, INDEX[head]])), 4
        ),
        "auprc_linear": round(
            float(average_precision_score(truth, scored.linear[at, INDEX[head]])), 4
        ),
        "recall": rate(int(over[yes].sum()), int(yes.sum())),
        "hard_negatives_stopped": rate(int(over[~yes].sum()), int((~yes).sum())),
        "recall_asking_always": rate(int(always[yes].sum()), int(yes.sum())),
        "ece": round(expected_error(scores, truth), 4),
        "reliability": reliability(scores, truth.tolist()),
    }
    for name, of in (("recall_by_language", "lang"), ("recall_by_source", "source")):
        groups = {getattr(row, of) for row, y in zip(rows, yes, strict=True) if y}
        found[name] = {
            group: rate(
                *_hits(over & yes, np.array([getattr(row, of) == group for row in rows]) & yes)
            )
            for group in sorted(groups)
        }
    kinds = {row.side for row, y in zip(rows, yes, strict=True) if not y and row.side}
    found["stopped_by_kind"] = {
        kind: rate(*_hits(over, np.array([row.side == kind for row in rows]) & ~yes))
        for kind in sorted(kinds)
    }
    return found


def _hits(over: np.ndarray, inside: np.ndarray) -> tuple[int, int]:
    return int((over & inside).sum()), int(inside.sum())


def together(
    scored: Scored,
    heads: tuple[str, ...],
    calibrations: dict[str, Calibration],
    calm: dict[str, Ordinary],
    level: str,
) -> Json:
    """Several heads as one rule, each at its own threshold for `level`: stopped by any of them."""
    over = np.zeros(len(scored.rows), bool)
    everything = np.arange(len(scored.rows))
    for head in heads:
        over |= scored.score(head, calibrations[head], everything) > calm[head].thresholds[level]
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(scored.rows):
        if row.split == "quiet" and heads[0] in row.labels:
            groups.setdefault("ordinary", []).append(i)
        if row.split == "test":
            known = [row.labels[head] for head in heads if head in row.labels]
            if known:
                groups.setdefault(
                    ("positive:" if any(known) else "benign:") + row.source, []
                ).append(i)
    return {name: rate(int(over[at].sum()), len(at)) for name, at in sorted(groups.items())}


def agreement(full: Asker, small: Asker, texts: list[str]) -> str:
    """How near int8 stays to float32: cosine of embeddings, and answers that flip at logit 0."""
    cosines = [float(full.pooled(text) @ small.pooled(text)) for text in texts]
    before, after = full.heads(texts), small.heads(texts)
    flipped = float(((before > 0) != (after > 0)).mean())
    return (
        f"cosine of embeddings mean {np.mean(cosines):.3f}, least {np.min(cosines):.3f}; "
        f"{100 * flipped:.2f} % of answers flip at logit 0 (n {len(texts)} texts)"
    )


def of_names(asker: Asker, rows: list[Named], limit: float) -> Json:
    """Characters of names found and wrongly marked; spans found; F2, whatever the kind."""
    found: Json = {}
    for row in rows:
        own, logits = asker.token_logits(row.text)
        got = spans(row.text, own, logits, limit)
        for group in {f"{row.source} {row.lang}", "all"}:
            tally = found.setdefault(group, Counter())
            tally.update(_compare(row.spans, got))
    return {group: _measures(tally) for group, tally in sorted(found.items())}


def _compare(true: Spans, got: Spans) -> Counter[str]:
    marked = {i for s, e, _ in got for i in range(s, e)}
    tally = Counter(texts=1)
    for start, end, kind in true:
        hit = len(marked.intersection(range(start, end))) >= 0.5 * (end - start)
        tally.update({"spans": 1, "hit": int(hit), f"n {kind}": 1, f"hit {kind}": int(hit)})
    truth = [(s, e) for s, e, _ in true]
    for start, end, _ in got:
        covered = sum(max(0, min(e, end) - max(s, start)) for s, e in truth)
        tally.update({"got": 1, "right": int(covered >= 0.5 * (end - start))})
    return tally


def _measures(tally: Counter[str]) -> Json:
    recall, precision = tally["hit"] / max(tally["spans"], 1), tally["right"] / max(tally["got"], 1)
    f2 = 5 * precision * recall / max(4 * precision + recall, 1e-9)
    kinds = [name[2:] for name in tally if name.startswith("n ")]
    return {
        "texts": tally["texts"],
        "recall": rate(tally["hit"], tally["spans"]),
        "precision": rate(tally["right"], tally["got"]),
        "f2": round(f2, 4),
        "recall_by_kind": {kind: rate(tally[f"hit {kind}"], tally[f"n {kind}"]) for kind in kinds},
    }


def all_heads(
    scored: Scored, calibrations: dict[str, Calibration], calm: dict[str, Ordinary]
) -> Json:
    """Every head's figures."""
    return {head: of_head(scored, head, calibrations[head], calm[head]) for head in HEADS}
