"""Accounts: made, changed and shut out, from the page and from the command line."""

from __future__ import annotations

import json
import re

import pytest
from firm import PASSWORD, location, text

from remit.cli import main
from remit.console.accounts import AccountError, accounts, appointing, disabling, find
from remit.console.passwords import PasswordError, Passwords, generated
from remit.console.roles import Role
from remit.console.throttle import Throttle
from remit.evidence import Evidence, stamp


def test_an_admin_adds_somebody_whose_password_is_shown_once(scene):
    ada = scene.login("ada")
    ada.get("/console/people")
    page = text(ada.post("/console/people", name="Cleo", role="owner", owner_of="Managing partner"))
    password = re.search(r'<code class="secret">([^<]+)</code>', page)[1]
    assert password not in text(ada.get("/console/people"))
    cleo = scene.login("cleo", password)
    assert "owner" in text(cleo.get("/console/account"))
    assert find(scene.evidence, "cleo").answers_for("Managing partner")


def test_a_new_password_ends_the_sessions_of_the_old_one(scene):
    rob, ada = scene.login("rob"), scene.login("ada")
    ada.get("/console/people")
    page = text(ada.post("/console/people/rob", act="password"))
    password = re.search(r'<code class="secret">([^<]+)</code>', page)[1]
    assert rob.get("/console/account").status == 303
    assert scene.login("rob", password).get("/console/account").status == 200


def test_one_changes_ones_own_password_knowing_the_old_one(scene):
    rob = scene.login("rob")
    rob.get("/console/account")
    assert rob.post("/console/account", old="wrong", new="another-long-password").status == 422
    assert rob.post("/console/account", old=PASSWORD, new="short").status == 422
    done = rob.post("/console/account", old=PASSWORD, new="another-long-password")
    assert location(done).startswith("/console/login")
    assert rob.get("/console/account").status == 303
    scene.login("rob", "another-long-password")


def test_the_last_admin_stays_one(scene):
    ada = scene.login("ada")
    ada.get("/console/people")
    for form in ({"act": "disable"}, {"act": "role", "role": "viewer", "owner_of": ""}):
        answer = ada.post("/console/people/ada", **form)
        assert (answer.status, "last admin" in text(answer)) == (409, True)
    ada.post("/console/people/rob", act="role", role="admin", owner_of="")
    assert ada.post("/console/people/ada", act="role", role="viewer", owner_of="").status == 303
    assert ada.get("/console/people").status == 403


def test_a_role_taken_away_is_gone_at_once(scene):
    rob = scene.login("rob")
    change = appointing("rob", Role.VIEWER, "", "ada", stamp())
    scene.evidence.change_sync(change.record(), change)
    assert "viewer" in text(rob.get("/console/account"))
    assert rob.post("/console/cases/x", verb="answer", text="y").status == 403


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "é", "<b>"])
def test_names_that_could_be_mistaken_are_refused(scene, name):
    ada = scene.login("ada")
    ada.get("/console/people")
    answer = ada.post("/console/people", name=name, role="viewer", owner_of="")
    assert answer.status in (409, 422)
    assert len(accounts(scene.evidence)) == 4


def test_every_change_of_an_account_is_in_the_chain(scene):
    change = disabling("rob", "ada", stamp())
    scene.evidence.change_sync(change.record(), change)
    with pytest.raises(AccountError, match="none"):
        scene.evidence.change_sync(
            change.record() | {"id": "x"}, disabling("nobody", "ada", stamp())
        )
    actions = [(s.record["account"], s.action) for s in scene.evidence.entries(kind="account")]
    assert actions[-1] == ("rob", "disabled")
    assert ("ada", "added") in actions


def test_passwords_are_checked_for_length_and_kept_as_argon2id():
    passwords = Passwords()
    for wrong in ("short", "x" * 300, "aaaaaaaaaaaaaa"):
        with pytest.raises(PasswordError):
            passwords.hashed(wrong)
    one, other = passwords.hashed(PASSWORD), passwords.hashed(PASSWORD)
    assert one != other
    assert passwords.matches(one, PASSWORD)
    assert not passwords.matches(one, PASSWORD + "x")
    assert not passwords.matches("", PASSWORD)
    assert not passwords.matches("$argon2id$broken", PASSWORD)
    assert len({generated() for _ in range(100)}) == 100


def test_the_wait_doubles_and_what_is_remembered_is_bounded():
    now = [0.0]
    throttle = Throttle(3, lambda: now[0])
    assert [throttle.begin("a") for _ in range(4)] == [0, 0, 0, 2]
    waits = []
    for _ in range(10):
        now[0] += 10_000 if not waits else 0
        waits.append(throttle.begin("b"))
        now[0] += waits[-1]
    assert waits[:3] == [0, 0, 0]
    assert max(waits) > 4
    throttle.succeed("b")
    assert throttle.begin("b") == 0
    for number in range(20_000):
        throttle.begin(str(number))
    assert len(throttle._tries) == 10_000


def test_people_are_made_and_shut_out_from_the_command_line(tmp_path, capsys):
    record = str(tmp_path / "evidence.db")

    def run(*words):
        code = main(["people", *words, "--evidence", record], {})
        return code, capsys.readouterr()

    code, out = run("add", "Anna", "--role", "admin", "--owner-of", "Managing partner", "--json")
    told = json.loads(out.out)
    assert (code, told["name"], told["role"]) == (0, "anna", "admin")
    code, out = run("add", "ben", "--json")
    assert json.loads(out.out)["role"] == "viewer"
    assert run("add", "ben")[0] == 3
    assert run("add", "b/n")[0] == 3
    assert run("add", "cleo", "--role", "boss")[0] == 2
    assert run("disable", "anna")[0] == 3
    assert run("disable", "ben")[0] == 0
    assert "shut out" in run("list")[1].out
    assert run("enable", "ben")[0] == 0
    code, out = run("password", "anna", "--json")
    new = json.loads(out.out)["password"]
    assert new != told["password"]
    with Evidence.open(record) as evidence:
        kept = evidence.rows("SELECT password FROM accounts WHERE name = 'anna'")[0][0]
        assert Passwords().matches(kept, new)
        assert [one.name for one in accounts(evidence)] == ["anna", "ben"]
