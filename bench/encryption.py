"""What encrypting costs: a plain bucket, one with AES256 and one with SM4, in turns on one server.

``python bench/encryption.py [--rounds N] [--folder DIR]`` prints a table as docs/benchmarks.md has.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from callbacks import path_of
from run import GB, GET_SCRIPT, GIB, KIB4, PUT_SCRIPT, ROUND_S, Figure, curl, ossia, wrk

from ossia.client.signing_client import SigningClient

ALGORITHMS = ("plain", "AES256", "SM4")
BIG = {"plain": GIB, "AES256": GIB, "SM4": GIB // 8}


def make_buckets(client: SigningClient) -> None:
    for algorithm in ALGORITHMS:
        asked = {} if algorithm == "plain" else {"x-oss-server-side-encryption": algorithm}
        assert client.request("PUT", bucket_of(algorithm), headers=asked).status == 200
        assert client.request("PUT", bucket_of(algorithm), "get4k", body=KIB4).status == 200


def bucket_of(algorithm: str) -> str:
    return f"bench-{algorithm.lower()}"


def small(pid: int, client: SigningClient, rounds: int) -> Iterator[Figure]:
    def path(algorithm: str, method: str, key: str) -> str:
        return path_of(client.url(method, bucket_of(algorithm), key))

    for method, script in (("PUT", PUT_SCRIPT), ("GET", GET_SCRIPT)):
        found = defaultdict(list)
        for _ in range(rounds):
            for algorithm in ALGORITHMS:
                keys = [f"k/{n:06d}" for n in range(2000)] if method == "PUT" else ["get4k"]
                paths = [path(algorithm, method, key) for key in keys]
                found[algorithm].append(wrk(pid, client.endpoint, script, paths, ROUND_S))
        for algorithm in ALGORITHMS:
            yield Figure(f"4 KiB {method}, {algorithm}", found[algorithm])


def large(pid: int, client: SigningClient, folder: Path, rounds: int) -> Iterator[Figure]:
    for algorithm in ALGORITHMS:
        size = BIG[algorithm]
        file = folder / f"big-{algorithm}"
        with file.open("wb") as content:
            for _ in range(size >> 20):
                content.write(b"x" * (1 << 20))
        put, get = (client.url(method, bucket_of(algorithm), "big") for method in ("PUT", "GET"))
        for method, arguments in (("PUT", ("-T", str(file), put)), ("GET", (get,))):
            rates, used = [], []
            for _ in range(rounds):
                began = time.monotonic()
                used.append((size / GB, curl(pid, *arguments)))
                rates.append(size / GB / (time.monotonic() - began))
            name = f"{size >> 20} MiB {method}, {algorithm} ({max(rates):.2f} GB/s)"
            yield Figure(name, used, per_second=False)
        file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="where data goes (a real disk)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        folder = Path(made)
        with ossia(folder) as (pid, client):
            make_buckets(client)
            few = max(1, options.rounds // 2)
            for measured in (small(pid, client, options.rounds), large(pid, client, folder, few)):
                for figure in measured:
                    print(
                        "|", figure.name, *(f"| {text}" for text in figure.texts), "|", flush=True
                    )


if __name__ == "__main__":
    main()
