"""A workload from a table of calls, `workload=azure workload.path=…`, such as Azure's traces."""

from collections.abc import Mapping
from dataclasses import field, replace

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.azure_trace import Columns, read_calls
from pipeline.workload.call import Call
from pipeline.workload.prompts.explicit import mapped
from pipeline.workload.recorded import KEY, Recorded


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Azure(Recorded):
    """Settings of `workload=azure`.

    Attributes:
        columns: what the columns of the CSV file are called.
        adapters: the adapters that names in the file stand for; null leaves it to the law.
    """

    columns: Columns = field(default_factory=Columns)
    adapters: Mapping[str, str | None] | None = None

    def read(self) -> list[Call]:
        """Its rows."""
        return [
            replace(each, adapter=mapped(each.adapter, self.adapters))
            for each in read_calls(KEY, self.path, self.requests, self.columns)
        ]
