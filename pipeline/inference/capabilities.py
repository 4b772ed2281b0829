"""What an engine can do, declared before it is built; what it can't is refused by name."""

from dataclasses import dataclass

from pipeline.inference.request import Request


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Of an engine. All are off unless it says so.

    Attributes:
        stream: it tells each token as soon as it is there, and the text of it if asked to.
        mixes_adapters: requests of several adapters are computed in one forward pass.
        cancels: a request that has begun can be ended before its time.
        per_request_sampling: every request is sampled as it says, whatever its neighbours say.
        logprobs: tokens come with their log-probabilities if asked to.
        prompt_logprobs: those of a prompt are told as well, if asked for.
        constrains: it chooses tokens from among those that a request's constraint allows.
        adds_adapters: adapters can be added and removed while it runs.
    """

    stream: bool = False
    mixes_adapters: bool = False
    cancels: bool = False
    per_request_sampling: bool = False
    logprobs: bool = False
    prompt_logprobs: bool = False
    constrains: bool = False
    adds_adapters: bool = False

    def refusal(self, request: Request) -> str | None:
        """What of a request the engine can't do, in one line; None where it can all of it."""
        sampling = request.sampling
        is_sampled = not sampling.is_greedy or sampling.has_penalties
        lacking = [
            what
            for what, is_asked, can in (
                ("stream tokens", request.stream, self.stream),
                ("sample by request", is_sampled, self.per_request_sampling),
                ("tell log-probabilities", sampling.logprobs is not None, self.logprobs),
                (
                    "tell log-probabilities of a prompt",
                    sampling.prompt_logprobs is not None,
                    self.prompt_logprobs,
                ),
                ("keep an answer to a form", request.constraint is not None, self.constrains),
            )
            if is_asked and not can
        ]
        return f"this engine can't {' or '.join(lacking)}" if lacking else None
