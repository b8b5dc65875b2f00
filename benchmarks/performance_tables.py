"""What the tables of docs/performance.md say, from the rows of the benchmarks' reports."""

from performance_targets import targets
from reports import MISSING, NAMES, table


def grouped(parts, names):
    """Add up parts by the name they begin with; what has none is the last."""
    found = dict.fromkeys(names, 0.0)
    for part, took in parts.items():
        owner = next((name for name in names if part.startswith(name)), names[-1])
        found[owner] += took
    return found


def steps(reports):
    """A row a way to step: seconds, ratio to plain, memory, contested objects."""
    body = []
    found = reports.of("step.py")
    for row in found:
        case = (NAMES.get(row["model"], row["model"]), row["objects"], row["row"])
        if "failed" in row:
            body.append((*case, row["failed"], "", "", "", ""))
            continue
        ratios = []
        for name in ("plain", "plain-cut"):
            same = reports.one("step.py", model=row["model"], objects=row["objects"], row=name)
            ratios.append(f"{same['seconds'] / row['seconds']:.2f}" if same else "-")
        body.append(
            (
                *case,
                f"{row['seconds']:.2f}",
                *ratios,
                f"{row['peak_gib']:.2f} ({row['before_gib']:.2f})",
                row["contested"],
            )
        )
    heads = ("model", "objects", "row", "s", "plain / it", "plain-cut / it")
    return table((*heads, "peak (before), GiB", "contested"), body)


def parts(reports):
    """Seconds by part, a column a part."""
    names = ("load", "encode weak", "decode weak", "calibrate", "encode strong", "decode strong")
    names += ("losses", "backward", "prototypes", "optimizer", "rest")
    body = []
    for row in reports.of("step.py"):
        if "failed" not in row:
            took = grouped(row["parts"], names)
            case = (NAMES.get(row["model"], row["model"]), row["objects"], row["row"])
            body.append((*case, *(f"{took[name]:.2f}" for name in names)))
    return table(("model", "objects", "row", *names), body)


def limits(reports):
    """The machine's rate, and what of it is reached."""
    body = []
    for row in reports.of("limits.py"):
        if row["what"] != "form" and "failed" not in row:
            what = "one product, 4096 x 4096" if row["what"] == "product" else row["what"]
            case = (what, NAMES.get(row.get("model"), ""), row["precision"], row["threads"])
            share = f"{100 * row['share']:.0f} %" if "share" in row else "-"
            body.append(
                (
                    *case,
                    f"{row['seconds']:.3f}",
                    f"{row['gflop']:.0f}",
                    f"{row['gflops']:.0f}",
                    share,
                )
            )
    heads = ("what", "model", "type", "threads", "s", "GFLOP", "GFLOP/s")
    return table((*heads, "of the product's rate"), body)


def forms(reports):
    """The encoder in other layouts, and compiled."""
    body = []
    for row in reports.of("limits.py"):
        if row["what"] == "form":
            case = (NAMES.get(row["model"], row["model"]), row["form"])
            if "failed" in row:
                body.append((*case, row["failed"], ""))
            else:
                body.append((*case, f"{row['seconds']:.2f}", f"{row['first_seconds']:.1f}"))
    return table(("model", "encoder", "s", "first call, s"), body)


def prototypes(reports):
    """Clustering, bank and matching."""
    body = [
        (
            row["what"],
            row["features"],
            row.get("failed", f"{row.get('seconds', 0):.4g}"),
            f"{row['peak_gib']:.2f} ({row['before_gib']:.2f})" if "peak_gib" in row else "",
            ", ".join(map(str, row.get("clusters", ()))),
        )
        for row in reports.of("prototypes.py")
    ]
    return table(
        ("what", "features", "s", "peak (before), GiB", "clusters of each partition"), body
    )


def decode(reports):
    """Ours beside the library's forward."""
    body = []
    for row in reports.of("decode.py"):
        case = (NAMES.get(row["model"], row["model"]), row["objects"], row["row"])
        if "failed" in row:
            body.append((*case, row["failed"], "", "", ""))
            continue
        error, pixels = "", ""
        if row["row"] == "ours":
            error = f"{row['relative_error']:.1e}"
            pixels = f"{row['differing_pixels']} of {row['pixels']}"
        body.append((*case, f"{row['seconds']:.3f}", f"{row['peak_gib']:.2f}", error, pixels))
    heads = ("model", "objects", "row", "s", "peak, GiB")
    return table((*heads, "relative error", "mask pixels that differ"), body)


def epoch(reports):
    """The three passes."""
    body = []
    for row in reports.of("epoch.py"):
        if row["pass"] == "preparation":
            continue
        whole = row["images"] == row["all_images"]
        body.append(
            (
                row["pass"],
                f"{row['images']}, {row['objects']}",
                f"{row['seconds_an_image']:.2f}",
                f"{row['projected_minutes']:.1f} ({'measured' if whole else 'projected'})",
                ", ".join(f"{name} {took:.2f}" for name, took in row["parts_an_image"].items()),
            )
        )
    heads = ("pass", "images, objects", "s an image")
    return table((*heads, "all images, min", "s an image by part"), body)


def evaluation(reports):
    """One point file and three."""
    body = [
        (
            row["point_files"],
            f"{row['images']}, {row['instances']}",
            f"{row['seconds']:.1f}",
            f"{row['ratio']:.2f}" if "ratio" in row else "",
        )
        for row in reports.of("evaluate.py")
    ]
    return table(("point files", "images, instances", "s", "ratio"), body)


def origin(reports):
    """Say by which commands, at which commits, on which machine all this was measured."""
    if not reports.reports:
        return MISSING
    lines = []
    for report in reports.reports:
        load = report["machine"]["load_at_end"]
        lines.append(f"{report['command']}  # {report['commit']}, load at the end {load}")
    machine = reports.reports[0]["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    said = f"{machine['CPU']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
    return f"{said}Python {machine['python']}, {versions}.\n\n```sh\n" + "\n".join(lines) + "\n```"


TABLES = {
    "targets": targets,
    "steps": steps,
    "parts": parts,
    "decode": decode,
    "limits": limits,
    "forms": forms,
    "epoch": epoch,
    "evaluation": evaluation,
    "prototypes": prototypes,
    "origin": origin,
}
