"""The decoder against transformers, with every request its own adapter."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from pipeline.engines.lora_delta import FoldedWeights, read_factors
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.lora import load_adapter


@pytest.fixture(scope="session")
def decoder(tiny):
    return Decoder.load(tiny, "fp32", threads=2)


@pytest.fixture(scope="session")
def expected(tiny):
    """Logits of every position, from transformers with the adapter folded into the weights."""
    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32).eval()
    folded = FoldedWeights(model)

    @torch.inference_mode()
    def logits(ids, adapter=None):
        folded.fold(read_factors(adapter) if adapter else {})
        return model(input_ids=torch.tensor([ids])).logits[0]

    return logits


def test_eight_adapters_in_one_ragged_batch(tiny, tiny_adapters, decoder, drive, ids, expected):
    driver = drive(decoder)
    names = [*tiny_adapters, None]
    for number, name in enumerate(names):
        loaded = load_adapter(tiny_adapters[name], decoder, "fp32") if name else None
        driver.add(ids(20 + 7 * number, tiny.architecture, number), loaded)
    # Some sequences begin with long chunks, some with short ones, some wait; all end by decoding.
    lengths = [len(sequence.ids) for sequence in driver.sequences]
    turn = 0
    while any(s.done < len(s.ids) for s in driver.sequences):
        chunks = {}
        for index, sequence in enumerate(driver.sequences):
            left = lengths[index] - sequence.done
            want = 1 if left <= 6 else (17, 5, 1, 0)[(index + turn) % 4]
            if left and want:
                chunks[index] = min(want, left)
        if chunks:
            driver.step(chunks)
        turn += 1
    for index, name in enumerate(names):
        wanted = expected(driver.sequences[index].ids, tiny_adapters.get(name))
        torch.testing.assert_close(driver.result(index), wanted, atol=2e-3, rtol=1e-4)
