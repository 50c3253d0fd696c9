"""Metrics as a scraper finds them."""

from dataclasses import dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


@dataclass(frozen=True, slots=True)
class Samples:
    """What one scrape has found."""

    found: list[Sample]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name with these labels."""
        return sum(
            each.value
            for each in self.found
            if each.name == name and labels.items() <= each.labels.items()
        )


def scrape(url: str) -> Samples:
    """Ask once, as Prometheus does."""
    with urlopen(url, timeout=10) as answer:
        document = answer.read().decode()
    families = text_string_to_metric_families(document)
    return Samples([sample for family in families for sample in family.samples])
