import numpy as np
import pytest
import torch
from PIL import Image

from pointsam import load
from pointsam.cli.main import main
from pointsam.models.adapters.card import AdapterCard
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.loading.checkpoints import base_hash, load_segmenter

SIDE = 256


@pytest.fixture(scope="module")
def adapter_folder(tmp_path_factory):
    """An adapter of the shipped model that changes a good deal."""
    folder = tmp_path_factory.mktemp("adapter")
    model = load_segmenter("mobile_sam", side=SIDE)
    card = AdapterCard(
        family=model.family,
        base="mobile_sam",
        base_hash=base_hash(model),
        side=SIDE,
        first_block=model.first_block,
        rank=2,
        settings={},
    )
    adapter = attach_adapter(model, rank=2, first_block=model.first_block, seed=0)
    generator = torch.Generator().manual_seed(0)
    state = adapter.state()
    projections = {p.name: p for p in model.adapted_modules(["query-value"])}
    for name, tensor in state.items():
        if "lora_B" in name:
            [found] = [p for key, p in projections.items() if key in name]
            rows = torch.cat([found.query_rows, found.value_rows])
            change = 0.5 * torch.randn(len(rows), 2, generator=generator)
            tensor[found.query_rows, :2] = change[: len(found.query_rows)]
            tensor[found.value_rows, 2:] = change[len(found.query_rows) :]
    adapter.load_state(state)
    adapter.save(folder)
    card.save(folder)
    return folder


@pytest.mark.parametrize("name", ["merged.pt", "merged.safetensors", "merged.SafeTensors"])
def test_the_merged_model_needs_no_adapter(adapter_folder, tmp_path, capsys, name):
    path = tmp_path / name
    assert main(["merge", "--adapter", str(adapter_folder), "--output", str(path)]) == 0
    assert f"merged model: {path}" in capsys.readouterr().out
    adapted = load(adapter=adapter_folder)
    image = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(image).resize((192, 160)))
    merged = load(str(path), side=SIDE).embedding(image)
    expected = adapted.embedding(image)
    np.testing.assert_allclose(merged, expected, atol=1e-4)
    with adapted.direct():
        assert np.abs(adapted.embedding(image) - expected).max() > 0.05


def test_other_endings_are_refused(adapter_folder, tmp_path, capsys):
    path = tmp_path / "merged.onnx"
    assert main(["merge", "--adapter", str(adapter_folder), "--output", str(path)]) == 2
    assert "expected a .pt or .safetensors file" in capsys.readouterr().err


def test_a_file_is_never_overwritten(adapter_folder, tmp_path, capsys):
    path = tmp_path / "merged.pt"
    path.write_text("precious")
    assert main(["merge", "--adapter", str(adapter_folder), "--output", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "precious"


def test_a_folder_that_is_no_adapter_is_refused(tmp_path, capsys):
    output = str(tmp_path / "merged.pt")
    assert main(["merge", "--adapter", str(tmp_path), "--output", output]) == 2
    assert "is no adapter folder" in capsys.readouterr().err
