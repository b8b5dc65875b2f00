"""Every command with values it cannot use, and with outputs it cannot write."""

from pathlib import Path

from tests.cli.commands import (
    BOX_POINTS,
    BOX_SCORES,
    BOXES,
    CONVERT,
    DRAW,
    EVALUATE,
    FIGURE,
    GRID,
    IMAGES,
    LABELS,
    MAP_BOXES,
    MERGE,
    POLYGONS,
    PREDICT,
    SCENE,
    SCENE_GRID,
    SPLIT,
    TRAIN,
    TRAIN_SCENE,
    cases,
)
from tests.cli.spoiling import a_file

CHECK = "data check --annotations masks.json --points points.json --images images"
SHEET = FIGURE.replace("--output out", "--adapter adapter --sheet 1 --output out.png")
PART = "figure --scene scene.tif --masks roofs.gpkg --window 0,0,32,32 --output out.png"
CLICK = "predict images/1.jpg --output out --side 128"

VALUES = [
    (EVALUATE, "--threads -2", "--threads -2: give at least 1"),
    (EVALUATE, "--device cuda:7", "--device cuda:7: this machine shows"),
    (TRAIN, "--device gpu", "--device gpu: expected auto, cpu, cuda or cuda:NUMBER"),
    (FIGURE, "--device meta", "--device meta: expected auto, cpu, cuda or cuda:NUMBER"),
    (PREDICT, "--side 100", "100"),
    (PREDICT, "--side 0", "0"),
    (EVALUATE, "--side many", "argument --side: invalid int value: 'many'"),
    (EVALUATE, "--model nowhere", "no model 'nowhere': give a known name (mobile_sam, "),
    (EVALUATE, "--model ''", "--model has an empty value: is a variable of the shell not set?"),
    (EVALUATE, "--output=", "--output has an empty value"),
    (SCENE, "--cache ''", "--cache has an empty value"),
    (SCENE, "--format cog --simplify 1 --min-area 2", "--simplify, --min-area: for --format gpkg,"),
    (SCENE, "--format cog --allow-overlap", "--allow-overlap: for polygons and COCO alone"),
    (SCENE, "--format geojson --style", "--style: for --format gpkg alone"),
    (GRID, "--rank-by similarity", "--rank-by similarity: for --adapter DIR alone"),
    (MERGE, "--model nowhere", "no model 'nowhere'"),
    (PREDICT, "--adapter nowhere", "nowhere is no adapter folder"),
    (EVALUATE, "--precision float8", "argument --precision: invalid choice: 'float8'"),
    (EVALUATE, "--points points.json", "--points: points, points are not all different names"),
    (SCENE, "--shard 0/2", "shard 0/2: give i/n with i from 1 to n"),
    (SCENE, "--shard 3/2", "shard 3/2: give i/n with i from 1 to n"),
    (SCENE, "--shard a/b", "--shard a/b: give I/N, for example 1/4"),
    ("predict images --output out", "--point 5,5", "images is a folder, expected one image"),
    (SCENE, "--window 63", "window side 63 is no multiple of 64 px: give 64."),
    (SCENE, "--window 0", "window side 0 is no multiple of 64 px"),
    (SCENE, "--largest-window -1", "largest window -1"),
    (SCENE, "--bands 1,2,9", "scene.tif has 3 bands, not [9]"),
    (SCENE, "--bands 1,2", "'1,2': give three band numbers, as 4,3,2, or one"),
    (SCENE, "--stretch 9,1", "'9,1': the first value must be the lower one"),
    (SCENE, "--stretch=-inf,inf", "'-inf,inf': the first value must be the lower one"),
    (SCENE, "--joint", "--joint: for images without a place on a map alone"),
    (SCENE, "--min-iou 0.5 --rank-by iou", "--min-iou, --rank-by: for --grid alone"),
    (PREDICT, "--shard 2/4 --resume", "--shard, --resume: for rasters with a place on a map"),
    (SCENE_GRID, "--largest-window 8192", "--largest-window: for clicks alone"),
    (PREDICT, "--cache-precision float32", "--cache-precision: for --cache DIR alone"),
    (CLICK, "--point 5,5 --skip-broken", "--skip-broken: for --images DIR alone"),
    (PREDICT, "--window 63", "--window: for rasters with a place on a map alone"),
    (PREDICT, "--bands 1,2,3 --shapefile", "--bands, --shapefile: for rasters with a place"),
    (GRID, "--stretch 0,9", "--stretch: for rasters with a place on a map alone"),
    (GRID.replace("--grid 2", ""), "--grid 0", "grid 0: give at least 1 point"),
    (SCENE_GRID.replace("--grid 2", ""), "--grid -1", "grid -1: give at least 1 point"),
    (GRID, "--min-iou nan", "min-iou is a share in [0, 1], got nan"),
    (GRID, "--least-iou 2", "min-iou is a share in [0, 1], got 2"),
    (GRID, "--most-overlap=2", "max-overlap is a share in [0, 1], got 2"),
    (GRID, "--joint", "--joint: for clicks alone; leave it out here"),
    (CLICK, "--point 500,5", "--point 500,5 is off images/1.jpg, which is 96 x 80 px"),
    (CLICK, "--point nan,5", "--point nan,5 is off images/1.jpg"),
    (CLICK, "--point 5,5,0", "--point: all have label 0; at least one must be on an object"),
    (CLICK, "--point 5,5,2", "'5,5,2': give X,Y or X,Y,LABEL with label 1 or 0"),
    (CLICK, "", "one of the arguments --points --point --grid is required"),
    (TRAIN, "--set schedule.epoch=3", "unknown setting schedule.epoch, known here: epochs"),
    (TRAIN, "--set seed", "--set seed has no value: write STAGE.NAME=VALUE"),
    (TRAIN, "--set 'seed=[1,'", "--set seed=[1, is not YAML"),
    (TRAIN, "--set model=5", "model is 5, expected settings by name: side"),
    (TRAIN, "--epochs nan", "schedule.epochs: Input should be"),
    (TRAIN, "--first-block 99", "first_block 99 leaves no attention block to adapt"),
    (
        TRAIN,
        "--rank 100000",
        "attn.qkv, which is adapted, has 24 channels",
    ),
    (TRAIN, "--save-every 0", "--save-every 0: give at least 1 step"),
    (TRAIN, "--cache cache --cache-size nan", "--cache-size nan: give a size in gigabytes"),
    (TRAIN, "--cache images/1.jpg", "images/1.jpg is a file; a cache is a folder"),
    (TRAIN, "--config nowhere.yaml", "nowhere.yaml: No such file or directory"),
    (TRAIN, "--regime supervised", "--regime supervised learns from masks: give --annotations"),
    (
        TRAIN,
        "--regime self-training --set teacher.weights=live",
        "--set teacher.weights=live: --regime self-training has 'frozen' there in any case",
    ),
    (TRAIN, "--patience nan", "--patience nan: give a number of seconds"),
    (TRAIN, "--window 64", "--window: for scenes alone; leave it out here"),
    (TRAIN, "--hold-out 0.2", "--hold-out: for scenes alone; leave it out here"),
    (TRAIN, "--annotations masks.json", "--annotations: for --regime supervised alone"),
    (TRAIN, "--cache-size 20", "--cache-size: for --cache DIR alone"),
    (TRAIN_SCENE, "--window 0", "window side 0 is no multiple of 64 px"),
    (TRAIN_SCENE, "--hold-out 1", "--hold-out 1: give a share from 0 to below 1"),
    (TRAIN_SCENE, "--skip-broken", "--skip-broken: for folders of images alone"),
    (TRAIN_SCENE, "--images nowhere.tif", "no scene nowhere.tif, nor a folder of them"),
    (TRAIN, "--resume", "no out/state.pt to resume from: run without --resume"),
    (DRAW, "--negatives -1", "negatives is a number of points, got -1"),
    (DRAW, "--missed 2", "missed is a share in [0, 1], got 2.0"),
    (LABELS, "--class roof=7", "labels/1.png holds the values [255] beside roof=7"),
    (LABELS, "--class roof", "write NAME=VALUE, as in building=255"),
    (LABELS, "--background dark", "'dark' is no label value: give a number, or a colour as R,G,B"),
    (LABELS, "--workers 0", "--workers 0: give at least 1"),
    (POLYGONS, "--chip 64", "chips of 64 px cannot overlap by 128 px"),
    (IMAGES, "--bands 9", "images/1.jpg has 3 bands, not [9]; they count from 1"),
    (IMAGES, "--percent 0,200", "percentiles lie in 0 to 100, got 0 and 200"),
    (IMAGES, "--like nowhere.json", "no stretch nowhere.json"),
    (SPLIT, "--share 1", "--share 1.0: give a number between 0 and 1"),
    (SPLIT, "--by place", "--by place looks at the images: give --images DIR"),
    (BOXES, "--trim-bridges nan", "--trim-bridges nan: give a width in pixels, or 0"),
    (BOXES, "--one-part --points masks.json", 'masks.json has no "points"'),
    (BOXES, "--points points.json", "--points: for --one-part and --trim-bridges alone"),
    (MAP_BOXES, "--trim-bridges 0", "--trim-bridges: for COCO masks alone"),
    (LABELS, "--class roof=255 --category object", "--category: for instances without --class"),
    (SPLIT, "--images images", "--images: for --by duplicates and --by place alone"),
    (IMAGES, "--like stretch.json --bands 1", "--bands: for runs without --like"),
    (CHECK, "--across-images images", "--across-images: for --across FILE alone"),
    (PART, "--side 128 --threads 1", "--side, --threads: for --images alone"),
    (PART, "--cache cache", "--cache: for --images alone"),
    (FIGURE, "--only 9.jpg", "--only 9.jpg: points.json lists no such image"),
    (FIGURE, "--sheet 0", "--sheet N ranks images by IoU"),
    (CHECK, "--sheet sheet.gif", "--sheet sheet.gif: a sheet is one .png file"),
    (CHECK, "--across nowhere.json", "no annotation file nowhere.json"),
    ("data layout", "whu nowhere", "no folder nowhere: give the folder of WHU Building"),
    ("data check", "", "nothing to check: give --annotations FILE, --points FILE, or both"),
    ("cache", "nowhere", "no cache folder nowhere"),
    ("demo", "--output images", "images exists already and is not overwritten"),
    ("demo", "--threads 0 --output out", "--threads 0: give at least 1"),
    ("demo", "--threads 100000 --output out", "--threads 100000: give at most 1024"),
    ("models", "all", "unrecognized arguments: all"),
    ("trian", "", "invalid choice: 'trian' (choose from 'demo', "),
    ("evaluate", "--image 1.jpg", "the following arguments are required: "),
]

FOLDERS = (
    EVALUATE, PREDICT, TRAIN, TRAIN_SCENE, SCENE, GRID, SCENE_GRID, POLYGONS, IMAGES, SPLIT, BOXES,
    BOX_SCORES, FIGURE, "demo --output out",
)  # fmt: skip
FILES = (CONVERT, DRAW, LABELS, BOX_POINTS, MAP_BOXES, MERGE, SHEET)


def output_of(command):
    words = command.split()
    return words[words.index("--output") + 1]


def elsewhere(command, place):
    """Let a command write to another place."""
    output = output_of(command)
    return command.replace(f"--output {output}", f"--output {place}{output}")


def first_words(command):
    return command.partition(" --output")[0][:32]


def outputs():
    """Give cases of outputs that exist, are below a file, have too long a name, or are a folder."""
    for command in (*FOLDERS, *FILES):
        output = output_of(command)
        name = f"{first_words(command)}, {output}"
        said = f"{output} exists already and is not overwritten"
        yield f"{name}: output is there", command, a_file(output), said
        said = f"images/1.jpg/{output} cannot be written ("
        yield f"{name}: below a file", elsewhere(command, "images/1.jpg/"), None, said
        yield f"{name}: too long", elsewhere(command, "x" * 300), None, "File name too long"
    for command in FILES:
        output = output_of(command)
        name = f"{first_words(command)}, {output}"
        said = f"{output} is a folder, expected the name of a file"
        yield f"{name}: a folder", command, lambda output=output: Path(output).mkdir(), said


BAD_OPTIONS = [
    *cases((f"{first_words(c)} {o}", f"{c} {o}", None, said) for c, o, said in VALUES),
    *cases(outputs()),
]
"""Name, command, and part of the line it gives."""
