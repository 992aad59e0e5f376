"""PostgresServer: the volume that holds the cluster and the container that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from vpdb.docker import active_endpoint
from vpdb.settings import Settings

if TYPE_CHECKING:
    import pulumi_docker as docker

CLUSTER_DIRECTORY = "/var/lib/postgresql/data"
CONTAINER_PORT = 5432
MARK_LABEL = "velpharma.made"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServerArgs:
    settings: Settings
    image_id: pulumi.Input[str]
    # Mounted read-only at /data, so that the scripts there also run by hand: psql -f /data/…
    data_dir: Path
    # What has to be known before the server is touched, by looking at the one that is there.
    after: pulumi.Input[Any] = ""
    # Another one makes the container anew; "" for one that was made without.
    mark: str = ""


def local_engine() -> docker.Provider:
    """Give the provider the active docker context's host: by itself it ignores contexts.

    Raises GuardRefused for a remote one: the database would be published on another machine.
    """
    # Takes 0.2 s, in which the server, if it runs, has already been found: see prefetch.
    import pulumi_docker as docker

    return docker.Provider("docker", host=active_endpoint())


class PostgresServer(pulumi.ComponentResource):
    """A PostgreSQL container on its own volume, published on one address of this machine."""

    def __init__(
        self, name: str, args: PostgresServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        import pulumi_docker as docker  # as late as can be: see local_engine

        super().__init__("velpharma:index:PostgresServer", name, {}, opts)
        settings = args.settings
        labels = {
            "velpharma.project": settings.project,
            "velpharma.stack": settings.stack,
            "velpharma.database": settings.database,
            "velpharma.schema": settings.db_schema,
        } | ({MARK_LABEL: args.mark} if args.mark else {})
        self.volume = docker.Volume(
            f"{name}-data",
            # The container needs the volume, so both wait.
            name=pulumi.Output.from_input(args.after).apply(lambda _: settings.volume),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The name is fixed: two volumes of this stack cannot exist side by side.
                delete_before_replace=True,
            ),
        )
        self.container = docker.Container(
            name,
            name=settings.container,
            image=args.image_id,
            # No secret: `docker inspect` shows it to everyone. The entrypoint takes the superuser's
            # password from a file, and this one gives another random UUID to each reader, so nobody
            # knows it; the way in is the container's own socket. The seed sets the application
            # role's password.
            envs=[
                "POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid",
                f"POSTGRES_DB={settings.database}",
                f"VELPHARMA_SCHEMA={settings.db_schema}",
                f"VELPHARMA_STACK={settings.stack}",
                f"VELPHARMA_USER={settings.user}",
            ],
            ports=[
                docker.ContainerPortArgs(
                    internal=CONTAINER_PORT, external=settings.port, ip=settings.address
                )
            ],
            mounts=[
                docker.ContainerMountArgs(
                    type="volume", source=self.volume.name, target=CLUSTER_DIRECTORY
                ),
                docker.ContainerMountArgs(
                    type="bind", source=str(args.data_dir), target="/data", read_only=True
                ),
            ],
            labels=[
                docker.ContainerLabelArgs(label=label, value=value)
                for label, value in labels.items()
            ],
            restart="unless-stopped",
            # SIGINT is PostgreSQL's fast shutdown; without it open sessions delay every stop.
            stop_signal="SIGINT",
            # The seed waits for the server with a tight poll; the provider's own polls slowly.
            wait=False,
            destroy_grace_seconds=30,
            opts=pulumi.ResourceOptions(
                parent=self,
                # Name and port are fixed: the old container has to go first.
                delete_before_replace=True,
                # A container keeps the volume it was made with, so a new volume needs a new one.
                replace_with=[self.volume],
                replace_on_changes=["mounts"],
            ),
        )
        self.register_outputs({"volume": self.volume.name, "container": self.container.name})
