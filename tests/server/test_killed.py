"""A server that is killed at any moment loses at most the click that was under way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.server.served import draw_images, make_session

ROOT = Path(__file__).parents[2]


def test_a_killed_server_has_kept_every_click_that_it_answered(tmp_path):
    images = draw_images(tmp_path / "Images")
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.server.killed_at_work", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
    )
    with process:
        assert process.stdout is not None
        answered = 0
        for line in process.stdout:
            answered = int(line)
            if answered == 7:
                process.send_signal(signal.SIGKILL)
                break
        rest = process.stdout.read().split()
    answered = int(rest[-1]) if rest else answered
    session = make_session(tmp_path / "project", images)
    kept = len(session.project.states[1].objects)
    assert answered <= kept <= answered + 1
    session.close()
