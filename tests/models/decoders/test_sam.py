import pytest
import torch
from tests.models.tiny_models import drawn_prompts, pixels, relative_error, small_mobile_sam

from pointsam.models.segmenter import Embedding, chunks
from pointsam.prompts import POSITIVE, Prompts

SIDE = 128
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def model():
    return small_mobile_sam(SIDE)


@pytest.fixture(scope="module")
def embedding(model):
    """Of two images; float64 rows of it would hide nothing that float32 shows."""
    return model.encode_adapted(model.encode_frozen(pixels(SIDE, images=2)))


def library_forward(model, image, points, labels, *, boxes=None, multimask=False):
    """The library's prompt encoder and mask decoder as SamModel calls them."""
    size = image.shape[-1]
    centre = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    position = model.prompt_encoder.shared_embedding(torch.stack([x, y], dim=-1))
    sparse, dense = model.prompt_encoder(
        input_points=None if points is None else points[None],
        input_labels=None if labels is None else labels[None],
        input_boxes=None if boxes is None else boxes[None],
        input_masks=None,
    )
    masks, iou_prediction = model.mask_decoder(
        image_embeddings=image,
        image_positional_embeddings=position.permute(2, 0, 1)[None],
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=multimask,
    )
    return masks[0], iou_prediction[0]


def clicks(instances, count, seed=0):
    prompts = drawn_prompts(SIDE, [count] * instances, seed)
    return prompts.points, prompts.labels


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_points_give_what_the_library_gives(model, embedding, count, multimask):
    points, labels = clicks(3, count)
    terms = model.prepare(embedding.one(0))
    found = model.decode_chunk(terms, points, labels, multimask=multimask)
    masks, iou = library_forward(model, embedding.image[:1], points, labels, multimask=multimask)
    assert found.low_res_logits.shape == (3, 4 if multimask else 1, SIDE // 4, SIDE // 4)
    asked = slice(1, 4) if multimask else slice(0, 1)
    assert relative_error(found.low_res_logits[:, asked], masks) < TOLERANCE
    assert relative_error(found.iou_prediction[:, asked], iou) < TOLERANCE


@pytest.mark.parametrize("count", [0, 1, 3])
def test_boxes_give_what_the_library_gives(model, embedding, count):
    points, labels = torch.zeros(2, 0, 2), torch.zeros(2, 0, dtype=torch.long)
    if count:
        points, labels = clicks(2, count)
    boxes = torch.tensor([[10.0, 20, 70, 90], [5, 5, 120, 60]])
    found = model.decode_chunk(model.prepare(embedding.one(0)), points, labels, boxes=boxes)
    given = (points, labels) if count else (None, None)
    masks, iou = library_forward(model, embedding.image[:1], *given, boxes=boxes)
    assert relative_error(found.low_res_logits, masks) < TOLERANCE
    assert relative_error(found.iou_prediction, iou) < TOLERANCE


def test_the_comparison_sees_another_image_and_another_point(model, embedding):
    points, labels = clicks(3, 2)
    expected, _ = library_forward(model, embedding.image[:1], points, labels)
    other_image = model.decode_chunk(model.prepare(embedding.one(1)), points, labels)
    moved = model.decode_chunk(model.prepare(embedding.one(0)), points.flip(-1), labels)
    assert relative_error(other_image.low_res_logits, expected) > 100 * TOLERANCE
    assert relative_error(moved.low_res_logits, expected) > 100 * TOLERANCE


def test_the_gradient_of_the_embedding_is_the_librarys(model, embedding):
    points, labels = clicks(3, 2)
    gradients = []
    for ours in (True, False):
        image = embedding.image[:1].clone().requires_grad_(True)
        if ours:
            output = model.decode_chunk(model.prepare(Embedding(image)), points, labels)
            masks, iou = output.low_res_logits, output.iou_prediction
        else:
            masks, iou = library_forward(model, image, points, labels)
        weight = torch.linspace(-1, 1, masks.numel()).reshape(masks.shape)
        [gradient] = torch.autograd.grad((masks * weight).sum() + iou.sum(), image)
        gradients.append(gradient)
    assert relative_error(*gradients) < TOLERANCE


def test_the_gradient_gathered_chunk_by_chunk_is_that_of_all_instances(model, embedding):
    prompts = drawn_prompts(SIDE, [1, 2, 1, 2, 2])
    image = embedding.image[:1].clone().requires_grad_(True)
    whole = model.decode(Embedding(image), prompts).low_res_logits.square().sum()
    [expected] = torch.autograd.grad(whole, image)

    again = embedding.image[:1].clone().requires_grad_(True)
    terms = model.prepare(Embedding(again))
    leaves = terms.detached()
    for chunk in chunks(prompts, 2):
        part = model.decode_chunk(leaves, chunk.prompts.points, chunk.prompts.labels)
        part.low_res_logits.square().sum().backward()
    live = [(t, leaf) for t, leaf in zip(terms.tensors, leaves.tensors, strict=True) if t.grad_fn]
    torch.autograd.backward([t for t, _ in live], [leaf.grad for _, leaf in live])
    assert again.grad is not None
    assert relative_error(again.grad, expected) < TOLERANCE


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 100])
def test_the_chunk_size_changes_no_mask(model, embedding, chunk_size):
    prompts = drawn_prompts(SIDE, [1, 3, 2, 1, 1, 3, 2])
    expected = model.decode(embedding.one(0), prompts)
    model.chunk_size, before = chunk_size, model.chunk_size
    try:
        found = model.decode(embedding.one(0), prompts)
    finally:
        model.chunk_size = before
    assert relative_error(found.low_res_logits, expected.low_res_logits) < TOLERANCE
    assert relative_error(found.iou_prediction, expected.iou_prediction) < TOLERANCE


def test_a_ragged_instance_is_decoded_as_if_it_were_alone(model, embedding):
    prompts = drawn_prompts(SIDE, [1, 4, 2, 1, 3])
    together = model.decode(embedding.one(0), prompts, multimask=True)
    for index, count in enumerate(prompts.counts.tolist()):
        alone, iou = library_forward(
            model,
            embedding.image[:1],
            prompts.points[index : index + 1, :count],
            prompts.labels[index : index + 1, :count],
            multimask=True,
        )
        assert relative_error(together.low_res_logits[index, 1:], alone[0]) < TOLERANCE
        assert relative_error(together.iou_prediction[index, 1:], iou[0]) < TOLERANCE


def test_padding_is_never_handed_to_the_decoder():
    prompts = drawn_prompts(SIDE, [1, 4, 2, 1, 3, 0])
    seen = []
    for chunk in chunks(prompts, 4):
        assert (chunk.prompts.labels >= 0).all()
        assert len(chunk.instances) <= 4
        seen += chunk.instances.tolist()
        for place, instance in enumerate(chunk.instances.tolist()):
            count = int(prompts.counts[instance])
            torch.testing.assert_close(
                chunk.prompts.points[place], prompts.points[instance, :count]
            )
    assert sorted(seen) == list(range(6))


def test_points_behind_a_padding_are_kept_in_order():
    points = torch.tensor([[[1.0, 1], [0, 0], [2, 2], [3, 3]]])
    labels = torch.tensor([[1, -1, 0, 1]])
    [chunk] = chunks(Prompts(points, labels), 4)
    assert chunk.prompts.points.tolist() == [[[1, 1], [2, 2], [3, 3]]]
    assert chunk.prompts.labels.tolist() == [[1, 0, 1]]


@pytest.mark.parametrize("multimask", [False, True])
def test_no_instances_give_no_masks(model, embedding, multimask):
    found = model.decode(embedding.one(0), Prompts.from_rows([]), multimask=multimask)
    masks = 4 if multimask else 1
    assert found.low_res_logits.shape == (0, masks, SIDE // 4, SIDE // 4)
    assert found.iou_prediction.shape == (0, masks)


def test_three_hundred_instances_are_decoded(model, embedding):
    points, labels = clicks(300, 1)
    found = model.decode(embedding.one(0), Prompts(points, labels))
    last = model.decode(embedding.one(0), Prompts(points[-1:], labels[-1:]))
    assert relative_error(found.low_res_logits[-1:], last.low_res_logits) < TOLERANCE


def test_bfloat16_keeps_the_pixel_of_a_point(model, embedding):
    points, labels = clicks(2, 1)
    exact = model.decode(embedding.one(0), Prompts(points, labels))
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.decode(embedding.one(0), Prompts(points, labels))
    assert relative_error(rough.low_res_logits.float(), exact.low_res_logits) < 0.05


def test_prompts_are_measured_in_the_side_of_the_model():
    image = Embedding(torch.zeros(1, 256, 8, 8))
    small, large = small_mobile_sam(128), small_mobile_sam(256)
    for point in ([[[31.5, 63.5]]], [[[127.5, 0.5]]]):
        near = small.decode_chunk(
            small.prepare(image), torch.tensor(point), torch.tensor([[POSITIVE]])
        )
        far = large.decode_chunk(
            large.prepare(image), torch.tensor(point) * 2 + 0.5, torch.tensor([[POSITIVE]])
        )
        torch.testing.assert_close(near.low_res_logits, far.low_res_logits, rtol=1e-4, atol=1e-4)
