import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pointsam.data.prepare.duplicates import (
    BITS,
    group,
    near_pairs,
    near_pairs_within,
    perceptual_hash,
)
from pointsam.data.rasters.images import read_image


def scene(seed, size=(90, 120)):
    """Smooth noise: coarse structure as in a photograph."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return np.asarray(small.resize(size[::-1], Image.Resampling.BICUBIC))


def hashes(*images):
    return np.stack([perceptual_hash(image) for image in images])


def test_one_scene_at_another_size_brightness_and_noise_is_found():
    image = scene(0)
    half = np.asarray(Image.fromarray(image).resize((60, 45)))
    dark = (image * 0.6 + 20).astype(np.uint8)
    noise = np.random.default_rng(1).integers(-12, 12, image.shape)
    noisy = np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)
    found = near_pairs_within(hashes(image, half, dark, noisy, scene(1)))
    assert found.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]


def test_other_scenes_are_not():
    assert len(near_pairs_within(hashes(*map(scene, range(40))))) == 0


@given(seed=st.integers(0, 2**16))
def test_pairs_agree_with_counting_bits(seed):
    rng = np.random.default_rng(seed)
    base = rng.random((3, BITS)) < 0.5
    first = base[rng.integers(0, 3, 6)] ^ (rng.random((6, BITS)) < 0.12)
    second = base[rng.integers(0, 3, 5)] ^ (rng.random((5, BITS)) < 0.12)
    slow = [[i, j] for i in range(6) for j in range(5) if (first[i] != second[j]).sum() <= 60]
    assert near_pairs(first, second).tolist() == slow


def test_groups_join_over_others():
    pairs = np.array([[0, 2], [2, 4], [1, 5]])
    assert group(6, pairs).tolist() == [0, 1, 0, 2, 0, 1]
    assert group(3, np.zeros((0, 2), dtype=np.int64)).tolist() == [0, 1, 2]
    assert group(0, np.zeros((0, 2), dtype=np.int64)).tolist() == []


def test_no_images_have_no_pairs():
    nothing = np.zeros((0, BITS), dtype=bool)
    assert near_pairs_within(nothing).shape == (0, 2)


def test_an_empty_image_has_a_hash():
    assert not perceptual_hash(np.zeros((5, 7, 3), dtype=np.uint8)).any()


def test_the_known_pairs_of_nwpu_are_found(shared):
    names = ["073", "286", "288", "297", "001", "002", "003"]
    images = [read_image(shared / f"data/NWPU/Images/{name}.jpg") for name in names]
    assert near_pairs_within(hashes(*images)).tolist() == [[0, 1], [2, 3]]
