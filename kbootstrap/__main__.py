"""``python -m kbootstrap``."""

from kbootstrap.cli import main

raise SystemExit(main())
