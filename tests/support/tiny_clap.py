"""Tiny CLAP models with random weights: the architecture of transformers, its files, milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from pathlib import Path

DIM: Final = 16
_SPECIALS: Final = ("<s>", "<pad>", "</s>", "<unk>")


def make_tiny_clap(folder: Path, *, seed: int = 7, **audio: Any) -> Any:
    """Write a model's folder as the hub has it; return the module that it is of. `audio` changes its audio config."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    torch.manual_seed(seed)
    text = {
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 80,
    }
    sound = {
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 2, 2],
        "hidden_size": 64,
        "num_classes": 4,
        **audio,
    }
    module: Any = ClapModel(ClapConfig(text_config=text, audio_config=sound, projection_dim=DIM))
    module.eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():  # the default initialisation makes all sounds alike
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
            elif "audio_encoder.batch_norm" in name:
                parameter.fill_(1.0 if name.endswith("weight") else 0.0)
        norm = module.audio_model.audio_encoder.batch_norm
        norm.running_mean.fill_(-40.0)  # about the level of what is heard, as a model that was taught has it
        norm.running_var.fill_(400.0)
        module.logit_scale_a.fill_(3.0)
    module.save_pretrained(folder)
    extractor = ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50)
    extractor.save_pretrained(folder)
    _tokenizer().save(str(folder / "tokenizer.json"))
    return module


def _tokenizer() -> Any:
    """Return a tokenizer of RoBERTa's kind whose tokens are bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*_SPECIALS, *letters))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer
