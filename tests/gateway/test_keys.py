"""Client keys: made, kept as hashes, found, counted."""

import json
import stat

import pytest

from remit.gateway.keys import KeyFileError, Keyring, add_key, load_keys, new_key


def test_a_file_keeps_no_secret_and_only_its_owner_reads_it(tmp_path):
    file = tmp_path / "keys.json"
    secret = add_key(file, "web-site")
    assert secret.startswith("rmt-")
    assert secret not in file.read_text()
    assert secret.removeprefix("rmt-") not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not (tmp_path / "keys.json.new").exists()


def test_a_key_is_found_by_its_secret_alone(tmp_path):
    file = tmp_path / "keys.json"
    first, second = add_key(file, "first"), add_key(file, "second", "hr.yaml", 5)
    ring = Keyring(load_keys(file))
    found = ring.find(f"Bearer {second}")
    assert (found.name, found.remit, found.per_minute) == ("second", "hr.yaml", 5)
    assert ring.find(f"bearer {first} ").name == "first"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {}",
        "{}",
        "Bearer x{}",
        "Bearer {}x",
        "Bearer rmt-",
        "Bearer é",
    ],
)
def test_anything_else_is_no_key(header):
    secret, key = new_key("a")
    assert Keyring((key,)).find(header.format(secret)) is None
    assert Keyring((key,)).find(f"Bearer {key.sha256}") is None


def test_a_name_is_given_once(tmp_path):
    add_key(tmp_path / "keys.json", "a")
    with pytest.raises(KeyFileError, match="has a key 'a'"):
        add_key(tmp_path / "keys.json", "a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"keys": []}', "holds no key"),
        ('{"keys": [{"name": "a"}]}', "cannot be read"),
        ('{"keys": [{"name": "a", "sha256": "x", "extra": 1}]}', "cannot be read"),
        ('{"keys": [{"name": "a", "sha256": "é"}]}', "'a' is damaged"),
        ('{"keys": [{"name": "a", "sha256": 5}]}', "'a' is damaged"),
        (json.dumps({"keys": [{"name": "a", "sha256": "0" * 64, "per_minute": 0}]}), "damaged"),
        (json.dumps({"keys": [{"name": "a", "sha256": "0" * 64, "per_minute": "9"}]}), "damaged"),
    ],
)
def test_a_file_that_is_no_key_file_is_refused_with_its_name(change, message, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(change)
    with pytest.raises(KeyFileError, match=message) as caught:
        load_keys(file)
    assert str(file) in str(caught.value)


def test_no_file_says_how_to_make_one(tmp_path):
    with pytest.raises(KeyFileError, match="remit keys add NAME --file"):
        load_keys(tmp_path / "none.json")


def test_a_minutes_worth_at_once_then_one_by_one():
    _, key = new_key("a", per_minute=60)
    ring = Keyring((key,))
    assert [ring.wait(key, 0.0) for _ in range(60)] == [0.0] * 60
    assert ring.wait(key, 0.0) == pytest.approx(1.0)
    assert ring.wait(key, 0.5) == pytest.approx(0.5)
    assert ring.wait(key, 1.0) == 0.0
    assert ring.wait(key, 1.0) > 0
    assert [ring.wait(key, 1_000.0) for _ in range(60)] == [0.0] * 60
    assert ring.wait(key, 1_000.0) > 0


def test_keys_are_counted_apart_and_workers_share_a_rate():
    one, two = new_key("a", per_minute=2)[1], new_key("b", per_minute=2)[1]
    ring = Keyring((one, two), workers=2)
    assert ring.wait(one, 0.0) == 0.0
    assert ring.wait(one, 0.0) > 0
    assert ring.wait(two, 0.0) == 0.0
