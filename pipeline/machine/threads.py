"""Whether this process may start as many threads as it is asked to."""

from threading import Event, Thread

from pipeline.errors import UsageError


def check_threads(count: int) -> None:
    """Start so many, all at once, and let them end: libraries that can't start theirs abort.

    Args:
        count: compute threads, the caller's included.

    Raises:
        UsageError: the system doesn't let this process start so many.
    """
    done = Event()
    started: list[Thread] = []
    try:
        for _ in range(count - 1):
            thread = Thread(target=done.wait, daemon=True)
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError) as error:
        raise UsageError(
            f"threads={count}: this process may start no more than {1 + len(started)} "
            f"({' '.join(str(error).split()) or 'out of memory'}); lower it, or raise ulimit -u"
        ) from error
    finally:
        done.set()
        for each in started:
            each.join()
