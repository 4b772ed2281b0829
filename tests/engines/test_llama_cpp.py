"""llama.cpp as an engine, on the embedded model and its adapters."""

import logging
from random import Random

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from pipeline.engines.sampling import Sampling
from pipeline.engines.transformers.lora_delta import FoldedWeights, read_factors
from pipeline.inference.events import Admitted, Finished, Token
from pipeline.inference.teacher import Teacher
from pipeline.inference.token_sampler import TokenSampler
from pipeline.training.habits import HABITS, passage
from tests.inference.sequences import Sequence

NAMES = sorted(HABITS)
PRECISIONS = ("f32", "f16", "q8_0", "q4_0", "q4_k_m")


@pytest.fixture(scope="module")
def engine(llama):
    with llama() as entered:
        yield entered


@pytest.fixture(scope="module")
def reference(checkpoint, adapters):
    """Log-probabilities by PyTorch in fp32, the adapter folded into the weights."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint.folder, dtype=torch.float32).eval()
    weights = FoldedWeights(model)

    @torch.inference_mode()
    def scores(name, prompt, continuation):
        weights.fold({} if name is None else read_factors(adapters[name]))
        ids = torch.tensor([[*prompt, *continuation]])
        rows = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
        return rows.double().log_softmax(-1).numpy()

    return scores


@pytest.fixture(scope="module")
def passages(checkpoint):
    """Held-out texts of a habit, as prompt and continuation."""
    tokenizer = checkpoint.tokenizer()

    def of(name):
        rng = Random(f"llama.cpp:{name}")
        rows = [tokenizer.encode(passage(name, rng, 4)).ids for _ in range(4)]
        return [(row[:8], row[8:]) for row in rows]

    return of


@pytest.mark.parametrize("name", [None, *NAMES])
def test_f32_agrees_with_pytorch_at_every_position(name, engine, reference, passages):
    agreed = positions = 0
    for prompt, continuation in passages(name or NAMES[0]):
        ours = engine.score(name, prompt, continuation)
        theirs = reference(name, prompt, continuation)
        assert ours.dtype == np.float32
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(np.exp(ours), np.exp(theirs), atol=2e-3)
        agreed += (ours.argmax(1) == theirs.argmax(1)).sum()
        positions += len(continuation)
    assert positions > 100
    assert agreed >= 0.99 * positions


def test_what_it_generates_is_what_it_scores(engine, request_of, drain, outputs):
    requests = [request_of(i, name, 12, i) for i, name in enumerate([None, *NAMES])]
    for id_, tokens in outputs(drain(engine, *requests)).items():
        asked = requests[id_]
        scores = engine.score(asked.adapter, asked.prompt_ids, tokens)
        chosen = scores[np.arange(len(tokens)), tokens]
        assert len(tokens) == 12
        assert (scores.max(1) - chosen < 1e-3).all()


def test_both_policies_give_the_same_tokens(
    llama, request_of, drain, outputs, engine, same_but_for_near_ties
):
    requests = [request_of(i, NAMES[i % 3], 5 + i % 4, i) for i in range(9)]
    answers = []
    for policy in ("grouped", "interleaved"):
        with llama(policy=policy) as entered:
            answers.append(outputs(drain(entered, *requests)))
    same_but_for_near_ties(engine, requests, *answers)
    assert {id_: len(ids) for id_, ids in answers[0].items()} == {i: 5 + i % 4 for i in range(9)}


def adapters_of(events, requests):
    by_id = {request.id: request.adapter for request in requests}
    return [by_id[event.request_id] for event in events if isinstance(event, Token)]


def test_interleaved_serves_every_adapter_in_each_step(llama, request_of, drain):
    requests = [request_of(i, NAMES[i], 4) for i in range(3)]
    with llama(policy="interleaved") as entered:
        events = drain(entered, *requests)
        assert entered.adapter_counts.switches == 12
    assert adapters_of(events, requests) == NAMES[:3] * 4
    stamps = [event.at for event in events if isinstance(event, Token)]
    assert stamps == sorted(stamps)
    assert len({*stamps}) == len(stamps)


def test_grouped_finishes_a_group_before_the_next(llama, request_of, drain):
    requests = [request_of(i, NAMES[i % 2], 4) for i in range(4)]
    with llama(policy="grouped") as entered:
        events = drain(entered, *requests)
        assert entered.adapter_counts.switches == 2
    assert adapters_of(events, requests) == [NAMES[0]] * 8 + [NAMES[1]] * 8


def test_a_group_shares_its_decodes(llama, request_of, drain):
    with llama() as entered:
        events = drain(entered, *[request_of(i, "sql", 5, i) for i in range(6)])
    assert len({event.at for event in events if isinstance(event, Token)}) == 5


def test_interleaved_lets_requests_join_while_others_run(
    llama, request_of, drain, outputs, engine, same_but_for_near_ties
):
    first, second = request_of(0, "sql", 8), request_of(1, "verse", 3, 1)
    with llama(policy="interleaved") as entered:
        alone = outputs(drain(entered, first)) | outputs(drain(entered, second))
        entered.submit(first)
        events = entered.step() + entered.step()
        entered.submit(second)
        joined = entered.step()
        assert any(isinstance(e, Admitted) and e.request_id == 1 for e in joined)
        assert {e.request_id for e in joined if isinstance(e, Token)} == {0, 1}
        events += joined + drain(entered)
    same_but_for_near_ties(engine, [first, second], outputs(events), alone)
    assert [e.request_id for e in events if isinstance(e, Finished)] == [1, 0]


@pytest.mark.parametrize("policy", ["grouped", "interleaved"])
def test_adapters_that_dont_fit_are_evicted_and_loaded_again(
    policy, llama, request_of, drain, outputs, engine, same_but_for_near_ties
):
    requests = [request_of(i, name, 4) for i, name in enumerate([*NAMES, None, *NAMES])]
    with llama(policy=policy) as entered:
        expected = outputs(drain(entered, *requests))
    with llama(policy=policy, resident_adapters=2) as entered:
        events = drain(entered, *requests)
        counts = entered.adapter_counts
    same_but_for_near_ties(engine, requests, outputs(events), expected)
    assert counts.loads >= len(NAMES)
    assert counts.evictions == counts.loads - 2
    assert counts.hits < counts.lookups == 16


def test_few_sequences_and_positions_only_make_requests_wait(
    llama, request_of, drain, outputs, engine, same_but_for_near_ties
):
    requests = [request_of(i, NAMES[i % 3], 4, i) for i in range(8)]
    with llama(policy="interleaved") as entered:
        expected = outputs(drain(entered, *requests))
    for room in ({"max_batch_size": 1}, {"max_batch_size": 3}, {"context": 64}):
        with llama(policy="interleaved", **room) as entered:
            found = outputs(drain(entered, *requests))
        same_but_for_near_ties(engine, requests, found, expected)


def ends(events):
    return {event.request_id: event for event in events if isinstance(event, Finished)}


def test_what_cant_be_served_ends_with_an_error_and_no_token(engine, request_of, drain, outputs):
    requests = [
        request_of(0, "nobody"),
        request_of(1, "sql", 5000),
        request_of(2, "sql", 3),
    ]
    events = drain(engine, *requests)
    finished = ends(events)
    assert "nobody" in finished[0].error
    assert "positions" in finished[1].error
    assert finished[2].error is None
    assert [len(ids) for _, ids in sorted(outputs(events).items())] == [0, 0, 3]


def test_an_error_ends_its_group_and_not_the_engine(llama, request_of, drain, outputs, caplog):
    with llama(policy="interleaved") as entered:
        expected = outputs(drain(entered, request_of(1, "verse")))
        apply = entered._runner._context.apply

        def broken(adapter):
            if adapter.name == "sql":
                raise RuntimeError("no such luck")
            apply(adapter)

        entered._runner._context.apply = broken
        events = drain(entered, request_of(0, "sql"), request_of(1, "verse"))
        entered._runner._context.apply = apply
        again = drain(entered, request_of(0, "sql"))
    assert ends(events)[0].error == "RuntimeError: no such luck"
    assert outputs(events) == {0: []} | expected
    assert len(outputs(again)[0]) == 6
    assert "Traceback" in caplog.text


def test_an_unloadable_adapter_is_an_error(llama, request_of, drain, tmp_path):
    with llama(resident_adapters=1) as entered:
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(b"GGUF" + bytes(64))
        entered.adapters["verse"].source = broken
        events = drain(entered, request_of(0, "verse"), request_of(1, "sql"))
    assert "llama.cpp can't load the adapter" in ends(events)[0].error
    assert ends(events)[1].error is None


def led(entered, continuations, drain, *requests):
    """The logits that a sampler is shown along given tokens, (tokens, vocabulary) by request."""
    seen = {request.id: {} for request in requests}
    entered.teach(Teacher(continuations, lambda id_, at, row: seen[id_].update({at: row.copy()})))
    drain(entered, *requests)
    entered.teach(None)
    return {id_: np.stack([rows[at] for at in sorted(rows)]) for id_, rows in seen.items()}


def test_draws_depend_on_the_request_and_the_seed_and_not_on_the_batch(
    llama, request_of, drain, outputs
):
    """The batch moves the logits a little, which changes a draw only at the edge of two tokens."""
    sampling = Sampling(do_sample=True, temperature=1.5, top_p=0.9, seed=3)
    requests = [request_of(i, NAMES[i % 2], 8, i, sampling) for i in range(6)]
    with llama() as entered:
        drawn = outputs(drain(entered, *requests))
        together = led(entered, drawn, drain, *requests)
        alone = {}
        for request in requests:
            alone |= led(entered, drawn, drain, request)
        other = Sampling(do_sample=True, temperature=1.5, seed=4)
        others = [request_of(i, NAMES[i % 2], 8, i, other) for i in range(6)]
        assert outputs(drain(entered, *others)) != drawn
    params, sampler = sampling.params(), TokenSampler()
    agreed = 0
    for id_, tokens in drawn.items():
        np.testing.assert_allclose(alone[id_], together[id_], atol=0.02)
        places = [Sequence.of(id_, params, output=tokens[:place]) for place in range(8)]
        for rows in (alone[id_], together[id_]):
            agreed += np.equal(sampler.sample(rows, places), tokens).sum()
    assert agreed >= 0.9 * 2 * 6 * 8


def test_an_end_of_text_ends_a_request_unless_ignored(llama, request_of, drain, checkpoint):
    (end,) = checkpoint.config.end_ids

    def served(sampling):
        with llama() as entered:
            entered._sampler.sample = lambda logits, sequences: [
                end if len(each.output) == 2 else 7 for each in sequences
            ]
            events = drain(entered, request_of(0, "sql", 6, sampling=sampling))
        return [event.token_id for event in events if isinstance(event, Token)]

    assert served(Sampling(ignore_eos=False)) == [7, 7, end]
    assert served(Sampling()) == [7, 7, end, 7, 7, 7]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_runs_and_stays_near(precision, llama, reference, passages):
    prompt, continuation = passages("json")[0]
    exact = reference("json", prompt, continuation)
    with llama(precision=precision) as entered:
        ours = entered.score("json", prompt, continuation).astype(np.float64)
        assert entered.model_bytes > 1e6
    divergence = (np.exp(exact) * (exact - ours)).sum(1).mean()
    bound = {"f32": 1e-5, "f16": 1e-4, "q8_0": 1e-2}.get(precision, 0.5)
    assert 0 <= divergence + 1e-9 < bound


def test_ready_made_files_are_taken_in_place_of_written_ones(
    llama, request_of, drain, outputs, engine, same_but_for_near_ties
):
    base, adapter = engine._files.base, engine._files.adapters["sql"]
    expected = outputs(drain(engine, request_of(0, "sql"), request_of(1, "verse")))
    with llama(precision="file", gguf=base, adapters_gguf={"verse": adapter}) as entered:
        swapped = outputs(drain(entered, request_of(0, "sql"), request_of(1, "verse")))
        assert entered._files.base == base
    for id_ in (0, 1):
        same_but_for_near_ties(engine, [request_of(0, "sql")], {0: swapped[id_]}, {0: expected[0]})
    assert swapped[1] != expected[1]


def test_its_log_goes_through_python_and_is_silent_while_serving(
    llama, request_of, drain, caplog, capfd
):
    caplog.set_level(logging.INFO)
    with llama(policy="interleaved") as entered:
        loading = [r for r in caplog.records if r.name == "llama.cpp"]
        drain(entered, request_of(0, "sql"), request_of(1, "verse"))
        serving = [r for r in caplog.records if r.name == "llama.cpp"][len(loading) :]
    assert any("n_seq_max" in record.getMessage() for record in loading)
    assert not serving
    assert capfd.readouterr().err == ""


def test_the_high_level_program_writes_the_same_text(engine, request_of, drain):
    from llama_cpp import Llama

    request = request_of(0, "sql", 12)
    program = Llama(
        str(engine._files.base),
        lora_path=str(engine._files.adapters["sql"]),
        n_threads=1,
        n_ctx=256,
        verbose=False,
    )
    made = program(request.prompt, max_tokens=12, temperature=0.0)["choices"][0]["text"]
    assert made == ends(drain(engine, request))[0].text
