"""Runs a peer's MinHash de-duplication on a JSON Lines file; executed by the peer's own Python.

Usage: PYTHON dedup_peers.py datatrove|datatrove-plain|text-dedup FILE FOLDER. Prints one JSON
line: wall and CPU seconds of the work (imports and start not counted), peak memory, rows removed,
and where the peer tells it, the groups. `datatrove-plain` is datatrove with words split at spaces
in place of spaCy's tokenizer, so that what differs then is not the words.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
from pathlib import Path

BANDS, HASHES, WORDS = 14, 8, 5


def datatrove(file: Path, folder: Path, *, plain: bool) -> dict[str, object]:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.utils.logging import logger

    logger.remove()
    config = MinhashConfig(n_grams=WORDS, num_buckets=BANDS, hashes_per_bucket=HASHES)
    signature = MinhashDedupSignature(str(folder / "sigs"), config)
    if plain:
        signature.word_tokenizer = Spaces()
    else:
        signature.word_tokenizer.word_tokenize("load the tokenizer before the clock runs")
    reader = JsonlReader(str(file.parent), glob_pattern=file.name)
    buckets = MinhashDedupBuckets(str(folder / "sigs"), str(folder / "buckets"), config=config)
    cluster = MinhashDedupCluster(
        str(folder / "buckets"), str(folder / "remove"), config, save_cluster_id=True
    )
    start, cpu = time.perf_counter(), spent()
    for name, pipeline, tasks in (
        ("1", [reader, signature], 1),
        ("2", [buckets], BANDS),
        ("3", [cluster], 1),
    ):
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=1, logging_dir=str(folder / "logs" / name)
        ).run()
    seconds, cpu = time.perf_counter() - start, spent() - cpu
    groups: dict[int, list[int]] = {}
    octets = b"".join(path.read_bytes() for path in (folder / "remove").glob("*.clusters"))
    for row, group in struct.iter_unpack("<II", octets):
        groups.setdefault(group, []).append(row)
    removed = sum(path.stat().st_size // 4 for path in (folder / "remove").glob("*.remove"))
    return {
        "seconds": seconds,
        "cpu": cpu,
        "removed": removed,
        "groups": sorted(map(sorted, groups.values())),
    }


def spent() -> float:
    """CPU seconds of this process and of its children that ended."""
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in each)


class Spaces:
    """Stands in for datatrove's tokenizer: words are what is between spaces."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()


def text_dedup(file: Path, folder: Path) -> dict[str, object]:
    import datasets
    from text_dedup import minhash

    datasets.disable_progress_bars()
    options = {
        "path": "json", "data_files": file, "split": "train", "column": "text",
        "output": folder / "out", "cache_dir": folder / "cache", "num_proc": 1,
        "ngram": WORDS, "min_length": WORDS, "num_perm": BANDS * HASHES, "b": BANDS, "r": HASHES,
    }  # fmt: skip
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    start, cpu = time.perf_counter(), spent()
    minhash.main(arguments, standalone_mode=False)
    seconds, cpu = time.perf_counter() - start, spent() - cpu
    rows = sum(1 for _ in file.open("rb"))
    removed = rows - len(datasets.load_from_disk(str(folder / "out")))
    return {"seconds": seconds, "cpu": cpu, "removed": removed}


def main() -> None:
    peer, file, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if peer == "text-dedup":
        result = text_dedup(file, folder)
    else:
        result = datatrove(file, folder, plain=peer == "datatrove-plain")
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps(result))


if __name__ == "__main__":
    main()
