"""Small causal language models of transformers with random weights, and what is asked of them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

LAYERS = {
    "vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.2,
}  # fmt: skip
GPT2 = {
    "vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32,
    "bos_token_id": 0, "eos_token_id": 1, "initializer_range": 0.2,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip
MODELS = {
    "llama": ("Llama", LAYERS),
    "llama, tied": ("Llama", {**LAYERS, "tie_word_embeddings": True}),
    "qwen2": ("Qwen2", LAYERS),
    "gpt2, tied": ("GPT2", GPT2),
    "gemma2, softcap": ("Gemma2", {**LAYERS, "head_dim": 8, "final_logit_softcapping": 3.0}),
    "granite, scaled": ("Granite", {**LAYERS, "logits_scaling": 0.3}),
    "phi, bias": ("Phi", {**LAYERS, "num_key_value_heads": 2}),
    "mixtral, auxiliary loss": (
        "Mixtral",
        {
            **LAYERS,
            "num_local_experts": 2,
            "output_router_logits": True,
            "experts_implementation": "eager",
        },
    ),
}


def stock(name: str, dtype: str = "float32", seed: int = 0) -> Any:
    """A small model with random weights; a bias, if it has one, too."""
    import torch
    import transformers

    torch.manual_seed(seed)
    family, options = MODELS[name]
    suffix = "LMHeadModel" if family == "GPT2" else "ForCausalLM"
    config = getattr(transformers, f"{family}Config")(**options)
    model = getattr(transformers, f"{family}{suffix}")(config)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return model.to(getattr(torch, dtype))


def fused(model: Any, **options: Any) -> Any:
    from xent.torch import huggingface

    return huggingface.fuse(copy.deepcopy(model), **options)


def batch(rows: int = 3, length: int = 9, seed: int = 0) -> dict[str, Any]:
    """Tokens and labels; each row ignores its own number of places."""
    import torch

    ids = torch.from_numpy(np.random.default_rng(seed).integers(50, size=(rows, length)))
    labels = ids.clone()
    for row in range(rows):
        labels[row, : (2 * row) % (length - 1)] = -100
    return {"input_ids": ids, "labels": labels}


def loss_and_gradients(model: Any, **inputs: Any) -> tuple[Any, Any]:
    """The loss and all parameters' gradients as one vector."""
    import torch

    model.zero_grad()
    loss = model(**inputs).loss
    loss.backward()
    gradients = [p.grad.double().ravel() for p in model.parameters() if p.grad is not None]
    return loss.detach(), torch.cat(gradients)


def apart(a: Any, b: Any) -> float:
    """The largest difference, relative to the largest entry."""
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).abs().max() / b.abs().max())
