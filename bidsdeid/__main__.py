"""``python -m bidsdeid`` is the command ``bidsdeid``."""

from bidsdeid.cli import main

raise SystemExit(main())
