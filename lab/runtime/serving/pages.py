"""Pages about the server itself: health, counters, what it takes, and documentation."""

from __future__ import annotations

from typing import Any

from lab.runtime.serving import metrics, openapi
from lab.runtime.serving.http import Answer, Request, Route, json_answer
from lab.runtime.serving.service import Service

_HTML = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
)


_BRIEF = metrics.BRIEF.lower().encode()


def routes(service: Service, others: tuple[Route, ...]) -> list[Route]:
    """`others` are the routes of the protocols, which the pages tell of."""

    async def about(_request: Request) -> Answer:
        return json_answer(200, _about(service, table))

    async def livez(_request: Request) -> Answer:
        return json_answer(200, {"live": True})

    async def readyz(_request: Request) -> Answer:
        if service.ready_reason:
            return json_answer(503, {"ready": False, "reason": service.ready_reason})
        return json_answer(200, {"ready": True})

    async def counters(request: Request) -> Answer:
        families = _families(service)
        if service.model is not None and _BRIEF not in request.headers:
            families += service.model.profile.families()
        return Answer(200, metrics.page(families), ((b"content-type", metrics.CONTENT_TYPE),))

    async def document(_request: Request) -> Answer:
        return json_answer(200, openapi.document(service))

    async def docs(_request: Request) -> Answer:
        return Answer(200, openapi.html_page(openapi.document(service)).encode("utf-8", "replace"), _HTML)

    table = (
        *others,
        Route("/", "GET", about),
        Route("/livez", "GET", livez, guarded=False),
        Route("/readyz", "GET", readyz, guarded=False),
        Route("/metrics", "GET", counters),
        Route("/openapi.json", "GET", document),
        Route("/docs", "GET", docs),
    )
    return list(table[len(others) :])


def _about(service: Service, table: tuple[Route, ...]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "server": "lab",
        "model": service.config.name,
        "model_version": service.config.version,
        "ready": not service.ready_reason,
        "paths": {route.path: route.method for route in table},
    }
    if service.model is not None:
        signature = service.model.signature
        about |= {
            "framework": signature.framework,
            "task": signature.task,
            "inputs": [{"name": column.name, "dtype": column.dtype} for column in signature.columns],
            "outputs": list(signature.outputs),
            "classes": list(signature.classes),
            "labels": list(signature.labels),
            "compute": service.model.choice.about,
        }
    return about


def _families(service: Service) -> list[metrics.Family]:
    model, config, single = service.model, service.config, metrics.single
    info = {
        "model": config.name,
        "version": config.version,
        "framework": model.signature.framework if model else "",
        "sha256": config.sha256 or (model.signature.sha256 if model else ""),
        "way": model.choice.way if model else "",
    }
    golden = model.golden if model else 0
    families = [
        *service.metrics.families(),
        single("lab_requests_waiting", "gauge", "Requests waiting for the model.", service.waiting),
        single("lab_ready", "gauge", "Whether /readyz says yes.", int(not service.ready_reason)),
        single("lab_golden_rows", "gauge", "Golden rows that the model predicted as in training.", golden),
        single("lab_asleep", "gauge", "Whether the model is not in memory because nobody asks.", 0),
        single("lab_worker_restarts_total", "counter", "Deaths of the model's process.", config.lives.restarts),
        single("lab_worker_naps_total", "counter", "Times that the model was put to sleep.", config.lives.naps),
        single("lab_out_of_memory_total", "counter", "Deaths for want of memory.", config.lives.out_of_memory),
        single("lab_captured_total", "counter", "Requests kept with their answers.", service.capture.kept),
        single("lab_capture_dropped_total", "counter", "Requests to keep that were lost.", service.capture.dropped),
        metrics.Family("lab_model_info", "gauge", "The model.", [metrics.sample("lab_model_info", 1, **info)]),
    ]
    if model is None:
        return families
    seconds = [
        metrics.sample("lab_compute_seconds", timing, way=way, rows=str(rows))
        for way, timings in model.choice.timings
        for rows, timing in timings
    ]
    text = "Seconds of a call, as measured at load, by way to compute and rows."
    return [*families, metrics.Family("lab_compute_seconds", "gauge", text, seconds)]
