"""The query API that Prometheus and VictoriaMetrics share: sends PromQL and returns samples. Blocking."""

from dataclasses import dataclass
from typing import TypedDict, cast

from tests.servers.web import request


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector; `labels` without the name."""

    name: str
    labels: dict[str, str]
    value: float
    time_s: float


class _Result(TypedDict):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(TypedDict):
    result: list[_Result]


class _Document(TypedDict):
    data: _Data


def instant_query(base_url: str, expression: str, time_s: float | None = None) -> list[Sample]:
    """The vector an expression gives now, or at `time_s`. A refused expression fails with the server's reason."""
    params = {"query": expression} | ({} if time_s is None else {"time": f"{time_s:.3f}"})
    answer = request(f"{base_url}/api/v1/query", params)
    assert answer.status == 200, f"{expression}: {answer.text}"
    samples = []
    for result in cast("_Document", answer.json())["data"]["result"]:
        labels = dict(result["metric"])
        stamp, value = result["value"]
        samples.append(Sample(labels.pop("__name__", ""), labels, float(value), stamp))
    return samples
