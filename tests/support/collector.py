"""A collector that takes OTLP over HTTP, as observability tools do: a real server that keeps what it is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class Collected:
    """What came in."""

    address: str
    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    """The newest of each name."""
    headers: list[dict[str, str]] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    status: int = 200
    """What it answers."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Keep one request."""
        with self._lock:
            self.headers.append(headers)
            if path == "/v1/traces":
                asked = ExportTraceServiceRequest.FromString(body)
                for resource in asked.resource_spans:
                    self.services.add(str(attributes_of(resource.resource.attributes)["service.name"]))
                    for scope in resource.scope_spans:
                        self.spans += scope.spans
            elif path == "/v1/metrics":
                for found in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    for one in found.scope_metrics:
                        self.metrics |= {metric.name: metric for metric in one.metrics}


def attributes_of(pairs: "Iterator[KeyValue] | list[KeyValue]") -> dict[str, object]:
    """Return attributes as plain values."""
    found: dict[str, object] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else None
    return found


@contextmanager
def collecting() -> Iterator[Collected]:
    """Serve a collector on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        """Takes what is posted."""

        def do_POST(self) -> None:
            """Keep it and say thanks."""
            body = self.rfile.read(int(self.headers["content-length"]))
            held = {name.lower(): value for name, value in self.headers.items()}
            if collected.status == 200:
                collected.take(self.path, held, body)
            self.send_response(collected.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collected = Collected(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collected
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)
