"""A figure as SVG that can stand in a page beside others."""

import io
import re

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from pipeline.compare.plots.style import INK, TIP

NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def inline(figure: Figure, name: str, label: str) -> Markup:
    """The figure's `<svg>` element.

    Args:
        figure: what to draw.
        name: put before every id, so that no two figures of a page share one.
        label: what the figure shows, for those who can't see it.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    text = buffer.getvalue()
    text = _light(_tips(text[text.index("<svg") :]))
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"('DejaVu Sans'|font-family: DejaVu Sans)", "inherit", text)
    head = f'<svg role="img" aria-label="{escape(label)}"'
    return Markup(text.replace("<svg", head, 1).replace(INK, "currentColor").strip())


def _tips(text: str) -> str:
    """Ids that are texts become what a browser shows on hover."""
    return re.sub(rf'<g id="{TIP}([^"]*)">', r"<g><title>\1</title>", text)


def _light(text: str) -> str:
    """The same picture without sizes, comments, spaces, needless ids and needless digits."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    used = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]*)', text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r'="[^"]*"', lambda found: _rounded(found[0]), text)
    return re.sub(r">\s+<", "><", text)


def _rounded(attribute: str) -> str:
    """A hundredth of a point can't be seen."""
    return re.sub(r"\s*\n\s*", " ", re.sub(r"(\.\d\d)\d+", r"\1", attribute))
