"""A text file that a setting names: read whole, or refused in one line."""

from pathlib import Path

from pipeline.errors import UsageError


def read_text(key: str, path: Path) -> str:
    """Its text, UTF-8, a byte order mark left out.

    Args:
        key: the setting that named it, for messages.
        path: the file.

    Raises:
        UsageError: it isn't there, isn't a file, or isn't UTF-8; the last with its line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{key}={path}: can't be read ({error.strerror}); name a file") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{key}: {path}:{line}: isn't UTF-8; convert the file") from error


def whole_text(where: str, text: str) -> str:
    """The text, if it is one: JSON and YAML can spell half a character, which no UTF-8 holds.

    Raises:
        UsageError: half of a pair of surrogates stands alone in it, as in an emoji cut in two.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        raise UsageError(
            f"{where}: holds half a character ({half} alone, as of an emoji cut in two); mend the "
            "text"
        ) from error
    return text
