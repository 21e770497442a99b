"""The models that `remit train` asks: a local folder, or an address as for `verify --target`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.verify_options import keys

if TYPE_CHECKING:
    from remit.layers.training.constitution.speakers import Speaker


def speaker_of(text: str, environ: Mapping[str, str], **settings: Any) -> Speaker:
    """A model that answers. Raises TargetError where it is neither a folder nor an address."""
    from remit.layers.training.constitution.speakers import Local, Remote
    from remit.verify.opening import address, opened

    if (Path(text) / "config.json").is_file():
        return Local(Path(text), **settings)
    place = address(text)
    key = keys([place], environ).get(place)
    return Remote(opened(place, key), place.model_id, **settings)


def judges_of(text: str | None, environ: Mapping[str, str]) -> dict[str, object]:
    """The judge that rules ask by default; none where none is named. Raises TargetError."""
    from remit.models.asking import Asking
    from remit.verify.opening import address, opened

    if not text:
        return {}
    place = address(text)
    return {"default": Asking(opened(place, keys([place], environ).get(place)), place.model_id)}
