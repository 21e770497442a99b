"""On a Ray cluster the same bytes come out, also where a machine is lost on the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from corpus import filtered, lines, tree, write

pytest.importorskip("ray", reason="needs the extra `ray`")

# In a process of its own: Ray starts threads and servers that outlive what is done with it.
SCRIPT = """\
import sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
import corpus
from remit.layers.data.run import filter_corpus

folder, out = map(Path, sys.argv[1:])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
doomed = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()

def lose() -> None:
    parts = out / ".work" / "parts"
    while not (parts.exists() and len(list(parts.iterdir())) >= 2):
        time.sleep(0.01)
    cluster.remove_node(doomed, allow_graceful=False)
    print("lost", flush=True)

loser = threading.Thread(target=lose)
loser.start()
filter_corpus(corpus.plan(), [str(folder)], out, ray=cluster.address)
loser.join()
ray.shutdown()
cluster.shutdown()
"""


def test_two_nodes_one_of_them_lost_give_the_bytes_of_one_process(tmp_path):
    data = [(f"{number}.jsonl", lines(1_500)) for number in range(4)]
    folder = write(tmp_path / "in", data)
    filtered(tmp_path / "alone", folder)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(tmp_path / "ray")],
        cwd=Path(__file__).parent,
        capture_output=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    assert b"lost" in done.stdout
    assert tree(tmp_path / "ray") == tree(tmp_path / "alone")
