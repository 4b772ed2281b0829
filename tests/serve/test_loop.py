"""The engine's thread lets those go on who send a first token, and nobody else."""

from pipeline.inference.events import Admitted, Finished, FinishReason, Token
from pipeline.serve import loop as loop_module
from pipeline.serve.loop import EngineLoop


class Scripted:
    """An engine that tells what was written down, a step at a time, and then ends."""

    busy, occupancy = False, None

    def __init__(self, steps):
        self._steps = [*steps]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def wait(self):
        pass

    def step(self):
        if not self._steps:
            raise EOFError
        return self._steps.pop(0)


def test_the_engine_rests_once_after_each_first_token(monkeypatch):
    done = Finished("a", 0.0, FinishReason.LENGTH, None)
    steps = [
        [Admitted("a", 0.0)],
        [Token("a", 0.0, 1)],
        [Token("a", 0.0, 2), Token("b", 0.0, 1)],
        [Token("b", 0.0, 2)],
        [],
        [done],
        [Token("a", 0.0, 1), done],  # The id is free again: another request.
        [Finished("b", 0.0, FinishReason.LENGTH, None)],
    ]
    did: list[object] = []
    monkeypatch.setattr(loop_module, "sleep", lambda seconds: did.append("rest"))
    loop = EngineLoop(Scripted(steps))
    loop.connect(did.append, lambda: None)
    loop._run()
    rests = [did[at - 1] for at, each in enumerate(did) if each == "rest"]
    assert rests == [steps[1], steps[2], steps[6]]
    assert [each for each in did if each != "rest"] == [each for each in steps if each]
    assert not loop._begun
