"""Settings of ``pointsam train``: those of a file beside those of the command line."""

from pointsam.cli.main import make_parser
from pointsam.cli.train import Training


def test_a_file_that_names_no_regime_leaves_the_default(tmp_path):
    (tmp_path / "own.yaml").write_text("seed: 4\n")
    (tmp_path / "points.csv").write_text("image,x,y\n1.png,5,5\n")
    command = ["train", "--images", str(tmp_path), "--points", str(tmp_path / "points.csv")]
    command += ["--output", str(tmp_path / "out"), "--config", str(tmp_path / "own.yaml")]
    for more, regime in (([], "labels"), (["--regime", "pointsam"], "pointsam")):
        asked = Training.parse(make_parser([*command, *more]).parse_args([*command, *more]))
        settings = asked.settings({})
        assert (settings.regime, settings.seed) == (regime, 4)
