"""Tensors lie on large pages in a command: the system is asked for memory far less often."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource, sys
if "command" in sys.argv:
    from pointsam.cli.main import main
    main(["cache", sys.argv[-1]])
import torch
torch.ones(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(2**24)  # 64 MiB, 16,384 pages of the small kind
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(
    not HUGE_PAGES.is_file() or "[never]" in HUGE_PAGES.read_text(), reason="needs huge pages"
)
def test_a_command_asks_for_large_pages(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "THP_MEM_ALLOC_ENABLE"}
    faults = {
        mode: int(
            subprocess.check_output(
                [sys.executable, "-c", PROGRAM, mode, str(tmp_path)], text=True, env=environment
            ).splitlines()[-1]
        )
        for mode in ("plain", "command")
    }
    assert faults["command"] < faults["plain"] / 4
