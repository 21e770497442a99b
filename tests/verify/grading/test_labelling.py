"""The labelling pages, asked over the loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from remit.policy import loads
from remit.types import Message
from remit.verify.cases import Grade
from remit.verify.grading.labelling import LabelServer
from remit.verify.grading.labels import read
from remit.verify.grading.sampling import Item

REMIT = """
remit: 1
organisation: Test
responsible: {owner: Owner}
rules:
  - id: no-sue
    says: Does not advise to <sue>.
    because: A lawyer's work.
    owner: Owner
    then: {output: block}
    detect: [{phrases: [you should sue]}]
"""
HOSTILE = "<script>alert(1)</script> & \"'"


def item(number: int) -> Item:
    said = (Message("user", HOSTILE), Message("assistant", "You should sue."))
    grade = Grade("violated", "none", "the-secret-grader")
    return Item(f"t/{number}/0", "no-sue", said, 0, grade, "random")


class Client:
    """A browser that keeps nothing."""

    def __init__(self, server: LabelServer) -> None:
        self._server = server
        self.root = urlsplit(server.url).path

    def ask(
        self, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, str]:
        connection = HTTPConnection("127.0.0.1", self._server.server_port, timeout=10)
        body = None if form is None else urlencode(form)
        connection.request("GET" if form is None else "POST", path, body, headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        assert "default-src 'none'" in (reply.getheader("content-security-policy") or "")
        return reply.status, text, reply.getheader("location") or ""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return tmp_path / "labels.jsonl"


@pytest.fixture
def client(labels: Path) -> Iterator[Client]:
    with LabelServer(loads(REMIT).policy, [item(0), item(1)], labels) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield Client(server)
        server.shutdown()
        thread.join()


def test_a_rater_labels_all_and_every_label_is_kept(client: Client, labels: Path) -> None:
    status, _, place = client.ask(client.root, {"rater": "Ann B."})
    assert (status, place) == (303, f"{client.root}rate/ann-b")
    for number in range(2):
        assert f"<strong>{number + 1}</strong> of 2" in client.ask(place)[1]
        form = {"label": "yes", "refusal": "none"}
        assert client.ask(f"{place}/{number}", form)[0] == 303
        assert len(read(labels)) == number + 1
    assert "All 2 conversations are labelled" in client.ask(place)[1]
    assert {(one.rater, one.label, one.refusal) for one in read(labels)} == {
        ("ann-b", "violated", "none")
    }


def test_a_rater_goes_on_where_the_last_visit_ended(labels: Path) -> None:
    policy = loads(REMIT).policy
    with LabelServer(policy, [item(0), item(1)], labels) as server:
        server.desk.add("ann", 0, "held", None)
    with LabelServer(policy, [item(0), item(1)], labels) as server:
        view = server.desk.view("ann", None)
        assert view is not None
        assert (view.place, view.done) == (1, 1)


def test_nothing_of_the_graders_is_shown_and_all_text_is_escaped(client: Client) -> None:
    _, page, _ = client.ask(f"{client.root}rate/ann/0")
    assert "the-secret-grader" not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Does not advise to &lt;sue&gt;." in page


def test_without_the_token_there_is_nothing(client: Client, labels: Path) -> None:
    for path in ("/", "/rate/ann/0", "/wrong/rate/ann/0", f"{client.root}../x", "//", "/%00"):
        assert client.ask(path)[0] == 404
    assert client.ask("/wrong/rate/ann/0", {"label": "yes"})[0] == 404
    assert not labels.exists()


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("rate/ann/0", {"label": "perhaps"}, 422),
        ("rate/ann/0", {}, 422),
        ("rate/ann/9", {"label": "yes"}, 404),
        ("rate/ann/-1", {"label": "yes"}, 404),
        ("rate/ann/x", {"label": "yes"}, 404),
        ("rate/An%20n/0", {"label": "yes"}, 404),
        ("", {"rater": "///"}, 422),
        ("rate/ann/0", {"label": "y" * 20_000}, 400),
    ],
)
def test_a_wrong_form_is_refused_and_nothing_written(
    client: Client, labels: Path, path: str, form: dict[str, str], status: int
) -> None:
    assert client.ask(client.root + path, form)[0] == status
    assert not labels.exists()


def test_the_style_and_the_script_are_served(client: Client) -> None:
    assert ":root" in client.ask(f"{client.root}label.css")[1]
    assert "keydown" in client.ask(f"{client.root}label.js")[1]
    assert client.ask(f"{client.root}server.py")[0] == 404
