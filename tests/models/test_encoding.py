"""Which precision is taken, by what the machine says of itself."""

import logging

import pytest
import torch

from pointsam.models import encoding
from pointsam.models.encoding import choose_precision

MULTIPLIES = encoding.multiplies_bfloat16
"""The real one, which other tests do without."""


@pytest.fixture
def cpu(monkeypatch):
    """A CPU that lists some instruction sets."""

    def lists(*flags):
        listed = {"avx2": True, "l1d_cache_size": 1, **dict.fromkeys(flags, True)}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: listed, raising=False)
        monkeypatch.setattr(encoding, "multiplies_bfloat16", MULTIPLIES)

    return lists


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), "float32"),
        (("avx512_f",), "float32"),
        (("amx_tile", "amx_int8"), "float32"),
        (("avx512_bf16",), "bfloat16"),
        (("amx_bf16",), "bfloat16"),
    ],
)
def test_auto_is_bfloat16_where_the_cpu_multiplies_it(cpu, flags, expected, caplog):
    cpu(*flags)
    with caplog.at_level(logging.INFO):
        assert choose_precision("auto", device="cpu") == expected
    [line] = caplog.messages
    assert line.startswith(f"precision {expected}: this CPU ")


def test_a_flag_that_is_listed_as_missing_does_not_count(cpu, monkeypatch):
    cpu()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert choose_precision("auto", device="cpu") == "float32"


@pytest.mark.parametrize(("extra", "expected"), [("", "float32"), (" avx512_bf16", "bfloat16")])
def test_an_older_torch_leaves_it_to_linux(cpu, monkeypatch, tmp_path, extra, expected):
    cpu()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\nflags\t\t: fpu avx2{extra}\nbugs\t\t: amx_bf16\n")
    monkeypatch.setattr(encoding, "CPU_FILE", file)
    assert choose_precision("auto", device="cpu") == expected
    monkeypatch.setattr(encoding, "CPU_FILE", tmp_path / "none")
    assert choose_precision("auto", device="cpu") == "float32"


@pytest.mark.parametrize(("can", "expected"), [(False, "float32"), (True, "bfloat16")])
def test_a_gpu_is_asked_itself(cpu, monkeypatch, can, expected):
    cpu("avx512_bf16")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: can)
    assert choose_precision("auto", device="cuda:1") == expected


def test_bfloat16_is_taken_where_it_is_slow_and_warned_of_in_one_line(cpu, caplog):
    cpu()
    assert choose_precision("bfloat16", device="cpu") == "bfloat16"
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "slow here: this CPU does not multiply it" in record.message
    assert "\n" not in record.message
    cpu("amx_bf16")
    assert choose_precision("bfloat16", device="cpu") == "bfloat16"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("flags", [(), ("avx512_bf16",)])
def test_float32_is_taken_without_a_word(cpu, flags, caplog):
    cpu(*flags)
    with caplog.at_level(logging.INFO):
        assert choose_precision("float32", device="cpu") == "float32"
    assert not caplog.records
