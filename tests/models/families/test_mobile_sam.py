import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from safetensors.torch import load_file, save_file
from tests.models.tiny_models import pixels, relative_error, small_mobile_sam

from pointsam.errors import InputError
from pointsam.frames import ModelFrame
from pointsam.models.families.mobile_sam import MobileSam
from pointsam.models.loading import checkpoints
from pointsam.models.loading.checkpoints import base_hash, export_official, load_segmenter
from pointsam.models.loading.official import (
    BATCHNORM_EPS,
    fold_batchnorm,
    from_official,
    to_official,
)
from pointsam.prompts import Prompts

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "mobile_sam.json").read_text())
TENSOR_CASE = GOLDEN["tensor_case"]
VALUE_TOLERANCE, AREA_TOLERANCE, IOU_TOLERANCE = 1e-3, 0.005, 0.02


@pytest.fixture(scope="module")
def model() -> MobileSam:
    loaded = load_segmenter("mobile_sam")
    assert isinstance(loaded, MobileSam)
    return loaded


@pytest.fixture(scope="module")
def embedding(model):
    row = torch.arange(1024, dtype=torch.float64)
    channel = torch.arange(1, 4, dtype=torch.float64)[:, None, None]
    wave = torch.sin(0.01 * (row[:, None] + 1) * channel) * torch.cos(0.013 * (row + 1))
    with torch.no_grad():
        return model.encode_adapted(model.encode_frozen(wave.float()[None]))


def decoded(model, embedding, **kwargs):
    with torch.no_grad():
        return model.decode_chunk(
            model.prepare(embedding),
            torch.tensor(TENSOR_CASE["points_xy_model_frame"]),
            torch.tensor(TENSOR_CASE["labels"]),
            **kwargs,
        )


def assert_areas(low_res_logits, expected):
    areas = (low_res_logits > 0).sum(dim=(-2, -1)).float()
    torch.testing.assert_close(areas, torch.tensor(expected).float(), rtol=AREA_TOLERANCE, atol=1)


def assert_values(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=VALUE_TOLERANCE)


def test_the_image_embedding_is_the_golden_one(embedding):
    image = embedding.image
    assert list(image.shape) == TENSOR_CASE["embedding_shape"]
    assert_values(image.mean(), TENSOR_CASE["embedding_mean"])
    assert_values(image.std(), TENSOR_CASE["embedding_std"])
    for place in TENSOR_CASE["embedding_at"]:
        assert_values(image[0][tuple(place["c_row_col"])], place["value"])


def test_the_single_masks_are_the_golden_ones(model, embedding):
    masks = decoded(model, embedding)
    expected = TENSOR_CASE["single"]
    assert_values(masks.iou_prediction[:, 0], expected["iou_prediction"])
    for place in expected["low_res_logits_at"]:
        row, col = place["row_col"]
        assert_values(masks.low_res_logits[place["instance"], 0, row, col], place["value"])
    assert_areas(masks.low_res_logits[:, 0], expected["area_low_res"])


def test_the_three_masks_are_the_golden_ones(model, embedding):
    masks = decoded(model, embedding, multimask=True)
    assert_values(masks.iou_prediction[:, 1:], TENSOR_CASE["multi"]["iou_prediction"])
    assert_areas(masks.low_res_logits[:, 1:], TENSOR_CASE["multi"]["area_low_res"])


def test_the_mask_of_a_box_is_the_golden_one(model, embedding):
    box = torch.tensor([TENSOR_CASE["box"]["box_xyxy"]]).float()
    with torch.no_grad():
        masks = model.decode_chunk(
            model.prepare(embedding), torch.zeros(1, 0, 2), torch.zeros(1, 0).long(), boxes=box
        )
    assert_values(masks.iou_prediction[:, 0], TENSOR_CASE["box"]["iou_prediction"])
    assert_areas(masks.low_res_logits[0, 0], TENSOR_CASE["box"]["area_low_res"])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
@pytest.mark.parametrize("case", GOLDEN["image_cases"]["cases"], ids=lambda c: c["file_name"])
def test_masks_of_real_images_are_the_golden_ones(model, shared, case):
    root = shared / "data" / "NWPU"
    [annotations] = root.glob("Annotations/NWPU_*_val.json")
    objects = {a["id"]: a for a in json.loads(annotations.read_text())["annotations"]}
    clicks = json.loads((root / "Points" / "NWPU_points_val_1.json").read_text())
    points = {a["id"]: a["points"] for a in clicks["annotations"]}
    image = np.asarray(Image.open(root / "Images" / case["file_name"]).convert("RGB"))
    frame = ModelFrame(image.shape[:2])
    prompts = Prompts.from_rows([[tuple(p) for p in points[i]] for i in case["annotation_ids"]])
    prompts = prompts.moved(frame.to_model)
    resized = torch.from_numpy(frame.resize(image).copy()).permute(2, 0, 1)
    with torch.no_grad():
        masks = model.decode(model.encode([resized]), prompts)
    found = frame.logits_to_image(masks.low_res_logits[:, 0]) > 0
    for index, annotation_id in enumerate(case["annotation_ids"]):
        polygons = objects[annotation_id]["segmentation"]
        rle = coco_mask.merge(coco_mask.frPyObjects(polygons, *image.shape[:2]))
        annotated = torch.from_numpy(coco_mask.decode(rle)).bool()
        union = (found[index] | annotated).sum()
        iou = ((found[index] & annotated).sum() / union).item()
        assert iou == pytest.approx(case["iou"][index], abs=IOU_TOLERANCE)


def test_the_encoder_may_be_cut_at_any_block():
    model = small_mobile_sam()
    encoder, image = model.image_encoder, pixels(128)
    whole = encoder(image)
    for block in range(encoder.block_count):
        torch.testing.assert_close(
            encoder.above(encoder.below(image, block=block), block=block), whole
        )


def test_an_image_does_not_depend_on_the_others_in_its_batch():
    model = small_mobile_sam()
    images = pixels(128, images=2)
    both = model.encode_adapted(model.encode_frozen(images)).image
    for index in range(2):
        alone = model.encode_adapted(model.encode_frozen(images[index : index + 1])).image
        torch.testing.assert_close(both[index : index + 1], alone)


def test_normalising_pads_right_and_below_with_zeros():
    model = small_mobile_sam()
    image = torch.full((3, 64, 128), 200, dtype=torch.uint8)
    normalised = model.normalise([image])[0]
    assert normalised.shape == (3, 128, 128)
    assert normalised[0, 0, 0].item() == pytest.approx((200 - 123.675) / 58.395)
    assert (normalised[:, :64] != 0).all()
    assert (normalised[:, 64:] == 0).all()


def test_recomputing_blocks_changes_neither_the_output_nor_the_gradient():
    model = small_mobile_sam().requires_grad_(True)
    stem = model.encode_frozen(pixels(128))
    weight = model.image_encoder.layers[2].blocks[0].attn.qkv.weight
    gradients = []
    for checkpointing in (False, True):
        model.checkpointing = checkpointing
        [gradient] = torch.autograd.grad(model.encode_adapted(stem).image.square().sum(), weight)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("side", [0, 63, 100])
def test_a_side_that_windows_do_not_divide_is_refused(side):
    with pytest.raises(InputError, match=f"side {side} does not fit MobileSAM: .*multiple of 64"):
        MobileSam(side=side)


def test_folding_gives_what_convolution_and_norm_give():
    generator = torch.Generator().manual_seed(0)
    conv = torch.nn.Conv2d(3, 4, 3, bias=False).double()
    norm = torch.nn.BatchNorm2d(4).double().eval()
    assert norm.eps == BATCHNORM_EPS
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        tensor.data.normal_(generator=generator)
    norm.running_var.uniform_(0.5, 2, generator=generator)
    state = {"x.c.weight": conv.weight, "y": torch.ones(1)}
    state |= {f"x.bn.{name}": tensor for name, tensor in norm.state_dict().items()}
    folded = fold_batchnorm(state)
    assert sorted(folded) == ["x.bias", "x.weight", "y"]
    image = torch.randn(1, 3, 8, 8, generator=generator, dtype=torch.float64)
    weight, bias = folded["x.weight"].double(), folded["x.bias"].double()
    found = torch.nn.functional.conv2d(image, weight, bias)
    torch.testing.assert_close(found, norm(conv(image)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_plain_official_checkpoint_comes_back_as_it_was(model, tmp_path, suffix):
    path = tmp_path / f"plain{suffix}"
    export_official(model, path)
    again = load_segmenter(str(path))
    assert base_hash(again) == base_hash(model)
    for name, tensor in model.state_dict().items():
        # an identity BatchNorm divides by sqrt(1 - eps + eps), which is 1 but for rounding
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=1e-6, atol=0)


def test_official_names_are_the_released_ones(model):
    state = to_official(model.state_dict())
    for name in (
        "image_encoder.patch_embed.seq.0.c.weight",
        "image_encoder.layers.1.blocks.0.attn.qkv.weight",
        "image_encoder.layers.0.blocks.0.conv1.bn.running_var",
        "image_encoder.head.weight",
        "image_encoder.neck.3.bias",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "prompt_encoder.mask_downscaling.6.bias",
        "mask_decoder.output_upscaling.1.weight",
        "mask_decoder.output_hypernetworks_mlps.3.layers.2.bias",
        "mask_decoder.transformer.layers.0.norm4.weight",
        "mask_decoder.transformer.norm_final_attn.bias",
    ):
        assert name in state
    assert from_official(state).keys() == model.state_dict().keys()


def test_other_weights_give_another_embedding_and_hash(model, tmp_path):
    state = to_official(model.state_dict())
    state["mask_decoder.iou_token.weight"] = state["mask_decoder.iou_token.weight"] + 1
    torch.save(state, tmp_path / "other.pt")
    other = load_segmenter(str(tmp_path / "other.pt"), side=64)
    assert base_hash(other) != base_hash(model)
    image = pixels(64)
    small = load_segmenter("mobile_sam", side=64)
    embeddings = [m.encode_adapted(m.encode_frozen(image)) for m in (small, other)]
    assert relative_error(embeddings[1].image, embeddings[0].image) < 1e-6
    one = [
        m.decode_chunk(m.prepare(e), torch.tensor([[[9.0, 9.0]]]), torch.tensor([[1]]))
        for m, e in zip((small, other), embeddings, strict=True)
    ]
    assert abs(one[0].iou_prediction - one[1].iou_prediction).item() > 1e-3


def test_nan_weights_are_named(model, tmp_path):
    state = to_official(model.state_dict())
    state["mask_decoder.iou_token.weight"] = state["mask_decoder.iou_token.weight"] * float("nan")
    save_file(state, tmp_path / "nan.safetensors")
    with pytest.raises(InputError, match=r"NaN or infinity in \['mask_decoder.iou_token.weight'\]"):
        load_segmenter(str(tmp_path / "nan.safetensors"))


def test_missing_and_unexpected_keys_are_all_in_one_error(model, tmp_path):
    state = to_official(model.state_dict())
    del state["mask_decoder.iou_token.weight"], state["prompt_encoder.no_mask_embed.weight"]
    state["extra.one"] = torch.zeros(1)
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(InputError) as error:
        load_segmenter(str(tmp_path / "odd.safetensors"))
    for name in (
        "mask_decoder.iou_token.weight",
        "prompt_encoder.no_mask_embed.weight",
        "extra.one",
    ):
        assert name in str(error.value)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_refused_in_one_line(model, tmp_path, suffix):
    path = tmp_path / f"whole{suffix}"
    export_official(model, path)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="no checkpoint that can be read safely") as error:
        load_segmenter(str(cut))
    assert "\n" not in str(error.value)


class Trap:
    """What a pickle could do to its reader."""

    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_pickle_that_runs_code_is_refused(tmp_path, capsys):
    torch.save({"model": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(InputError, match="safely"):
        load_segmenter(str(tmp_path / "trap.pt"))
    assert "this must never run" not in capsys.readouterr().out


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"model": {"epoch": 3}}, tmp_path / "run.pt")
    with pytest.raises(InputError, match="holds no state dict"):
        load_segmenter(str(tmp_path / "run.pt"))


def test_a_missing_file_says_what_to_give(tmp_path):
    with pytest.raises(FileNotFoundError, match="give a known name"):
        load_segmenter(str(tmp_path / "absent.pt"))


def test_embedded_weights_with_another_hash_are_refused(monkeypatch):
    monkeypatch.setattr(checkpoints, "EMBEDDED_SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"damaged \(sha256 0a769ba1e026.*install pointsam again"):
        load_segmenter("mobile_sam")


def test_the_embedded_file_is_float16():
    path = Path(checkpoints.__file__).parents[1] / "weights" / "mobile_sam_fp16.safetensors"
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
