"""AWS: who the key is, and what IAM says of it; reads alone, signed as every request of the target is."""

import re
from urllib.parse import urlencode

from firewall.gates.infra.aws import endpoints
from firewall.gates.infra.scopes.asking import Asker, Reply
from firewall.gates.infra.scopes.telling import Level, Scope, broad, narrow, refused, silent, unclear

_ARN = re.compile(rb"<Arn>(arn:[a-z-]{2,20}:[a-z]{2,10}::(\d{12}):([^<\s]{1,200}))</Arn>")
_GRAVE_POLICIES = re.compile(
    rb":aws:policy/(?:job-function/)?(AdministratorAccess|PowerUserAccess|IAMFullAccess)</"
)
_ACTIONS = (
    "iam:CreateAccessKey",
    "iam:AttachUserPolicy",
    "s3:DeleteBucket",
    "rds:DeleteDBInstance",
    "kms:ScheduleKeyDeletion",
)
_DECISION = re.compile(rb"<EvalDecision>(\w{1,20})</EvalDecision>")
_LIMIT = "attach a policy with the actions that are needed, for the resources that are needed"


async def aws(asker: Asker) -> list[Scope]:
    """Return what STS and IAM tell of the target's key."""
    region = next(iter(asker.target.regions), "us-east-1")
    reply = await _call(asker, "sts", region, {"Action": "GetCallerIdentity", "Version": "2011-06-15"})
    if reply.status in (401, 403):
        return [refused(reply.status)]
    found = _ARN.search(reply.body)
    if reply.status != 200 or found is None:
        return [silent(reply.status)]
    arn, account, who = (part.decode("latin-1") for part in found.groups())
    said = _of_account(asker, account)
    if who == "root":
        return [*said, broad("the key of the account's root user", "delete it, and use a role")]
    return [*said, *await _of_policies(asker, region, arn, who=who)]


def _of_account(asker: Asker, account: str) -> list[Scope]:
    wanted = asker.target.spec.account
    if wanted and wanted != account:
        return [Scope(Level.ERROR, f"the key belongs to account {account}, not to {wanted}", "correct `account`")]
    if not wanted:
        return [unclear(f"the key belongs to account {account}", f'set account = "{account}"')]
    return []


async def _of_policies(asker: Asker, region: str, arn: str, *, who: str) -> list[Scope]:
    kind, _, rest = who.partition("/")
    name = rest.split("/")[0] if kind == "assumed-role" else rest.rpartition("/")[2]
    is_role = kind == "assumed-role"
    action = "ListAttachedRolePolicies" if is_role else "ListAttachedUserPolicies"
    listed = await _iam(asker, region, {"Action": action, "RoleName" if is_role else "UserName": name})
    grave = (
        sorted({match.decode() for match in _GRAVE_POLICIES.findall(listed.body)}) if listed.status == 200 else []
    )
    if grave:
        return [broad(f"the policy {', '.join(grave)} is attached", _LIMIT)]
    _, partition, _, _, account, _ = arn.split(":", 5)
    source = f"arn:{partition}:iam::{account}:role/{name}" if is_role else arn
    wish = {"Action": "SimulatePrincipalPolicy", "PolicySourceArn": source}
    wish |= {f"ActionNames.member.{number}": one for number, one in enumerate(_ACTIONS, 1)}
    simulated = await _iam(asker, region, wish)
    decisions = _DECISION.findall(simulated.body) if simulated.status == 200 else []
    if decisions and all(one == b"allowed" for one in decisions):
        return [broad("it may make keys, and delete buckets and databases, as an administrator", _LIMIT)]
    if decisions:
        return [narrow(f"IAM allows it {decisions.count(b'allowed')} of {len(_ACTIONS)} grave actions")]
    if listed.status == 200:
        return [narrow("no policy of an administrator is attached by itself; groups are not looked at")]
    return [unclear("it may not read its own policies, so IAM does not tell", _LIMIT)]


async def _iam(asker: Asker, region: str, wish: dict[str, str]) -> Reply:
    return await _call(asker, "iam", region, {"Version": "2010-05-08", **wish})


async def _call(asker: Asker, service: str, region: str, form: dict[str, str]) -> Reply:
    place = endpoints.of_service(service, region)
    host, signed_for = (place.host, place.region) if place else ("", region)
    return await asker.aws(host if asker.target.by_host else "", signed_for, service, urlencode(form))
