"""The same tasks on a Ray cluster (extra `ray`), with the same bytes out.

All machines see the sources and the output folder under the same paths (a shared file system). A
machine that is lost costs the parts that it was at: Ray gives their tasks to others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from remit.layers.data.plan import Job
from remit.layers.data.processes import Task, WorkError
from remit.layers.data.streams import MissingExtraError, Seen

_RETRIES = 5
_AHEAD = 2


def spread(tasks: Iterable[Task], job: Job, seen: Seen, address: str) -> None:
    """Does the tasks on the cluster at `address` (auto, local, HOST:PORT), in any order.

    Raises WorkError where a task fails, or was lost with its machine six times.
    """
    ray = _ray()
    if not ray.is_initialized():
        given = None if address == "local" else address
        ray.init(address=given, log_to_driver=False, configure_logging=False)
    remote = ray.remote(max_retries=_RETRIES)(_perform)
    waiting = deque(tasks)
    busy: dict[Any, Task] = {}
    kept = ray.put(job)
    # A few tasks a core: the scheduler is busy enough, and a lost driver leaves little behind.
    room = max(1, int(ray.cluster_resources().get("CPU", 1))) * _AHEAD
    while waiting or busy:
        while waiting and len(busy) < room:
            task = waiting.popleft()
            busy[remote.remote(task, kept)] = task
        ready, _ = ray.wait(list(busy), num_returns=1)
        for reference in ready:
            task = busy.pop(reference)
            try:
                seen(ray.get(reference))
            except ray.exceptions.RayError as error:
                reason = str(getattr(error, "cause", None) or error).strip().splitlines()[-1]
                raise WorkError(f"{task.name}: {reason}") from None


def _perform(task: Task, job: Job) -> int:
    read = 0

    def seen(size: int) -> None:
        nonlocal read
        read += size

    task.do(task.shard, job, seen)
    return read


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise MissingExtraError("a Ray cluster needs ray", "ray") from None
    return ray
