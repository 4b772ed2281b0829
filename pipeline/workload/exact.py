"""Logarithm, exponential and power that are the same on every machine.

`math` takes the C library's, which may differ in their last bits from machine to machine. Decimal's
ln and exp are specified to be rounded correctly, hence they are the same everywhere; so are float's
+, -, ×, ÷ and square root.
"""

from decimal import Context, Decimal

_CONTEXT = Context(prec=40, traps=[])


def ln(x: float) -> float:
    """Natural logarithm; -inf at 0."""
    return float(_CONTEXT.ln(Decimal(x)))


def exp(x: float) -> float:
    """e^x."""
    return float(_CONTEXT.exp(Decimal(x)))


def power(base: float, exponent: float) -> float:
    """base^exponent for base ≥ 0, as exp(exponent·ln base)."""
    product = _CONTEXT.multiply(Decimal(exponent), _CONTEXT.ln(Decimal(base)))
    return float(_CONTEXT.exp(product))
