"""What onnxruntime answers to a label tool is what this package would have answered."""

import numpy as np
import pytest
import torch
import yaml
from tests.models.tiny_models import fitting_side, small_segmenter
from torch.nn.functional import interpolate

from pointsam.errors import InputError
from pointsam.export.graphs import Decoder, Encoder, in_image
from pointsam.export.onnx import export_onnx
from pointsam.frames import ModelFrame
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.segmenter import PIXEL_MEAN, PIXEL_STD
from pointsam.prompts import Prompts

onnxruntime = pytest.importorskip("onnxruntime")

SIDE = 128
CLICKS = [(200.0, 300.0, 1), (700.0, 100.0, 0)]
"""In the frame of 1024 pixels."""


def adapted(family):
    """A small model with an adapter merged into it that changes its masks."""
    model = small_segmenter(family, side=SIDE)
    adapter = attach_adapter(model, rank=1, first_block=model.first_block, seed=0)
    for name, parameter in adapter.named_parameters().items():
        if "lora_B" in name:
            parameter.data[:, 0].fill_(0.3)
    return adapter.merge()


def picture():
    rough = np.random.default_rng(0).integers(0, 255, (19, 32, 3), dtype=np.uint8)
    return np.kron(rough, np.ones((36, 32, 1), dtype=np.uint8))


@torch.no_grad()
def expected(model, image, clicks, size):
    pixels = torch.zeros(1, 3, 1024, 1024)
    mean, std = (torch.tensor(values)[:, None, None] for values in (PIXEL_MEAN, PIXEL_STD))
    pixels[0, :, : image.shape[0]] = (torch.from_numpy(image).permute(2, 0, 1) - mean) / std
    shrunk = interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
    embedding = model.encode_adapted(model.encode_frozen(shrunk))
    rows = Prompts.from_rows([clicks]).moved(lambda points: points * (SIDE / 1024))
    logits = model.decode(embedding, rows).low_res_logits
    return in_image(logits, torch.tensor([float(v) for v in size]), side=SIDE).numpy()


def run(session, inputs):
    return session.run(None, {i.name: inputs[i.name] for i in session.get_inputs()})


def clicks_as_tools_give_them(clicks):
    padded = [*clicks, (0.0, 0.0, -1)]
    return {
        "point_coords": np.array([[[x, y] for x, y, _ in padded]], dtype=np.float32),
        "point_labels": np.array([[label for _, _, label in padded]], dtype=np.float32),
        "mask_input": np.zeros((1, 1, 256, 256), dtype=np.float32),
        "has_mask_input": np.zeros(1, dtype=np.float32),
    }


@pytest.mark.parametrize("family", ["mobile_sam", "sam_hq"])
def test_label_tools_get_the_adapted_models_masks(family, tmp_path):
    model = adapted(family)
    files = export_onnx(model, tmp_path / "out", name="roofs")
    described = yaml.safe_load(files.description.read_text())
    assert described["type"] == ("sam_hq" if family == "sam_hq" else "segment_anything")
    assert (described["input_size"], described["max_width"], described["max_height"]) == (
        1024, 1024, 682,
    )  # fmt: skip
    encoder = onnxruntime.InferenceSession(tmp_path / "out" / described["encoder_model_path"])
    decoder = onnxruntime.InferenceSession(tmp_path / "out" / described["decoder_model_path"])
    assert [i.shape for i in encoder.get_inputs()] == [["height", "width", 3]]
    assert [o.name for o in decoder.get_outputs()] == ["masks", "iou_predictions", "low_res_masks"]
    image = picture()
    features = encoder.run(None, {"image": image.astype(np.float32)})
    assert features[0].shape == (1, 256, SIDE // 16, SIDE // 16)
    given = {"image_embeddings": features[0], "orig_im_size": np.array([684, 1024], np.float32)}
    if family == "sam_hq":
        given["interm_embeddings"] = np.stack(features[1:])
    for clicks in (CLICKS[:1], CLICKS):
        found, rating, low_res = run(decoder, given | clicks_as_tools_give_them(clicks))
        assert found.shape == (1, 1, 684, 1024)
        assert rating.shape == (1, 1)
        assert low_res.shape == (1, 1, SIDE // 4, SIDE // 4)
        wanted = expected(model, image, clicks, (684, 1024))
        np.testing.assert_allclose(found, wanted, atol=1e-2 * np.abs(wanted).max())
        assert 0.01 < (wanted > 0).mean() < 0.99
    [upright, *_] = encoder.run(None, {"image": image[:, :300].astype(np.float32)})
    assert upright.shape == features[0].shape
    other, _, _ = run(decoder, given | clicks_as_tools_give_them([(900.0, 600.0, 1)]))
    assert ((other > 0) != (wanted > 0)).mean() > 0.02


def test_sam2_answers_each_object_at_its_own_side(tmp_path):
    model = adapted("sam2")
    files = export_onnx(model, tmp_path / "out", name="roofs")
    assert yaml.safe_load(files.description.read_text())["type"] == "segment_anything_2"
    encoder = onnxruntime.InferenceSession(files.encoder)
    decoder = onnxruntime.InferenceSession(files.decoder)
    assert [o.name for o in encoder.get_outputs()] == [
        "high_res_feats_0", "high_res_feats_1", "image_embed",
    ]  # fmt: skip
    assert [i.name for i in decoder.get_inputs()] == [
        "image_embed", "high_res_feats_0", "high_res_feats_1",
        "point_coords", "point_labels", "mask_input", "has_mask_input",
    ]  # fmt: skip
    image = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels = model.normalise([torch.from_numpy(image.transpose(2, 0, 1).copy())])
    fine, middle, coarse = encoder.run(None, {"image": pixels.numpy()})
    with torch.no_grad():
        embedding = model.encode_adapted(model.encode_frozen(pixels))
    for clicks in ([[30, 40]], [[90, 100], [60, 20]]):
        points = np.array([clicks], dtype=np.float32)
        found, rating = run(
            decoder,
            {
                "image_embed": coarse, "high_res_feats_0": fine, "high_res_feats_1": middle,
                "point_coords": points, "point_labels": np.ones(points.shape[:2], np.float32),
                "mask_input": np.zeros((1, 1, SIDE // 4, SIDE // 4), dtype=np.float32),
                "has_mask_input": np.zeros(1, dtype=np.float32),
            },
        )  # fmt: skip
        with torch.no_grad():
            rows = Prompts.from_rows([[(x, y, 1) for x, y in clicks]])
            wanted = model.decode(embedding, rows)
        np.testing.assert_allclose(found, wanted.low_res_logits.numpy(), atol=1e-3)
        np.testing.assert_allclose(rating, wanted.iou_prediction.numpy(), atol=1e-3)


@torch.no_grad()
def test_a_mask_that_is_given_counts():
    model = small_segmenter("mobile_sam", side=SIDE)
    [embedding] = Encoder(model)(torch.zeros(1, 3, 1024, 1024))
    assert embedding.shape == (1, 256, 8, 8)
    decoder = Decoder(model)
    given = {k: torch.from_numpy(v) for k, v in clicks_as_tools_give_them(CLICKS).items()} | {
        "image_embeddings": embedding, "orig_im_size": torch.tensor([300.0, 200.0]),
    }  # fmt: skip
    without, _, _ = decoder(**given)
    given["mask_input"][:, :, :128] = 5
    still, _, _ = decoder(**given)
    given["has_mask_input"][:] = 1
    other, _, _ = decoder(**given)
    assert torch.equal(still, without)
    assert (other - without).abs().max() > 0.1


@pytest.mark.parametrize("size", [(684, 1024), (300, 200), (50, 77), (2, 3)])
def test_masks_in_the_image_are_those_of_the_frame(size):
    logits = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    found = in_image(logits, torch.tensor([float(v) for v in size]), side=128)
    wanted = ModelFrame(size, side=128).logits_to_image(logits[:, 0])
    torch.testing.assert_close(found[:, 0], wanted, atol=1e-4, rtol=1e-4)


def test_a_family_that_label_tools_do_not_know_is_refused_in_one_line(tmp_path):
    sam3 = small_segmenter("sam3_tracker", side=fitting_side("sam3_tracker"))
    with pytest.raises(InputError, match="a sam3_tracker model cannot be exported to ONNX"):
        export_onnx(sam3, tmp_path / "out", name="roofs")
    assert not (tmp_path / "out").exists()
