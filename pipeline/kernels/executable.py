"""A program made ready to be executed, whoever computes."""

from abc import ABC, abstractmethod

from torch import Tensor

from pipeline.kernels.operands import ForwardPass
from pipeline.kernels.step_times import StepTimes


class Executable(ABC):
    """A program with whatever its kernels need to execute it, step after step."""

    def watch(self) -> StepTimes | None:
        """From now on add up what each operation takes; None where nobody looks."""
        return None

    @abstractmethod
    def run(self, step: ForwardPass, given: Tensor) -> Tensor:
        """Execute it once.

        Args:
            step: the tokens; its outputs are the rows of the result.
            given: numbers of any type for the program's first buffer, a row for each token.

        Returns:
            The program's result, fp32 (outputs, columns), which the next step may overwrite.

        Raises:
            ValueError: a buffer, a matrix, an adapter or a token's place doesn't fit the others.
        """
