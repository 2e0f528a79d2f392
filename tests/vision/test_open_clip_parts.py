"""open_clip without what a model does not use is the same open_clip, imported for less."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # processes that import much

# A model of open_clip's own parts, one with timm's and one with transformers' text tower, without weights of others.
PLAIN: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1},
}
TIMM: dict[str, Any] = {
    **PLAIN,
    "vision_cfg": {"image_size": 64, "timm_model_name": "regnetx_002", "timm_pool": "avg", "timm_proj": "linear"},
}
HEAVY = {"timm", "transformers", "torch._dynamo", "sympy"}

BUILD = f"""
import json, sys, torch
from vsortd.vision.open_clip_parts import CLIP, CustomTextCLIP, bring_in
torch.set_num_threads(1)
results, loaded = [], []
for config in json.load(open("configs.json")):
    bring_in(config)
    torch.manual_seed(3)
    kind = CustomTextCLIP if "hf_model_name" in config["text_cfg"] else CLIP
    model = kind(**config).eval()
    size = config["vision_cfg"]["image_size"]
    with torch.inference_mode():
        pair = model.encode_image(torch.rand(2, 3, size, size)), model.encode_text(torch.randint(1, 90, (2, 16)))
    results.append([vectors.tolist() for vectors in pair])
    loaded.append(sorted({HEAVY!r} & {{name for name, one in sys.modules.items() if one}}))
"""
LOADED = f"import sys; loaded = sorted({HEAVY!r} & {{name for name, one in sys.modules.items() if one}})"


def in_a_process(*lines: str, folder: Path | None = None) -> Any:
    """Run lines in a Python of their own and return what the last one's expression gives."""
    *first, last = lines
    script = "\n".join([*first, f"import json; print(json.dumps({last}))"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def hugging_face(folder: Path) -> dict[str, Any]:
    """Return a config with a text tower of transformers', whose own config lies in a folder."""
    from transformers import BertConfig

    BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    ).save_pretrained(folder)
    text = {"hf_model_name": str(folder), "hf_model_pretrained": False, "hf_pooler_type": "mean_pooler"}
    return {**PLAIN, "text_cfg": {**text, "context_length": 16, "hf_proj_type": "linear"}}


@pytest.mark.long
def test_models_are_the_same_as_with_the_whole_import(tmp_path: Path) -> None:
    """Vectors are equal, and what a model does not use is not imported for it."""
    configs = [PLAIN, TIMM, hugging_face(tmp_path / "bert")]
    (tmp_path / "configs.json").write_text(json.dumps(configs), encoding="utf-8")
    vectors, loaded = in_a_process(BUILD, "[results, loaded]", folder=tmp_path)
    whole = in_a_process("import timm, transformers, torch._dynamo, open_clip", BUILD, "results", folder=tmp_path)
    assert np.allclose(vectors, whole, rtol=0, atol=1e-6)
    assert loaded[:2] == [[], ["timm"]]


def test_the_sample_model_takes_no_more_than_it_needs() -> None:
    """The real loading code brings in timm for the sample model, and no compiler."""
    load = "from vsortd.vision.factory import load_encoder; encoder = load_encoder('sample', device='cpu')"
    vectors = "len(encoder.encode_texts(['the sea']))"
    count, loaded = in_a_process(load, f"count = {vectors}", LOADED, "[count, loaded]")
    assert (count, loaded) == (1, ["timm"])


@pytest.mark.long
def test_what_was_left_out_can_be_imported_afterwards() -> None:
    """Nothing of the stand-ins stays: compiler, timm and transformers are the real ones for whoever asks later."""
    lines = (
        "import vsortd.vision.open_clip_parts, torch, importlib",
        "disable = torch.compiler.disable",
        "names = ['torch._dynamo', 'torch._dynamo.utils', 'timm', 'transformers']",
        "files = [importlib.import_module(name).__file__ for name in names]",
        "compiled = torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)).item()",
    )
    files, compiled, same = in_a_process(*lines, "[files, compiled, disable is torch.compiler.disable]")
    assert all(files)
    assert (compiled, same) == (2.0, True)


@pytest.mark.long
def test_models_that_are_loaded_at_the_same_moment_are_all_whole() -> None:
    """As by a daemon whose borrowers load their own when it ends: no thread builds with half of what it needs."""
    lines = (
        f"config = {TIMM!r}",
        "from concurrent.futures import ThreadPoolExecutor",
        "from vsortd.vision.open_clip_parts import CLIP, bring_in",
        "import threading, torch",
        "begin, disable = threading.Barrier(6), torch.compiler.disable",
        "def build(_): begin.wait(); bring_in(config); return type(CLIP(**config)).__name__",
        "with ThreadPoolExecutor(6) as threads: built = list(threads.map(build, range(6)))",
    )
    built, same = in_a_process(*lines, "[built, disable is torch.compiler.disable]")
    assert (["CLIP"] * 6, True) == (built, same)


@pytest.mark.long
def test_detectors_need_no_compiler() -> None:
    """Torchvision's detectors run after it; their ROI operation is the compiled one of torchvision."""
    lines = (
        "from vsortd.vision import torch_detector; import torch",
        "model = torch_detector._zoo().detection.fasterrcnn_mobilenet_v3_large_320_fpn(",
        "    weights=None, weights_backbone=None, num_classes=3).eval()",
        "with torch.inference_mode(): found = model([torch.rand(3, 64, 64)])",
        LOADED,
    )
    keys, loaded = in_a_process(*lines, "[sorted(found[0]), loaded]")
    assert (keys, loaded) == (["boxes", "labels", "scores"], [])


# torchvision as it may become: it wants of the compiler what the stand-in does not have.
GREEDY = """
import importlib.abc, importlib.util, sys
class Greedy(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision.ops.roi_align":
            import torch._dynamo.utils
            {wish}
sys.meta_path.insert(0, Greedy())
"""


@pytest.mark.long
@pytest.mark.parametrize(
    "wish", ["from torch._dynamo.utils import counters", "torch._dynamo.utils.counters.clear()", "raise ImportError"]
)
def test_another_torchvision_gets_the_whole_import(wish: str) -> None:
    """Where the light import fails all is imported as open_clip does it; where that fails, too, its error is told."""
    lines = (GREEDY.format(wish=wish), "try:", "    import vsortd.vision.open_clip_parts as parts")
    outcome = in_a_process(
        *lines, "    outcome = parts.CLIP.__name__", "except ImportError as error: outcome = 'refused'", "outcome"
    )
    assert outcome == ("refused" if wish.startswith("raise") else "CLIP")
