"""The next token: greedy or drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.engines.sampling import Sampling
from pipeline.inference.token_sampler import TokenSampler
from tests.inference.sequences import Sequence

LOGITS = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], dtype=np.float32))


class Alike:
    """Samples rows that all ask for the same."""

    def __init__(self, sampling):
        self._sampling = sampling

    def sample(self, logits, requests, places):
        rows = zip(requests, places, strict=True)
        sequences = [Sequence.of(id_, self._sampling, output=[0] * place) for id_, place in rows]
        return TokenSampler().sample(logits, sequences)


def drawn(count=4000, **settings):
    sampler = Alike(Sampling(do_sample=True, **settings).params())
    return np.array(sampler.sample(np.repeat(LOGITS, count, 0), range(count), [0] * count))


def shares(tokens):
    return np.bincount(tokens, minlength=4) / len(tokens)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_greedy_is_pytorchs_argmax_lowest_id_first(seed):
    import torch

    logits = np.random.default_rng(seed).integers(0, 3, (5, 17)).astype(np.float32)
    chosen = Alike(Sampling().params()).sample(logits, range(5), [0] * 5)
    assert chosen == torch.from_numpy(logits).argmax(1).tolist()
    assert all(type(id_) is int for id_ in chosen)


def test_draws_follow_the_distribution():
    np.testing.assert_allclose(shares(drawn()), [0.5, 0.3, 0.15, 0.05], atol=0.03)


def test_temperature_sharpens_and_flattens():
    squared = np.exp(2 * LOGITS[0].astype(np.float64))
    np.testing.assert_allclose(shares(drawn(temperature=0.5)), squared / squared.sum(), atol=0.03)
    np.testing.assert_allclose(shares(drawn(temperature=1e6)), [0.25] * 4, atol=0.03)


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.01, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.9, 3), (0.99, 4), (1.0, 4)]
)
def test_the_nucleus_is_the_smallest_set_that_reaches_top_p(top_p, kept):
    share = shares(drawn(top_p=top_p))
    expected = np.array([0.5, 0.3, 0.15, 0.05])[:kept]
    assert not share[kept:].any()
    np.testing.assert_allclose(share[:kept], expected / expected.sum(), atol=0.03)


def test_the_nucleus_follows_rank_and_not_id():
    rows = np.repeat(LOGITS[:, ::-1], 500, 0)
    sampler = Alike(Sampling(do_sample=True, top_p=0.6).params())
    assert {*sampler.sample(rows, range(500), [0] * 500)} == {2, 3}


@settings(deadline=None)
@given(st.integers(0, 2**31), st.permutations(range(6)), st.sampled_from([0.7, 1.0]))
def test_a_draw_depends_on_seed_request_and_place_alone(seed, order, top_p):
    logits = np.random.default_rng(seed).standard_normal((6, 50)).astype(np.float32)
    sampler = Alike(Sampling(do_sample=True, seed=seed, top_p=top_p).params())
    places = [3, 1, 4, 1, 5, 9]
    together = sampler.sample(logits, range(6), places)
    shuffled = sampler.sample(logits[list(order)], order, [places[i] for i in order])
    assert shuffled == [together[i] for i in order]
    for i in range(6):
        assert sampler.sample(logits[i : i + 1], [i], [places[i]]) == [together[i]]


def test_seeds_requests_and_places_draw_differently():
    flat = np.zeros((64, 1000), np.float32)
    one = Alike(Sampling(do_sample=True, seed=1).params())
    by_request, by_place = (
        one.sample(flat, range(64), [0] * 64),
        one.sample(flat, [0] * 64, range(64)),
    )
    reseeded = Alike(Sampling(do_sample=True, seed=2).params())
    other = reseeded.sample(flat, range(64), [0] * 64)
    assert len({*by_request}) > 50
    assert len({*by_place}) > 50
    assert by_request != other


def test_the_largest_seeds_are_seeds_too_and_negative_ones_are_refused():
    assert not (drawn(50, seed=2**63 - 1) == drawn(50, seed=2**63 - 2)).all()
    with pytest.raises(ValidationError, match="seed"):
        Sampling(do_sample=True, seed=-1)


@pytest.mark.parametrize("fault", [np.nan, np.inf])
@pytest.mark.parametrize("do_sample", [False, True])
def test_a_row_that_isnt_finite_has_no_token_and_leaves_the_others_theirs(fault, do_sample):
    sampler, sound = Alike(Sampling(do_sample=do_sample).params()), np.repeat(LOGITS, 3, 0)
    broken = sound.copy()
    broken[1, 2] = fault
    first, _, last = sampler.sample(sound, range(3), [0] * 3)
    assert sampler.sample(broken, range(3), [0] * 3) == [first, None, last]


def test_a_ruled_out_token_is_never_drawn():
    logits = np.repeat(LOGITS, 500, 0)
    logits[:, 0] = -np.inf
    sampler = Alike(Sampling(do_sample=True).params())
    assert 0 not in sampler.sample(logits, range(500), [0] * 500)


@pytest.mark.parametrize("temperature", [1e-300, 1e300])
def test_a_temperature_that_leaves_float32_is_refused_by_name(temperature):
    with pytest.raises(ValidationError, match="temperature"):
        Sampling(do_sample=True, temperature=temperature)
