"""What the machine can do at most, what of it encoder and decoder reach, and what else was tried.

    python benchmarks/limits.py --output limits.json

"product" is one large matrix product: nothing that is made of products is faster. "encode" and
"decode" are an image and its objects without a graph, with the share of that rate they reach;
products and convolutions alone are counted. "form" is the encoder in another memory layout, or
compiled, beside the encoder as it is used. Each case runs in a process of its own.
"""

import argparse
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from measuring import median, run_case, seconds, write_report
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models import drawn_sample, make_model

PRECISIONS = ("float32", "bfloat16")
FORMS = ("as used", "contiguous", "channels-last", "compiled")


def main():
    args = arguments()
    if args.case is not None:
        print(json.dumps(measure(json.loads(args.case))))
        return
    whats = args.what.split(",")
    cases = []
    if "product" in whats:
        cases += [
            {"what": "product", "precision": precision, "threads": threads}
            for precision in PRECISIONS
            for threads in (1, 2)
        ]
    for model in args.model.split(","):
        for what in [name for name in ("encode", "decode") if name in whats]:
            cases += [
                {"what": what, "model": model, "precision": precision, "threads": 2}
                for precision in PRECISIONS
            ]
        if "form" in whats:
            cases += [
                {"what": "form", "model": model, "form": form, "precision": "float32", "threads": 2}
                for form in FORMS
            ]
    shared = {"side": args.side, "objects": args.objects, "repeats": args.repeats}
    found = []
    for case in cases:
        found.append(run_case(__file__, case | shared, limit_gib=args.limit_gib))
        add_share(found)
        show(found[-1])
    write_report(args.output, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--what", default="product,encode,decode,form")
    parser.add_argument("--model", default="mobile_sam,sam-vit-b", help="as in models.py")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit-gib", type=float, default=12.0, help="most memory of a case")
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def add_share(found):
    """Set a rate beside that of the product of the same type with as many threads."""
    last = found[-1]
    for one in found:
        same = all(one.get(key) == last.get(key) for key in ("precision", "threads"))
        if one["what"] == "product" and same and "gflops" in one and "gflops" in last:
            last["share"] = round(last["gflops"] / one["gflops"], 3)


def show(found):
    names = [str(found.get(key, "")) for key in ("what", "model", "form", "precision")]
    head = "".join(f"{name:<14}" for name in names) + f"{found['threads']} threads "
    if "failed" in found:
        print(head, found["failed"], flush=True)
        return
    rate = f"{found['gflops']:9.0f} GFLOP/s" if "gflops" in found else ""
    share = f"{100 * found['share']:6.0f} %" if "share" in found else ""
    first = f"  first call {found['first_seconds']:.1f} s" if "first_seconds" in found else ""
    print(f"{head}{found['seconds']:9.3f} s{rate}{share}{first}", flush=True)


def measure(case):
    """Time one case."""
    torch.set_num_threads(case["threads"])
    if case["what"] == "product":
        return product(case)
    model = make_model(case["model"], side=case["side"])
    if case["what"] == "form":
        return form(case, model)
    sample = drawn_sample(model, objects=case["objects"])
    with torch.no_grad(), halved(case["precision"]):
        embedding = model.encode([sample.pixels])
        if case["what"] == "encode":
            action = partial(model.encode, [sample.pixels])
        else:
            action = partial(model.decode, embedding, sample.prompts)
        taken = median(seconds(action, times=case["repeats"]))
        flops = count_flops(action)
    return {"seconds": taken, "gflop": flops / 1e9, "gflops": flops / 1e9 / taken}


def product(case, *, size=4096):
    """Multiply two square matrices."""
    dtype = getattr(torch, case["precision"])
    left, right = torch.randn(2, size, size).to(dtype)
    taken = median(seconds(partial(torch.mm, left, right), times=case["repeats"]))
    flops = 2 * size**3
    return {"seconds": taken, "gflop": flops / 1e9, "gflops": flops / 1e9 / taken}


def form(case, model):
    """Encode with another memory layout of weights and pixels, or compiled."""
    pixels = model.normalise([drawn_sample(model, objects=1).pixels])
    layouts = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
    if case["form"] in layouts:
        layout = layouts[case["form"]]
        pixels = pixels.contiguous(memory_format=layout)
        for parameter in model.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=layout)

    def encode(pixels):
        return model.encode_adapted(model.encode_frozen(pixels)).image

    expected = None
    if case["form"] == "compiled":
        with torch.no_grad():
            expected = encode(pixels)
        encode = torch.compile(encode)
    with torch.no_grad():
        start = perf_counter()
        image = encode(pixels)
        first = perf_counter() - start
        taken = median(seconds(partial(encode, pixels), times=case["repeats"]))
    found = {"seconds": taken, "first_seconds": round(first, 2)}
    if expected is not None:
        found["relative_error"] = float((image - expected).norm() / expected.norm())
    return found


def halved(precision):
    """Give autocast where half precision is asked for."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast("cpu", dtype=getattr(torch, precision))


def count_flops(action):
    """Count those of products and convolutions; attention written out, so that it is counted."""
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        action()
    return counter.get_total_flops()


if __name__ == "__main__":
    main()
