import os

import torch

from pointsam.models.cache import FeatureCache

PIXELS = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)


def opened(folder, **options):
    return FeatureCache(folder, **{"max_bytes": 10**9, "dtype": torch.float32, **options})


def test_what_is_read_is_what_was_written(tmp_path):
    cache = opened(tmp_path)
    tensors = (torch.randn(1, 4, 4, 8), torch.randn(1, 3))
    name = cache.name("model", PIXELS)
    written = cache.write(name, tensors)
    for found in (written, cache.read(name)):
        assert all(torch.equal(a, b) for a, b in zip(found, tensors, strict=True))


def test_half_precision_is_given_back_by_write_as_by_read(tmp_path):
    cache = opened(tmp_path, dtype=torch.float16)
    name = cache.name("model", PIXELS)
    written = cache.write(name, (torch.randn(5),))
    [found] = cache.read(name)
    assert found.dtype == torch.float16
    assert torch.equal(found, written[0])


def test_name_follows_pixels_weights_and_precision(tmp_path):
    cache = opened(tmp_path)
    other = PIXELS.clone()
    other[0, 0, 0] += 1
    names = {
        cache.name("model", PIXELS),
        cache.name("model", other),
        cache.name("model", PIXELS.reshape(3, 2, 8)),
        cache.name("another", PIXELS),
        opened(tmp_path, dtype=torch.float16).name("model", PIXELS),
    }
    assert len(names) == 5
    assert cache.name("model", PIXELS.clone()) in names


def test_missing_entry_is_none(tmp_path):
    assert opened(tmp_path).read("00" * 20) is None


def test_damaged_entry_is_none_and_can_be_written_again(tmp_path):
    cache = opened(tmp_path)
    name = cache.name("model", PIXELS)
    cache.write(name, (torch.ones(100),))
    [path] = tmp_path.glob("*/*.features")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    assert cache.read(name) is None
    path.write_bytes(bytes(content[:50]))
    assert cache.read(name) is None
    cache.write(name, (torch.ones(100),))
    assert cache.read(name) is not None


def test_size_is_bounded_and_the_oldest_leave(tmp_path):
    cache = opened(tmp_path, max_bytes=20_000)
    names = [f"{index:02d}" * 20 for index in range(8)]
    for index, name in enumerate(names):
        cache.write(name, (torch.ones(1000),))
        [path] = tmp_path.glob(f"*/{name}.features")
        os.utime(path, (index, index))
    assert cache.use().size <= 20_000
    assert cache.read(names[0]) is None
    assert cache.read(names[-1]) is not None


def test_clear_leaves_what_is_not_its_own(tmp_path):
    cache = opened(tmp_path)
    cache.write("ab" * 20, (torch.ones(3),))
    (tmp_path / "notes.txt").write_text("mine")
    assert cache.clear().entries == 1
    assert cache.use().entries == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_processes_that_share_a_folder_keep_its_size_together(tmp_path):
    caches = [opened(tmp_path, max_bytes=100_000) for _ in range(3)]
    for index in range(60):
        caches[index % 3].write(f"{index:02d}" * 20, (torch.ones(1000),))
    assert 80_000 < caches[0].use().size <= 120_000


def test_entries_that_another_process_deletes_are_no_fault(tmp_path, monkeypatch):
    cache = opened(tmp_path, max_bytes=20_000)
    stat = type(tmp_path).stat
    for index in range(4):
        cache.write(f"{index:02d}" * 20, (torch.ones(1000),))

    def vanishing(path, **more):
        if path.name.startswith("01"):
            path.unlink(missing_ok=True)
        return stat(path, **more)

    monkeypatch.setattr(type(tmp_path), "stat", vanishing)
    assert cache.use().entries == 3
    cache.write("09" * 20, (torch.ones(2000),))
    assert cache.read("09" * 20) is not None
