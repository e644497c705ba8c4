"""``python -m grantd``."""

from grantd.cli.main import main

if __name__ == "__main__":
    main()
