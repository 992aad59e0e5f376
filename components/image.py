"""PostgresImage: built from postgres/ under a tag that names its content, then referred to by id.

The docker CLI builds it: `docker.RemoteImage(build=…)` and `docker.Image` fail on engines with the
containerd image store (kreuzwerker/terraform-provider-docker#534, pulumi/pulumi-docker#967).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from components.errors import as_provider_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresImageArgs:
    context: Path
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
        from components.stack_settings import PROJECT_DIR
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
        self,
        name: str,
        args: PostgresImageArgs,
        tag: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"tag": tag, "baseImage": args.base_image, "context": args.context.name}
        super().__init__(ImageBuildProvider(), name, inputs, opts)


class PostgresImage(pulumi.ComponentResource):
    """The server's image; `image_id` is what containers run."""

    image_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: PostgresImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        # The provider's process imports this module too, and needs neither.
        import pulumi_docker as docker

        from vpdb.image import content_tag, exists

        super().__init__("velpharma:index:PostgresImage", name, {}, opts)
        self._name, self._args = name, args
        self._tag = content_tag(args.context, base_image=args.base_image)
        self._build = None if exists(self._tag) else self._declare_build(self._tag)
        image = docker.RemoteImage(
            name,
            name=self._tag,
            # No registry has this tag: it is found on the engine, and left there for other stacks.
            keep_locally=True,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self._build] if self._build else []
            ),
        )
        self.image_id = image.image_id
        self.register_outputs({"imageId": self.image_id})

    def declare_build(self, *, after: pulumi.Output[str]) -> None:
        """Declare the build of an image that is there already, once `after` is known or given up.

        The engine starts one provider after the other, and the one that builds takes as long as it
        takes to start a server: that comes first, as nothing needs this build.
        """
        if self._build is None:
            self._build = self._declare_build(pulumi.Output.from_input(self._tag_behind(after)))

    async def _tag_behind(self, after: pulumi.Output[str]) -> str:
        # Awaited rather than applied: the build is to wait for it, not to depend on it.
        with suppress(Exception):  # whose failure it is says so itself
            await after.future()
        return self._tag

    def _declare_build(self, tag: pulumi.Input[str]) -> ImageBuild:
        return ImageBuild(self._name, self._args, tag, pulumi.ResourceOptions(parent=self))
