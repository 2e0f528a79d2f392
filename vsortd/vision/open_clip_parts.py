"""What is used of open_clip, imported without what only some of its models need: a third of the time.

open_clip imports timm, transformers and, by way of torchvision, torch's compiler, whether or not a model uses them: of
its 3 s of a processor's time these are 2.5. So timm and transformers stay away as if they were not installed, which
open_clip allows for, until a model's config names them (`bring_in`); torchvision, which asks the compiler one question
when a detector runs, asks it then; and timm leaves its functions unmarked for a compiler that is never used here.
Import open_clip from here only, and this before torchvision.
"""

from __future__ import annotations

import importlib
import sys
import threading
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COMPILER: Final = "torch._dynamo"
_BRINGING_IN: Final = threading.Lock()
# open_clip's modules that take one of the two in when they are imported, by the key of a config that wants it.
_ADAPTERS: Final = {"timm_model_name": "timm_model", "hf_model_name": "hf_model"}


@contextmanager
def _left_out(*names: str) -> Iterator[None]:
    """Have packages that nobody imported so far be as if they were not installed."""
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        cast("dict[str, Any]", sys.modules)[name] = None  # Python's own way to say that there is none
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def _late_compiler() -> Iterator[None]:
    """Let torch's compiler be imported by the first question that it is asked, not before."""
    if _COMPILER in sys.modules:
        yield
        return
    package, utils = ModuleType(_COMPILER), ModuleType(f"{_COMPILER}.utils")

    def is_compile_supported(device: str) -> Any:  # noqa: ANN401 - torch's own answer
        return importlib.import_module(f"{_COMPILER}.utils").is_compile_supported(device)

    package.utils = utils  # type: ignore[attr-defined]
    utils.is_compile_supported = is_compile_supported  # type: ignore[attr-defined]
    sys.modules.update({package.__name__: package, utils.__name__: utils})
    try:
        yield
    finally:
        for module in (package, utils):
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]


@contextmanager
def _unmarked() -> Iterator[None]:
    """Let timm do without `torch.compiler.disable`, as with a torch that has none: its use imports the compiler."""
    compiler: Any = torch.compiler
    disable = compiler.disable
    if _COMPILER not in sys.modules:
        compiler.disable = None
    try:
        yield
    finally:
        compiler.disable = disable


def _import_lightly() -> None:
    """Import open_clip; whole, where another version of it or of torchvision wants more than it is given here."""
    before = set(sys.modules)
    try:
        with _left_out("timm", "transformers"), _late_compiler():
            importlib.import_module("open_clip")
    except (ImportError, AttributeError):
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in {"open_clip", "torchvision"}:
                del sys.modules[name]
        importlib.import_module("open_clip")


def bring_in(model_cfg: Mapping[str, Any]) -> None:
    """Import what a model's config (open_clip's architecture config) wants of timm and transformers.

    Once imported they stay. Raises ImportError where one is not installed, or is broken.
    """
    for part in ("vision_cfg", "text_cfg"):
        for key, adapter in _ADAPTERS.items():
            if model_cfg.get(part, {}).get(key):
                _bring_in(adapter)


def _bring_in(adapter: str) -> None:
    module: Any = sys.modules[f"open_clip.{adapter}"]
    package = {"timm_model": "timm", "hf_model": "transformers"}[adapter]
    with _BRINGING_IN:  # whoever loads a model at the same moment waits until all of it is there
        if getattr(module, package) is None:
            with _unmarked() if package == "timm" else nullcontext():
                importlib.import_module(package)
            # into the module as it is: the classes that others have of it find there what was missing
            importlib.reload(module)


_import_lightly()

from open_clip.coca_model import CoCa  # noqa: E402
from open_clip.convert import convert_state_dict  # noqa: E402
from open_clip.factory import get_model_config, list_models  # noqa: E402
from open_clip.model import (  # noqa: E402
    CLIP,
    CustomTextCLIP,
    convert_to_custom_text_state_dict,
    resize_pos_embed,
    resize_text_pos_embed,
)
from open_clip.modified_resnet import Bottleneck, ModifiedResNet  # noqa: E402
from open_clip.pretrained import (  # noqa: E402
    get_pretrained_cfg,
    is_pretrained_cfg,
    list_pretrained,
    list_pretrained_tags_by_model,
)
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer  # noqa: E402
from open_clip.transform import PreprocessCfg  # noqa: E402
from open_clip.transformer import TextTransformer  # noqa: E402

__all__ = [
    "CLIP",
    "Bottleneck",
    "CoCa",
    "CustomTextCLIP",
    "HFTokenizer",
    "ModifiedResNet",
    "PreprocessCfg",
    "SimpleTokenizer",
    "TextTransformer",
    "bring_in",
    "convert_state_dict",
    "convert_to_custom_text_state_dict",
    "get_model_config",
    "get_pretrained_cfg",
    "is_pretrained_cfg",
    "list_models",
    "list_pretrained",
    "list_pretrained_tags_by_model",
    "resize_pos_embed",
    "resize_text_pos_embed",
]
