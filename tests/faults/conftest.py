"""Good inputs that are made once, and what each command leaves of them when nothing goes wrong."""

import shutil
from functools import cache

import pytest
from tests.cli.conftest import small_model  # noqa: F401
from tests.cli.good_inputs import make_good_inputs
from tests.faults.commands import COMMANDS
from tests.faults.injecting import run
from tests.faults.trees import held_in


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_good_inputs(folder)
    return folder


@pytest.fixture
def fresh(inputs, tmp_path):
    """Give new folders that hold the good inputs."""
    made = iter(range(10**6))

    def make():
        folder = tmp_path / str(next(made))
        shutil.copytree(inputs, folder)
        return folder

    return make


@pytest.fixture(scope="session")
def _clean():
    @cache
    def results(name, make):
        command, folder = COMMANDS[name], make()
        ended = run(command.words, folder)
        assert ended.status == 0, ended.said
        return ended, outputs(command, folder), folder

    return results


@pytest.fixture
def clean(_clean, inputs, tmp_path_factory, small_model):  # noqa: F811
    """Run a command as it should, once for all tests: what it took, what it left, and where."""

    def results(name):
        return _clean(name, make)

    def make():
        folder = tmp_path_factory.getbasetemp() / f"clean {len(list(_counted()))}"
        shutil.copytree(inputs, folder)
        return folder

    def _counted():
        return tmp_path_factory.getbasetemp().glob("clean *")

    return results


def outputs(command, folder):
    """Give what a command has left, by the name of each output."""
    return {name: held_in(folder / name) for name in command.outputs}
