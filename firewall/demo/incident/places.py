"""The incident's curl by itself, at the two other places where the firewall stands.

Through the forward proxy it goes to the vendor's own address with the token that was found; at the target's
address with the firewall's token instead. The model has no part in either: any program of an agent could do it.
"""

import json
import subprocess
from typing import Final

from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads_object
from firewall.demo.incident.agent import PlayError
from firewall.demo.incident.stage import TARGET, VOLUME, Firewall, Stage
from firewall.demo.infrastructure import PATH
from firewall.demo.reading import Json
from firewall.demo.scenes import RAILWAY

CURL_LIMIT_S: Final = 30
_BODY: Final = json.dumps({"query": f"mutation {{ volumeDelete(volumeId: {json.dumps(VOLUME)}) }}"})


def through_the_proxy(stage: Stage, firewall: Firewall) -> Json:
    """Send the incident's request through the forward proxy, the found token in it; return what came back.

    Raises: PlayError when nothing readable did.
    """
    listen, authorities = firewall.way_out()
    bundle = stage.folder / "egress.pem"
    bundle.write_text(authorities, encoding="utf-8")
    way = ("-x", f"http://stayhand:{firewall.agent_token}@{listen}", "--cacert", str(bundle))
    return _curled(stage, RAILWAY, f"Authorization: Bearer {stage.environment['RAILWAY_TOKEN']}", *way)


def at_the_target(stage: Stage, firewall: Firewall) -> Json:
    """Send it to the target's address with the firewall's token; return what came back.

    Raises: PlayError when nothing readable did.
    """
    return _curled(stage, f"{firewall.agents}/infra/{TARGET}{PATH}", f"x-stayhand-token: {firewall.agent_token}")


def _curled(stage: Stage, url: str, header: str, *way: str) -> Json:
    words = ["curl", "-s", "-X", "POST", url, "-H", header, "-H", "Content-Type: application/json", "-d", _BODY]
    done = subprocess.run(  # noqa: S603 - the curl of this machine, or the stand-in
        [*words, *way],
        cwd=stage.workspace,
        env=dict(stage.environment),
        capture_output=True,
        timeout=CURL_LIMIT_S,
        check=False,
    )
    try:
        return loads_object(done.stdout)
    except ProtocolError as error:
        raise PlayError(f"curl got no answer (exit {done.returncode})") from error
