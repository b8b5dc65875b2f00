#!/usr/bin/env python
"""Other tools' own code on files that `pointsam export` wrote: their masks beside ours.

    pip install --no-deps --target /tmp/tools/samexporter samexporter==0.5.0
    python scripts/other_tools.py samexporter --site /tmp/tools/samexporter --adapter nwpu-1 \
        --images NWPU/Images --points NWPU_points_train_1.json --first 4

One click an object, in the tool and in `pointsam`. The tool lies in a folder of its own; what it
imports beside torch and is not installed here is stood in for, and none of it computes a mask.
X-AnyLabeling and AnyLabeling shrink by a filter of their own: `--shown` gives both programs the
picture that they make, 1024 x 684. `--random vit_b` exports a ViT-B of random weights with
MobileSAM's decoder, for the builders of SAM, since its weights are not at hand everywhere.
"""

import argparse
import importlib
import importlib.metadata
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock, patch

import cv2
import numpy as np
import torch
from PIL import Image

from pointsam import load
from pointsam.cli.main import main as pointsam
from pointsam.data.coco.annotations import read_points
from pointsam.data.dataset import read_image_of
from pointsam.export.graphs import TOOL_SIZE

STOOD_IN = ("torchvision", "timm", "PyQt6", "lapx", "thop")
"""Imported at the top of a tool's files."""


def main():
    args = arguments()
    sys.path.insert(0, str(args.site))
    for name in STOOD_IN:
        stand_in(name)
    kind, model_of = TOOLS[args.tool]
    with tempfile.TemporaryDirectory() as folder:
        given = model_options(args, Path(folder))
        exported = export(given, Path(folder), kind)
        their = model_of(exported)
        options = dict(zip(given[::2], given[1::2], strict=True))
        ours = load(options.get("--model"), adapter=options.get("--adapter"), precision="float32")
        compare(args, their, ours)


def compare(args, their, ours):
    """Segment each object twice, and print how much the masks share."""
    found, covered = [], []
    for record in read_points(args.points).images[args.skip :][: args.first]:
        image = read_image_of(record, args.images)
        clicks = np.array([one.points[0][:2] for one in record.instances], np.float32)
        if args.shown:
            image, clicks = as_shown(image, clicks)
        masks = ours.predict(image, clicks).masks
        their.see(image)
        for click, mask in zip(clicks, masks, strict=True):
            other = their.mask(click)
            union = np.count_nonzero(mask | other)
            found.append(np.count_nonzero(mask & other) / union if union else 1.0)
            covered.append(mask.mean())
    print(f"{args.tool}: {len(found)} objects, IoU with ours mean {np.mean(found):.4f}, "
          f"least {np.min(found):.4f}; a mask covers {100 * np.min(covered):.2f} to "
          f"{100 * np.max(covered):.2f} % of its image")  # fmt: skip


def as_shown(image, clicks):
    """Give image and clicks as AnyLabeling's classes show them to a model."""
    scale = min(TOOL_SIZE[0] / image.shape[0], TOOL_SIZE[1] / image.shape[1])
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    return cv2.warpAffine(image, matrix, TOOL_SIZE[::-1], flags=cv2.INTER_LINEAR), clicks * scale


class ByPredictor:
    """Tools whose predictor is that of segment-anything: SAM, MobileSAM, SAM-HQ."""

    def __init__(self, package, kind, file):
        tool = importlib.import_module(package)
        model = tool.sam_model_registry[kind](checkpoint=str(file)).eval()
        self.predictor = tool.SamPredictor(model)

    def see(self, image):
        self.predictor.set_image(image)

    def mask(self, click):
        asked = {"point_coords": click[None], "point_labels": np.ones(1)}
        return self.predictor.predict(**asked, multimask_output=False)[0][0]


class ByOnnx:
    """Tools with a class of two ONNX files: samexporter, AnyLabeling, X-AnyLabeling."""

    def __init__(self, module, folder, *, bgr=False):
        files = [str(next(folder.glob(f"*.{part}.onnx"))) for part in ("encoder", "decoder")]
        self.model = importlib.import_module(module).SegmentAnythingONNX(*files)
        self.bgr = bgr

    def see(self, image):
        self.seen = self.model.encode(np.ascontiguousarray(image[..., ::-1]) if self.bgr else image)

    def mask(self, click):
        mark = {"type": "point", "data": click.tolist(), "label": 1}
        return self.model.predict_masks(self.seen, [mark])[0][0] > 0


class ByUltralytics:
    """ultralytics' SAM, whose loader goes by the end of the file's name."""

    def __init__(self, file):
        version = importlib.metadata.version
        with patch("importlib.metadata.version", lambda n: "0.0" if n in STOOD_IN else version(n)):
            tool = importlib.import_module("ultralytics")
        self.model = tool.SAM(str(file))

    def see(self, image):
        self.image = np.ascontiguousarray(image[..., ::-1])

    def mask(self, click):
        asked = {"points": [click.tolist()], "labels": [1], "verbose": False}
        [result] = self.model(self.image, **asked)
        return result.masks.data[0].cpu().numpy() > 0


def labelling(folder):
    """Give AnyLabeling's class without the modules of its window."""
    name = "anylabeling.services.auto_labeling"
    for package in ("anylabeling", "anylabeling.services", name):
        whole = ModuleType(package)
        whole.__path__ = [str(Path(sys.path[0], *package.split(".")))]
        sys.modules[package] = whole
    return ByOnnx(f"{name}.sam_onnx", folder)


TOOLS = {
    "segment-anything": ("sam_vit_b.pth", lambda f: ByPredictor("segment_anything", "vit_b", f)),
    "segment-anything-hq": (
        "sam_hq_vit_b.pth",
        lambda f: ByPredictor("segment_anything_hq", "vit_b", f),
    ),
    "mobile-sam": ("mobile_sam.pt", lambda f: ByPredictor("mobile_sam", "vit_t", f)),
    "ultralytics": ("mobile_sam.pt", ByUltralytics),
    "samexporter": ("anylabeling", lambda f: ByOnnx("samexporter.sam_onnx", f, bgr=True)),
    "anylabeling": ("anylabeling", labelling),
    "x-anylabeling-cvhub": ("anylabeling", labelling),
}
"""By the name under which pip knows it: what is exported, and what opens that."""


def export(given, folder, kind):
    """Write what the tool opens, by the command."""
    onnx = kind == "anylabeling"
    target = folder / ("onnx" if onnx else kind)
    words = ["export", "--to", "anylabeling" if onnx else "checkpoint", "--output", str(target)]
    print("pointsam", *words, *given)
    if pointsam([*words, *given]):
        sys.exit(1)
    return target


def model_options(args, folder):
    """Give the model's options of a command."""
    if args.random:
        return ["--model", str(random_model(args.random, folder / "random"))]
    given = {"--model": args.model, "--adapter": args.adapter}
    return [word for option in given.items() if option[1] for word in option]


def random_model(kind, folder):
    """Write a folder of transformers: random encoder, MobileSAM's prompt encoder and decoder."""
    from transformers import SamConfig, SamHQConfig, SamHQModel, SamModel

    high = kind == "hq_vit_b"
    torch.manual_seed(0)
    model = SamHQModel(SamHQConfig()) if high else SamModel(SamConfig())
    for name, tensor in model.vision_encoder.named_parameters():
        if "pos" in name or name.endswith("bias"):
            tensor.data.normal_(std=0.02)
        elif tensor.ndim > 1:
            tensor.data.mul_(2)
    trained = load("mobile_sam").model.peft_root.state_dict()
    left = model.load_state_dict(renamed(trained), strict=False)
    print(f"random weights: {sum('vision' not in name for name in left.missing_keys)} tensors "
          "outside of the encoder")  # fmt: skip
    model.save_pretrained(folder)
    return folder


def renamed(state):
    """Keep the tensors of prompt encoder and decoder."""
    return {name: tensor for name, tensor in state.items() if "vision_encoder" not in name}


def stand_in(name):
    """Let a package be imported that is not installed."""
    try:
        importlib.import_module(name)
    except ImportError:
        sys.meta_path.insert(0, Stub(name))


class Stub:
    """Finds modules of one package, all of whose names are there and do nothing."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.package:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__ = []
        module.__spec__ = spec
        if spec.name == "torchvision.transforms.functional":
            module.to_pil_image = Image.fromarray
            module.resize = lambda image, size: image.resize(size[::-1], Image.Resampling.BILINEAR)
        if spec.name == "timm.models.layers":
            module.DropPath = torch.nn.Identity
            module.to_2tuple = lambda value: (value, value)
        return module

    def exec_module(self, module):
        """Nothing runs."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("--site", type=Path, required=True, help="the tool's folder")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True)
    parser.add_argument("--model")
    parser.add_argument("--adapter")
    parser.add_argument("--random", choices=["vit_b", "hq_vit_b"])
    parser.add_argument("--shown", action="store_true", help="the picture AnyLabeling makes")
    parser.add_argument("--skip", type=int, default=0, help="this many images")
    parser.add_argument("--first", type=int, default=4, help="this many images after those")
    return parser.parse_args()


if __name__ == "__main__":
    main()
