from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CONFIDENCES = tuple(tenth / 10 for tenth in range(1, 11))
RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """What `GET /metrics` tells Prometheus, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self.latency = Histogram(
            "request_seconds",
            "Time from a request's head to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batch_records = Histogram(
            "batch_records", "Records run together.", buckets=RECORDS, registry=self.registry
        )
        self.tokens = Counter("tokens", "Word pieces run.", registry=self.registry)
        self.queue = Gauge(
            "queue_requests", "Requests that wait or are run.", registry=self.registry
        )
        self.confidence = Histogram(
            "confidence",
            "How sure the answers are, where they tell.",
            buckets=CONFIDENCES,
            registry=self.registry,
        )
        self.abstentions = Counter(
            "abstentions", "Answers that were not sure enough.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)
