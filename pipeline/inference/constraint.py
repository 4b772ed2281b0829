"""What may come next in an answer that has to keep to a form, such as JSON's."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Constraint(Protocol):
    """Of one answer, whose tokens it is told one by one; it says what may follow them.

    Attributes:
        fault: why nothing may, in a line, where what it was made of can't be followed any further;
            None while all is well.
    """

    fault: str | None

    def restrict(self, logits: "NDArray[np.float32]") -> None:
        """Make impossible, in place, what can't come next: its logit becomes minus infinity.

        Args:
            logits: (vocabulary,).
        """

    def take(self, token: int) -> None:
        """The answer goes on with that token."""
