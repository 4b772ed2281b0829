"""A program as C sees it: a table of operations, and buffers that every step uses again."""

import ctypes
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from pipeline.kernels import program as operations
from pipeline.kernels.abi import ABI
from pipeline.kernels.bindings import bound
from pipeline.kernels.executable import Executable
from pipeline.kernels.formats import FORMATS
from pipeline.kernels.memory import held, lazy_bytes
from pipeline.kernels.native_operands import (
    NativeForwardPass,
    native_activation,
    native_heads,
    native_norms,
    native_routing,
    native_turn,
)
from pipeline.kernels.native_pool import NativePool
from pipeline.kernels.operands import ForwardPass
from pipeline.kernels.program import Buffer, Operation, Program
from pipeline.kernels.step_times import StepTimes

_INPUT, _BUFFER, _OPERATION, _PROGRAM, _TIME = (
    ABI.structures[name] for name in ("Input", "Buffer", "Operation", "Program", "OperationTime")
)
_MAX_BUFFERS = ABI.constants["MAX_BUFFERS"]
_KINDS: dict[type, int] = {
    kind: ABI.constants[f"OP_{name}"]
    for name, kind in {
        "NORM": operations.Norm,
        "LINEAR": operations.Linear,
        "ADD_LORA": operations.AddLora,
        "ROTATE_AND_STORE": operations.RotateAndStore,
        "ATTEND": operations.Attend,
        "GATE": operations.Gate,
        "SCALE": operations.Scale,
        "CAP": operations.Cap,
        "CLIP": operations.Clip,
        "CENTRE": operations.Centre,
        "NORM_COLUMNS": operations.NormColumns,
        "TAKE_OUTPUTS": operations.TakeOutputs,
        "ROUTE": operations.Route,
        "DISPATCH": operations.Dispatch,
        "EXPERT_LINEAR": operations.ExpertLinear,
        "COMBINE": operations.Combine,
        "ADD_EXPERT_LORA": operations.AddExpertLora,
    }.items()
}


class NativeProgram(Executable):
    """One call a step. What is larger than the buffers gets some of its own, for that once."""

    def __init__(self, program: Program, tokens: int, threads: NativePool) -> None:
        """Record it and take its buffers, whose memory is given as it is first used.

        Args:
            program: what a step computes.
            tokens: most of a step.
            threads: that compute.

        Raises:
            ValueError: a tensor isn't one that C can read, a matrix isn't of the format that its
                buffer is packed for, or there are too many buffers.
        """
        if len(program.buffers) > _MAX_BUFFERS:
            raise ValueError(f"a program of more than {_MAX_BUFFERS} buffers")
        self._program, self._tokens, self._threads = program, tokens, threads
        self._numbers = {name: number for number, name in enumerate(program.buffers)}
        self._values: dict[str, Tensor] = {}
        self._packed: list[Tensor] = []
        self._views: dict[tuple[str, int], Tensor] = {}
        buffers = [self._buffer(*each) for each in program.buffers.items()]
        steps = [self._operation(each) for each in program.operations]
        self._kept = (_BUFFER * len(buffers))(*buffers), (_OPERATION * len(steps))(*steps)
        self._native = _PROGRAM(*map(ctypes.addressof, self._kept), len(buffers), len(steps))

    def watch(self) -> StepTimes:
        """Each operation looks at the clock; steps larger than the buffers aren't seen."""
        operations = self._program.operations
        self._times = (_TIME * len(operations))()
        self._native.times = ctypes.addressof(self._times)
        return StepTimes(operations, self._threads.threads, self._times)

    def run(self, step: ForwardPass, given: Tensor) -> Tensor:
        """All operations, natively."""
        assert isinstance(step, NativeForwardPass)
        tokens, outputs = step.native.tokens, step.native.wanted
        if given.shape[0] != tokens:
            raise ValueError(f"{given.shape[0]} rows for {tokens} tokens")
        if tokens > self._tokens:
            return NativeProgram(self._program, tokens, self._threads).run(step, given)
        self._rows(self._program.given, tokens).copy_(given)
        bound().kernel_step(
            *(self._threads.handle, ctypes.byref(self._native), ctypes.byref(step.native)),
            *(step.segments, len(step.segments)),
        )
        return self._rows(self._program.result, outputs)

    def _rows(self, name: str, count: int) -> Tensor:
        """The first rows of a buffer, and of the result the columns that are read."""
        found = self._views.get((name, count))
        if found is None:
            columns = self._program.columns if name == self._program.result else None
            found = self._views[name, count] = self._values[name][:count, :columns]
        return found

    def _buffer(self, name: str, buffer: Buffer) -> ctypes.Structure:
        """Room for all the tokens of a step, of which each takes as much as it has."""
        shape = self._tokens * buffer.times, buffer.columns
        values = lazy_bytes(4 * shape[0] * shape[1]).view(torch.float32).view(shape)
        number, packed = (buffer.format or FORMATS["fp32"]).number, lazy_bytes(0)
        if buffer.format:
            packed = lazy_bytes(bound().packed_input_bytes(number, *shape))
        self._values[name] = values
        self._packed.append(packed)
        at = values.data_ptr(), packed.data_ptr()
        sizes = values.numel(), packed.numel()
        input_ = _INPUT(number, *at, 0, buffer.columns, *sizes)
        return _BUFFER(input_, buffer.of_outputs, buffer.times)

    def _operation(self, operation: Operation) -> ctypes.Structure:
        if isinstance(operation, operations.Linear | operations.ExpertLinear):
            its, wanted = operation.matrix.format, self._program.buffers[operation.x].format
            if its != wanted:
                raise ValueError(f"{operation.x!r} isn't packed for {its.name} weights")
        native = _OPERATION(kind=_KINDS[type(operation)], added=-1, routes=-1)
        for each in fields(operation):
            for field, value in self._as_c(each.name, getattr(operation, each.name)).items():
                setattr(native, field, value)
        if isinstance(operation, operations.TakeOutputs):
            native.columns = self._program.buffers[operation.out].columns
        return native

    def _as_c(self, name: str, value: Any) -> dict[str, Any]:
        """A field of an operation, as the fields that C has for it."""
        match name:
            case "x" | "added" | "routes" | "out":
                return {name: -1 if value is None else self._numbers[value]}
            case "layer" | "site":
                return {"place": value}
            case "epsilon" | "factor" | "scale":
                return {"number": value or 0.0}
            case "activation":
                return {name: native_activation(value)}
            case "heads":
                return {name: native_heads(value)}
            case "norms":
                return {name: native_norms(value)}
            case "turn":
                return {name: native_turn(value)}
            case "routing":
                return {name: native_routing(value)}
            case "weight" if value is None:
                return {}
            case "weight":
                held(value, torch.float32, (value.numel(),))
                return {"weights": value.data_ptr(), "size": value.numel()}
            case "matrix":
                bias = None if value.bias is None else value.bias.data_ptr()
                where = {"weights": value.data.data_ptr(), "size": value.data.nbytes, "bias": bias}
                return {"rows": value.rows, "columns": value.columns, **where}
        return {name: value or 0}
