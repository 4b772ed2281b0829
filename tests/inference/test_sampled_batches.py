"""Requests with parameters of their own in one batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.teacher import Teacher
from pipeline.inference.token_sampler import TokenSampler
from tests.inference.sequences import Sequence

VOCABULARY = 24
ENDS = frozenset({3, 7})
IDS = st.integers(0, VOCABULARY - 1)
SHAPING = {
    "min_tokens": st.integers(0, 4),
    "temperature": st.sampled_from([0.0, 0.0, 0.3, 1.0, 5.0]),
    "top_p": st.sampled_from([1.0, 0.9, 0.3, 1e-9]),
    "top_k": st.sampled_from([0, 1, 3, 100]),
    "min_p": st.sampled_from([0.0, 0.05, 1.0]),
    "seed": st.integers(0, 2**63 - 1),
    "stop_ids": st.frozensets(st.integers(0, 2 * VOCABULARY), max_size=3),
    "ignore_eos": st.booleans(),
    "repetition_penalty": st.sampled_from([1.0, 1.3, 0.5]),
    "presence_penalty": st.sampled_from([0.0, 0.7, -2.0]),
    "frequency_penalty": st.sampled_from([0.0, 0.4, -1.0]),
}
PARAMS = st.builds(SamplingParams, **SHAPING)
SEQUENCES = st.builds(
    Sequence.of,
    st.integers(-(2**70), 2**70) | st.text() | st.tuples(st.text(), st.integers()),
    PARAMS,
    st.lists(IDS, max_size=6),
    st.lists(IDS, max_size=6),
)


def logits_of(seed, rows, vocabulary=VOCABULARY):
    return (np.random.default_rng(seed).standard_normal((rows, vocabulary)) * 3).astype(np.float32)


def alone(logits, sequence):
    return TokenSampler(ENDS).sample(logits[None], [sequence])[0]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.lists(SEQUENCES, min_size=1, max_size=6), st.randoms())
def test_a_row_gets_the_token_that_it_gets_alone(seed, sequences, random):
    logits = logits_of(seed, len(sequences))
    before = logits.copy()
    order = random.sample(range(len(sequences)), len(sequences))
    found = TokenSampler(ENDS).sample(logits[order], [sequences[i] for i in order])
    assert found == [alone(logits[i], sequences[i]) for i in order]
    assert (logits == before).all()


def as_before(logits, sampling, request, place):
    """How a row was drawn when temperature and top_p were all there was."""
    weights = np.exp((logits - logits.max()).astype(np.float64) / sampling.temperature)
    key = np.array([sampling.seed % 2**64, request % 2**64], dtype=np.uint64)
    counter = np.array([place, 0, 0, 0], dtype=np.uint64)
    uniform = np.random.Generator(np.random.Philox(key=key, counter=counter)).random()
    order = np.arange(len(weights))
    if sampling.top_p < 1:
        order = np.argsort(-weights, kind="stable")
        weights = weights[order]
        before = np.cumsum(weights) - weights
        weights = np.where(before < sampling.top_p * weights.sum(), weights, 0.0)
    reached = np.cumsum(weights)
    return int(order[(reached <= uniform * reached[-1]).sum()])


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**31),
    st.floats(1e-6, 1e6),
    st.just(1.0) | st.floats(0, 1, exclude_min=True),
    st.integers(-(2**65), 2**65),
    st.integers(0, 500),
)
def test_temperature_and_top_p_draw_what_they_always_drew(seed, temperature, top_p, request, place):
    sampling = SamplingParams(temperature=temperature, top_p=top_p, seed=seed)
    row = logits_of(seed, 1, 300)[0]
    sequence = Sequence.of(request, sampling, output=[0] * place)
    assert alone(row, sequence) == as_before(row, sampling, request, place)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), SEQUENCES)
def test_no_end_token_before_min_tokens(seed, sequence):
    sampling = sequence.request.sampling
    ends = sampling.end_ids(ENDS)
    logits = logits_of(seed, 1)[0]
    logits[[each for each in ends if each < VOCABULARY]] += 30
    chosen = alone(logits, sequence)
    if len(sequence.output) < sampling.min_tokens:
        assert chosen not in ends


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), SEQUENCES, st.sampled_from([np.nan, np.inf]), IDS)
def test_no_parameter_hides_what_isnt_finite(seed, sequence, fault, at):
    logits = logits_of(seed, 1)[0]
    logits[at] = fault
    assert alone(logits, sequence) is None


@pytest.mark.parametrize("cut", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-9}])
def test_the_hardest_cuts_leave_the_likeliest(cut):
    logits = logits_of(0, 50)
    rows = [Sequence.of(i, SamplingParams(temperature=3.0, **cut)) for i in range(50)]
    assert TokenSampler().sample(logits, rows) == logits.argmax(1).tolist()


def test_of_equally_likely_tokens_top_k_keeps_the_lowest():
    rows = [Sequence.of(i, SamplingParams(temperature=1.0, top_k=3)) for i in range(200)]
    assert {*TokenSampler().sample(np.zeros((200, 9), np.float32), rows)} == {0, 1, 2}


def test_an_id_of_any_kind_draws_its_own_and_always_the_same():
    ids = ["cmpl-7", "cmpl-8", ("a", 7), b"7", 7, "\ud800", None]
    rows = [Sequence.of(id_, SamplingParams(temperature=1.0)) for id_ in ids]
    found = TokenSampler().sample(np.zeros((len(ids), 10**6), np.float32), rows)
    assert found == [728364, 776858, 208081, 858765, 584496, 230812, 339053]


def test_the_teacher_has_the_last_word_and_sees_what_the_model_computed():
    logits = logits_of(1, 2)
    seen = []
    sampler = TokenSampler()
    sampler.teacher = Teacher({"a": [1, 2]}, lambda *said: seen.append(said))
    greedy = SamplingParams(repetition_penalty=100.0)
    rows = [Sequence.of("a", greedy, [0] * 5, [9]), Sequence.of("b", SamplingParams())]
    assert sampler.sample(logits, rows) == [2, int(logits[1].argmax())]
    ((request, place, row),) = seen
    assert (request, place) == ("a", 1)
    assert (row == logits[0]).all()
