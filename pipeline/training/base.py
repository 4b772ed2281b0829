"""The base model: a small Llama that has read the corpus."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from pipeline.training.tokenizer import VOCABULARY

BATCH, WINDOW, LEARNING_RATE = 16, 128, 2e-3


def new_model() -> LlamaForCausalLM:
    """Widths are multiples of 256, so that every GGUF quantisation fits."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=256,
            intermediate_size=768,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=64,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def train_base(ids: Tensor, steps: int, folder: Path) -> LlamaForCausalLM:
    """Next-token training on random windows of `ids`; saved as fp16 into `folder`."""
    model = new_model().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for step in range(steps):
        starts = torch.randint(len(ids) - WINDOW, (BATCH,)).tolist()
        batch = torch.stack([ids[start : start + WINDOW] for start in starts])
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"base {step:4d}: loss {loss.item():.3f}", flush=True)
    model.half().save_pretrained(folder)
    return model.float().eval()
