"""PostgresImage: built from postgres/ under a tag that names its content, then referred to by id.

The docker CLI builds it: `docker.RemoteImage(build=…)` and `docker.Image` fail on engines with the
containerd image store (kreuzwerker/terraform-provider-docker#534, pulumi/pulumi-docker#967).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from components.errors import as_provider_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresImageArgs:
    context: Path
    tag: str
    base_image: str


class ImageBuildProvider(ResourceProvider):
    """Builds an image that is not there yet; captures no value, so it is pickled by reference."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Invoked when an input may have changed: another tag is another image."""
        changed = _olds["tag"] != _news["tag"]
        return DiffResult(changes=changed, replaces=["tag"] if changed else [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Invoked when the tag is new to this stack, or `read` found the image gone."""
        from components.settings import PROJECT_DIR
        from vpdb import image

        with as_provider_errors():
            image.ensure_built(
                props["tag"], PROJECT_DIR / props["context"], base_image=props["baseImage"]
            )
        return CreateResult(id_=props["tag"], outs=props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Invoked by refresh: an empty id for an image that is gone has Pulumi build it anew."""
        from vpdb import image

        with as_provider_errors():
            return ReadResult(id_ if image.exists(id_) else "", props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Invoked on destroy and after a replacement: the image stays, other stacks may run it."""


class ImageBuild(Resource, module="velpharma", name="ImageBuild"):
    """The image's build by content-hash tag; its id is the tag."""

    tag: pulumi.Output[str]

    def __init__(
        self, name: str, args: PostgresImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = {"tag": args.tag, "baseImage": args.base_image, "context": args.context.name}
        super().__init__(ImageBuildProvider(), name, inputs, opts)


class PostgresImage(pulumi.ComponentResource):
    """The server's image; `image_id` is what containers run."""

    image_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: PostgresImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("velpharma:index:PostgresImage", name, {}, opts)
        build = ImageBuild(name, args, pulumi.ResourceOptions(parent=self))
        image = docker.RemoteImage(
            name,
            name=args.tag,
            # No registry has this tag: it is found on the engine, and left there for other stacks.
            keep_locally=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[build]),
        )
        self.image_id = image.image_id
        self.register_outputs({"imageId": self.image_id})
