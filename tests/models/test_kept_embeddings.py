"""Embeddings on disk: encoded once, and never taken for those of another model, side or image."""

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam

from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.cache import FeatureCache, KeptEmbeddings
from pointsam.models.encoding import encode_with
from pointsam.models.loading.checkpoints import base_hash
from pointsam.prompts import Prompts

IMAGE = torch.randint(0, 256, (3, 96, 128), generator=torch.Generator().manual_seed(0)).byte()
PROMPTS = Prompts(torch.tensor([[[30.0, 20.0]], [[80.0, 60.0]]]), torch.ones(2, 1).long())


class Counted:
    """A model, and how often its encoder ran."""

    def __init__(self, folder, *, side=128, dtype=torch.float32):
        self.model = small_mobile_sam(side)
        self.runs = 0
        encode = self.model.encode

        def counted(images):
            self.runs += 1
            return encode(images)

        self.model.encode = counted
        if folder is not None:
            cache = FeatureCache(folder, max_bytes=10**9, dtype=dtype)
            self.model.kept = KeptEmbeddings(cache, base_hash(self.model))

    def embedding(self, image=IMAGE, precision="float32"):
        return encode_with(self.model, [image], precision=precision)

    @torch.no_grad()
    def masks(self, **options):
        return self.model.decode(self.embedding(**options), PROMPTS).low_res_logits


def test_masks_are_those_without_a_cache_to_the_bit(tmp_path):
    expected = Counted(None).masks()
    kept = Counted(tmp_path)
    assert torch.equal(kept.masks(), expected)
    assert torch.equal(kept.masks(), expected)
    later = Counted(tmp_path)
    assert torch.equal(later.masks(), expected)
    assert (kept.runs, later.runs) == (1, 0)


def test_half_precision_moves_logits_little(tmp_path):
    expected, kept = Counted(None).masks(), Counted(tmp_path, dtype=torch.float16)
    masks = kept.masks()
    assert not torch.equal(masks, expected)
    assert (masks - expected).abs().max() < 0.01 * expected.abs().max()
    assert torch.equal(kept.masks(), masks)  # read back as it was given when it was made


def test_nothing_is_taken_for_another(tmp_path):
    counted = Counted(tmp_path)
    counted.embedding()
    other = IMAGE.clone()
    other[0, 0, 0] ^= 1
    counted.embedding(other)
    counted.embedding(precision="bfloat16")
    assert counted.runs == 3
    smaller = Counted(tmp_path, side=64)
    smaller.embedding(IMAGE[:, :48, :64].contiguous())
    assert smaller.runs == 1
    changed = Counted(tmp_path)
    next(changed.model.parameters()).data.add_(1)
    cache = changed.model.kept.cache
    changed.model.kept = KeptEmbeddings(cache, base_hash(changed.model))
    changed.embedding()
    assert changed.runs == 1


def test_an_adapter_has_its_own_and_switched_off_the_base_has_its(tmp_path):
    counted = Counted(tmp_path)
    model = counted.model
    direct = counted.embedding().image
    adapter = attach_adapter(model, rank=2, first_block=model.first_block, seed=0)
    adapter.load_state({name: torch.randn_like(p) for name, p in adapter.state().items()})
    adapted = counted.embedding().image
    assert counted.runs == 2
    assert not torch.equal(adapted, direct)
    with adapter.disabled():
        assert torch.equal(counted.embedding().image, direct)
    assert torch.equal(counted.embedding().image, adapted)
    assert counted.runs == 2


@pytest.mark.parametrize("images", [1, 2])
def test_each_image_of_a_batch_is_kept_by_itself(tmp_path, images):
    counted = Counted(tmp_path)
    batch = [IMAGE, IMAGE.flip(1).contiguous()][:images]
    embedding = encode_with(counted.model, batch, precision="float32")
    assert embedding.image.shape[0] == images
    assert counted.model.kept.cache.use().entries == images
    assert torch.equal(embedding.image[:1], counted.embedding().image)
