"""Adapters from tensors in memory; an engine's come from files."""

from pipeline.kernels.lora_layout import AdapterLayout, LoraShape
from pipeline.kernels.packed_adapter import pack_tensors


def pack_adapter(sites, format):
    """Pack the `LoraPart`s of each site."""
    shapes = [
        [LoraShape(p.column, *p.a.shape, len(p.b), p.affine is not None) for p in parts]
        for parts in sites
    ]
    tensors = [tensor for parts in sites for part in parts for tensor in (part.a, part.b)]
    layout = AdapterLayout.of(shapes, format)
    packed = pack_tensors(layout, (tensor.float().numpy() for tensor in tensors))
    affine = [part.affine for parts in sites for part in parts if part.affine is not None]
    return packed.transform(each.numpy() for each in affine)
