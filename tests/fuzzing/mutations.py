"""Changes of an input that a damaged or hostile file could have; each depends on a draw alone."""

import json
from random import Random

VALUES = (
    None, True, False, 0, -1, 1, 2, 7, 1.5, -0.0, 1e308, 2**31, 2**63, -(2**63) - 1, 10**400,
    float("nan"), float("inf"), "", "1", "07", "background", "../outside/secret.png",
    "/vsicurl/http://127.0.0.1/a.tif", "http://127.0.0.1/a.tif", "1.jpg", "..", ".", "/", "a\nb",
    "\ud800", "\u202e", "=1+1", "x" * 300, [], {}, [[]], [0], [[0, 0, 1]], {"a": 1},
)  # fmt: skip
"""Put in place of a part of JSON."""

WORDS = (
    b"", b"0", b"-1", b"1e999", b"nan", b"99999999999999999999", b",", b";", b"\n", b"\t", b'"',
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"../outside/secret.png", b"background",
    b"&amp;", b"<!ENTITY a SYSTEM 'file:///etc/hostname'>", b"&a;", b"*a", b"&a [", b"{", b"[" * 90,
    b"/vsicurl/http://127.0.0.1/a.tif", b"%s", b"1.jpg",
)  # fmt: skip
"""Put into bytes."""

_MAX_CHANGES = 4


def mutate(content: bytes, random: Random) -> bytes:
    """Change an input at one place or a few."""
    for _ in range(random.randint(1, _MAX_CHANGES)):
        changed = _in_json(content, random) if random.random() < 0.7 else None
        content = _in_bytes(content, random) if changed is None else changed
    return content


def _in_json(content: bytes, random: Random) -> bytes | None:
    """Change one value of JSON; None where the content is none."""
    if content[:1] not in (b"{", b"["):
        return None
    try:
        tree = json.loads(content)
        places = [(None, None), *_places(tree)]
        holder, key = places[random.randrange(len(places))]
        if holder is None:
            return json.dumps(random.choice([tree, [tree], {"a": tree}])).encode()
        kind = random.random()
        if kind < 0.15:
            del holder[key]
        elif kind < 0.3 and isinstance(holder, list):
            holder.append(holder[key])
        elif kind < 0.4:
            other, at = places[random.randrange(1, len(places))]
            holder[key] = json.loads(json.dumps(other[at]))
        else:
            holder[key] = random.choice(VALUES)
        return json.dumps(tree).encode()
    except (ValueError, RecursionError):
        return None


def _places(node):
    """List every part of JSON by what holds it and its key there."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(pairs):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _in_bytes(content: bytes, random: Random) -> bytes:
    """Flip, cut, repeat or replace some bytes."""
    at = random.randrange(len(content) + 1)
    end = min(len(content), at + random.randint(1, 16))
    kind = random.randrange(6)
    if kind == 0 and content:
        place = min(at, len(content) - 1)
        flipped = bytes([content[place] ^ (1 << random.randrange(8))])
        return content[:place] + flipped + content[place + 1 :]
    if kind == 1:
        return content[:at]
    if kind == 2:
        return content[:at] + content[end:]
    if kind == 3:
        return content[:end] + content[at:]
    if kind == 4:
        return content[:at] + random.choice(WORDS) + content[end:]
    return content[:at] + random.choice(WORDS) + content[at:]
