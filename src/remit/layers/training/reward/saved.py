"""A reward model on disk: tensors as safetensors, everything else as JSON. Imports torch.

reward.json          heads, temperatures, body, recipe, data by hash, what was measured
reward.safetensors   every member's heads, and the mean and spread of frozen features
member-0/ …          each member's language model, where the body is one
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from remit.layers.training.durable import write_folder, write_json
from remit.layers.training.engine import TrainingError
from remit.layers.training.reward.features import FeatureMap, fingerprint
from remit.layers.training.reward.fit import Member
from remit.layers.training.reward.model import RewardModel
from remit.layers.training.reward.network import Body, FeatureBody, Heads, LanguageBody
from remit.types import Json

FORMAT = 1
_MOST_BYTES = 16 << 20


def save(model: RewardModel, folder: Path) -> None:
    """Writes a folder as a whole; one that is there is replaced."""
    write_folder(folder, lambda place: _fill(model, place))


def _fill(model: RewardModel, folder: Path) -> None:
    tensors: dict[str, torch.Tensor] = {}
    for number, member in enumerate(model.members):
        for name, value in member.heads.state_dict().items():
            tensors[f"member-{number}.{name}"] = value.detach().cpu().contiguous()
    body = model.members[0].body
    if isinstance(body, FeatureBody):
        tensors |= {"mean": body.mean.contiguous(), "spread": body.spread.contiguous()}
    else:
        for number, member in enumerate(model.members):
            _save_language(member.body, folder / f"member-{number}")
    save_file(tensors, folder / "reward.safetensors")
    about = {
        **model.about,
        "format": FORMAT,
        "heads": list(model.heads),
        "members": len(model.members),
        "hidden": _hidden(model.members[0].heads),
        "width": body.width,
        "temperatures": dict(model.temperatures),
        "body": _described(body),
    }
    write_json(folder / "reward.json", about)


def load(folder: Path | str, maps: Mapping[str, FeatureMap] | None = None) -> RewardModel:
    """A saved model. `maps` are the feature maps by name, where it stands on features.

    Raises TrainingError where a file is absent or damaged, or a map is not the one it was
    trained with.
    """
    folder = Path(folder)
    about = described(folder)
    try:
        tensors = load_file(folder / "reward.safetensors")
        heads = tuple(str(head) for head in about["heads"])
        bodies = _bodies(folder, about, tensors, maps or {})
        members = tuple(
            Member(body, _heads(tensors, f"member-{number}.", about).to(body.device))
            for number, body in enumerate(bodies)
        )
        temperatures = {str(k): float(v) for k, v in about["temperatures"].items()}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(f"{folder}: no reward model ({error}); train it again") from None
    return RewardModel(heads, members, temperatures, about)


def described(folder: Path) -> Json:
    """What `reward.json` says, tensors unread. Raises TrainingError."""
    try:
        with (folder / "reward.json").open("rb") as file:
            about: Any = orjson.loads(file.read(_MOST_BYTES))
        if about["format"] != FORMAT:
            raise TrainingError(f"{folder}: format {about['format']}, and this reads {FORMAT}")
        if not 1 <= about["members"] <= 64 or not 1 <= len(about["heads"]) <= 10_000:
            raise TrainingError(f"{folder}: not a reward model's numbers; train it again")
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise TrainingError(f"{folder}: no reward model ({error}); train one there") from None
    found: Json = about
    return found


def _bodies(
    folder: Path, about: Json, tensors: Mapping[str, torch.Tensor], maps: Mapping[str, FeatureMap]
) -> Sequence[Body]:
    told = about["body"]
    if told["kind"] == "model":
        return [
            LanguageBody(folder / f"member-{number}", told["pool"], int(told["max_length"]))
            for number in range(about["members"])
        ]
    absent = [name for name in told["features"] if name not in maps]
    if absent:
        raise TrainingError(f"{folder}: stands on the feature '{absent[0]}', which is not given")
    used = [maps[name] for name in told["features"]]
    if fingerprint(used) != told["fingerprint"]:
        raise TrainingError(
            f"{folder}: its features are not those it was trained on ({', '.join(told['sees'])}); "
            "score with the same remit and release, or train it again"
        )
    return [FeatureBody(used, tensors["mean"], tensors["spread"])] * about["members"]


def _heads(tensors: Mapping[str, torch.Tensor], prefix: str, about: Json) -> Heads:
    heads = Heads(int(about["width"]), len(about["heads"]), int(about["hidden"]))
    heads.load_state_dict(
        {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}
    )
    return heads


def _hidden(heads: Heads) -> int:
    return 0 if heads.inner is None else int(heads.inner.out_features)


def _described(body: Body) -> Json:
    if isinstance(body, FeatureBody):
        return {
            "kind": "features",
            "features": [each.name for each in body.maps],
            "sees": [each.sees for each in body.maps],
            "fingerprint": fingerprint(body.maps),
        }
    assert isinstance(body, LanguageBody)  # noqa: S101  there are two kinds
    return {"kind": "model", "pool": body.pool, "max_length": body.max_length}


def _save_language(body: Body, folder: Path) -> None:
    assert isinstance(body, LanguageBody)  # noqa: S101  there are two kinds
    body.model.save_pretrained(folder)
    body.tokenizer.save_pretrained(folder)
