"""Every command that writes, in a small form, and what it leaves."""

from dataclasses import dataclass

_SMALL = "--side 128 --threads 1"


@dataclass(frozen=True)
class Writing:
    """One command line on the good inputs."""

    line: str
    outputs: tuple[str, ...] = ("out",)
    """Files and folders that it makes."""
    resumes: bool = False
    """Whether ``--resume`` takes up what was left."""
    slow: bool = False
    """Whether a run takes seconds: fewer faults are tried where time is short."""
    long: bool = False
    """Whether it is met in the long run alone."""

    @property
    def words(self) -> list[str]:
        """The command line."""
        return self.line.split()


COMMANDS = {
    "predict": Writing(f"predict --images images --points points.json --output out {_SMALL}"),
    "predict, other formats": Writing(
        "predict --images images --points points.json --output out --also labelme,cvat,yolo "
        + _SMALL
    ),
    "predict a scene": Writing(
        "predict scene.tif --points clicks.gpkg --output out "
        f"--format gpkg,geojson,shp,fgb,cog,coco {_SMALL}",
        resumes=True,
    ),
    "label": Writing(
        f"label --images images --points points.json --output out --no-closer-looks {_SMALL}",
        resumes=True,
    ),
    "train": Writing(
        "train --images images --points points.json --output out --side 128 --epochs 1 "
        "--regime pointsam --set loss.prototype=0 --save-every 1 --threads 1",
        resumes=True,
        slow=True,
    ),
    "train on labels": Writing(
        "train --images images --points points.json --labels masks.json --output out --side 128 "
        "--epochs 1 --save-every 1 --threads 1",
        resumes=True,
        slow=True,
    ),
    "evaluate": Writing(
        "evaluate --images images --annotations masks.json --points points.json --output out "
        + _SMALL
    ),
    "evaluate, cached": Writing(
        "evaluate --images images --annotations masks.json --points points.json --output out "
        f"--cache kept {_SMALL}",
        outputs=("out", "kept"),
    ),
    "figure": Writing(
        f"figure --images images --points points.json --output out.png {_SMALL}",
        outputs=("out.png",),
    ),
    "points convert": Writing(
        "points convert clicks.csv --images images --output out.json", outputs=("out.json",)
    ),
    "points convert to CSV": Writing(
        "points convert points.json --output out.csv", outputs=("out.csv",)
    ),
    "points draw": Writing(
        "points draw --annotations masks.json --output out.json", outputs=("out.json",)
    ),
    "data split": Writing("data split masks.json points.json --output out"),
    "data images": Writing("data images images --output out"),
    "data convert labels": Writing(
        "data convert labels --images images --labels labels --output out.json",
        outputs=("out.json",),
    ),
    "data convert polygons": Writing("data convert polygons scene.tif roofs.gpkg --output out"),
    "data check": Writing(
        "data check --annotations masks.json --images images --sheet out.png",
        outputs=("out.png",),
    ),
    "boxes make": Writing("boxes make --masks masks.json --output out"),
    "boxes points": Writing(
        "boxes points --labels labelTxt --images images --output out.json", outputs=("out.json",)
    ),
    "merge": Writing("merge --adapter adapter --output out.safetensors",
                     outputs=("out.safetensors",)),
    "merge to torch's form": Writing("merge --adapter adapter --output out.pt",
                                     outputs=("out.pt",)),
    "export": Writing("export --to checkpoint --adapter adapter --output out.pt",
                      outputs=("out.pt",)),
    "export to AnyLabeling": Writing(
        "export --to anylabeling --adapter adapter --side 128 --name m --output out",
        slow=True,
        long=True,
    ),
}  # fmt: skip
