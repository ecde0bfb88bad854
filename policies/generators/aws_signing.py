"""Make firewall/gates/infra/aws/signing.tsv: which hosts a signing name of AWS may mean, where it is not its own.

Run with a Python that has botocore: `python policies/generators/aws_signing.py`. Services whose endpoint prefix is
their signing name, alone, are left out: they need no row.
"""

import gzip
import importlib.metadata
import json
from datetime import UTC, datetime
from pathlib import Path

import botocore

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "firewall/gates/infra/aws/signing.tsv"


def main() -> None:
    """Write the table."""
    found: dict[str, set[str]] = {}
    for folder in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        versions = sorted(folder.glob("*/service-2.json.gz"))
        if versions:
            about = json.loads(gzip.decompress(versions[-1].read_bytes()))["metadata"]
            prefix = str(about["endpointPrefix"])
            found.setdefault(str(about.get("signingName") or prefix), set()).add(prefix)
    rows = [
        f"{name}\t{','.join(sorted(prefixes, key=lambda prefix: (prefix != name, prefix)))}"
        for name, prefixes in sorted(found.items())
        if prefixes != {name}
    ]
    head = [
        "# licence: Apache-2.0 (botocore)",
        "# made by: policies/generators/aws_signing.py",
        f"# read: {datetime.now(UTC).date()}",
        f"# source: pypi botocore {importlib.metadata.version('botocore')}",
    ]
    OUT.write_text("\n".join([*head, *rows]) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
