"""Whatever number a setting takes, its law draws something sane or refuses it in one line."""

import math
import sys
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.workload.arrivals.batch import ClosedBatches
from pipeline.workload.arrivals.concurrency import Concurrency
from pipeline.workload.arrivals.ramp import Ramp
from pipeline.workload.arrivals.renewal import Constant, Gamma, Poisson
from pipeline.workload.arrivals.replay import StampedArrivals
from pipeline.workload.lengths.fixed import Fixed
from pipeline.workload.lengths.lognormal import Lognormal
from pipeline.workload.lengths.scaled import Scaled
from pipeline.workload.lengths.uniform import UniformLengths
from pipeline.workload.popularity.drift import Drift
from pipeline.workload.popularity.punica_zipf import PunicaZipf
from pipeline.workload.popularity.sglang_geometric import SglangGeometric
from pipeline.workload.popularity.slora_power import SloraPower
from pipeline.workload.popularity.tenants import Tenant, Tenants
from pipeline.workload.popularity.uniform import Uniform
from pipeline.workload.popularity.zipf import Zipf
from pipeline.workload.prompts.random_sized import RandomSized
from pipeline.workload.prompts.shared_prefix import SharedPrefix
from pipeline.workload.prompts.sized import Sized
from pipeline.workload.room import YEAR_S, ModelLimits
from tests.workload import golden

ROOM = ModelLimits(positions=256, vocabulary=512)
BIG = 10**400
numbers = st.floats(0, exclude_min=True, allow_infinity=False) | st.floats(1e-4, 1e4)
wholes = st.integers(1, 64) | st.sampled_from([10**6, 10**9, 2**63, BIG])
few = st.integers(1, 64)

popularities = st.one_of(
    st.builds(dict, of=st.just(Zipf), name=st.just("zipf"), alpha=numbers),
    st.builds(dict, of=st.just(SloraPower), name=st.just("slora_power"), alpha=numbers),
    st.builds(dict, of=st.just(SglangGeometric), name=st.just("sglang_geometric"), alpha=numbers),
    st.builds(dict, of=st.just(PunicaZipf), name=st.just("punica_zipf"), alpha=numbers),
    st.builds(
        dict, of=st.just(Drift), name=st.just("drift"), base=st.just(golden.ZIPF), every=wholes
    ),
    st.builds(
        dict, of=st.just(Tenants), name=st.just("tenants"), shares=st.tuples(numbers, numbers)
    ),
)
arrivals = st.one_of(
    st.builds(
        dict, of=st.just(ClosedBatches), name=st.just("batch"), batch_size=few, iterations=wholes
    ),
    st.builds(dict, of=st.just(Concurrency), name=st.just("c"), concurrency=wholes, requests=few),
    *(
        st.builds(
            dict,
            of=st.just(kind),
            name=st.just("open"),
            requests=few,
            rescale=st.booleans(),
            **{key: numbers for key in keys},
        )
        for kind, keys in (
            (Constant, ["rate"]),
            (Poisson, ["rate"]),
            (Gamma, ["rate", "cv"]),
            (Ramp, ["start_rate", "end_rate"]),
        )
    ),
    st.builds(
        dict,
        of=st.just(StampedArrivals),
        name=st.just("replay"),
        path=st.just(golden.DATA / "stamps.txt"),
        speed=numbers,
    ),
)
lengths = st.one_of(
    st.builds(dict, of=st.just(Fixed), name=st.just("fixed"), max_new_tokens=wholes),
    st.builds(dict, of=st.just(UniformLengths), name=st.just("uniform"), low=wholes, high=wholes),
    st.builds(
        dict,
        of=st.just(Lognormal),
        name=st.just("lognormal"),
        median=numbers,
        sigma=numbers,
        low=wholes,
        high=wholes,
    ),
    st.builds(
        dict,
        of=st.just(Scaled),
        name=st.just("scaled"),
        base=st.just(golden.LENGTHS["uniform"]),
        factor=numbers,
    ),
)
prompts = st.one_of(
    st.builds(dict, of=st.just(Sized), name=st.just("sized"), tokens=wholes),
    st.builds(
        dict,
        of=st.just(SharedPrefix),
        name=st.just("shared_prefix"),
        base=st.just(golden.PROMPTS["prototype"]),
        tokens=wholes,
        shared_by=st.just("all"),
    ),
    st.builds(dict, of=st.just(RandomSized), name=st.just("random_sized"), lengths=lengths),
)


def built(settings):
    """The law that those settings are of; pydantic refuses what is out of its range."""
    said = {key: built(v) if isinstance(v, dict) else v for key, v in settings.items()}
    kind = said.pop("of")
    if kind is Tenants:
        uniform = Uniform(name="uniform")
        said["tenants"] = {
            f"t{number}": Tenant(share=share, popularity=uniform)
            for number, share in enumerate(said.pop("shares"))
        }
    return kind(**said)


def drawn(**groups):
    """The trace, or None where it is refused in one line."""
    try:
        workload = golden.workload()
        for group, settings in groups.items():
            object.__setattr__(workload, group, built(settings))
        return workload.trace(golden.MORE_ADAPTERS, golden.encode_words, ROOM)
    except ValidationError as refused:
        assert refused.errors()
    except UsageError as refused:
        assert "\n" not in str(refused) and str(refused).startswith("workload")
    return None


def sane(trace):
    assert trace.sha256
    for request in trace.requests:
        assert 0 <= request.scheduled_s <= YEAR_S and math.isfinite(request.scheduled_s)
        assert 1 <= len(request.prompt_ids) <= 255 and 1 <= request.max_new_tokens <= 255
        assert request.adapter in golden.MORE_ADAPTERS
    for before, after in pairwise(trace.requests):
        assert (before.iteration, before.scheduled_s) <= (after.iteration, after.scheduled_s)


@given(popularities)
@example({"of": Zipf, "name": "zipf", "alpha": sys.float_info.max})
@example({"of": SloraPower, "name": "slora_power", "alpha": 5e-324})
@example({"of": PunicaZipf, "name": "punica_zipf", "alpha": 1.0000000000000002})
@example({"of": Tenants, "name": "tenants", "shares": (1.5e308, 1.5e308)})
def test_popularity(settings):
    if trace := drawn(popularity=settings):
        sane(trace)


@given(arrivals)
@example({"of": Gamma, "name": "gamma", "rate": 1.0, "cv": 1e-200, "requests": 8})
@example({"of": Gamma, "name": "gamma", "rate": 1.0, "cv": 1e3, "requests": 8, "rescale": True})
@example({"of": Poisson, "name": "poisson", "rate": 1e-300, "requests": 8})
@example({"of": Ramp, "name": "ramp", "start_rate": 1e308, "end_rate": 1e308, "requests": 8})
@example(
    {"of": StampedArrivals, "name": "replay", "path": golden.DATA / "stamps.txt", "speed": 1e-300}
)
@example({"of": ClosedBatches, "name": "batch", "batch_size": 64, "iterations": 10**6})
def test_arrivals(settings):
    if trace := drawn(arrivals=settings):
        sane(trace)


@given(lengths)
@example({"of": Fixed, "name": "fixed", "max_new_tokens": BIG})
@example(
    {"of": Lognormal, "name": "lognormal", "median": 5e-324, "sigma": 1e308, "low": 1, "high": 9}
)
def test_lengths(settings):
    if trace := drawn(lengths=settings):
        sane(trace)


@given(prompts)
@example({"of": Sized, "name": "sized", "tokens": 10**6})
def test_prompts(settings):
    if trace := drawn(prompts=settings):
        sane(trace)


@given(numbers, numbers, numbers, st.none() | few)
def test_a_production_trace(speed, prompt_factor, output_factor, longest):
    kept = {each: getattr(golden.azure(), each) for each in golden.azure().__dataclass_fields__}
    changed = {
        "speed": speed,
        "prompt_factor": prompt_factor,
        "output_factor": output_factor,
        "max_prompt_tokens": longest,
    }
    try:
        trace = golden.Azure(**kept | changed).trace(golden.ADAPTERS, golden.encode_words, ROOM)
    except ValidationError as refused:
        assert refused.errors()
    except UsageError as refused:
        assert "\n" not in str(refused) and str(refused).startswith("workload.")
    else:
        assert trace.requests and all(
            len(each.prompt_ids) <= (longest or 255) and 0 <= each.scheduled_s <= YEAR_S
            for each in trace.requests
        )


@pytest.mark.parametrize(
    "override, said",
    [
        ("workload.arrivals.cv=1e-200", "cv=1e-200"),
        ("workload.rate=1e-300", "rate=1e-300"),
        ("workload.rate=1e300", "rate=1e+300"),
        ("workload.requests=100000000000", "requests=100000000000"),
        ("workload.max_new_tokens=100000000000", "max_new_tokens=100000000000"),
    ],
)
def test_the_command_line_names_setting_and_range(config, override, said):
    with pytest.raises(UsageError) as refused:
        config("workload/arrivals=gamma", override)
    message = str(refused.value)
    assert said in message and "than or equal to" in message and "\n" not in message
