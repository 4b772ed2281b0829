"""A constraint has the last word on what may come, and is told what came."""

import numpy as np

from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.token_sampler import TokenSampler
from tests.inference.sequences import Sequence


class OneOf:
    """Lets some tokens come."""

    def __init__(self, *allowed):
        self.allowed, self.taken, self.fault = list(allowed), [], None

    def restrict(self, logits):
        kept = logits[self.allowed].copy()
        logits[:] = -np.inf
        logits[self.allowed] = kept

    def take(self, token):
        self.taken.append(token)


def asked(constraint, **sampling):
    made = Sequence.of("a", SamplingParams(**sampling))
    object.__setattr__(made.request, "constraint", constraint)
    return made


def test_what_isnt_allowed_is_never_chosen():
    logits = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    before, free = logits.copy(), Sequence.of("b", SamplingParams())
    for sampling in ({}, {"temperature": 1e6}, {"repetition_penalty": 50.0}, {"top_k": 1}):
        one, other = OneOf(7), OneOf(3, 4)
        rows = [asked(one, **sampling), free, asked(other, **sampling)]
        first, second, third = TokenSampler().sample(logits, rows)
        assert (first, second) == (7, before[1].argmax()) and third in (3, 4)
        assert one.taken == [7] and other.taken == [third]
    assert (logits == before).all()


def test_nothing_allowed_is_no_token():
    row = asked(OneOf())
    assert TokenSampler().sample(np.ones((1, 9), np.float32), [row]) == [None]
    assert row.request.constraint.taken == []
