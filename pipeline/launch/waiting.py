"""Why jobs that were sent to other machines haven't begun, as the terminal says it."""

from rich.console import Console

from pipeline.launch.job import Job


class Waiting:
    """Hears it from the places of the jobs, and says each reason of a job once."""

    def __init__(self, console: Console) -> None:
        """Begin with no job that waits.

        Args:
            console: where it is said.
        """
        self._console = console
        self._why: dict[int, str] = {}
        self._said: set[tuple[int, str]] = set()

    def hear(self, job: Job, why: str, which: str = "") -> None:
        """Take down why a job waits.

        Args:
            job: it is.
            why: in whoever's words; empty once it has begun.
            which: of several jobs it is, for the terminal.
        """
        self._why[job.number] = why
        if why and (job.number, why) not in self._said:
            self._said.add((job.number, why))
            line = f"  {which} waits: {why}" if which else f"  waits: {why}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def why(self, job: Job) -> str:
        """What was heard last; empty where it has begun, or nobody knows."""
        return self._why.get(job.number, "")
