"""Many processes and machines: the accelerate command that runs a recipe on them.

Three configurations are shipped. `multi_gpu` keeps the whole model on each GPU; `fsdp2` and `zero3`
shard weights, gradients and moments over all of them, for models that one GPU does not hold.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from remit.layers.training.engine import TrainingError
from remit.layers.training.extra import needs
from remit.layers.training.recipe_parts import Distributed

CONFIGS = ("multi_gpu", "fsdp2", "zero3")


def config_file(name: str) -> Path:
    """The file of a shipped configuration, or one of the user's own. Raises TrainingError."""
    if name in CONFIGS:
        return Path(__file__).with_name("configs") / f"{name}.yaml"
    own = Path(name)
    if not own.is_file():
        raise TrainingError(
            f"distributed: config: {name}: no such file; have {', '.join(CONFIGS)}, or name a file"
        )
    return own


def command(asked: Distributed, arguments: Sequence[str]) -> list[str]:
    """The command for this machine; `arguments` are those of `remit`.

    `processes` counts over all machines, as accelerate does. Raises TrainingError.
    """
    if asked.machines > 1 and not asked.address:
        raise TrainingError("distributed: several machines need address:, that of the first one")
    if asked.rank >= asked.machines:
        raise TrainingError(
            f"distributed: rank {asked.rank} of {asked.machines} machines; the first has rank 0"
        )
    many = [
        *("--num_machines", str(asked.machines)),
        *("--machine_rank", str(asked.rank)),
        *("--main_process_ip", asked.address),
        *("--main_process_port", str(asked.port)),
    ]
    return [
        *(sys.executable, "-m", "accelerate.commands.launch"),
        *("--config_file", str(config_file(asked.config))),
        *("--num_processes", str(asked.processes)),
        *(many if asked.machines > 1 else ()),
        *("-m", "remit.cli", *arguments),
    ]


def check(asked: Distributed) -> None:
    """Raises MissingExtraError for what the configuration needs and is not there."""
    needs("accelerate", *(("deepspeed",) if asked.config == "zero3" else ()))
