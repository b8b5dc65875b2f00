import numpy as np

from pointsam.labelling.groups import group_objects


def test_objects_of_a_class_are_a_group_whatever_their_image():
    group = group_objects(["ship", "tank", "ship", "ship"], np.array([0, 0, 1, 1]))
    assert group.tolist() == [0, 1, 0, 0]


def test_without_classes_full_images_are_groups_and_the_others_are_one():
    image = np.array([0, 0, 0, 1, 2, 2, 3, 3, 3, 3])
    group = group_objects(["object"] * 10, image)
    assert len(set(group[:3].tolist())) == 1
    assert len(set(group[3:6].tolist())) == 1
    assert len(set(group[6:].tolist())) == 1
    assert len(set(group.tolist())) == 3


def test_objects_with_a_class_do_not_fill_an_image_for_those_without():
    classes = ["object", "object", "ship", "object"]
    group = group_objects(classes, np.array([0, 0, 0, 1]))
    assert group[0] == group[1] == group[3] != group[2]


def test_nothing_has_no_group():
    assert group_objects([], np.zeros(0, dtype=int)).tolist() == []
