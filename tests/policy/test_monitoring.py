"""The key `monitor:`: how much is judged, how often the canary runs, and who is told."""

import pytest

from remit.policy import PolicyError, loads

HEAD = "remit: 1\norganisation: Hollis\n"


def monitor(text):
    return loads(f"{HEAD}monitor: {text}\n").policy.monitor


def test_a_share_may_be_written_as_people_do():
    assert monitor("{sample: 12.5%}").sample == 0.125
    assert monitor("{sample: 1}").sample == 1
    assert monitor("{}").sample == 0.1


@pytest.mark.parametrize(
    ("word", "hours"), [("hourly", 1), ("daily", 24), ("weekly", 168), ("off", None)]
)
def test_the_canary_runs_as_often_as_it_says(word, hours):
    assert monitor(f"{{canary: {word}}}").canary_hours == hours


def test_alerts_name_one_way_each_and_no_secret():
    alerts = monitor(
        "{alerts: [{webhook: 'https://a.example/x', secret_env: HOOK}, {email: ann@hollis.example},"
        " {slack: {url_env: SLACK}}]}"
    ).alerts
    assert [alert.secret_env for alert in alerts] == ["HOOK", None, None]
    assert alerts[1].email == "ann@hollis.example"
    assert (alerts[2].slack, alerts[2].url_env) == (None, "SLACK")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{sample: 0}", "sample"),
        ("{sample: a lot}", "10%"),
        ("{sample: 200%}", "sample"),
        ("{canary: yearly}", "'hourly'"),
        ("{alerts: [{}]}", "one of webhook, email, slack"),
        ("{alerts: [{webhook: 'https://a.example', email: a@b.example}]}", "one way"),
        ("{alerts: [{webhook: 'file:///etc/passwd'}]}", "webhook"),
        ("{alerts: [{webhook: 'https://user:secret@a.example'}]}", "webhook"),
        ("{alerts: [{email: ann@hollis.example, secret_env: X}]}", "secret_env"),
        ("{alerts: [{slack: {secret: X}}]}", "url_env"),
        ("{alerts: [{email: 'a@b.example\\r\\nBcc: x'}]}", "email"),
        ("{sampel: 1%}", "did you mean 'sample'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(text, told):
    with pytest.raises(PolicyError) as refused:
        monitor(text)
    assert told in str(refused.value)


def test_a_remit_that_does_not_use_the_key_keeps_its_digest():
    before = loads(HEAD + "rules: []\n").policy
    assert before.monitor is None
    used = loads(f"{HEAD}monitor: {{sample: 5%}}\n").policy
    assert before.digest != used.digest
    dumped = type(used).model_validate(used.model_dump(mode="json"))
    assert dumped.digest == used.digest
