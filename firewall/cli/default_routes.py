"""The routes that Stayhand ships: three vendors, each of which stands in for the others.

`stayhand init --routes` writes them; without it they stand in stayhand.toml as a comment. They are drilled by
`python -m tests.drill_report`, whose report is docs/drills.md.
"""

ROUTES = """\
[[provider]]
name = "anthropic"
dialect = "anthropic"
base_url = "https://api.anthropic.com"
api_key = { env = "ANTHROPIC_API_KEY" }    # or "client": the agent's own login passes through, ours comes in
                                           # x-stayhand-token

[[provider]]
name = "openai"
dialect = "openai-responses"
base_url = "https://api.openai.com/v1"
api_key = { env = "OPENAI_API_KEY" }

[[provider]]
name = "gemini"
dialect = "gemini"
base_url = "https://generativelanguage.googleapis.com"
api_key = { env = "GEMINI_API_KEY" }

[[route]]                                  # the first that fits; see docs/routing.md
name = "coder"
models = ["coder", "claude-*"]             # what callers ask for
chain = ["anthropic/claude-sonnet-5", "openai/gpt-6-sol", "gemini/gemini-3.1-pro-preview"]   # in this order
on_stream_failure = "restart"              # what breaks off after words begins again at the next one

[[route]]
name = "quick"
chain = ["anthropic/claude-haiku-5-5", "openai/gpt-5-mini", "gemini/gemini-3.8-flash"]
on_stream_failure = "restart"
"""


def commented() -> str:
    """Return the routes as a comment."""
    return "#\n" + "".join(f"# {line}\n" if line else "#\n" for line in ROUTES.splitlines())
