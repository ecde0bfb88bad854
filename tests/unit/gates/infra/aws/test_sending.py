"""Requests to AWS as they leave: the real key signs, and stands in no field of its own."""

import json
from pathlib import Path

from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind
from firewall.gates.infra.aws.sending import request_of
from firewall.gates.infra.targets import targets_of
from firewall.settings.settings import Settings
from firewall.settings.targets import Target
from firewall.settings.values import SecretRef

SECRET, SESSION = "aws-secret-canary-4f1c", "aws-session-canary-9b2e"


def test_the_secret_signs_and_does_not_travel(tmp_path: Path) -> None:
    """The host is the one named, the session token is what answers are scrubbed of, the secret is nowhere."""
    held = tmp_path / "key"
    held.write_text(json.dumps({"AccessKeyId": "id", "SecretAccessKey": SECRET, "SessionToken": SESSION}))
    target = Target(
        name="aws", environment="staging", kind=TargetKind.AWS, credential=SecretRef(file=str(held))
    )  # fmt: skip
    found = targets_of(Settings(target=(target,), path=str(tmp_path / "stayhand.toml")))["aws"]
    outgoing = Outgoing("GET", "/", host="sts.eu-west-1.amazonaws.com", scope="eu-west-1/sts")
    endpoint, request = request_of(found, outgoing)
    assert endpoint.base_url == "https://sts.eu-west-1.amazonaws.com"
    assert request.credential is not None
    assert (request.credential.header, request.credential.secret.reveal()) == ("x-amz-security-token", SESSION)
    fields = dict(request.fields)
    assert b"eu-west-1/sts/aws4_request" in fields[b"authorization"]
    assert SECRET.encode() not in b"".join(fields.values())
    assert SESSION not in repr(request)
    assert SECRET not in repr(request)
