"""Experts in plain PyTorch: who computes which token, and what they make of it."""

import torch
from torch import Tensor

from pipeline.kernels import layout
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix
from pipeline.kernels.operands import Activations, Routing
from pipeline.kernels.reference_arithmetic import as_integers


class ReferenceExperts(Kernels):
    """`ReferenceKernels`, as far as experts are concerned."""

    def route(self, scores: Tensor, routing: Routing, routes: Tensor) -> None:
        """Softmax, and a stable order of all scores."""
        ours, used = scores[:, : routing.experts], routing.used
        chosen = ours.argsort(dim=1, descending=True, stable=True)[:, :used]
        weights = ours.softmax(1).gather(1, chosen)
        if routing.normalised:
            weights = weights / weights.sum(1, keepdim=True)
        places = torch.empty(chosen.numel(), dtype=torch.long)
        places[chosen.flatten().argsort(stable=True)] = torch.arange(chosen.numel())
        routes[:, : 3 * used] = torch.cat([weights, chosen, places.view(chosen.shape)], 1)
        if scores.shape[1] > routing.experts:
            routes[:, 3 * used] = scores[:, routing.experts].sigmoid()

    def dispatch(self, x: Activations, routes: Tensor, routing: Routing, out: Activations) -> None:
        """By place."""
        out.values[_places_of(routes, routing)] = x.values[:, None]

    def expert_linear(
        self, x: Activations, routes: Tensor, routing: Routing, matrix: Matrix, out: Tensor
    ) -> None:
        """Expert by expert."""
        chosen = routes[:, routing.used : 2 * routing.used].long().flatten()
        counts = chosen.bincount(minlength=routing.experts).tolist()
        values = torch.split(as_integers(x.values, matrix), counts)
        matrices = layout.unpack(matrix).chunk(routing.experts)
        made = [rows @ weights.T for rows, weights in zip(values, matrices, strict=True)]
        out[:, : matrices[0].shape[0]] = torch.cat(made)

    def combine(
        self, x: Tensor, routes: Tensor, routing: Routing, shared: Tensor | None, out: Tensor
    ) -> None:
        """One expert of each token after another."""
        places = _places_of(routes, routing)
        out.zero_() if shared is None else out.copy_(shared * routes[:, 3 * routing.used, None])
        for rank in range(routing.used):
            out += x[places[:, rank]] * routes[:, rank, None]


def _places_of(routes: Tensor, routing: Routing) -> Tensor:
    """(tokens, experts in use)."""
    return routes[:, 2 * routing.used : 3 * routing.used].long()
