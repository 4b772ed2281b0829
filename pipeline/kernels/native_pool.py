"""The native threads: one pool of them computes all kernels of an engine."""

from ctypes import c_void_p

from pipeline.kernels.bindings import bound


class NativePool:
    """A pool and the library that it belongs to.

    Attributes:
        library: the compiled kernels.
        handle: the pool, as they take it.
        threads: that compute, the caller's included.
    """

    def __init__(self, threads: int) -> None:
        """Compile unless that was done before, and start the threads.

        Raises:
            BuildError: there is no compiler, or it failed.
            RuntimeError: the system doesn't start so many threads.
        """
        self.library, self.threads = bound(), threads
        self.handle = c_void_p(self.library.pool_new(threads))
        if not self.handle:
            raise RuntimeError(f"can't start new thread: {threads} were asked for")

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            self.library.pool_free(self.handle)
