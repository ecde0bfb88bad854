"""What a vendor's answer says of a form: done, accepted and not through, failed, or nobody knows."""

import pytest

from firewall.core.approval import FormState
from firewall.core.target import TargetKind
from firewall.gates.infra.forms import outcome_of

REST, GRAPHQL, CLUSTER = TargetKind.REST, TargetKind.GRAPHQL, TargetKind.KUBERNETES


@pytest.mark.parametrize(
    ("status", "body", "kind", "state"),
    [
        (201, b'{"snapshot": {"id": "s1", "name": "before-deletion"}}', REST, FormState.DONE),
        (200, b"", REST, FormState.DONE),
        (204, b"", REST, FormState.DONE),
        (200, b'{"status": "active", "name": "pending"}', REST, FormState.DONE),
        (202, b"{}", REST, FormState.ACCEPTED),
        (201, b'{"action": {"id": 1, "status": "in-progress", "type": "snapshot"}}', REST, FormState.ACCEPTED),
        (200, b'{"operations": [{"action": "x", "status": "scheduling"}]}', REST, FormState.ACCEPTED),
        (200, b'{"snapshot": {"State": "PENDING"}}', REST, FormState.ACCEPTED),
        (200, b"<CreateSnapshotResponse><status>pending</status>", REST, FormState.ACCEPTED),
        (200, b'{"BackupDetails": {"BackupStatus": "CREATING"}}', TargetKind.AWS, FormState.ACCEPTED),
        (200, b'{"BackupDetails": {"BackupStatus": "AVAILABLE"}}', TargetKind.AWS, FormState.DONE),
        (200, b"<DBSnapshot><Status>creating</Status></DBSnapshot>", TargetKind.AWS, FormState.ACCEPTED),
        (200, b"<DBSnapshot><Status>available</Status></DBSnapshot>", TargetKind.AWS, FormState.DONE),
        (201, b'{"kind": "VolumeSnapshot", "metadata": {}}', CLUSTER, FormState.ACCEPTED),
        (200, b'{"kind": "VolumeSnapshot", "status": {"readyToUse": false}}', CLUSTER, FormState.ACCEPTED),
        (200, b'{"kind": "VolumeSnapshot", "status": {"readyToUse": true}}', CLUSTER, FormState.DONE),
        (200, b'{"data": {"projectScheduleDelete": true}}', GRAPHQL, FormState.DONE),
        (200, b'{"data": {"x": 1}, "errors": []}', GRAPHQL, FormState.DONE),
        (200, b'{"errors": [{"message": "no"}], "data": null}', GRAPHQL, FormState.FAILED),
        (302, b"", REST, FormState.FAILED),
        (409, b'{"status": "done"}', REST, FormState.FAILED),
        (500, b"", REST, FormState.FAILED),
        (0, b"", REST, FormState.FAILED),
    ],
)
def test_only_what_says_that_it_is_done_is_done(
    status: int, body: bytes, kind: TargetKind, state: FormState
) -> None:
    """A success that is still under way, or that holds errors, is none yet."""
    found = outcome_of(status, body, kind, judged=7)
    assert (found.state, found.status, found.judged) == (state, status, 7)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("indeterminate", FormState.UNKNOWN),
        ("token_revoked", FormState.UNKNOWN),
        ("upstream_unavailable", FormState.FAILED),
        ("redirect_refused", FormState.FAILED),
    ],
)
def test_what_has_no_answer_is_told_by_our_own_code(code: str, state: FormState) -> None:
    """What may have happened is unknown, and the code stands beside it."""
    found = outcome_of(0, b"", REST, error=code)
    assert (found.state, found.note) == (state, code)
