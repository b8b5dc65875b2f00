"""The targets of docs/performance.md, each held against what was measured."""

from reports import MISSING, NAMES, table


def targets(reports):
    """Hold each target against what was measured."""
    lines = [
        *_step_targets(reports),
        *_memory_targets(reports),
        *_other_targets(reports),
    ]
    words = {True: "reached", False: "**not reached**", None: MISSING}
    body = [(name, measured or MISSING, words[reached]) for name, measured, reached in lines]
    return table(("target", "measured", ""), body)


def _step_targets(reports):
    rows = {
        name: reports.one("step.py", model="sam-vit-b", objects=10, row=name)
        for name in ("plain", "plain-cut", "ours", "cached", "checkpointed")
    }

    def faster(name, least):
        if rows["plain"] is None or rows[name] is None:
            return None, None
        ratio = rows["plain"]["seconds"] / rows[name]["seconds"]
        said = f"{ratio:.2f} times"
        if rows["plain-cut"] is not None:
            cut = rows["plain-cut"]["seconds"] / rows[name]["seconds"]
            said += f" ({cut:.2f} against plain with autograd's own cut)"
        return said, ratio >= least

    yield "ViT-B, 10 objects: 1.5 times faster than plain, uncached", *faster("ours", 1.5)
    yield "the same cached: 2.5 times", *faster("cached", 2.5)
    ours, plain, thin = rows["ours"], rows["plain"], rows["checkpointed"]
    yield (
        "its peak under 6 GiB",
        *((f"{ours['peak_gib']:.2f} GiB", ours["peak_gib"] < 6) if ours else (None, None)),
    )
    third = (None, None)
    if plain and thin:
        share = thin["peak_gib"] / plain["peak_gib"]
        said = f"{thin['peak_gib']:.2f} of {plain['peak_gib']:.2f} GiB, {share:.2f}"
        third = (f"{said}; in {thin['seconds']:.1f} s a step", share <= 1 / 3)
    yield "with checkpointing a third of plain's peak", *third


def _memory_targets(reports):
    for model, name in NAMES.items():
        few, many = (
            reports.one("step.py", model=model, objects=objects, row="ours")
            for objects in (10, 200)
        )
        found = (None, None)
        if few and many:
            ratio = many["peak_gib"] / few["peak_gib"]
            said = f"{many['peak_gib']:.2f} over {few['peak_gib']:.2f} GiB: {ratio:.2f} times"
            found = (said, ratio <= 1.5)
        yield f"{name}: 200 objects in at most 1.5 times the memory of 10", *found


def _other_targets(reports):
    theirs, ours = (
        reports.one("decode.py", model="mobile_sam", objects=50, row=row)
        for row in ("library", "ours")
    )
    found = (None, None)
    if theirs and ours:
        ratio = theirs["seconds"] / ours["seconds"]
        said = f"{ratio:.2f} times, {ours['seconds']:.2f} s; they differ by "
        found = (said + f"{ours['relative_error']:.0e}", ratio >= 2)
    yield "50 objects decoded 2 times faster than the library's own forward, equal", *found

    cached = reports.one("epoch.py", **{"pass": "cached"})
    found = (None, None)
    if cached:
        whole = cached["images"] == cached["all_images"]
        said = f"{cached['projected_minutes']:.1f} min"
        said += "" if whole else f", projected from {cached['images']} images"
        ratio = f"; an uncached one takes {cached['ratio']:.2f} times that"
        found = (said + ratio, cached["projected_minutes"] <= 30)
    yield "NWPU, embedded model: a cached epoch in 30 minutes", *found

    three = reports.one("evaluate.py", point_files=3)
    found = (f"{three['ratio']:.2f} times", three["ratio"] <= 1.5) if three else (None, None)
    yield "NWPU val at 1, 2 and 3 points in 1.5 times the time of one", *found

    small = reports.one("prototypes.py", what="finch", features=10_000)
    large = reports.one("prototypes.py", what="finch", features=100_000)
    found = (f"{small['seconds']:.2f} s", small["seconds"] < 3) if small else (None, None)
    yield "FINCH of 10,000 features under 3 s", *found
    found = (f"{large['peak_gib']:.2f} GiB", large["peak_gib"] < 2) if large else (None, None)
    yield "FINCH of 100,000 features under 2 GiB", *found
