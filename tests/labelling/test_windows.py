import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pointsam.labelling.windows import MARGIN, closer_windows


@given(seed=st.integers(0, 2**16), count=st.integers(1, 30))
def test_each_object_is_amid_one_window(seed, count):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(20, 200, 2).tolist()
    clicks = generator.uniform(0, (width, height), (count, 2))
    windows = closer_windows(clicks, (height, width), side=64)
    served = np.concatenate([window.objects for window in windows])
    assert sorted(served.tolist()) == list(range(count))
    for window in windows:
        assert window.width == min(64, width)
        assert window.height == min(64, height)
        assert 0 <= window.x <= width - window.width
        assert 0 <= window.y <= height - window.height
        for x, y in clicks[window.objects]:
            margin = MARGIN * np.array([window.width, window.height]) - 0.5
            low = np.array([x - window.x, y - window.y]) >= margin
            high = np.array([window.x + window.width - x, window.y + window.height - y]) >= margin
            assert low[0] or window.x == 0
            assert low[1] or window.y == 0
            assert high[0] or window.x + window.width == width
            assert high[1] or window.y + window.height == height


def test_near_objects_share_a_window():
    clicks = np.array([[100.0, 100.0], [110.0, 95.0], [300.0, 300.0]])
    windows = closer_windows(clicks, (400, 400), side=64)
    assert [window.objects.tolist() for window in windows] == [[0, 1], [2]]


def test_an_image_that_is_no_larger_is_one_window():
    [window] = closer_windows(np.array([[1.0, 1.0], [38.0, 28.0]]), (30, 40), side=64)
    assert (window.x, window.y, window.width, window.height) == (0, 0, 40, 30)
