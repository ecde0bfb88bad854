"""What an agent that we start inherits."""

from firewall.cli.pointing import inherited_by_agents

ENVIRON = {
    "PATH": "/usr/bin",
    "HOME": "/home/alice",
    "STAYHAND_TOKEN": "shd_control_admin_x",
    "ANTHROPIC_API_KEY": "sk-a",
    "CLAUDE_CODE_OAUTH_TOKEN": "oat",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "ANTHROPIC_CUSTOM_HEADERS": "x: y",
    "AWS_BEARER_TOKEN_BEDROCK": "b",
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "MY_PROVIDER_KEY": "sk-p",
}


def test_keys_switches_and_our_secrets_stay_here() -> None:
    """Neither a key, nor what leads past us, nor a variable that the configuration takes a secret from."""
    kept = inherited_by_agents(ENVIRON, secrets=("MY_PROVIDER_KEY",))
    assert kept == {"PATH": "/usr/bin", "HOME": "/home/alice"}


def test_own_login_is_kept_and_the_way_past_us_is_not() -> None:
    """With its own login an agent keeps its keys, and still speaks to us."""
    kept = inherited_by_agents(ENVIRON, own_login=True)
    assert set(kept) == {"PATH", "HOME", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "MY_PROVIDER_KEY"}
