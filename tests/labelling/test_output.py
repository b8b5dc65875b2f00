"""Labels of one image of many objects, written mask by mask."""

import json
import tracemalloc

import numpy as np

from pointsam.data.coco.masks import rasterise
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.labelling import store
from pointsam.labelling.candidates import Candidates
from pointsam.labelling.consensus import REASONS, Choice, Groups
from pointsam.labelling.evidence import measure
from pointsam.labelling.groups import group_objects
from pointsam.labelling.labels import Labelling, store_path
from pointsam.labelling.output import write_labels

SIZE, FRAME, OBJECTS = (1600, 2000), (200, 250), 60


def squares():
    """A labelling of squares, the second candidate of each object chosen."""
    places = [(10 * i % FRAME[0], 17 * i % FRAME[1]) for i in range(OBJECTS)]
    masks = np.zeros((OBJECTS, 2, *FRAME), dtype=bool)
    for index, (y, x) in enumerate(places):
        masks[index, 1, y : y + 4, x : x + 4] = True
    shares = np.tile(np.float32([0.2, 0.7]), (OBJECTS, 1))
    flat = np.packbits(masks.reshape(OBJECTS, 2, -1), axis=-1)
    found = Candidates(FRAME, flat, shares, np.zeros((OBJECTS, 2), dtype=bool))
    clicked = tuple(InstanceRecord(i + 1, "tank", ((1.0, 1.0, 1),)) for i in range(OBJECTS))
    record = ImageRecord(1, "a.jpg", SIZE, clicked)
    return record, found, places


def labelling_of(folder):
    record, found, places = squares()
    evidence = measure(found, np.zeros((*SIZE, 3), np.uint8), record.clicks)
    store.save(store_path(folder, record), found, evidence)
    against = np.zeros((OBJECTS, len(REASONS)), dtype=bool)
    picked = np.ones(OBJECTS, dtype=int)
    choice = Choice(picked, np.zeros(OBJECTS), np.ones(OBJECTS), against)
    image = np.zeros(OBJECTS, dtype=int)
    groups = Groups(group=group_objects(["tank"] * OBJECTS, image), image=image)
    return Labelling([record], folder, choice, evidence, groups), places


def test_each_object_gets_its_chosen_mask_in_the_image_frame(tmp_path):
    made, places = labelling_of(tmp_path)
    write_labels(made, ["tank"], tmp_path / "labels.json")
    entries = json.loads((tmp_path / "labels.json").read_text())["annotations"]
    assert len(entries) == OBJECTS
    for entry, (y, x) in zip(entries, places, strict=True):
        mask = rasterise(entry["segmentation"], SIZE)
        true = np.zeros(SIZE, dtype=bool)
        true[8 * y : 8 * y + 32, 8 * x : 8 * x + 32] = True
        assert (mask & true).sum() / (mask | true).sum() > 0.9
        assert entry["score"] == 0.7
    assert entries[0]["image_id"] == 1


def test_masks_are_made_one_by_one(tmp_path):
    made, _ = labelling_of(tmp_path)
    tracemalloc.start()
    write_labels(made, ["tank"], tmp_path / "labels.json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < OBJECTS * SIZE[0] * SIZE[1] / 3
