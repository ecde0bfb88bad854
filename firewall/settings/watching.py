"""`[telemetry]`: where traces and metrics of model calls are sent."""

from pydantic import Field, model_validator

from firewall.settings.values import SecretRef, Section


class TelemetrySettings(Section):
    """OpenTelemetry; nothing is sent anywhere unless an address is given."""

    otlp: str = ""
    """Base address of a collector that takes OTLP over HTTP, for example `http://127.0.0.1:4318`; empty: off."""
    headers: dict[str, SecretRef] = Field(default_factory=dict)
    """Header fields for the collector, each a secret by reference."""
    service: str = "stayhand"
    """`service.name` of what is sent."""
    sample_percent: int = Field(default=100, ge=0, le=100)
    """Of traces that begin here; one that an agent brought goes by the agent's own flag."""
    content: bool = False
    """Prompts and answers go along, credentials hidden. Off: they never leave this way."""

    @model_validator(mode="after")
    def _address(self) -> "TelemetrySettings":
        if self.otlp and not self.otlp.startswith(("http://", "https://")):
            raise ValueError("`otlp` is an http or https address, for example `http://127.0.0.1:4318`")
        if not self.otlp and (self.headers or self.content):
            raise ValueError("`headers` and `content` mean nothing without `otlp`")
        return self
