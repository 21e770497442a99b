"""The optional packages of training: asked for by name, refused with the cure."""

from __future__ import annotations

import os
from importlib.util import find_spec


class MissingExtraError(ImportError):
    """A package is not installed; the message says what installs it."""


_CURES = {
    "wandb": "pip install wandb",
    "mlflow": "pip install mlflow",
    "vllm": "pip install 'vllm>=0.22,<=0.31' on a machine with a GPU, or leave vllm: out",
    "deepspeed": "pip install 'deepspeed>=0.18.6' on a machine with GPUs, or take fsdp2",
    "bitsandbytes": "pip install bitsandbytes, or leave quantise: out",
}


def needs(*packages: str) -> None:
    """Raises MissingExtraError naming the first package that is not there, and its cure."""
    for package in packages:
        if not present(package):
            cure = _CURES.get(package, "pip install 'remit[train]'")
            raise MissingExtraError(f"this needs {package}, which is not installed: {cure}")


def present(package: str) -> bool:
    """True where a package can be imported; nothing is imported to find out."""
    return find_spec(package) is not None


def quiet() -> None:
    """Nothing leaves the machine unasked, and nobody else draws on the terminal.

    These are switches that the libraries read from the process' environment and nowhere else.
    """
    for name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "TQDM_DISABLE"):
        os.environ.setdefault(name, "1")
