"""A figure as SVG that can stand in a page beside others."""

import io
import re

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from pipeline.compare.plots.style import INK

NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def inline(figure: Figure, name: str, title: str) -> Markup:
    """The figure's `<svg>` element.

    Args:
        figure: what to draw.
        name: put before every id, so that no two figures of a page share one.
        title: what the figure shows, for those who can't see it.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"('DejaVu Sans'|font-family: DejaVu Sans)", "inherit", text)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    label = f'<svg role="img" aria-label="{escape(title)}"'
    return Markup(text.replace("<svg", label, 1).replace(INK, "currentColor").strip())
