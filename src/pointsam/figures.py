"""Pictures of images, masks and points, for screens and for print.

One colour an object, the same in every panel that lists objects in the same order.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from pointsam.files import replacing
from pointsam.frames import to_edges
from pointsam.masks import bounds_of

Picture = UInt8[np.ndarray, "_ _ 3"]
"""RGB."""

PALETTE = (
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
)
"""Colours of objects, in turn; told apart by colour-blind readers.

Source: Okabe and Ito, "Color Universal Design" (2008), without black; neighbours in the list
    were put far apart in lightness.
"""

LONGEST_SIDE = 640
"""Pixels of a panel's longer side: small images are enlarged, so that marks stay readable."""
FILL_OPACITY = 0.45
OUTLINE_WIDTH = 2
MARK_RADIUS = 7
MIN_RADIUS = 3
MARKED_SHARE = 0.03
"""Of a panel, at most: many marks are drawn smaller, so that they do not hide small masks."""
TITLE_SIZE = 18
GAP = 10
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)


def draw_panel(
    image: Picture,
    *,
    masks: Iterable[Bool[np.ndarray, "_ _"]] = (),
    points: Float[np.ndarray, "objects points 2"] | None = None,
    labels: Int[np.ndarray, "objects points"] | None = None,
    title: str = "",
    metres_per_pixel: float | None = None,
) -> Picture:
    """Draw masks as translucent areas with an outline, and points on top.

    A positive point is a disc in its object's colour, a negative one a cross; both have a white
    rim. A negative point that several objects share is grey.

    Args:
        image: at any size.
        masks: one an object, in the frame of `image`; later objects lie on top.
        points: ``(x, y)`` in the frame of `image`, in pixels; one row an object, in the
            order of `masks`.
        labels: 1 positive, 0 negative, -1 not a point; goes with `points`.
        title: written above the picture.
        metres_per_pixel: of `image`, for a scale bar; None draws none.

    Raises:
        ValueError: the masks are of another size, or points came without labels.
    """
    if (points is None) != (labels is None):
        raise ValueError("points and labels go together: one was given without the other.")
    height, width = image.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    shown_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown = np.array(Image.fromarray(image).resize(shown_size, Image.Resampling.BICUBIC))
    for index, mask in enumerate(masks):
        if mask.shape != image.shape[:2]:
            raise ValueError(f"a mask is {mask.shape} px, the image is {image.shape[:2]} px.")
        _paint(shown, _enlarge(mask, shown_size), _colour(index))
    picture = Image.fromarray(shown)
    if points is not None and labels is not None:
        _mark_points(picture, points, labels, scale)
    if metres_per_pixel is not None:
        _draw_scale_bar(picture, metres_per_pixel / scale)
    return _under_title(np.asarray(picture), title) if title else np.asarray(picture)


def side_by_side(panels: Sequence[Picture]) -> Picture:
    """Put panels in a row on white, their upper edges level."""
    height = max(panel.shape[0] for panel in panels)
    return _with_gaps([_pad(panel, (height, panel.shape[1])) for panel in panels], axis=1)


def stack(rows: Sequence[Picture]) -> Picture:
    """Put pictures under each other on white, their left edges level."""
    width = max(row.shape[1] for row in rows)
    return _with_gaps([_pad(row, (row.shape[0], width)) for row in rows], axis=0)


def save_picture(picture: Picture, path: Path) -> None:
    """Write a picture in the format of the name's suffix; a failed write leaves no file."""
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary)


def _colour(index: int) -> tuple[int, int, int]:
    return PALETTE[index % len(PALETTE)]


def _enlarge(
    mask: Bool[np.ndarray, "height width"], shown_size: tuple[int, int]
) -> Bool[np.ndarray, "rows cols"]:
    resized = Image.fromarray(mask).resize(shown_size, Image.Resampling.NEAREST)
    return np.asarray(resized, dtype=bool)


def _paint(
    shown: UInt8[np.ndarray, "rows cols 3"],
    mask: Bool[np.ndarray, "rows cols"],
    colour: tuple[int, int, int],
) -> None:
    """Lay a mask over the picture in place; only its bounding box is touched."""
    x0, y0, x1, y1 = bounds_of(mask) or (0, 0, 0, 0)
    part, inside = shown[y0:y1, x0:x1], mask[y0:y1, x0:x1]
    core = np.pad(inside, 1)
    for _ in range(OUTLINE_WIDTH):
        shrunk = core.copy()
        shrunk[1:-1, 1:-1] &= core[:-2, 1:-1] & core[2:, 1:-1] & core[1:-1, :-2] & core[1:-1, 2:]
        core = shrunk
    filled = part[inside] * (1 - FILL_OPACITY) + np.array(colour) * FILL_OPACITY
    part[inside] = filled.round().astype(np.uint8)
    part[inside & ~core[1:-1, 1:-1]] = colour


def _mark_points(
    picture: Image.Image,
    points: Float[np.ndarray, "objects points 2"],
    labels: Int[np.ndarray, "objects points"],
    scale: float,
) -> None:
    """Draw the points in place: negatives first, so that no cross hides a disc."""
    shown = to_edges(points) * scale
    owners, places = np.nonzero(labels == 0)
    negatives, uses = np.unique(points[owners, places], axis=0, return_counts=True)
    radius = _mark_radius(picture, count=len(negatives) + int((labels == 1).sum()))
    shared = {tuple(point) for point in negatives[uses > 1]}
    for owner, place in zip(owners, places, strict=True):
        colour = GREY if tuple(points[owner, place]) in shared else _colour(int(owner))
        _stamp(picture, shown[owner, place], colour, radius, cross=True)
    for owner, place in zip(*np.nonzero(labels == 1), strict=True):
        _stamp(picture, shown[owner, place], _colour(int(owner)), radius, cross=False)


def _mark_radius(picture: Image.Image, *, count: int) -> int:
    """Give the largest radius at which all marks together leave enough of the picture free."""
    each = MARKED_SHARE * picture.width * picture.height / max(1, count)
    return int(np.clip(np.sqrt(each / np.pi), MIN_RADIUS, MARK_RADIUS))


def _stamp(
    picture: Image.Image,
    centre: Float[np.ndarray, "2"],
    colour: tuple[int, int, int],
    radius: int,
    *,
    cross: bool,
) -> None:
    """Paste one mark, drawn four times as large and then shrunk, for smooth edges."""
    fine, half = 4, radius + 3
    middle, reach = half * fine, radius * fine
    thick = fine * radius / MARK_RADIUS
    mark = Image.new("RGBA", (2 * half * fine, 2 * half * fine))
    draw = ImageDraw.Draw(mark)
    if cross:
        for ink, width in ((BLACK, 6), (WHITE, 5), (colour, 2.5)):
            arm = reach * 0.8 + width / 4 * thick
            low, high = middle - arm, middle + arm
            for line in ((low, low, high, high), (low, high, high, low)):
                draw.line(line, fill=ink, width=round(width * thick))
    else:
        for ink, grown in ((BLACK, 0.6), (WHITE, 0.0), (colour, -2.2)):
            edge = reach + grown * thick
            draw.ellipse((middle - edge, middle - edge, middle + edge, middle + edge), fill=ink)
    mark = mark.resize((2 * half, 2 * half), Image.Resampling.BOX)
    left, top = round(float(centre[0])) - half, round(float(centre[1])) - half
    picture.paste(mark, (left, top), mark)


def _draw_scale_bar(picture: Image.Image, metres_per_shown_pixel: float) -> None:
    """Draw a bar of a round length, at most a quarter of the width, at the lower left."""
    most = picture.width / 4 * metres_per_shown_pixel
    power = 10.0 ** np.floor(np.log10(most))
    metres = max(step * power for step in (1, 2, 5) if step * power <= most)
    length = round(metres / metres_per_shown_pixel)
    left, base = 12, picture.height - 14
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left - 1, base - 1, left + length + 1, base + 5), fill=BLACK)
    draw.rectangle((left, base, left + length, base + 4), fill=WHITE)
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    draw.text(
        (left, base - 6),
        text,
        fill=WHITE,
        font=ImageFont.load_default(TITLE_SIZE - 2),
        anchor="ls",
        stroke_width=2,
        stroke_fill=BLACK,
    )


def _under_title(panel: Picture, title: str) -> Picture:
    """Write a line above a panel, in smaller letters where it would not fit."""
    strip = Image.new("RGB", (panel.shape[1], TITLE_SIZE + 12), WHITE)
    draw = ImageDraw.Draw(strip)
    size = TITLE_SIZE
    while size > 8 and draw.textlength(title, font=ImageFont.load_default(size)) > strip.width - 8:
        size -= 1
    draw.text(
        (4, strip.height // 2), title, fill=BLACK, font=ImageFont.load_default(size), anchor="lm"
    )
    return np.concatenate([np.asarray(strip), panel])


def _pad(picture: Picture, size: tuple[int, int]) -> Picture:
    """Fill with white to the right and below."""
    padded = np.full((*size, 3), 255, dtype=np.uint8)
    padded[: picture.shape[0], : picture.shape[1]] = picture
    return padded


def _with_gaps(pictures: Sequence[Picture], *, axis: int) -> Picture:
    """Join pictures that are equally long across `axis`."""
    shape = list(pictures[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, dtype=np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=axis)
