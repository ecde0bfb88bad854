"""Asks Stayhand whether a call may run: STAYHAND_URL is its agents' side, STAYHAND_AGENT_TOKEN the token."""

import os

import httpx


def refusal(tool: str, arguments: object, *, session: str = "") -> str:
    """Return why a call may not run, as a model can be told; empty: it may. No answer is a refusal."""
    url, token = os.environ["STAYHAND_URL"], os.environ["STAYHAND_AGENT_TOKEN"]
    question = {"tool": tool, "arguments": arguments, "session": session}
    try:
        answer = httpx.post(f"{url}/v1/judge", json=question, headers={"x-stayhand-token": token}, timeout=30)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return f"[stayhand] {tool} was not run: STAYHAND_AGENT_TOKEN is not accepted; mint a new one."
        said = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return f"[stayhand] {tool} was not run: the firewall gave no answer ({type(error).__name__})."
    found = said if isinstance(said, dict) else {}
    if found.get("verdict") == "allow":
        return ""
    return str(found.get("message") or f"[stayhand] {tool} was not run.")
