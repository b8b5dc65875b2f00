from pointsam.cli import models
from pointsam.cli.main import main
from pointsam.models.loading.registry import KNOWN_MODELS


def rows(capsys):
    assert main(["models"]) == 0
    [head, *lines] = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "family", "parameters", "download", "licence", "weights"]
    return {line.split()[0]: line for line in lines}


def test_every_known_model_is_listed_with_size_and_licence(capsys, monkeypatch):
    monkeypatch.setattr(models, "cached_weights", lambda repo: None)
    found = rows(capsys)
    assert list(found) == list(KNOWN_MODELS)
    assert "93.7 M" in found["sam-vit-b"]
    assert "375 MB" in found["sam-vit-b"]
    assert "Apache-2.0" in found["sam-vit-b"]
    assert found["sam-vit-b"].endswith("on the hub: facebook/sam-vit-base")
    assert found["mobile_sam"].endswith("with this package")


def test_what_is_in_the_cache_is_said_to_be(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(models, "cached_weights", lambda repo: tmp_path)
    assert rows(capsys)["sam-vit-b"].endswith("cached")
