"""One frozen Settings; the only reader of the environment."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from easyflow.errors import Misconfigured

Megabyte = 1024 * 1024

# A key travels in a header: only visible ASCII arrives everywhere as it was sent.
_KEY = re.compile(r"[!-~]{20,}")
_NAME = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+")
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_API_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?")


class Settings(BaseSettings):
    """Everything that can be set, each from the environment variable `EASYFLOW_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="EASYFLOW_", frozen=True, extra="ignore", hide_input_in_errors=True)

    mode: Literal["production", "development"] = Field("production", description="development opens API docs")
    database_url: str | None = Field(None, description="postgresql://user:password@host:port/name")
    database_direct_url: str | None = Field(
        None, description="the same database past any pooler; workers and migrations use it"
    )
    tasks: Annotated[str, NoDecode] = Field("", description="modules that register tasks, separated by commas")

    api_host: str = Field("127.0.0.1", description="address the API listens on")
    api_port: int = Field(3030, ge=1, le=65535, description="port of the API")
    api_key: SecretStr | None = Field(
        None, description="what callers must know, at least 20 characters; unset: only this machine is answered"
    )
    allowed_hosts: Annotated[str, NoDecode] = Field(
        "", description="names the API and the dashboard are reached under, separated by commas; empty: any"
    )

    dashboard_host: str = Field("127.0.0.1", description="address the dashboard listens on")
    dashboard_port: int = Field(3000, ge=1, le=65535, description="port of the dashboard")
    dashboard_prefix: str = Field("", description="path the dashboard lives under, such as /easyflow")
    api_url: str = Field("http://localhost:3030", description="where the dashboard and the client find the API")

    queues: str = Field("default", description="queues a worker serves, separated by commas; unset: those of its tasks")
    executors: int | None = Field(None, ge=1, le=256, description="executor processes; default: number of cores")
    concurrency: int = Field(100, ge=1, le=10_000, description="jobs one executor runs at once")
    transactional_concurrency: int = Field(8, ge=1, le=500, description="transactional jobs one executor runs at once")
    lease_seconds: float = Field(15.0, ge=0.5, description="how long an executor may stay silent")
    renew_seconds: float = Field(5.0, gt=0, description="how often its supervisor renews that lease")
    poll_seconds: float = Field(0.25, gt=0, description="longest wait between two looks for work")
    drain_grace_seconds: float = Field(30.0, ge=0, description="time running jobs get to finish on SIGTERM")

    kill_grace_seconds: float = Field(2.0, ge=0, description="from a deadline to the kill of what ignores it")

    loss_limit: int = Field(3, ge=1, description="lost attempts before a job is quarantined")
    unstarted_limit: int = Field(10, ge=1, description="claims lost before the start, before a job is quarantined")

    payload_bytes: int = Field(Megabyte, ge=1, description="largest payload")
    result_bytes: int = Field(Megabyte, ge=1, description="largest result")
    batch_bytes: int = Field(32 * Megabyte, ge=1, description="largest body of a batch")
    batch_jobs: int = Field(10_000, ge=1, description="most jobs in one batch")

    state_folder: Path | None = Field(
        None,
        description="where a worker keeps what no restore of the database may take back; default: easyflow in "
        "$XDG_STATE_HOME or ~/.local/state",
    )

    outbound_private_addresses: bool = Field(False, description="let http.request reach private addresses")
    log_format: Literal["console", "json"] = Field("console", description="how log lines look")
    failpoints: str = Field("", description="faults that a test injects; refused in production mode")
    failpoints_folder: Path | None = Field(None, description="where injected faults are written down")

    @field_validator("api_key")
    @classmethod
    def _strong(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not _KEY.fullmatch(key.get_secret_value()):
            raise ValueError(
                "must be at least 20 visible ASCII characters without blanks; `openssl rand -hex 32` makes one"
            )
        return key

    @field_validator("allowed_hosts")
    @classmethod
    def _names(cls, hosts: str) -> str:
        if not all(_NAME.fullmatch(name.strip()) for name in hosts.split(",") if name.strip()):
            raise ValueError("must be names such as flows.example.org, without scheme and port")
        return hosts

    @field_validator("dashboard_prefix")
    @classmethod
    def _path(cls, prefix: str) -> str:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError("must be empty or a path such as /easyflow, without a slash at its end")
        return prefix

    @field_validator("api_url")
    @classmethod
    def _place(cls, url: str) -> str:
        if not _API_URL.fullmatch(url):
            raise ValueError("must be scheme, host and port, such as http://localhost:3030")
        return url.rstrip("/")

    @property
    def allowed_names(self) -> frozenset[str]:
        """The names of `allowed_hosts`, in lower case."""
        return frozenset(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())

    @property
    def state_path(self) -> Path:
        """Where a worker keeps its small files; made when first needed."""
        if self.state_folder is not None:
            return self.state_folder
        try:
            states = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        except RuntimeError:  # an account without a home
            states = Path("/var/lib")
        return states / "easyflow"

    @property
    def task_modules(self) -> list[str]:
        """The modules named by `tasks`, in order."""
        return [name.strip() for name in self.tasks.split(",") if name.strip()]

    @property
    def submit_url(self) -> str:
        """The database address submits and the API use, perhaps through a pooler; raises Misconfigured when unset."""
        return self.database_url or self.direct_url

    @property
    def behind_pooler(self) -> bool:
        """Whether `database_url` leads through a transaction-mode pooler: a direct address is given beside it."""
        return bool(self.database_direct_url and self.database_url != self.database_direct_url)

    @property
    def direct_url(self) -> str:
        """The database address workers use; raises Misconfigured when none is set."""
        url = self.database_direct_url or self.database_url
        if not url:
            raise Misconfigured("EASYFLOW_DATABASE_URL is not set: there is no database to use")
        return url


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the environment once; raises Misconfigured naming every wrong setting at once."""
    try:
        loaded = Settings()
    except ValidationError as wrong:
        lines = [
            f"EASYFLOW_{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in wrong.errors(include_url=False)
        ]
        raise Misconfigured("; ".join(lines)) from None
    if loaded.renew_seconds * 2 > loaded.lease_seconds:
        raise Misconfigured("EASYFLOW_RENEW_SECONDS must be at most half of EASYFLOW_LEASE_SECONDS")
    return loaded
