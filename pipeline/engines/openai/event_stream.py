"""Server-sent events, taken from bytes as they come (WHATWG HTML, section 9.2)."""

from collections.abc import Iterator

MEDIA_TYPE = "text/event-stream"
LARGEST = 1 << 20
"""Bytes of an event's data, and of a line that has no end yet."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventStream:
    """What has come of a stream and isn't a whole event yet.

    Nothing but events' data is kept: other fields are for browsers. Lines end as the server likes,
    and bytes may be cut anywhere, within a character or a line's end.
    """

    def __init__(self) -> None:
        """Of which nothing has come."""
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._unended = self._held = 0
        self._after_return = False

    def feed(self, came: bytes) -> Iterator[str]:
        """The data of every event that ends within these bytes, in order.

        Raises:
            ValueError: an event is larger than any of an answer can be.
        """
        if self._after_return:
            came = came.removeprefix(b"\n")
        if not came:
            return
        self._after_return = came.endswith(b"\r")
        for line in self._lines(came):
            if line:
                self._take(line)
            elif self._data:
                yield b"\n".join(self._data).decode("utf-8", "replace")
                self._data.clear()
                self._held = 0
        if self._held + self._unended > LARGEST:
            raise ValueError(f"sent an event that exceeded {LARGEST} bytes")

    def _lines(self, came: bytes) -> list[bytes]:
        """Those that have come to their ends; what follows the last is kept."""
        if b"\n" not in came and b"\r" not in came:
            self._keep(came)
            return []
        lines = b"".join((*self._rest, came)).splitlines()
        self._rest.clear()
        self._unended = 0
        if not came.endswith((b"\n", b"\r")):
            self._keep(lines.pop())
        return lines

    def _keep(self, rest: bytes) -> None:
        self._rest.append(rest)
        self._unended += len(rest)

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name.removeprefix(BYTE_ORDER_MARK) == b"data":
            self._data.append(value.removeprefix(b" "))
            self._held += len(line)
