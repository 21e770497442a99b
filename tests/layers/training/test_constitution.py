"""Constitutional AI: critique and revise until clean, prefer in both orders, and train on it."""

from __future__ import annotations

import json
import random

import pytest
import steered

from remit.layers.training.constitution.comparing import compare, preference_rows
from remit.layers.training.constitution.critics import (
    Case,
    DetectorCritic,
    ModelCritic,
    ModelReviser,
    OwnWords,
    Resampling,
)
from remit.layers.training.constitution.recipe import ConstitutionRecipe, read_constitution
from remit.layers.training.constitution.revising import revise, sft_rows
from remit.layers.training.constitution.run import constitution, run_constitution
from remit.layers.training.constitution.speakers import Remote
from remit.layers.training.engine import Silent, TrainingError
from remit.layers.training.recipes import RecipeError
from remit.layers.training.rows import rows_of, write_rows
from remit.models.scripted import Fault, Scripted, ScriptedReply
from remit.policy import steering

ENFORCER = steered.enforcer()
RULES = [steering(rule) for rule in ENFORCER.policy.rules[:2]]
DETECTORS = DetectorCritic.of(ENFORCER)
PROMPT = "My landlord keeps my deposit. What now?"


def speaker(answer):
    """A model that answers as the function of what it is asked says."""
    return Remote(Scripted(lambda request: answer(request["messages"][-1]["content"])), "scripted")


def case(reply, rule=0):
    return Case(PROMPT, reply, RULES[rule])


# --- Phase one -----------------------------------------------------------------------------------


def test_a_reply_is_revised_until_every_rule_passes_it():
    drafts = iter([steered.PROMISE, steered.FINE])
    reviser = Resampling(speaker(lambda _: next(drafts)))
    (way,) = revise([(PROMPT, steered.LEGAL)], RULES, DETECTORS, reviser)
    assert way.clean(RULES)
    assert way.reply == steered.FINE
    assert way.original == steered.LEGAL
    assert way.revisions == 2
    # The last revision was looked at in the light of both rules.
    assert {one.rule for one in way.rounds if one.reply == steered.FINE} == {r.rule for r in RULES}


def test_every_round_is_kept():
    (way,) = revise([(PROMPT, steered.LEGAL)], RULES, DETECTORS, OwnWords(ENFORCER.policy))
    told = way.to_json(RULES)
    faulty = [one for one in told["rounds"] if not one["clean"]]
    assert faulty[0]["reply"] == steered.LEGAL
    assert faulty[0]["revision"] == steered.REFERS
    assert "no-legal-advice" in faulty[0]["critique"]


def test_a_clean_reply_is_left_as_it_is():
    def never(asked):
        raise AssertionError(asked)

    (way,) = revise([(PROMPT, steered.FINE)], RULES, DETECTORS, Resampling(speaker(never)))
    assert (way.reply, way.revisions) == (steered.FINE, 0)


def test_what_never_comes_clean_is_given_up_and_teaches_nothing():
    reviser = Resampling(speaker(lambda _: steered.LEGAL))
    ways = revise([(PROMPT, steered.LEGAL), (PROMPT, "")], RULES, DETECTORS, reviser, revisions=3)
    assert [way.revisions for way in ways] == [3, 0]
    assert ways[0].given_up
    assert sft_rows(ways, RULES, DETECTORS, reviser, "digest", "model") == []


def test_the_rules_own_answer_is_in_the_clients_language():
    words = OwnWords(ENFORCER.policy)
    asked = Case("Wat moet ik doen, want ik kan het niet betalen?", steered.LEGAL, RULES[0])
    assert words.revised([asked], [], 0) == ["Uw vraag ligt bij the duty accountant."]


def test_a_row_says_who_criticised_and_how_it_came_about():
    reviser = OwnWords(ENFORCER.policy)
    ways = revise([(PROMPT, steered.LEGAL)], RULES, DETECTORS, reviser)
    (row,) = sft_rows(ways, RULES, DETECTORS, reviser, ENFORCER.policy.digest, "abc")
    rows_of([row], "sft")
    assert row["completion"] == steered.REFERS
    assert row["meta"]["critic"] == "detectors"
    assert row["meta"]["policy"] == ENFORCER.policy.digest
    assert row["meta"]["rules"] == ["no-legal-advice"]


def test_the_draw_is_settled_by_the_seed():
    samples = [(PROMPT, steered.FINE)] * 12

    def order(seed):
        ways = revise(samples, RULES, DETECTORS, OwnWords(ENFORCER.policy), seed=seed)
        return [[one.rule for one in way.rounds] for way in ways]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_without_a_rule_there_is_no_constitution():
    with pytest.raises(ValueError, match="penalise"):
        revise([], [], DETECTORS, OwnWords(ENFORCER.policy))


# --- A model as critic ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "clean"),
    [
        ("NONE", True),
        ("None.", True),
        ("No, it refers the client.", True),
        ("**NONE**", True),
        ("It tells him to sue.", False),
        ("", False),
    ],
)
def test_only_a_clear_answer_is_an_all_clear(answer, clean):
    (critique,) = ModelCritic(speaker(lambda _: answer)).critiques([case(steered.LEGAL)])
    assert critique.clean is clean


def test_the_critic_is_asked_in_the_rules_own_words():
    asked = []
    critic = ModelCritic(speaker(lambda text: asked.append(text) or "NONE"))
    critic.critiques([case(steered.LEGAL)])
    assert RULES[0].critique in asked[0]
    assert steered.LEGAL in asked[0]
    assert PROMPT in asked[0]


def test_a_model_revises_in_the_light_of_the_critique():
    def answer(text):
        if "Critique:" in text:
            assert "He is told to sue" in text
            return steered.REFERS
        reply = text.rpartition("assistant:")[2]
        return "He is told to sue." if "sue" in reply.split("\n")[0] else "NONE"

    model = speaker(answer)
    (way,) = revise([(PROMPT, steered.LEGAL)], RULES[:1], ModelCritic(model), ModelReviser(model))
    assert way.reply == steered.REFERS


def test_a_model_that_breaks_off_ends_the_run_and_is_not_taken_for_clean():
    broken = Remote(Scripted([ScriptedReply("", fault=Fault.CONNECT)]), "away")
    with pytest.raises(TrainingError, match="away gave no reply"):
        ModelCritic(broken).critiques([case(steered.FINE)])


# --- Phase two -----------------------------------------------------------------------------------


def test_detectors_prefer_what_keeps_the_rule_in_both_orders():
    found = compare([(PROMPT, steered.LEGAL, steered.FINE)] * 8, RULES[:1], DETECTORS)
    assert {one.outcome for one in found} == {"preferred"}
    row = preference_rows(found, DETECTORS, "digest", "model")[0]
    rows_of([row], "dpo")
    assert (row["chosen"], row["rejected"]) == (steered.FINE, steered.LEGAL)
    assert row["meta"]["rule"] == "no-legal-advice"
    assert row["meta"]["share"] == 1.0


def test_a_judge_that_prefers_what_stands_first_is_not_believed():
    found = compare(
        [(PROMPT, steered.LEGAL, steered.FINE)], RULES, ModelCritic(speaker(lambda _: "A"))
    )
    assert found[0].outcome == "inconsistent"
    assert preference_rows(found, DETECTORS, "digest", "model") == []


@pytest.mark.parametrize(
    ("a", "b", "answer", "outcome"),
    [
        (steered.FINE, steered.FINE, "A", "same"),
        (steered.LEGAL, steered.FINE, "I cannot say.", "unread"),
        (steered.LEGAL, steered.FINE, "", "unread"),
    ],
)
def test_what_is_no_preference_is_named(a, b, answer, outcome):
    (found,) = compare([(PROMPT, a, b)], RULES, ModelCritic(speaker(lambda _: answer)))
    assert found.outcome == outcome


def test_detectors_that_see_no_difference_prefer_nothing():
    (found,) = compare([(PROMPT, "Yes.", "No.")], RULES, DETECTORS)
    assert found.outcome == "tie"


def test_a_good_judge_is_believed():
    def better(text):
        first = text.partition("Reply A:\n")[2].partition("\n\nReply B:")[0]
        return "Answer: B" if "sue" in first else "Answer: A"

    found = compare([(PROMPT, steered.LEGAL, steered.FINE)], RULES, ModelCritic(speaker(better)))
    (row,) = preference_rows(found, ModelCritic(speaker(better)), "digest", "model")
    assert row["chosen"] == steered.FINE


# --- From end to end -----------------------------------------------------------------------------


def written(tmp_path, **settings):
    (tmp_path / "remit.yaml").write_text(steered.REMIT)
    prompts = [
        f"Question {n} about {w}?" for n in range(6) for w in ("vat", "a lease", "the audit")
    ]
    write_rows(tmp_path / "prompts.jsonl", ({"prompt": prompt} for prompt in prompts))
    given = {
        "method": "constitution",
        "model": "asked",
        "policy": "remit.yaml",
        "prompts": "prompts.jsonl",
        "out": "out",
        "seed": 3,
        **settings,
    }
    (tmp_path / "recipe.yaml").write_text(json.dumps(given))
    return read_constitution(tmp_path / "recipe.yaml")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_model_behind_an_address_gives_rows_for_another_engine(tmp_path):
    drawn = random.Random(0)
    model = speaker(lambda _: drawn.choice([steered.LEGAL, steered.FINE, steered.PROMISE]))
    recipe = written(tmp_path, revise="answer", samples=2)
    told = run_constitution(constitution(recipe, ENFORCER, model), Silent())
    rows = lines(tmp_path / "out" / "sft.jsonl")
    assert told["revised"]["sampled"] == 36
    assert len(rows) == told["revised"]["clean"]
    assert all(DETECTORS.critiques([case(row["completion"])])[0].clean for row in rows)
    assert told["critic"] == {"kind": "detectors", "name": "the remit's detectors"}
    assert told["policy"] == ENFORCER.policy.digest
    assert len(lines(tmp_path / "out" / "revisions.jsonl")) == 36


def test_both_phases_teach_a_model_to_keep_a_rule(tmp_path):
    """A model that was made to break the rule half of the time, and is taught by detectors."""
    pytest.importorskip("torch")
    import tiny
    import torch

    from remit.layers.training.generate import sample
    from remit.layers.training.recipes import parse_recipe
    from remit.layers.training.runs import prepare

    torch.set_num_threads(1)
    tiny.model(tmp_path / "start")
    taught = [
        {"prompt": f"Question {n} about {topic}?", "completion": reply}
        for n in range(6)
        for topic in ("vat", "a lease", "the audit")
        for reply in ("You should sue over it.", "I can help with it.")
    ]
    write_rows(tmp_path / "taught.jsonl", taught)
    dirty = parse_recipe(
        b"{method: sft, model: start, data: taught.jsonl, out: dirty, lr: 0.01, epochs: 30}",
        tmp_path,
    )
    prepare(dirty, b"").train(Silent())
    recipe = written(
        tmp_path,
        model="dirty/final",
        max_tokens=16,
        samples=2,
        compared=4,
        sft={"lr": 0.002, "epochs": 1, "batch": 8},
        then={"method": "dpo", "lr": 0.002, "epochs": 2, "batch": 8},
    )
    told = run_constitution(constitution(recipe, ENFORCER), Silent())

    def broken(folder):
        said = sample(folder, [row["prompt"] for row in taught[::2]], n=4, max_tokens=16, seed=9)
        return sum("should sue" in one.text for group in said for one in group) / (4 * len(said))

    before, after = broken(tmp_path / "dirty" / "final"), broken(told["dpo"]["folder"])
    assert before > 0.25
    assert after < before / 2
    assert told["compared"]["preferred"] > 0
    assert len(lines(tmp_path / "out" / "preferences.jsonl")) == told["compared"]["preferred"]
    with pytest.raises(TrainingError, match="holds a run already"):
        run_constitution(constitution(recipe, ENFORCER), Silent())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"revise": "model"}, "detectors write no replies"),
        ({"model": "asked", "sft": {"lr": 0.1}}, "cannot be trained here"),
        ({"model": "m", "then": {"lr": 0.1}}, "add sft"),
        ({"model": "m", "sft": {"lr": 0.1, "data": "x"}}, "data is settled by the phase"),
        ({"critique": "self"}, "no such key; have"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(tmp_path, settings, says):
    with pytest.raises(RecipeError, match=says):
        written(tmp_path, **settings)


def test_a_phase_refuses_what_its_method_does_not_know(tmp_path):
    recipe = ConstitutionRecipe(
        model="m", policy="p", prompts="x", out=str(tmp_path), sft={"lr": 0.1, "beta": 1}
    )
    with pytest.raises(RecipeError, match="beta has no meaning for sft"):
        recipe.phase("sft", tmp_path / "rows.jsonl", "m")


def test_a_rule_that_is_not_penalised_cannot_be_taught(tmp_path):
    with pytest.raises(TrainingError, match="no-takeover is not penalised"):
        constitution(written(tmp_path, rules=["no-takeover"]), ENFORCER, speaker(lambda _: ""))


def test_who_is_asked_must_be_named(tmp_path):
    with pytest.raises(TrainingError, match="name it with --model"):
        constitution(written(tmp_path), ENFORCER)
    recipe = written(tmp_path, critic="asked", revise="model")
    with pytest.raises(TrainingError, match="name it with --critic"):
        constitution(recipe, ENFORCER, speaker(lambda _: ""))


def test_an_address_is_asked_batch_after_batch_and_nothing_is_left_open():
    """Each batch has a loop of its own; what is left open would be a warning, and so an error."""
    import gc
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    from remit.models.openai import OpenAICompatible

    class Says(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"choices": [{"message": {"content": "NONE"}}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = Remote(OpenAICompatible(f"http://127.0.0.1:{server.server_port}/v1"), "m")
        for _ in range(3):
            assert asked.say(["a", "b", "c"], n=2) == [["NONE"] * 2] * 3
        gc.collect()
        server.shutdown()
