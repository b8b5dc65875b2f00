"""Downloads, from a server on this machine that stands in for the hub."""

import pytest
import torch
from huggingface_hub import constants
from tests.models.hub_stand_in import COMMIT, Hub, serving
from tests.models.tiny_models import pixels, small_library_sam

from pointsam.errors import InputError
from pointsam.models.loading import checkpoints
from pointsam.models.loading.checkpoints import load_segmenter
from pointsam.models.loading.downloads import check_download
from pointsam.models.loading.hub import cached_weights, fetch_model
from pointsam.models.loading.registry import KnownModel

REPO, SIDE = "owner/small-sam", 128
PIECE = 2**16


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    small_library_sam(SIDE).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(files, tmp_path, monkeypatch):
    """A hub that holds one model, and an empty cache."""
    with serving(Hub(REPO, files | {"README.md": b"not wanted"})) as hub:
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        # what arrives is written in pieces of this size: a cut costs the last one
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", PIECE)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        yield hub


def cache_content(tmp_path):
    """Weights and halves of weights in the cache, by their sizes."""
    return sorted(p.stat().st_size for p in (tmp_path / "cache").rglob("blobs/*") if p.is_file())


def encoded(model):
    with torch.no_grad():
        return model.encode_adapted(model.encode_frozen(pixels(SIDE))).image


def test_a_known_name_is_downloaded_once_and_then_read_from_the_cache(hub, monkeypatch):
    known = KnownModel("small", "sam", REPO, 1, 1)
    monkeypatch.setattr(checkpoints, "KNOWN_MODELS", {"small": known})
    assert cached_weights(REPO) is None
    first = load_segmenter("small", side=SIDE)
    assert {name for name, _ in hub.ranges} == {"config.json", "model.safetensors"}
    assert cached_weights(REPO) is not None
    asked = len(hub.ranges)
    again = load_segmenter("small", side=SIDE)
    assert len(hub.ranges) == asked
    assert torch.equal(encoded(first), encoded(again))


def test_a_download_that_is_cut_half_way_goes_on_from_there(hub, files):
    hub.cuts["model.safetensors"] = 1
    folder = fetch_model(REPO)
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    whole_pieces = len(files["model.safetensors"]) // 2 // PIECE * PIECE
    asked = [wanted for name, wanted in hub.ranges if name == "model.safetensors"]
    assert asked == [None, f"bytes={whole_pieces}-"]


def test_a_download_that_fails_leaves_nothing_half_written(hub, files, tmp_path):
    hub.files["model.safetensors"] = files["model.safetensors"][: 3 * PIECE]
    hub.cuts["model.safetensors"] = 1000
    with pytest.raises(InputError, match=r"cannot get owner/small-sam: .*'hf download owner/sm"):
        fetch_model(REPO)
    assert cache_content(tmp_path) in ([], [len(files["config.json"])])
    assert cached_weights(REPO) is None
    hub.cuts.clear()
    assert (fetch_model(REPO) / "model.safetensors").stat().st_size


def test_one_state_of_a_repository_can_be_named(hub):
    assert fetch_model(f"{REPO}@{COMMIT}").name == COMMIT
    with pytest.raises(InputError, match=r"hf download owner/small-sam --revision 2222 "):
        fetch_model(f"{REPO}@2222")


def test_an_unknown_repository_says_so(hub):
    with pytest.raises(InputError, match="the hub knows no such model") as error:
        load_segmenter("owner/absent")
    assert "\n" not in str(error.value)


def test_offline_the_cache_is_read_and_nothing_else(hub, monkeypatch):
    fetch_model(REPO)
    asked = len(hub.ranges)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    load_segmenter(REPO, side=SIDE)
    assert len(hub.ranges) == asked


def test_offline_an_empty_cache_says_how_to_fetch_by_hand(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"cache does not hold it.*By hand.*--model FOLDER"):
        fetch_model(REPO)
    assert not hub.ranges


def test_a_hub_that_is_not_there_says_how_to_fetch_by_hand(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="the hub cannot be reached"):
        fetch_model(REPO)


def test_a_file_that_was_changed_since_its_download_is_refused(hub):
    file = fetch_model(REPO) / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.resolve().write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors is not what was downloaded"):
        fetch_model(REPO)


def test_a_first_download_is_compared_with_what_the_hub_states(tmp_path):
    stated = tmp_path / "blobs" / ("0" * 64)
    folder = tmp_path / "snapshots" / COMMIT
    for path in (stated.parent, folder):
        path.mkdir(parents=True)
    stated.write_bytes(b"other weights")
    (folder / "model.safetensors").symlink_to(stated)
    with pytest.raises(InputError, match="is not what was downloaded, by its SHA-256"):
        check_download(folder, REPO)


def test_a_name_that_gives_other_weights_than_at_first_is_refused(tmp_path):
    for commit, weights in (("1" * 40, b"first"), ("2" * 40, b"first"), ("3" * 40, b"other")):
        folder = tmp_path / "snapshots" / commit
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "config.json").write_text(commit)
    check_download(tmp_path / "snapshots" / ("1" * 40), REPO)
    check_download(tmp_path / "snapshots" / ("2" * 40), REPO)  # another configuration alone
    with pytest.raises(InputError, match=r"now gives other weights \(commit 333.*@222"):
        check_download(tmp_path / "snapshots" / ("3" * 40), REPO)
    check_download(tmp_path / "snapshots" / ("3" * 40), f"{REPO}@{'3' * 40}")


def test_a_record_that_cannot_be_read_is_made_anew(hub):
    folder = fetch_model(REPO)
    record = folder.parent.parent / "pointsam.json"
    whole = record.read_text()
    record.write_text("{")
    fetch_model(REPO)
    assert record.read_text() == whole
