"""`stayhand.toml`: what is read from where, and what is refused by name."""

from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.settings.folders import default_config_dir, default_data_dir
from firewall.settings.load import find_settings, load_settings
from firewall.settings.settings import Settings

PROVIDER = '[[provider]]\nname = "a"\ndialect = "anthropic"\nbase_url = "https://a"\n'


def loaded(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    """Load a configuration with this text."""
    path = tmp_path / "stayhand.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(str(path), environ)


def test_empty_file_is_a_careful_default(tmp_path: Path) -> None:
    """Without a word everything listens on loopback, nobody approves himself and refusals are explained."""
    settings = loaded(tmp_path, XDG_STATE_HOME=str(tmp_path))
    assert settings.server.listen == "127.0.0.1:8787"
    assert settings.server.control_listen == "127.0.0.1:8788"
    assert (settings.approvals.ttl, settings.approvals.use_within, settings.approvals.solo) == (1800, 600, False)
    assert settings.models.on_refusal == "explain"
    assert [one.kind for one in settings.notify] == ["terminal"]
    assert settings.keystore_key == tmp_path / "keystore.key"
    assert settings.policy_dir == tmp_path / "policies"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[serve]\nlisten = 'x'", "serve"),
        ("[server]\nlistn = 'x'", "listn"),
        ("[server]\nlisten = 'nowhere'", "server.listen"),
        ("[server]\nlisten = ':8787'", "server.listen"),
        ("[server]\nlisten = '127.0.0.1:99999'", "server.listen"),
        ("[server]\nlisten = '127.0.0.1:8788'", "server"),
        ("[models]\non_refusal = 'stop'", "models.on_refusal"),
        ("[models]\nhold_s = 0", "models.hold_s"),
        ("[models]\nmax_body_mib = 100000", "models.max_body_mib"),
        ("[approvals]\nttl = 'soon'", "approvals.ttl"),
        ("[approvals]\nttl = 0", "approvals.ttl"),
        ("[approvals]\nuse_within = -5", "approvals.use_within"),
        ("[approvals]\nttl = true", "approvals.ttl"),
        ("[approvals]\nmax_pending = 0", "approvals.max_pending"),
        ("[audit]\nsubject = 'session'", "audit.subject"),
        ("[storage]\nurl = 'postgresql://x'", "storage.url"),
        (PROVIDER, "`provider.1`"),
        (f"{PROVIDER}api_key = 'sk-plain'", "provider.1.api_key"),
        (f"{PROVIDER}api_key = {{ env = 'A', file = 'b' }}", "provider.1.api_key"),
        (f"{PROVIDER}api_key = {{ }}", "provider.1.api_key"),
        ("[[provider]]\nname = 'a'\ndialect = 'morse'\nbase_url = 'x'\napi_key = 'client'", "provider.1.dialect"),
        ("[[notify]]\nkind = 'pigeon'", "notify.1.kind"),
        ("[[route]]\nname = 'x'", "route"),
        ("[[mcp_server]]\nname = 'x'", "mcp_server"),
        ("[[budget]]\nscope = 'x'", "budget"),
        ("[egress]\nlisten = 'x'", "egress"),
        ("[server\n", "TOML"),
        ("[server]\nlisten = 'a:1'\nlisten = 'b:1'", "TOML"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    """An unknown key, a wrong value, a section that nobody would enforce: the error names it and the file."""
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    assert named in refused.value.public
    assert refused.value.file == str(tmp_path / "stayhand.toml")


def test_refused_secret_is_not_repeated(tmp_path: Path) -> None:
    """A key that somebody wrote into the file is not shown again by the error."""
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f"{PROVIDER}api_key = 'sk-canary-1'")
    assert "sk-canary-1" not in f"{refused.value.public}{refused.value.hint}{refused.value.detail}"


def test_environment_goes_over_the_file(tmp_path: Path) -> None:
    """`STAYHAND_SECTION__KEY` wins over the file, in every type of value."""
    settings = loaded(
        tmp_path,
        "[server]\nlisten = '127.0.0.1:1'\n[approvals]\nsolo = true",
        STAYHAND_SERVER__LISTEN="127.0.0.1:2",
        STAYHAND_MODELS__HOLD_S="7",
        STAYHAND_APPROVALS__SOLO="false",
        STAYHAND_APPROVALS__TTL="5m",
        STAYHAND_AUDIT__WITNESS="/a, /b",
        STAYHAND_SERVER__TRUSTED_PROXIES="10.0.0.1",
        STAYHAND_TOKEN="ignored here",
        UNRELATED__X="y",
    )
    assert settings.server.listen == "127.0.0.1:2"
    assert (settings.models.hold_s, settings.approvals.solo, settings.approvals.ttl) == (7, False, 300)
    assert settings.audit.witness == ("/a", "/b")
    assert settings.server.trusted_proxies == ("10.0.0.1",)


@pytest.mark.parametrize(
    "name", ["STAYHAND_BUDGET__SCOPE", "STAYHAND_SERVR__LISTEN", "STAYHAND_PATH__X", "STAYHAND_PROVIDER__NAME"]
)
def test_variable_that_would_be_ignored_is_refused(tmp_path: Path, name: str) -> None:
    """A setting that does nothing protects nobody, so it is refused by name."""
    with pytest.raises(ConfigError, match=name):
        loaded(tmp_path, "", **{name: "x"})


def test_wrong_value_from_the_environment_is_refused(tmp_path: Path) -> None:
    """The environment is held to the same rules as the file."""
    with pytest.raises(ConfigError, match=r"models\.hold_s"):
        loaded(tmp_path, "", STAYHAND_MODELS__HOLD_S="forever")
    with pytest.raises(ConfigError, match="listn"):
        loaded(tmp_path, "", STAYHAND_SERVER__LISTN="127.0.0.1:1")


def test_relative_places_start_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody starts the server does not decide which log it writes."""
    monkeypatch.chdir("/")
    settings = loaded(
        tmp_path,
        "[server]\ndata_dir = 'data'\n[audit]\nwitness = ['w', 'https://w/x', '/abs']\n[policy]\ndir = 'p'",
    )
    assert settings.data_dir == tmp_path / "data"
    assert settings.database == tmp_path / "data" / "stayhand.db"
    assert settings.policy_dir == tmp_path / "p"
    assert settings.witness == (str(tmp_path / "w"), "https://w/x", "/abs")


def test_files_that_hold_secrets_are_known(tmp_path: Path) -> None:
    """Every file that a reference names belongs to the firewall's own reach."""
    settings = loaded(
        tmp_path,
        f"{PROVIDER}api_key = {{ file = '/k/provider' }}\n"
        "[audit]\nkeystore_key = { file = '/k/wrap' }\n"
        "[[notify]]\nkind = 'webhook'\nurl = { file = '/k/url' }\nsecret = { file = '/k/sign' }",
    )
    assert {str(path) for path in settings.secret_files} == {"/k/provider", "/k/wrap", "/k/url", "/k/sign"}
    assert str(settings.keystore_key) == "/k/wrap"


def test_configuration_is_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As given, then the variable, then this folder, then the user's; with none, a hint."""
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    (home / ".config/stayhand").mkdir(parents=True)
    monkeypatch.chdir(here)
    environ = {"HOME": str(home)}
    with pytest.raises(ConfigError, match="there is no") as refused:
        find_settings(None, environ)
    assert "init" in refused.value.hint
    (home / ".config/stayhand/stayhand.toml").touch()
    assert find_settings(None, environ) == home / ".config/stayhand/stayhand.toml"
    (here / "stayhand.toml").touch()
    assert find_settings(None, environ) == here / "stayhand.toml"
    assert find_settings(None, {**environ, "STAYHAND_CONFIG": "/x.toml"}) == Path("/x.toml")
    assert find_settings("/y.toml", {**environ, "STAYHAND_CONFIG": "/x.toml"}) == Path("/y.toml")
    assert default_config_dir({"XDG_CONFIG_HOME": "/c"}) == Path("/c/stayhand")
    assert default_data_dir({"XDG_STATE_HOME": "/s"}) == Path("/s/stayhand")
    assert default_data_dir({"HOME": "/h"}) == Path("/h/.local/state/stayhand")


def test_missing_or_unreadable_file_is_an_error_in_words(tmp_path: Path) -> None:
    """A file that is not there, a folder, and bytes that are no text."""
    with pytest.raises(ConfigError, match="cannot read"):
        load_settings(str(tmp_path / "none.toml"), {})
    with pytest.raises(ConfigError, match="cannot read"):
        load_settings(str(tmp_path), {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_settings(str(tmp_path / "binary.toml"), {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nlistn = 'x'", "`server.listn` in `{path}` is no key of ours"),
        ("[models]\nhold_s = 0", "`models.hold_s` in `{path}` must be at least 1"),
        ("[models]\nhold_s = 'long'", "`models.hold_s` in `{path}` must be a whole number"),
        ("server = 3", "`server` in `{path}` must be a table"),
        ("[models]\non_refusal = 3", "`models.on_refusal` in `{path}` must be"),
    ],
)
def test_what_is_wrong_is_said_in_our_words(tmp_path: Path, text: str, words: str) -> None:
    """A person reads the key, the file and what was expected, not a library's vocabulary."""
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    assert refused.value.public.startswith(words.format(path=tmp_path / "stayhand.toml"))
    assert "input" not in refused.value.public
