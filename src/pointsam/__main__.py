"""``python -m pointsam``, which is what ``torchrun -m pointsam`` starts."""

import sys

from pointsam.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
