"""The sheet that shows what each answer about whole or part would give."""

from dataclasses import replace

import numpy as np
from PIL import Image
from tests.labelling.test_consensus import evidence

from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.labelling import store
from pointsam.labelling.candidates import Candidates
from pointsam.labelling.labels import choose_labels, store_path
from pointsam.labelling.readings import draw_readings

SIZE = (40, 40)


def stored(folder, record, areas):
    """Store squares around the middle of an image as the candidates of its objects."""
    masks = np.zeros((len(record.instances), len(areas), *SIZE), dtype=bool)
    for place, area in enumerate(areas):
        half = int(area**0.5 / 2)
        masks[:, place, 20 - half : 20 + half, 20 - half : 20 + half] = True
    table = evidence([areas] * len(record.instances), [0.7] * len(areas))
    packed = np.packbits(masks.reshape(*masks.shape[:2], -1), axis=-1)
    found = Candidates(SIZE, packed, table.iou_prediction, np.zeros(masks.shape[:2], dtype=bool))
    folder.mkdir(exist_ok=True)
    store.save(store_path(folder, record), found, replace(table, own=np.ones_like(table.own)))


def test_answers_are_shown_for_the_classes_they_change(tmp_path):
    click = ((20.0, 20.0, 1),)
    tracks = tuple(InstanceRecord(number, "track", click) for number in range(10))
    tank = (InstanceRecord(20, "tank", click),)
    records = [ImageRecord(1, "a.png", SIZE, tracks), ImageRecord(2, "b.png", SIZE, tank)]
    stored(tmp_path / "c", records[0], [100, 196, 400])
    stored(tmp_path / "c", records[1], [100, 100, 100])
    labelling = choose_labels(records, tmp_path / "c")
    counts = draw_readings(
        labelling, lambda record: np.zeros((*SIZE, 3), dtype=np.uint8), tmp_path / "r.png"
    )
    assert counts["track"] == 10
    assert labelling.read_as("larger").picked[:10].tolist() == [2] * 10
    assert labelling.read_as("smaller").picked[:10].tolist() == [0] * 10
    with Image.open(tmp_path / "r.png") as sheet:
        width, height = sheet.size
    assert width > 9 * 200  # three objects, three answers each
    assert height >= 200
