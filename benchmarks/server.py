"""The server of `pointsam click` under load: many clients that click at once on one model.

    python benchmarks/server.py --clicks 2000 --images 20 --clients 16 --output server.json

Images are drawn. Each client clicks on image after image and waits for its mask before the next
click. "first" is a click on an image whose embedding is not there yet; the others are "warm".
"CPU s a click" is of the server, over all clicks: on a machine that does much else it says more
than the time that went by.
Memory is the server's own, at the start, after half and after all clicks.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
from measuring import write_report
from PIL import Image

TOKEN = "benchmark-of-the-server"


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        images = draw(Path(folder) / "Images", args.images, args.size)
        process, address = start(images, args)
        try:
            found = asyncio.run(load(address, process.pid, args))
        finally:
            process.terminate()
            process.wait(timeout=60)
    show(found)
    write_report(args.output, [found])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--size", type=int, default=1024, help="of an image, in pixels")
    parser.add_argument("--clicks", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--joint", action="store_true")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


def draw(folder, count, size):
    """Discs of different colours on a rough ground."""
    folder.mkdir()
    row, column = np.mgrid[0:size, 0:size]
    for number in range(count):
        rng = np.random.default_rng(number)
        pixels = rng.integers(60, 110, (size, size, 3)).astype(np.uint8)
        for x, y, radius in rng.integers((40, 40, 12), (size - 40, size - 40, 36), (80, 3)):
            disc = (column - x) ** 2 + (row - y) ** 2 < radius**2
            pixels[disc] = rng.integers(120, 255, 3)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return folder


def start(images, args):
    command = [sys.executable, "-m", "pointsam", "serve", str(images), "--port", "0"]
    command += ["--token", TOKEN, "--side", str(args.side), "--threads", str(args.threads)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "http://" in line:
            return process, line.split()[-1]
    raise SystemExit("the server did not start")


async def load(address, pid, args):
    memory = {"start": resident(pid)}
    seconds = {"first": [], "warm": []}
    seen = set()
    share = args.clicks // args.clients
    done = 0

    async def client(number, session):
        nonlocal done
        rng = np.random.default_rng(1000 + number)
        for click in range(share):
            image = (number + click * args.images // share) % args.images + 1
            x, y = rng.integers(0, args.size, 2).tolist()
            kind = "warm" if image in seen else "first"
            since = time.perf_counter()
            answer = await session.post(
                f"api/images/{image}/objects",
                json={"points": [[x, y, 1]], "class": "object"},
                headers={"X-Pointsam-Client": str(number)},
            )
            seconds[kind].append(time.perf_counter() - since)
            assert answer.status_code == 200, answer.text
            seen.add(image)
            done += 1
            if done == args.clicks // 2:
                memory["half"] = resident(pid)

    since, spent = time.perf_counter(), cpu_seconds(pid)
    async with httpx.AsyncClient(base_url=address, timeout=600) as session:
        if args.joint:
            await session.put("api/settings", json={"joint": True})
        await asyncio.gather(*(client(number, session) for number in range(args.clients)))
    wall = time.perf_counter() - since
    memory["end"] = resident(pid)
    return {
        "clicks": done,
        "images": args.images,
        "clients": args.clients,
        "side": args.side,
        "joint": args.joint,
        "threads": args.threads,
        "load": os.getloadavg()[0],
        "clicks a second": done / wall,
        "CPU s a click": (cpu_seconds(pid) - spent) / done,
        **{
            f"{kind} p{percent}": float(np.percentile(values, percent))
            for kind, values in seconds.items()
            if values
            for percent in (50, 95)
        },
        "MiB": memory,
    }


def resident(pid):
    """Memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def cpu_seconds(pid):
    """Time that a process has had on the CPU: what other programs do does not change it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(found):
    print(f"{found['clicks']} clicks of {found['clients']} clients on {found['images']} images")
    for name, value in found.items():
        print(f"  {name:<16} {value if not isinstance(value, float) else round(value, 3)}")


if __name__ == "__main__":
    main()
