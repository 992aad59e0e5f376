"""A Pulumi program with one volume and one container: what Pulumi itself costs."""

import pulumi
import pulumi_docker as docker

config = pulumi.Config()
name = config.require("name")
volume = docker.Volume("data", name=name)
container = docker.Container(
    "server",
    name=name,
    image=config.require("image"),
    envs=["POSTGRES_PASSWORD=minimal"],
    ports=[
        docker.ContainerPortArgs(internal=5432, external=config.require_int("port"), ip="127.0.0.1")
    ],
    mounts=[
        docker.ContainerMountArgs(
            type="volume", source=volume.name, target="/var/lib/postgresql/data"
        )
    ],
)
