"""Seed: the data in the live database, keyed on the content of what was loaded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from components.errors import as_provider_errors
from vpdb.server.server_probe import sight
from vpdb.settings import Settings

if TYPE_CHECKING:
    from vpdb.seed_source import Content

# What planning saw of the server. These inputs are there only where something has to be done, and
# never stored in the state, so their presence always causes it.
# A killed release has left bulk mode on: an update ends that.
INTERRUPTED = "interruptedRelease"
# The live database holds something else than the files want, whatever the state says: load. The
# value says when that was seen, and the outputs keep it: where the container is to be replaced,
# Pulumi asks about the former inputs once more, and what was done is not to be done again.
HOLDS = "serverHolds"
DONE = "serverHeld"
# The container is stopped, paused or silent: an update starts it and waits.
SILENT = "serverState"
TRANSIENT = (INTERRUPTED, HOLDS, SILENT)

# Another value of one of these means other data in the live database.
RELOADING_INPUTS = ("contentId", "database", "schema", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedArgs:
    settings: Settings
    content: Content
    volume: pulumi.Input[str]
    container: pulumi.Input[str]
    # Not part of the key: a container made anew only has the seed wait for its server.
    container_id: pulumi.Input[str]
    # What planning saw of the server: values for TRANSIENT, by their names.
    seen: pulumi.Input[dict[str, str]] = field(default_factory=dict)


class SeedProvider(ResourceProvider):
    """Loads the content into the stack's server; captures no value: pickled by reference."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Invoked once in the provider's process: the stack's settings reach it this way."""
        self._config = req.config

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Invoked while planning: replace for other data, update for another way to the server.

        Update as well to end the bulk mode of an interrupted release and to start a stopped
        container. When only the content changed and the live database already holds it, the update
        adopts it. A silent server counts as one that does not.
        """
        changed = changed_inputs(_olds, _news)
        reloading = [key for key in RELOADING_INPUTS if key in changed]
        if HOLDS in _news and _news[HOLDS] != _olds.get(DONE):
            reloading.append(HOLDS)
        if reloading == ["contentId"]:
            # The engine takes as long to show the mark as what follows takes to be imported.
            seeing = ThreadPoolExecutor(1, "see server").submit(sight, _news["container"])
            from components import seed_engine as seed_actions

            if seed_actions.holds(self._config, _news, seeing):
                reloading = []
        return DiffResult(changes=bool(changed), replaces=reloading, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Invoked for a new or replaced seed: the live database holds the content afterwards."""
        from components import seed_engine as seed_actions

        with as_provider_errors():
            seed_actions.load(self._config, props)
        return CreateResult(id_=f"{props['database']}@{props['container']}", outs=kept(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Invoked by refresh: gone only where the volume or the live database surely is gone."""
        from components import seed_engine as seed_actions

        with as_provider_errors():
            return ReadResult("" if seed_actions.is_gone(props) else id_, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Invoked for another port, password or container, an interrupted release, and to adopt."""
        from components import seed_engine as seed_actions

        with as_provider_errors():
            if _olds["contentId"] != _news["contentId"]:
                seed_actions.load(self._config, _news)
            elif SILENT in _news:
                seed_actions.load(self._config, _news, anew=False)
            else:
                seed_actions.reach(self._config, _news)
        return UpdateResult(outs=kept(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Invoked after a replacement and on destroy: the data belongs to the volume.

        Deleting here would delete what the replacement has just loaded.
        """


class Seed(Resource, module="velpharma", name="Seed"):
    """The content of the live database."""

    source: pulumi.Output[str]
    tables: pulumi.Output[dict[str, str]]

    def __init__(
        self, name: str, args: SeedArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        settings, content = args.settings, args.content
        inputs = {
            "contentId": content.content_id,
            "source": content.label,
            "tables": {table: f"{rows} rows" for table, rows in content.tables.items()},
            "stack": settings.stack,
            "port": settings.port,
            "database": settings.database,
            "schema": settings.db_schema,
            "user": settings.user,
            "password": pulumi.Output.secret(settings.password),
            "volume": args.volume,
            "container": args.container,
            "containerId": args.container_id,
        }
        # One without a value is no input at all.
        for key in TRANSIENT:
            inputs[key] = pulumi.Output.from_input(args.seen).apply(
                lambda seen, key=key: seen.get(key) or None  # type: ignore[misc]
            )
        own = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        super().__init__(SeedProvider(), name, inputs, pulumi.ResourceOptions.merge(opts, own))

    @property
    @pulumi.getter(name="contentId")
    def content_id(self) -> pulumi.Output[str]:
        """The hash of everything that decides what a load gives: 64 hex digits."""
        value: pulumi.Output[str] = pulumi.get(self, "contentId")
        return value


def changed_inputs(olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    """Name the inputs that differ; the serialized provider is no input of the seed's own."""
    olds = kept(olds)
    return sorted(key for key in news if key != "__provider" and news[key] != olds.get(key))


def kept(props: dict[str, Any]) -> dict[str, Any]:
    """Return what becomes part of the state."""
    done = {DONE: props[HOLDS]} if HOLDS in props else {}
    return {key: value for key, value in props.items() if key not in TRANSIENT} | done
