"""Serves a drawn project until it is killed (``python -m tests.server.killed_at_work FOLDER``)."""

import sys
from pathlib import Path

from tests.server.served import make_client, make_session

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    session = make_session(folder / "project", folder / "Images")
    with make_client(session) as client:
        for number in range(1000):
            body = {"points": [[8 + number % 16, 8 + number // 16 % 16, 1]], "class": "object"}
            answer = client.post("/api/images/1/objects", json=body)
            assert answer.status_code == 200
            sys.stdout.write(f"{number + 1}\n")
            sys.stdout.flush()
