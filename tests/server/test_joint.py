"""Masks that follow clicks one by one are those of all objects decoded at once."""

from unittest.mock import patch

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.tiny_models import small_segmenter
from tests.prediction.colour_model import ColourModel
from tests.server.served import draw_images

from pointsam.data.rasters.windows import Window
from pointsam.masks import masks_in_image
from pointsam.models.calibration import decode_jointly
from pointsam.prediction.predictor import Predictor
from pointsam.server import calibrated
from pointsam.server.calibrated import JOINT, WindowMasks
from pointsam.server.clicked import ClickedObject
from pointsam.server.engine import Engine
from pointsam.server.pictures import Pixels, find_pictures

WHOLE = Window(0, 0, 64, 64)


@settings(max_examples=8)
@given(data=st.data())
def test_any_order_of_clicks_gives_what_joint_decoding_gives(data, tmp_path_factory):
    images = draw_images(tmp_path_factory.mktemp("joint"), count=1)
    [picture] = find_pictures(images)
    engine = Engine(Predictor(small_segmenter("mobile_sam", side=128)), Pixels())
    follower = WindowMasks(engine)
    objects, masks = {}, {}
    for step in range(data.draw(st.integers(2, 5))):
        if objects and data.draw(st.booleans()):
            objects.pop(data.draw(st.sampled_from(sorted(objects))))
        x, y = data.draw(st.tuples(st.integers(0, 63), st.integers(0, 63)))
        objects[step] = ClickedObject(step, "object", ((float(x), float(y), 1),))
        found = follower.update(picture, WHOLE, list(objects.values()), joint=True)
        masks = {key: one for key, one in (masks | found).items() if key in objects}
    view = engine.view(picture, WHOLE)
    expected = decode_jointly(
        engine.model,
        view.embedding,
        view.prompts([one.points for one in objects.values()]),
        calibration=JOINT,
    )
    wanted = masks_in_image(expected.masks.low_res_logits, view.frame)
    for key, mask in zip(objects, wanted, strict=True):
        drawn = torch.zeros(64, 64, dtype=torch.bool)
        crop = masks[key].mask
        x0, y0, x1, y1 = crop.box
        drawn[y0:y1, x0:x1] = torch.from_numpy(crop.pixels)
        # A chunk's size changes the last digits, and a logit near 0 may fall to either side.
        assert (drawn != mask).sum() <= 2
    assert {k for k, m in masks.items() if m.calibrated} == {
        k for k, r in zip(objects, expected.rivals, strict=True) if r.any()
    }


def test_clients_on_many_images_decode_no_object_twice(tmp_path):
    pictures = find_pictures(draw_images(tmp_path / "Images", count=10))
    engine = Engine(Predictor(ColourModel()), Pixels())
    follower = WindowMasks(engine)
    objects = {picture.number: [] for picture in pictures}
    with patch.object(calibrated, "segment", side_effect=calibrated.segment) as decoded:
        for turn in range(3):
            for picture in pictures:
                one = ClickedObject(turn, "object", ((9.0 + turn, 12.0, 1),))
                objects[picture.number].append(one)
                follower.update(picture, WHOLE, objects[picture.number], joint=False)
    assert [len(call.args[2]) for call in decoded.call_args_list] == [1] * 30
