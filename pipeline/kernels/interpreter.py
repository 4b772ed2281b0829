"""A program executed operation by operation, on buffers that are made for the step."""

from dataclasses import replace

import torch
from torch import Tensor

from pipeline.kernels import program as operations
from pipeline.kernels.executable import Executable
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.operands import Activations, ForwardPass
from pipeline.kernels.program import Buffer, Operation, Program


class InterpretedProgram(Executable):
    """Slow, and says what a program means."""

    def __init__(self, program: Program, kernels: Kernels) -> None:
        """Ready at once.

        Args:
            program: what a step computes.
            kernels: of which each operation is one call.
        """
        self._program, self._kernels = program, kernels

    @torch.inference_mode()
    def run(self, step: ForwardPass, given: Tensor) -> Tensor:
        """Each operation in turn."""
        buffers = {name: self._buffer(each, step) for name, each in self._program.buffers.items()}
        values = {
            name: each.values if isinstance(each, Activations) else each
            for name, each in buffers.items()
        }
        inputs = {name: each for name, each in buffers.items() if isinstance(each, Activations)}
        values[self._program.given].copy_(given)
        for operation in self._program.operations:
            self._perform(operation, step, inputs, values)
        return values[self._program.result][:, : self._program.columns]

    def _buffer(self, buffer: Buffer, step: ForwardPass) -> Activations | Tensor:
        rows = len(step.batch.outputs if buffer.of_outputs else step.batch.tokens) * buffer.times
        if buffer.format is None:
            return torch.zeros(rows, buffer.columns)
        return self._kernels.activations(rows, buffer.columns, buffer.format)

    def _perform(
        self,
        operation: Operation,
        step: ForwardPass,
        inputs: dict[str, Activations],
        values: dict[str, Tensor],
    ) -> None:
        """One operation; `inputs` are the buffers that matrices read, `values` all of them."""
        kernels = self._kernels
        match operation:
            case operations.Norm(x, added, weight, epsilon, out):
                delta = None if added is None else values[added]
                kernels.norm(values[x], delta, weight, epsilon, inputs[out])
            case operations.Linear(x, matrix, out):
                kernels.linear(inputs[x], matrix, values[out])
            case operations.AddLora(x, site, out):
                rows = _among_outputs(step) if self._program.buffers[x].of_outputs else step
                kernels.add_lora(inputs[x], rows, site, values[out])
            case operations.RotateAndStore(x, layer, heads, norms, turn):
                kernels.rotate_and_store(values[x], step, layer, heads, norms, turn)
            case operations.Attend(x, layer, heads, window, out, scale, limit):
                kernels.attend(values[x], step, layer, heads, window, inputs[out], scale, limit)
            case operations.Gate(x, out, activation):
                kernels.gate(values[x], inputs[out], activation)
            case operations.TakeOutputs(x, out):
                width = values[out].shape[1]
                values[out].copy_(values[x][step.batch.outputs, :width])
            case (
                operations.Scale()
                | operations.Cap()
                | operations.Clip()
                | operations.Centre()
                | operations.NormColumns()
            ):
                _change(operation, values)
            case _:
                self._perform_experts(operation, step, inputs, values)

    def _perform_experts(
        self,
        operation: Operation,
        step: ForwardPass,
        inputs: dict[str, Activations],
        values: dict[str, Tensor],
    ) -> None:
        """One that a mixture of experts has and nobody else."""
        kernels = self._kernels
        match operation:
            case operations.Route(x, routing, out):
                kernels.route(values[x], routing, values[out])
            case operations.Dispatch(x, routes, routing, out):
                kernels.dispatch(inputs[x], values[routes], routing, inputs[out])
            case operations.ExpertLinear(x, routes, routing, matrix, out):
                kernels.expert_linear(inputs[x], values[routes], routing, matrix, values[out])
            case operations.AddExpertLora(x, routes, routing, site, out, dispatched):
                kernels.add_expert_lora(
                    *(inputs[x], step, values[routes], routing, site, values[out], dispatched)
                )
            case operations.Combine(x, routes, routing, added, out):
                shared = None if added is None else values[added]
                kernels.combine(values[x], values[routes], routing, shared, values[out])


def _change(operation: Operation, values: dict[str, Tensor]) -> None:
    """One that makes other numbers of those that are there, column by column."""
    match operation:
        case operations.Scale(out, columns, factor):
            values[out][:, :columns] *= factor
        case operations.Cap(out, columns, limit):
            values[out][:, :columns].div_(limit).tanh_().mul_(limit)
        case operations.Clip(out, columns, limit):
            values[out][:, :columns].clamp_(-limit, limit)
        case operations.Centre(out, columns):
            values[out][:, :columns] -= values[out][:, :columns].mean(1, keepdim=True)
        case operations.NormColumns(out, first, weight, epsilon):
            normed = values[out][:, first : first + len(weight)]
            normed.copy_(torch.rms_norm(normed, (len(weight),), weight, epsilon))


def _among_outputs(step: ForwardPass) -> ForwardPass:
    batch = replace(step.batch, segments=step.batch.among_outputs())
    return replace(step, batch=batch)
