"""Experts in plain PyTorch: who computes which token, and what they make of it."""

import torch
from torch import Tensor

from pipeline.kernels import layout
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix
from pipeline.kernels.operands import Activations, ForwardPass, Routing
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

    def add_expert_lora(
        self,
        x: Activations,
        step: ForwardPass,
        routes: Tensor,
        routing: Routing,
        site: int,
        out: Tensor,
        dispatched: bool,
    ) -> None:
        """Expert by expert: X · Aᵀ · Bᵀ of the rows that an adapter's tokens have there."""
        chosen = routes[:, routing.used : 2 * routing.used].long()
        places, columns = _places_of(routes, routing), x.values.shape[1]
        for segment in step.batch.segments:
            if segment.adapter is None:
                continue
            for expert in {*chosen[segment.start : segment.stop].flatten().tolist()}:
                tokens, ranks = (chosen == expert).nonzero(as_tuple=True)
                mine = (tokens >= segment.start) & (tokens < segment.stop)
                rows = places[tokens[mine], ranks[mine]]
                values = x.values[rows if dispatched else tokens[mine]]
                for part in segment.adapter.parts(site, columns, expert):
                    at = slice(part.column, part.column + len(part.b))
                    out[rows, at] += values @ part.a.T @ part.b.T

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
