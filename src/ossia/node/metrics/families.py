"""Every metric that a server has, with every value that a label of it can have.

Names follow the conventions of Prometheus: base units, ``_total`` for what only grows.  Nothing
that a client chooses is a label: no bucket, no key, no caller's name.
"""

from typing import Final

from ossia.api.admin import admin
from ossia.api.oss import oss
from ossia.api.ram import ram
from ossia.api.sts.rpc import STS_OPERATIONS
from ossia.domain.identity.identities import CallerKind
from ossia.domain.lifecycle import deeds
from ossia.gateway import console, internal, metrics, pipeline
from ossia.gateway.limits import WHOSE
from ossia.http.load import Reason
from ossia.node.metrics.board import Family, Kind
from ossia.ports import CallbackFault

UNKNOWN: Final = "unknown"
"""The operation of what none was found for."""
OTHER: Final = "other"

OPERATIONS: Final = tuple(
    dict.fromkeys(
        [
            *(each.name for each in oss.operations),
            *STS_OPERATIONS,
            *(name for _, name in ram.operations),
            *(each.name for each in admin.routes),
            *internal.OPERATIONS,
            console.OPERATION,
            metrics.OPERATION,
            pipeline.PREFLIGHT,
            UNKNOWN,
        ]
    )
)
REASONS: Final = (*Reason, *WHOSE)
CALLERS: Final = tuple(kind.name.lower() for kind in CallerKind)
STATUSES: Final = (
    *("200", "201", "203", "204", "206", "301", "302", "304"),
    *(
        "400",
        "401",
        "403",
        "404",
        "405",
        "409",
        "411",
        "412",
        "413",
        "416",
        "431",
        str(pipeline.GONE),
    ),
    *("500", "501", "503", OTHER),
)

_BY_OPERATION: Final = ("operation", OPERATIONS)
_SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
_SHORT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_COUNTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

REQUESTS: Final = Family(
    name="ossia_requests_total",
    text="Requests answered, by operation, status and kind of caller; 499: the client was gone.",
    labels=(_BY_OPERATION, ("status", STATUSES), ("caller", CALLERS)),
)
REQUEST_SECONDS: Final = Family(
    name="ossia_request_duration_seconds",
    text="From the head of a request (of a small one: its end) to the beginning of its answer.",
    kind=Kind.HISTOGRAM,
    labels=(_BY_OPERATION,),
    bounds=_SECONDS,
)
RECEIVED_BYTES: Final = Family(
    name="ossia_request_bytes_total",
    text="Bytes that arrived as bodies of requests.",
    labels=(_BY_OPERATION,),
)
SENT_BYTES: Final = Family(
    name="ossia_response_bytes_total",
    text="Bytes that answers announced as their bodies.",
    labels=(_BY_OPERATION,),
)

REFUSED: Final = Family(
    name="ossia_requests_refused_total",
    text="Requests and connections that were refused at once, by what was too much.",
    labels=(("reason", REASONS),),
)
IN_WORK: Final = Family(
    name="ossia_requests_under_way",
    text="Requests that a worker works on, of those that --request-limit bounds.",
    kind=Kind.GAUGE,
    by_worker=True,
)
CONNECTIONS: Final = Family(
    name="ossia_connections",
    text="Connections of clients that are open.",
    kind=Kind.GAUGE,
    by_worker=True,
)
LOOP_LAG: Final = Family(
    name="ossia_loop_lag_seconds",
    text="How late an event loop woke from a short sleep: what every request waits besides.",
    kind=Kind.HISTOGRAM,
    bounds=_SHORT_SECONDS,
)
WORKER_STARTS: Final = Family(
    name="ossia_worker_starts_total",
    text="Processes that were started as this worker: one, and one for each that died.",
    by_worker=True,
)
WORKER_STARTED_AT: Final = Family(
    name="ossia_worker_start_time_seconds",
    text="When the process of the worker was started, since 1970.",
    kind=Kind.GAUGE,
    by_worker=True,
)
WORKER_SEEN_AT: Final = Family(
    name="ossia_worker_seen_time_seconds",
    text="When the worker's event loop last turned, since 1970.",
    kind=Kind.GAUGE,
    by_worker=True,
)
MEMORY: Final = Family(
    name="ossia_worker_resident_memory_bytes",
    text="Memory that the worker occupies.",
    kind=Kind.GAUGE,
    by_worker=True,
)
CPU_SECONDS: Final = Family(
    name="ossia_worker_cpu_seconds_total",
    text="Time that the worker's process has spent on processors.",
    by_worker=True,
)
LOG_LINES_LOST: Final = Family(
    name="ossia_log_lines_lost_total",
    text="Log lines that could not be written: nobody reads them, or the disk is full.",
)

COMMIT_CHANGES: Final = Family(
    name="ossia_commit_batch_changes",
    text="Changes that one commit of the database in the data folder made together.",
    kind=Kind.HISTOGRAM,
    bounds=_COUNTS,
)
COMMIT_RUN_SECONDS: Final = Family(
    name="ossia_commit_run_seconds",
    text="How long the statements of one commit of that database took.",
    kind=Kind.HISTOGRAM,
    bounds=_SHORT_SECONDS,
)
COMMIT_DISK_SECONDS: Final = Family(
    name="ossia_commit_disk_seconds",
    text="How long the disk took to make one commit of that database durable.",
    kind=Kind.HISTOGRAM,
    bounds=_SHORT_SECONDS,
)
DATABASE_CALLS: Final = ("question", "change")
DATABASE_SECONDS: Final = Family(
    name="ossia_database_call_seconds",
    text="How long questions to the shared database, and changes of it, took in all their tries.",
    kind=Kind.HISTOGRAM,
    labels=(("call", DATABASE_CALLS),),
    bounds=_SECONDS,
)
DATABASE_FAILURES: Final = Family(
    name="ossia_database_failures_total",
    text="Calls of the shared database that had no answer in time.",
    labels=(("call", DATABASE_CALLS),),
)
LINE_STATES: Final = ("used", "free", "waiting")
DATABASE_CONNECTIONS: Final = Family(
    name="ossia_database_connections",
    text="Connections to the shared database, and requests that wait for one.",
    kind=Kind.GAUGE,
    labels=(("state", LINE_STATES),),
)

BLOB_CALLS: Final = ("publish", "delete")
BLOB_SECONDS: Final = Family(
    name="ossia_blob_call_seconds",
    text="How long it took to make the bytes of an object durable, and to delete some.",
    kind=Kind.HISTOGRAM,
    labels=(("call", BLOB_CALLS),),
    bounds=_SECONDS,
)
ENGINE_CALLS: Final = ("put", "get", "delete", "list")
ENGINE_OUTCOMES: Final = ("done", "missing", "unavailable", "cancelled")
ENGINE_SECONDS: Final = Family(
    name="ossia_engine_call_seconds",
    text="How long calls of the S3 engine took, all their tries together.",
    kind=Kind.HISTOGRAM,
    labels=(("call", ENGINE_CALLS),),
    bounds=_SECONDS,
)
ENGINE_CALLS_DONE: Final = Family(
    name="ossia_engine_calls_total",
    text="Calls of the S3 engine, by what became of them.",
    labels=(("call", ENGINE_CALLS), ("outcome", ENGINE_OUTCOMES)),
)
ENGINE_TRIES: Final = Family(
    name="ossia_engine_tries_total",
    text="Requests to the S3 engine: more than calls, where some had to be made again.",
    labels=(("call", ENGINE_CALLS),),
)

CALLBACK_KINDS: Final = ("upload", "retry", "trigger", "replay")
CALLBACK_OUTCOMES: Final = (
    "accepted",
    "rejected",
    "unsent",
    *(fault.value.replace(" ", "_") for fault in CallbackFault),
)
CALLBACKS: Final = Family(
    name="ossia_callback_attempts_total",
    text="Attempts to deliver a callback; rejected: an answer that does not accept it.",
    labels=(("kind", CALLBACK_KINDS), ("outcome", CALLBACK_OUTCOMES)),
)
CALLBACK_PHASES: Final = ("resolve", "connect", "tls", "first_byte", "total")
CALLBACK_SECONDS: Final = Family(
    name="ossia_callback_phase_seconds",
    text="How long the phases of attempts took; of attempts that came so far.",
    kind=Kind.HISTOGRAM,
    labels=(("phase", CALLBACK_PHASES),),
    bounds=_SECONDS,
)
CALLBACKS_UNDER_WAY: Final = Family(
    name="ossia_callbacks_under_way", text="Callbacks under way.", kind=Kind.GAUGE
)

DUTIES: Final = ("retry", "sweep", "lifecycle", "scrub")
_BY_DUTY: Final = (("duty", DUTIES),)
DUTY_FAILURES: Final = Family(
    name="ossia_duty_failures_total",
    text="Times that work in the background could not be done, and is tried again.",
    labels=_BY_DUTY,
)
DUTY_DONE_AT: Final = Family(
    name="ossia_duty_done_time_seconds",
    text="When work in the background was last done to its end here, since 1970; 0: never.",
    kind=Kind.GAUGE,
    labels=_BY_DUTY,
)
COLLECTED: Final = Family(
    name="ossia_collected_blobs_total",
    text="Blobs whose bytes were deleted because nothing refers to them.",
)
SCRUBBED_ROWS: Final = Family(
    name="ossia_scrubbed_rows_total",
    text="Objects, versions and parts of uploads of which the scrub has read the bytes.",
)
SCRUBBED_BYTES: Final = Family(
    name="ossia_scrubbed_bytes_total", text="Bytes that the scrub has read."
)
LIFECYCLE: Final = Family(
    name="ossia_lifecycle_deeds_total",
    text="What lifecycle rules did; overtaken: changed meanwhile; kept: may not be removed.",
    labels=(("deed", deeds.COUNTED),),
)

FAMILIES: Final = tuple(each for each in globals().values() if isinstance(each, Family))
"""What is counted on the board."""

VERSION: Final = Family(
    name="ossia_build_info",
    text="The version that serves.",
    kind=Kind.GAUGE,
    labels=(("version", ()),),
)
ENGINE_UP: Final = Family(
    name="ossia_engine_up",
    text="Whether the engine answers, as /-/ready asks it.",
    kind=Kind.GAUGE,
    labels=(("engine", ("metadata", "blobs")),),
)
DRAINING: Final = Family(
    name="ossia_draining", text="Whether the worker that was asked is leaving.", kind=Kind.GAUGE
)
OUTBOX: Final = Family(
    name="ossia_outbox_callbacks",
    text="Callbacks of mode outbox that are owed, and those that were given up.",
    kind=Kind.GAUGE,
    labels=(("state", ("waiting", "given_up")),),
)
OUTBOX_AGE: Final = Family(
    name="ossia_outbox_oldest_age_seconds",
    text="For how long the oldest of those that are owed has been; 0: none is.",
    kind=Kind.GAUGE,
)
DISK_SIZE: Final = Family(
    name="ossia_disk_size_bytes",
    text="Size of the file system of the data folder.",
    kind=Kind.GAUGE,
)
DISK_FREE: Final = Family(
    name="ossia_disk_free_bytes", text="What is free of it for Ossia.", kind=Kind.GAUGE
)
SCRUB_DAMAGED: Final = Family(
    name="ossia_scrub_damaged",
    text="What the scrub has found damaged and was not mended, replaced or removed since.",
    kind=Kind.GAUGE,
)
SCRUB_DONE: Final = Family(
    name="ossia_scrub_done_time_seconds",
    text="When the scrub had read everything by last, since 1970; when it began first, if never.",
    kind=Kind.GAUGE,
)
SCRUB_PERIOD: Final = Family(
    name="ossia_scrub_period_seconds",
    text="How often it is to do that (--scrub-days); 0: never.",
    kind=Kind.GAUGE,
)
BACKED_UP: Final = Family(
    name="ossia_backup_time_seconds",
    text="When the newest point of `ossia backup run` was taken, since 1970; nothing before that.",
    kind=Kind.GAUGE,
)
CERTIFICATE_EXPIRY: Final = Family(
    name="ossia_certificate_expiry_time_seconds",
    text="When the first certificate ends of those that are in use for this, since 1970.",
    kind=Kind.GAUGE,
    labels=(("use", ("server", "blobs_ca")),),
)

ASKED: Final = (
    *(VERSION, ENGINE_UP, DRAINING, OUTBOX, OUTBOX_AGE),
    *(SCRUB_DAMAGED, SCRUB_DONE, SCRUB_PERIOD, BACKED_UP),
    *(DISK_SIZE, DISK_FREE, CERTIFICATE_EXPIRY),
)
"""What is found out when somebody asks."""
