import pytest
from tests.cli.conftest import SIDE

from pointsam.models.adapters import by_name
from pointsam.models.adapters.by_name import SHIPPED, find_adapter, shipped_adapters
from pointsam.models.adapters.card import read_card
from pointsam.models.loading.checkpoints import load_adapter, load_segmenter

MAX_BYTES = 4 * 2**20


@pytest.fixture
def ships(tmp_path, monkeypatch):
    (tmp_path / "shipped" / "nwpu-1").mkdir(parents=True)
    monkeypatch.setattr(by_name, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_a_name_is_a_shipped_adapter(ships):
    assert shipped_adapters() == ["nwpu-1"]
    assert find_adapter("nwpu-1") == ships / "nwpu-1"


def test_what_exists_wins_and_a_path_stays_a_path(ships, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_adapter("runs/nwpu-1").as_posix() == "runs/nwpu-1"
    assert find_adapter("nwpu-7").as_posix() == "nwpu-7"
    (tmp_path / "nwpu-1").mkdir()
    assert find_adapter("nwpu-1").as_posix() == "nwpu-1"


@pytest.mark.parametrize("folder", sorted(SHIPPED.glob("*")), ids=lambda folder: folder.name)
def test_each_shipped_adapter_is_small_and_fits_the_embedded_model(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MAX_BYTES
    assert read_card(folder).base == "mobile_sam"
    load_adapter(load_segmenter("mobile_sam", side=SIDE), folder)
