"""Files and addresses named in SQL: which hold credentials, which are plain data, which lie elsewhere."""

import re

from firewall.classify.sql.reading import DESTRUCTIVE, SECRET, UNKNOWN, WRITE
from firewall.core.effect import Effect

_SECRET_PATH = re.compile(
    r"/etc/(?:shadow|passwd|sudoers|gshadow|ssl/private)|\.ssh/|id_(?:rsa|ed25519|ecdsa|dsa)\b|\.pgpass|pg_hba\.conf|"
    r"\.aws/credentials|\.netrc|\.env\b|\.my\.cnf|\.git-credentials|/proc/(?:self|\d+)/environ|\.pem\b|\.key\b|"
    r"credentials?(?:\.json|\.toml|\.ya?ml)?$|\.kube/config|server\.key|secrets?\.(?:json|ya?ml|toml)|/run/secrets/",
    re.IGNORECASE,
)
_DATA_FILE = re.compile(
    r"^(?:/tmp/|/var/tmp/|[A-Za-z]:\\temp\\)|\.(?:csv|tsv|txt|dat|data|json|jsonl|ndjson|parquet|orc|avro|gz|bz2|zst|xz|zip|out|"
    r"tbl|arrow|xlsx?|html?|dump|bak|backup|db|sqlite3?|duckdb|log|tmp|bin|copy)$",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"^(?:s3[anx]?|gs|gcs|azure|azblob|wasbs?|abfss?|adl|https?|ftps?|sftp|ssh|hdfs|r2|oss|cos|cosn|obs|b2|webdav)://"
    r"|\\\\[\w.-]+\\",
    re.IGNORECASE,
)


def is_secret_path(path: str) -> bool:
    """Tell whether a path usually holds credentials or accounts."""
    return _SECRET_PATH.search(path[:1000]) is not None


def is_away(path: str) -> bool:
    """Tell whether this is an address of storage somewhere else."""
    return _AWAY.match(path) is not None


def file_effects(path: str) -> set[Effect]:
    """Return the effects of writing a result to a file: data files are writes, any other file may be code."""
    if is_secret_path(path):
        return {DESTRUCTIVE}
    plain = _DATA_FILE.search(path[:1000]) or not re.search(r"[/\\.]", path)
    return {WRITE} if plain else {WRITE, UNKNOWN}


def read_effects(path: str) -> set[Effect]:
    """Return the effects of loading a file into a table."""
    return {WRITE, SECRET} if is_secret_path(path) else {WRITE}
