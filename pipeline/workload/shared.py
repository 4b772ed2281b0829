"""Settings that laws share: `workload.alpha` is a way to say what the law of popularity takes."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pipeline.settings import is_offered
from pipeline.workload.generated import Generated

SHARED = tuple(each.name for each in fields(Generated) if is_offered(each))
"""`alpha`, `batch_size` and the like."""

POPULARITY, ARRIVALS = "workload.popularity.name", "workload.arrivals.name"
"""A configuration that has these is whole, and says of all of its laws what they took."""


def as_drawn(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A flat configuration, each setting that laws share with the value that was drawn from.

    `workload.popularity.alpha=2` and `workload.alpha=2` are one condition, and a law that was
    given an alpha of its own doesn't run under the shared one. Configurations of before hold
    shared settings that no law took, too: nothing was run under those.

    Args:
        settings: by dotted name.
    """
    found = dict(settings)
    for name in SHARED:
        taken = re.compile(rf"workload\.(\w+\.)+{name}")
        values = [value for key, value in settings.items() if taken.fullmatch(key)]
        if values and all(value == values[0] for value in values):
            found[f"workload.{name}"] = values[0]
        elif (POPULARITY if name == "alpha" else ARRIVALS) in settings:
            found.pop(f"workload.{name}", None)
    return found
