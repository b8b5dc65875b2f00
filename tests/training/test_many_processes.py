"""Whole runs of two processes: who writes, how they end, and how a broken one goes on."""

import shutil
import signal
from contextlib import nullcontext

import pytest
import torch
from tests.training.drawn import settings, write_dataset
from tests.training.ranks_at_work import in_processes
from tests.training.runs_at_work import DYING_STEP, command

from pointsam.cli.main import main
from pointsam.data.dataset import folder_images
from pointsam.errors import InputError
from pointsam.training.log import read_log
from pointsam.training.ranks import Ranks
from pointsam.training.run import RunInputs, run_training
from pointsam.training.settings import write_settings

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A folder with a collapsed, a whole and a broken run; what their two processes said."""
    folder = tmp_path_factory.mktemp("runs") / "set"
    write_dataset(folder)
    chosen = settings(data={"batch_size": 2}, schedule={"epochs": 1.5})
    write_settings(chosen, folder / "settings.yaml")
    arguments = ["-m", "tests.training.runs_at_work", str(folder)]
    return folder, in_processes(arguments, count=2, groups=3)


def numbers(folder):
    """All of the log but the wall times."""
    rows = read_log(folder)
    return [[v for k, v in row.items() if not k.startswith("seconds")] for row in rows]


def test_a_collapse_stops_all_processes_and_one_says_so(ended):
    folder, said = ended
    assert [(folder / f"codes-{rank}").read_text() for rank in range(2)] == ["[1, 0]"] * 2
    assert said[0].stderr.count("pointsam: stopped: over the last 2 measurements") == 1
    assert len(read_log(folder / "collapsed")) < len(read_log(folder / "whole"))


def test_one_process_alone_writes_and_speaks(ended):
    folder, said = ended
    verdict, where = said[0].stdout.splitlines()
    assert verdict.startswith("judged by the clicks of 4 training images")
    assert where == f"adapter: {folder / 'whole'}"
    assert "adapting" in said[0].stderr
    assert (said[1].stdout, said[1].stderr) == ("", "")
    names = {path.name for path in (folder / "whole").iterdir()}
    assert names >= {WEIGHTS, "log.csv", "state.pt", "figures", "target_prototypes.safetensors"}
    assert [int(row["step"]) for row in read_log(folder / "whole")] == [0, 1, 2]
    assert all(row["instances"] == "6" for row in read_log(folder / "whole"))


def test_a_process_that_is_killed_ends_the_run_in_one_line(ended):
    folder, said = ended
    assert [process.returncode for process in said] == [1, -signal.SIGKILL]
    [line] = [line for line in said[0].stderr.splitlines() if "lost" in line]
    assert line.startswith("pointsam: stopped: process 0 of 2 lost another one (")
    assert line.endswith(
        f"): {folder / 'broken'} holds the state after step {DYING_STEP}; "
        "go on with the same command and --resume."
    )
    assert "Traceback" not in said[0].stderr


def test_a_resumed_run_of_two_equals_the_whole_one_to_the_bit(ended, tmp_path):
    folder, _ = ended
    shutil.copytree(folder, tmp_path / "set")
    arguments = ["-m", "pointsam", *command(tmp_path / "set", "broken", "--resume")]
    assert [process.returncode for process in in_processes(arguments, count=2)] == [0, 0]
    found, expected = tmp_path / "set" / "broken", folder / "whole"
    assert (found / WEIGHTS).read_bytes() == (expected / WEIGHTS).read_bytes()
    assert numbers(found) == numbers(expected)


def test_one_process_goes_on_where_two_broke_off(ended, tmp_path):
    folder, _ = ended
    shutil.copytree(folder, tmp_path / "set")
    assert main(command(tmp_path / "set", "broken", "--resume")) == 0
    states = [
        torch.load(run / "state.pt", weights_only=True)["adapter"]
        for run in (tmp_path / "set" / "broken", folder / "whole")
    ]
    for name, expected in states[1].items():
        torch.testing.assert_close(states[0][name], expected, rtol=1e-3, atol=1e-6)


class Agreeable(Ranks):
    """Asks nobody before a run is set up."""

    def agreeing(self):
        return nullcontext()

    def tell(self, value):
        return value


def test_more_processes_than_images_in_a_step_are_refused(tmp_path):
    data, images, _ = write_dataset(tmp_path)
    inputs = RunInputs(data, folder_images(images), {}, tmp_path / "out", ranks=Agreeable(0, 2))
    with pytest.raises(InputError, match="give --batch-size 2 or more, or start fewer processes"):
        run_training(inputs, settings())
