"""Clicks on no object count in the choice, whether they lie beside the objects or in their rows."""

from dataclasses import fields, replace

import numpy as np
from tests.labelling.test_candidates import drawn_image
from tests.prediction.colour_model import ColourModel

from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.labelling import store
from pointsam.labelling.labels import gather_candidates, store_path

CLICKED = ImageRecord(
    1,
    "1.png",
    (64, 64),
    (
        InstanceRecord(1, "tank", ((12.0, 14.0, 1),)),
        InstanceRecord(2, "tank", ((50.0, 44.0, 1), (30.0, 30.0, 0))),
    ),
    ((47.0, 44.0), (2.0, 2.0), (12.0, 10.0)),
)


def evidence_of(record, folder):
    for _ in gather_candidates(ColourModel(), [record], lambda _: drawn_image(), folder):
        pass
    return store.load_evidence(store_path(folder, record))


def test_own_clicks_come_first_and_then_the_nearest_on_no_object():
    first, second = CLICKED.clicks
    assert first == [(12.0, 14.0, 1), (12.0, 10.0, 0), (2.0, 2.0, 0), (47.0, 44.0, 0)]
    assert second[:3] == [(50.0, 44.0, 1), (30.0, 30.0, 0), (47.0, 44.0, 0)]


def test_evidence_is_that_of_the_same_clicks_in_the_rows_of_the_objects(tmp_path):
    joined = replace(
        CLICKED,
        instances=tuple(
            replace(one, points=tuple(row))
            for one, row in zip(CLICKED.instances, CLICKED.clicks, strict=True)
        ),
        background_points=(),
    )
    beside, inside = (
        evidence_of(record, tmp_path / name)
        for record, name in ((CLICKED, "beside"), (joined, "inside"))
    )
    for field in fields(beside):
        np.testing.assert_array_equal(getattr(beside, field.name), getattr(inside, field.name))
    assert (beside.refused[:, 0] == 1).all()
