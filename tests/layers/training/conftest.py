from __future__ import annotations

from importlib.util import find_spec

import pytest


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """The folder of a model that has learnt nothing yet."""
    if not find_spec("torch"):
        pytest.skip("torch is not installed: pip install 'remit[train]'")
    import tiny
    import torch

    torch.set_num_threads(1)  # for models this small, threads cost more than they give
    return tiny.model(tmp_path_factory.mktemp("start"))
