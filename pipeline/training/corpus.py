"""Text that every Python installation has: the documentation's topics and the library's source."""

import sysconfig
from pathlib import Path
from pydoc_data.topics import topics

SOURCE_CHARACTERS = 1_500_000


def corpus() -> str:
    """The same text on every machine that has the same Python version."""
    library = Path(sysconfig.get_paths()["stdlib"])
    sources = (path.read_text("utf-8", "replace") for path in sorted(library.glob("*.py")))
    documentation = "\n\n".join(topics[name] for name in sorted(topics))
    return documentation + "\n\n" + "\n\n".join(sources)[:SOURCE_CHARACTERS]
