"""Ranges of the numbers that workloads take: wide enough to be of use, narrow enough to handle.

Beyond them a sum, a quotient or a whole number would leave what a float or a memory can hold.
"""

from typing import Annotated

from pydantic import Field

Rate = Annotated[float, Field(ge=1e-6, le=1e9)]
"""Requests a second: from one in twelve days to one a nanosecond, which no clock tells apart."""

Factor = Annotated[float, Field(ge=1e-6, le=1e6)]
"""What lengths are multiplied with, or time is divided by."""

Variation = Annotated[float, Field(ge=1e-3, le=1e3)]
"""A coefficient of variation; below the range the gaps are all the same (arrivals=constant)."""

Share = Annotated[float, Field(gt=0, le=1e9)]
"""A weight among others."""

REQUESTS = 1_000_000
"""Of a trace, which is drawn whole before anything starts: a thousand take a tenth of a second."""

ROWS = 5_000_000
"""Of a file that a workload is made from."""

TOKENS = 10_000_000
"""Tokens of a request."""

Count = Annotated[int, Field(ge=1, le=REQUESTS)]
"""Of requests or batches."""

Repetitions = Annotated[int, Field(ge=0, le=REQUESTS)]
"""Of a part of the trace."""

Tokens = Annotated[int, Field(ge=1, le=TOKENS)]
"""Of a prompt or an answer."""
