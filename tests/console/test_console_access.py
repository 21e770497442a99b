"""Who gets in, and to what: sessions, roles, forged forms, guesses, and what browsers are told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from firm import PASSWORD, PEOPLE, POLICY, Browser, Clock, Scene, location, staged, text

from remit.console import Console, Live
from remit.console.accounts import disabling
from remit.console.roles import Role
from remit.console.table import ROUTES
from remit.evidence import Evidence, stamp

# What each page needs, written a second time: a slip in the table must not go unseen.
NEEDED = {
    ("GET", "/console/"): "viewer",
    ("GET", "/console/rules/{id}"): "viewer",
    ("GET", "/console/live"): "viewer",
    ("GET", "/console/live/stream"): "viewer",
    ("GET", "/console/cases"): "viewer",
    ("GET", "/console/cases/{id}"): "viewer",
    ("POST", "/console/cases/{id}"): "reviewer",
    ("GET", "/console/incidents"): "viewer",
    ("GET", "/console/incidents/{rule}/{id}"): "viewer",
    ("POST", "/console/incidents/{rule}/{id}"): "reviewer",
    ("GET", "/console/interventions"): "viewer",
    ("POST", "/console/interventions"): "owner",
    ("POST", "/console/interventions/{id}/undo"): "owner",
    ("GET", "/console/people"): "admin",
    ("POST", "/console/people"): "admin",
    ("POST", "/console/people/{name}"): "admin",
    ("GET", "/console/account"): "viewer",
    ("POST", "/console/account"): "viewer",
    ("POST", "/console/logout"): "viewer",
}
OPEN = {"/console/login", "/console/setup/{token}"}


def _path(route) -> str:
    return route.path.replace("{", "").replace("}", "")


def test_the_table_asks_for_the_roles_that_are_meant():
    table = {(route.method, route.path): route.least.word for route in ROUTES}
    assert {key: table[key] for key in NEEDED} == NEEDED
    assert {route.path for route in ROUTES if route.least is Role.NOBODY} == OPEN


def test_a_stranger_gets_the_door_and_nothing_else(scene):
    for route in ROUTES:
        if route.least is Role.NOBODY:
            continue
        response = scene.ask(route.method, _path(route), {} if route.method == "POST" else None)
        if route.method == "GET":
            assert (response.status, location(response)[:14]) == (303, "/console/login"), route.path
        else:
            assert response.status == 403, route.path
    assert scene.ask("GET", "/console/no/such/page").status == 303
    assert list(scene.evidence.entries(kind="seen")) == []


@pytest.mark.parametrize("name", PEOPLE)
def test_a_role_gets_what_is_for_it_and_is_refused_the_rest(filled, name):
    browser = filled.login(name)
    browser.get("/console/account")
    for route in ROUTES:
        if route.least is Role.NOBODY or route.path in ("/console/logout", "/console/live/stream"):
            continue
        path = _path(route)
        answer = browser.get(path) if route.method == "GET" else browser.post(path)
        refused = "not for your role" in text(answer)
        assert refused == (not PEOPLE[name].may(route.least)), route.path
        assert (answer.status == 403) == refused, route.path


def test_a_form_without_the_sessions_token_changes_nothing(filled):
    browser = filled.login("olga")
    browser.get("/console/interventions")
    path = f"/console/interventions/{filled.intervention}/undo"
    for token in ("", "x" * 32, filled.login("ada").token):
        answer = browser.post(path, csrf=token)
        assert (answer.status, "out of date" in text(answer)) == (403, True)
    sql = "SELECT state FROM interventions"
    assert filled.evidence.rows(sql) == [("active",)]
    assert browser.post(path).status == 303
    assert filled.evidence.rows(sql) == [("ended",)]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://console.test.evil.example"},
    ],
)
def test_a_form_from_another_site_is_refused_before_anything_is_read(scene, headers):
    form = {"csrf": "x", "name": "ada", "password": PASSWORD}
    assert scene.ask("POST", "/console/login", form, **headers).status == 403
    kinds = [stored.action for stored in scene.evidence.entries(kind="account")]
    assert "login failed" not in kinds


def test_login_gives_a_session_that_was_not_there_before(scene):
    browser = Browser(scene, {"remit-console": "planted-by-an-attacker"})
    browser.get("/console/login")
    browser.post("/console/login", name="rob", password=PASSWORD)
    token = browser.cookies["remit-console"]
    assert len(token) > 40
    assert token != "planted-by-an-attacker"
    assert (
        scene.ask("GET", "/console/", cookie="remit-console=planted-by-an-attacker").status == 303
    )
    kept = scene.evidence.rows("SELECT token FROM sessions")
    assert all(token not in row[0] for row in kept)


def test_a_form_of_a_browser_without_any_cookie_is_refused(scene):
    for token in ("", "x"):
        form = {"csrf": token, "name": "rob", "password": PASSWORD}
        assert scene.ask("POST", "/console/login", form).status == 403


def test_a_login_form_of_another_browser_does_not_serve(scene):
    attacker, victim = Browser(scene), Browser(scene)
    attacker.get("/console/login")
    victim.get("/console/login")
    victim.token = attacker.token
    assert victim.post("/console/login", name="rob", password=PASSWORD).status == 403


def test_a_session_ends_after_an_hour_of_nothing_and_after_twelve_of_anything(scene):
    browser = scene.login("rob")
    began = scene.clock.now
    while browser.get("/console/account").status == 200:
        scene.clock.now += timedelta(minutes=50)
    assert timedelta(hours=12) < scene.clock.now - began < timedelta(hours=13)
    again = scene.login("rob")
    scene.clock.now += timedelta(minutes=61)
    assert again.get("/console/account").status == 303


def test_logging_out_ends_this_session_or_all(scene):
    one, other = scene.login("rob"), scene.login("rob")
    one.get("/console/account")
    cookie = one.cookies["remit-console"]
    assert location(one.post("/console/logout")).startswith("/console/login")
    assert scene.ask("GET", "/console/", cookie=f"remit-console={cookie}").status == 303
    assert other.get("/console/account").status == 200
    third = scene.login("rob")
    third.get("/console/account")
    third.post("/console/logout", everywhere="yes")
    assert other.get("/console/account").status == 303


def test_who_is_shut_out_is_out_at_once(scene):
    browser = scene.login("rob")
    change = disabling("rob", "ada", stamp())
    scene.evidence.change_sync(change.record(), change)
    assert browser.get("/console/account").status == 303
    stranger = Browser(scene)
    stranger.get("/console/login")
    assert stranger.post("/console/login", name="rob", password=PASSWORD).status == 401


def test_guesses_are_slowed_down_by_name_whoever_asks(scene):
    browser = Browser(scene)
    browser.get("/console/login")
    answers = [browser.post("/console/login", name="rob", password=f"guess {n}") for n in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert dict(answers[-1].headers)["retry-after"] == "2"
    assert browser.post("/console/login", name="rob", password=PASSWORD).status == 429
    assert browser.post("/console/login", name="vera", password=PASSWORD).status == 303


def test_failed_logins_are_recorded_and_never_what_was_typed(scene):
    browser = Browser(scene)
    browser.get("/console/login")
    browser.post("/console/login", name="rob", password="a-secret-guess")
    browser.post("/console/login", name="my-password-in-the-wrong-field", password="x")
    records = [s.record for s in scene.evidence.entries(kind="account")]
    failed = [record for record in records if record["action"] == "login failed"]
    assert [(record["account"], record["address"]) for record in failed] == [
        ("rob", "127.0.0.1"),
        ("", "127.0.0.1"),
    ]
    assert "a-secret-guess" not in str(records)
    assert "wrong-field" not in str(records)


def test_no_record_and_no_page_holds_a_password_or_its_hash(scene):
    browser = scene.login("ada")
    page = text(browser.post("/console/people", name="new", role="viewer", owner_of=""))
    records = str([s.record for s in scene.evidence.entries()])
    assert "argon2" not in records + page
    assert PASSWORD not in records
    assert scene.evidence.rows("SELECT password FROM accounts")[0][0].startswith(
        "$argon2id$v=19$m=65536,t=3"
    )


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example/", "/\\evil", "/a\r\nb: c"])
def test_login_sends_nobody_to_another_site(scene, to):
    browser = Browser(scene)
    browser.get("/console/login")
    answer = browser.post("/console/login", name="rob", password=PASSWORD, to=to)
    assert location(answer) == "/console/"


def test_login_goes_on_to_the_page_that_was_asked_for(scene):
    asked = location(scene.ask("GET", "/console/cases?state=closed"))
    browser = Browser(scene)
    page = text(browser.get(asked))
    assert 'name="to" value="/cases?state=closed"' in page
    answer = browser.post("/console/login", name="rob", password=PASSWORD, to="/cases?state=closed")
    assert location(answer) == "/console/cases?state=closed"


def test_what_a_browser_is_told_keeps_the_page_to_itself(scene):
    response = scene.login("vera").get("/console/")
    headers = dict(response.headers)
    assert "unsafe" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    # `no-referrer` would make browsers send the console's own forms with `Origin: null`.
    assert headers["referrer-policy"] == "same-origin"
    page = text(response)
    assert " style=" not in page
    assert " onclick=" not in page
    assert "<style" not in page
    assert "//" not in page.replace("<!doctype", "").split("<body")[0].replace("http://", "")


@pytest.mark.parametrize("secure", [False, True])
def test_cookies_are_for_this_host_and_no_script(tmp_path, secure):
    with staged(tmp_path, secure=secure) as scene:
        browser = scene.login("rob")
        name = "__Host-remit-console" if secure else "remit-console"
        assert set(browser.cookies) == {name, f"{name}-stranger"}
        cookie = next(v for k, v in scene.login("vera").last.headers if k == "set-cookie")
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert ("Secure" in cookie) == secure
        assert "Domain" not in cookie


def test_what_is_too_long_or_no_form_is_refused(scene):
    browser = scene.login("ada")
    browser.get("/console/people")
    assert browser.post("/console/people", name="x" * 70_000).status == 413
    fields = {f"f{n}": "1" for n in range(200)}
    assert browser.post("/console/people", **fields).status == 400
    cookie = f"remit-console={browser.cookies['remit-console']}"
    answer = scene.ask("POST", "/console/people", {}, cookie=cookie, content_type="text/plain")
    assert answer.status == 400
    assert scene.ask("GET", "/console/cases?" + "x" * 5000, cookie=cookie).status == 400
    assert scene.ask("GET", "/console/cases/%ff", cookie=cookie).status == 400
    assert scene.ask("DELETE", "/console/people", {}, cookie=cookie).status == 405


def test_the_first_account_is_made_by_a_link_that_serves_once(tmp_path):
    with Evidence.open(tmp_path / "e.db") as evidence:
        console = Console(evidence, lambda: Live(POLICY))
        scene = Scene(evidence, Clock(), console)
        path = asyncio.run(console.invitation())
        wrong = Browser(scene)
        assert wrong.get("/console/setup/guess").status == 404
        browser, late = Browser(scene), Browser(scene)
        assert browser.get(path).status == 200
        late.get(path)
        assert browser.post(path, name="anna", password="short").status == 422
        assert browser.post(path, name="anna", password=PASSWORD).status == 303
        assert browser.get("/console/people").status == 200
        assert late.post(path, name="mallory", password=PASSWORD).status == 404
        assert browser.get(path).status == 404
        assert asyncio.run(console.invitation()) == ""
        asyncio.run(console.close())
    assert evidence.broken is None


def test_no_account_has_the_name_of_a_machine(scene):
    browser = scene.login("ada")
    browser.get("/console/people")
    for name in ("remit", "model", "assistant"):
        answer = browser.post("/console/people", name=name, role="admin", owner_of="")
        assert answer.status == 409
        assert "no person" in text(answer)
