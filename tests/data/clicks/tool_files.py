"""Files and pictures that tests of label tools write, and what they find."""

import json

from PIL import Image


def write(path, content):
    """Write a text, or anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def image(path, size=(30, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def found(data):
    """Give class and points of each object, by image."""
    return {
        record.file_name: [(i.category, *(p for p in i.points)) for i in record.instances]
        for record in data.images
    }
